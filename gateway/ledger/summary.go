// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
	"holdfast/core/store"
	"holdfast/gateway/breaker/judge"
)

// A Sum adds calls up. Total is the burn: every class, cached reads included; reasoning is a part
// of output.
type Sum struct {
	Calls      int64 `json:"calls"`
	Estimated  int64 `json:"estimated" help:"calls of these whose numbers are estimates"`
	Input      int64 `json:"input"`
	CachedRead int64 `json:"cached_read"`
	CacheWrite int64 `json:"cache_write"`
	Output     int64 `json:"output"`
	Reasoning  int64 `json:"reasoning"`
	Total      int64 `json:"total"`
}

// A Share is the sum of one agent or one model.
type Share struct {
	Name string `json:"name"`
	Sum
}

// An Hour is the sum of one hour, which begins at Time.
type Hour struct {
	Time time.Time `json:"time"`
	Sum
}

// A Summary is what was burned, by whom and when.
type Summary struct {
	Today    Sum        `json:"today" help:"since the operator's midnight"`
	LastHour Sum        `json:"last_hour" help:"the sliding hour that the breaker judges"`
	ByAgent  []Share    `json:"by_agent" help:"today, the largest first"`
	ByModel  []Share    `json:"by_model" help:"today, the largest first"`
	ByHour   []Hour     `json:"by_hour" help:"oldest first; hours without a call are there too"`
	Burn     judge.Burn `json:"burn"`
	Now      time.Time  `json:"now"`
}

type summaryInput struct {
	Hours int `json:"hours" help:"how many hours by_hour covers" default:"24" min:"1" max:"744"`
}

// Capability is the ledger's part of the house. Its life is Start and Stop; the gateway books.
func (l *Ledger) Capability() house.Capability {
	summary := holdfast.Action{
		Name: "token.summary", Short: "tokens", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
		Summary:  "Show the tokens burned today, in the last hour, by agent, by model and by hour",
		Help:     "Burn counts every class of tokens, cached reads included. Estimated calls are those whose usage the provider never told.",
		Examples: []string{"holdfast tokens", "holdfast token summary --hours 168 --json"},
	}
	return house.Capability{
		Name:       "ledger",
		Migrations: Migrations(),
		Actions:    []holdfast.Action{action.NewAction(summary, l.summary)},
		Start:      l.Start,
		Stop:       l.Stop,
		Reason:     "before the gateway, which books every call, and after the store",
	}
}

func (l *Ledger) summary(ctx context.Context, in summaryInput) (Summary, error) {
	return l.Summary(ctx, in.Hours)
}

// Summary adds up what is booked, the calls that just ended included.
func (l *Ledger) Summary(ctx context.Context, hours int) (Summary, error) {
	if err := l.flush(ctx); err != nil {
		return Summary{}, err
	}
	now := time.Now()
	s := Summary{Now: now.UTC(), ByAgent: []Share{}, ByModel: []Share{}, ByHour: []Hour{}}
	local := now.In(l.needs.Location())
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, local.Location())
	hourAgo := time.Unix((minuteOf(now)-hourBuckets+1)*60, 0)
	var err error
	if s.Burn, err = l.Burn(ctx); err != nil {
		return Summary{}, err
	}
	err = l.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		q := query{ctx: ctx, tx: tx}
		s.Today = q.sum(midnight)
		s.LastHour = q.sum(hourAgo)
		s.ByAgent = q.shares("CASE WHEN agent <> '' THEN agent ELSE caller END", midnight)
		s.ByModel = q.shares("provider || '/' || model", midnight)
		s.ByHour = q.hours(now, hours)
		return q.err
	})
	if err != nil {
		return Summary{}, fmt.Errorf("cannot add up the ledger: %w", err)
	}
	return s, nil
}

// flush lets the sums see the calls that just ended.
func (l *Ledger) flush(ctx context.Context) error {
	l.mu.Lock()
	open := l.started
	l.mu.Unlock()
	if !open {
		return nil
	}
	if err := l.write.flush(ctx); err != nil && !errors.Is(err, ErrClosed) {
		return fmt.Errorf("cannot wait for the ledger: %w", err)
	}
	return nil
}

// query runs the questions of one summary and keeps the first error.
type query struct {
	ctx context.Context
	tx  store.Tx
	err error
}

func sums() string {
	text := "COUNT(*), COALESCE(SUM(estimated), 0)"
	for _, expr := range []string{"input", "cached_read", "cache_write_5m + cache_write_1h", "output", "reasoning", total} {
		text += ", COALESCE(SUM(" + expr + "), 0)"
	}
	return text
}

func (s *Sum) fields() []any {
	return []any{&s.Calls, &s.Estimated, &s.Input, &s.CachedRead, &s.CacheWrite, &s.Output, &s.Reasoning, &s.Total}
}

func (q *query) sum(since time.Time) Sum {
	var s Sum
	if q.err == nil {
		row := q.tx.QueryRow(q.ctx, "SELECT "+sums()+" FROM ledger_calls WHERE id >= ? AND time_ns >= ?", firstID(since), since.UnixNano())
		q.err = row.Scan(s.fields()...)
	}
	return s
}

func (q *query) shares(by string, since time.Time) []Share {
	list := []Share{}
	q.each("SELECT "+by+" AS name, "+sums()+" FROM ledger_calls WHERE id >= ? AND time_ns >= ? GROUP BY 1 ORDER BY 9 DESC, 1", since,
		func(scan func(...any) error) error {
			var s Share
			err := scan(append([]any{&s.Name}, s.fields()...)...)
			list = append(list, s)
			return err
		})
	return list
}

func (q *query) hours(now time.Time, n int) []Hour {
	last := now.Unix() / 3600
	first := last - int64(n) + 1
	list := make([]Hour, n)
	for i := range list {
		list[i].Time = time.Unix((first+int64(i))*3600, 0).UTC()
	}
	q.each("SELECT time_ns / 3600000000000, "+sums()+" FROM ledger_calls WHERE id >= ? AND time_ns >= ? GROUP BY 1", list[0].Time,
		func(scan func(...any) error) error {
			var hour int64
			var s Sum
			err := scan(append([]any{&hour}, s.fields()...)...)
			if i := hour - first; i >= 0 && i < int64(n) {
				list[i].Sum = s
			}
			return err
		})
	return list
}

func (q *query) each(text string, since time.Time, row func(scan func(...any) error) error) {
	if q.err != nil {
		return
	}
	rows, err := q.tx.Query(q.ctx, text, firstID(since), since.UnixNano())
	if err != nil {
		q.err = err
		return
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if q.err = row(rows.Scan); q.err != nil {
			return
		}
	}
	q.err = rows.Err()
}
