// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/gateway/breaker/judge"
)

// quarter is the span of one row of sums: every time zone's days begin with one.
const quarter = 15 * time.Minute

// The tables of sums, each by its key.
const (
	dimensions  = "source, tenant, caller, agent, api_key, provider, model, project"
	sumsKey     = "quarter, " + dimensions
	sessionsKey = "quarter, session, " + dimensions
	minutesKey  = "minute, tenant, api_key"
	measures    = "calls, estimated, input, cached_read, cache_write_5m, cache_write_1h, output, reasoning, cost, unpriced"
)

// fold adds up what a transaction changes in the sums, so that many rows are a few updates.
type fold struct {
	sums, sessions, minutes map[sumKey]*sumRow
	oldest                  int64 // minute that is still kept
}

// sumKey is what a row of sums is about. What a table does not part stays empty.
type sumKey struct {
	span                                  int64 // quarters or minutes since 1970
	session                               string
	source, tenant, caller, agent, apiKey string
	provider, model, project              string
}

type sumRow struct {
	sumKey
	keys             func(sumKey, []any) []any
	calls, estimated int64
	usage            holdfast.Usage
	cost, unpriced   int64
	first, last      int64
}

func (f *fold) reset(now time.Time) {
	if f.sums == nil {
		f.sums, f.sessions, f.minutes = map[sumKey]*sumRow{}, map[sumKey]*sumRow{}, map[sumKey]*sumRow{}
	}
	f.oldest = judge.MinuteOf(now) - minutesKept
	clear(f.sums)
	clear(f.sessions)
	clear(f.minutes)
}

// add counts a row so many times: once, or minus once.
func (f *fold) add(r *callRow, times int64) {
	key := sumKey{
		span: r.time / int64(quarter), source: r.source, tenant: short(r.Tenant), caller: short(r.Caller), agent: short(r.Agent), apiKey: short(r.Key),
		provider: short(r.Result.Provider), model: short(r.Result.Model), project: short(r.project),
	}
	count(f.sums, key, sumKey.ofSums, r, times)
	if r.time/int64(time.Minute) >= f.oldest {
		count(f.minutes, sumKey{span: r.time / int64(time.Minute), tenant: key.tenant, apiKey: key.apiKey}, sumKey.ofMinutes, r, times)
	}
	if r.Session != "" {
		key.session = short(r.Session)
		count(f.sessions, key, sumKey.ofSessions, r, times)
	}
}

func count(rows map[sumKey]*sumRow, key sumKey, keys func(sumKey, []any) []any, r *callRow, times int64) {
	row := rows[key]
	if row == nil {
		row = &sumRow{sumKey: key, keys: keys}
		rows[key] = row
	}
	row.add(r, times)
}

func (s *sumRow) add(r *callRow, times int64) {
	s.calls += times
	if r.Estimated {
		s.estimated += times
	}
	u := r.Usage
	s.usage = s.usage.Add(holdfast.Usage{
		Input: times * u.Input, CachedRead: times * u.CachedRead, CacheWrite5m: times * u.CacheWrite5m,
		CacheWrite1h: times * u.CacheWrite1h, Output: times * u.Output, Reasoning: times * u.Reasoning,
	})
	if r.cost.Known {
		s.cost += times * r.cost.Nano
	} else {
		s.unpriced += times
	}
	if s.first == 0 || r.time < s.first {
		s.first = r.time
	}
	s.last = max(s.last, r.time)
}

func (k sumKey) ofSums(args []any) []any {
	return append(args, k.span, k.source, k.tenant, k.caller, k.agent, k.apiKey, k.provider, k.model, k.project)
}

func (k sumKey) ofSessions(args []any) []any {
	return append(args, k.span, k.session, k.source, k.tenant, k.caller, k.agent, k.apiKey, k.provider, k.model, k.project)
}

func (k sumKey) ofMinutes(args []any) []any { return append(args, k.span, k.tenant, k.apiKey) }

func (s *sumRow) values(args []any) []any {
	u := s.usage
	return append(s.keys(s.sumKey, args),
		s.calls, s.estimated, u.Input, u.CachedRead, u.CacheWrite5m, u.CacheWrite1h, u.Output, u.Reasoning, s.cost, s.unpriced, s.first, s.last)
}

// write brings the changes into the tables.
func (f *fold) write(ctx context.Context, s *scratch, tx store.Tx) error {
	for _, t := range [...]struct {
		name, key string
		rows      map[sumKey]*sumRow
	}{
		{"ledger_sums", sumsKey, f.sums}, {"ledger_sessions", sessionsKey, f.sessions}, {"ledger_minutes", minutesKey, f.minutes},
	} {
		if len(t.rows) == 0 {
			continue
		}
		if err := insert(ctx, s, tx, summing(t.name, t.key), listed(t.rows)); err != nil {
			return err
		}
	}
	return nil
}

// summing adds to the row that is there.
func summing(table, key string) statement {
	const span = "first_ns, last_ns"
	columns := key + ", " + measures + ", " + span
	return statement{table: table, columns: columns, width: strings.Count(columns, ",") + 1, conflict: func() string {
		text := " ON CONFLICT (" + key + ") DO UPDATE SET "
		for column := range strings.SplitSeq(measures, ", ") {
			text += column + " = " + table + "." + column + " + excluded." + column + ", "
		}
		return text + "first_ns = CASE WHEN excluded.first_ns < " + table + ".first_ns THEN excluded.first_ns ELSE " + table + ".first_ns END, " +
			"last_ns = CASE WHEN excluded.last_ns > " + table + ".last_ns THEN excluded.last_ns ELSE " + table + ".last_ns END"
	}}
}

// listed gives rows in the one order in which every node writes them: PostgreSQL locks as it goes, and
// two nodes that lock in different orders wait for each other for ever.
func listed(rows map[sumKey]*sumRow) []*sumRow {
	list := make([]*sumRow, 0, len(rows))
	for _, row := range rows {
		list = append(list, row)
	}
	slices.SortFunc(list, func(a, b *sumRow) int { return a.compare(b.sumKey) })
	return list
}

func (k sumKey) compare(o sumKey) int {
	if k.span != o.span {
		return cmp.Compare(k.span, o.span)
	}
	mine := [...]string{k.session, k.source, k.tenant, k.caller, k.agent, k.apiKey, k.provider, k.model, k.project}
	other := [...]string{o.session, o.source, o.tenant, o.caller, o.agent, o.apiKey, o.provider, o.model, o.project}
	return slices.Compare(mine[:], other[:])
}
