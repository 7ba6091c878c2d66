// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"holdfast/core/store"
	"holdfast/gateway/price"
)

// A Sum adds calls up. Total is the burn: every class, cached reads included; reasoning is a part
// of output.
type Sum struct {
	Calls      int64  `json:"calls"`
	Estimated  int64  `json:"estimated" help:"calls of these whose numbers are estimates"`
	Input      int64  `json:"input"`
	CachedRead int64  `json:"cached_read"`
	CacheWrite int64  `json:"cache_write"`
	Output     int64  `json:"output"`
	Reasoning  int64  `json:"reasoning"`
	Total      int64  `json:"total"`
	Cost       string `json:"cost" help:"in US dollars, of the calls whose price is known; ? when none is"`
	CostNano   int64  `json:"cost_nano" help:"the same in billionths of a US dollar, exactly"`
	Unpriced   int64  `json:"unpriced" help:"calls of these whose price is not known, which the cost leaves out"`
}

const total = "input + cached_read + cache_write_5m + cache_write_1h + output"

// sums are the columns that fields reads, added up.
func sums() string {
	return adding("calls", "estimated", "input", "cached_read", "cache_write_5m + cache_write_1h", "output", "reasoning", total, "cost", "unpriced")
}

func (s *Sum) fields() []any {
	return []any{&s.Calls, &s.Estimated, &s.Input, &s.CachedRead, &s.CacheWrite, &s.Output, &s.Reasoning, &s.Total, &s.CostNano, &s.Unpriced}
}

// priced writes the cost for people.
func (s *Sum) priced() {
	s.Cost = price.Cost{Nano: s.CostNano, Known: s.Calls == 0 || s.Unpriced < s.Calls}.Dollars()
}

func (s *Sum) add(t Sum) {
	s.Calls += t.Calls
	s.Estimated += t.Estimated
	s.Input += t.Input
	s.CachedRead += t.CachedRead
	s.CacheWrite += t.CacheWrite
	s.Output += t.Output
	s.Reasoning += t.Reasoning
	s.Total += t.Total
	s.CostNano += t.CostNano
	s.Unpriced += t.Unpriced
	s.priced()
}

// adding is a list of sums, each an integer in both dialects.
func adding(columns ...string) string {
	text := ""
	for i, column := range columns {
		if i > 0 {
			text += ", "
		}
		text += "CAST(COALESCE(SUM(" + column + "), 0) AS BIGINT)"
	}
	return text
}

func quarterOf(t time.Time) int64 { return floor(t.UnixNano(), int64(quarter)) }

func floor(n, span int64) int64 {
	if n < 0 && n%span != 0 {
		return n/span - 1
	}
	return n / span
}

func quarterStart(q int64) time.Time { return time.Unix(0, q*int64(quarter)) }

// query runs the questions of one report and keeps the first error. None of them reads more than the
// sums of its time.
type query struct {
	ctx context.Context
	tx  store.Tx
	err error
}

func (q *query) each(text string, args []any, row func(scan func(...any) error) error) {
	if q.err == nil {
		q.err = eachRow(q.ctx, q.tx, text, args, row)
	}
}

func (q *query) sum(text string, args ...any) Sum {
	var s Sum
	if q.err == nil {
		q.err = q.tx.QueryRow(q.ctx, text, args...).Scan(s.fields()...)
	}
	s.priced()
	return s
}

// A part chooses what is added up: a span of quarters, and who or what it is about.
type part struct {
	since, until time.Time // until zero: open
	filters      []filter
}

type filter struct{ column, value string }

func (p part) where() (string, []any) {
	conditions, args := []string{"quarter >= ?"}, []any{quarterOf(p.since)}
	if !p.until.IsZero() {
		conditions, args = append(conditions, "quarter < ?"), append(args, quarterOf(p.until.Add(quarter-1)))
	}
	for _, f := range p.filters {
		if f.value != "" {
			conditions, args = append(conditions, f.column+" = ?"), append(args, f.value)
		}
	}
	return " WHERE " + strings.Join(conditions, " AND "), args
}

// shares adds up by one thing, the largest first.
func (q *query) shares(table, by string, p part) []Share {
	where, args := p.where()
	list := []Share{}
	text := "SELECT " + by + " AS name, " + sums() + " FROM " + table + where + " GROUP BY 1 HAVING SUM(calls) <> 0 ORDER BY 9 DESC, 1"
	q.each(text, args, func(scan func(...any) error) error {
		var s Share
		err := scan(append([]any{&s.Name}, s.fields()...)...)
		s.priced()
		list = append(list, s)
		return err
	})
	return list
}

// quarters adds up by quarter, the oldest first; f is given each that has calls.
func (q *query) quarters(p part, f func(at time.Time, s Sum)) {
	where, args := p.where()
	table := "ledger_sums"
	for _, one := range p.filters {
		if one.column == "session" && one.value != "" {
			table = "ledger_sessions"
		}
	}
	text := "SELECT quarter, " + sums() + " FROM " + table + where + " GROUP BY 1 HAVING SUM(calls) <> 0 ORDER BY 1"
	q.each(text, args, func(scan func(...any) error) error {
		var at int64
		var s Sum
		if err := scan(append([]any{&at}, s.fields()...)...); err != nil {
			return err
		}
		s.priced()
		f(quarterStart(at), s)
		return nil
	})
}

// view runs f on one state of the store that has the calls that just ended, also those that are in the
// log of a house that does not run.
func (l *Ledger) view(ctx context.Context, f func(context.Context, store.Tx) error) error {
	l.mu.Lock()
	open := l.started
	l.mu.Unlock()
	if !open {
		return asIfApplied(ctx, l.needs, func(ctx context.Context, tx store.Tx, _ []*callRow) error { return f(ctx, tx) })
	}
	if err := l.flush(ctx); err != nil {
		return err
	}
	return l.needs.Store.Read(ctx, f)
}

// flush lets the sums see the calls that just ended.
func (l *Ledger) flush(ctx context.Context) error {
	if err := l.write.flush(ctx); err != nil && !errors.Is(err, ErrClosed) {
		return fmt.Errorf("cannot wait for the ledger: %w", err)
	}
	return nil
}

// read answers questions on one snapshot that has the calls that just ended.
func (l *Ledger) read(ctx context.Context, ask func(q *query)) error {
	err := l.view(ctx, func(ctx context.Context, tx store.Tx) error {
		q := &query{ctx: ctx, tx: tx}
		ask(q)
		return q.err
	})
	if err != nil {
		return fmt.Errorf("cannot add up the ledger: %w", err)
	}
	return nil
}

// midnight is when the operator's day began.
func (l *Ledger) midnight(now time.Time) time.Time { return Midnight(now.In(l.needs.Location())) }

// Midnight is when the day of a time began, in the zone that it is in. Where the clocks skip midnight
// that is the moment after the skip.
func Midnight(at time.Time) time.Time {
	begin := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location())
	if begin.Day() != at.Day() { // the library takes the hour before
		_, begin = begin.ZoneBounds()
	}
	return begin
}
