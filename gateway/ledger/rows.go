// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"holdfast/core/store"
	"holdfast/gateway/price"
)

// SourceGateway is the source of what the gateway itself relayed.
const SourceGateway = "gateway"

// callRow is a settled call, on disk.
type callRow struct {
	id          int64
	reservation int64
	time        int64
	node        string
	source      string
	project     string
	Call
	Result
	cost    price.Cost
	latency int64
}

func (r *Reservation) settled(id int64, result Result, now time.Time, node string) *callRow {
	return &callRow{
		id: id, reservation: r.id, time: now.UnixNano(), node: node, source: SourceGateway,
		Call: r.call, Result: result, latency: int64(now.Sub(r.began)),
	}
}

// claim is what a row spent.
func (r *callRow) claim() Claim {
	c := Claim{Call: r.Call, Tokens: r.Usage.Total(), Cost: r.cost, At: time.Unix(0, r.time)}
	c.Provider, c.Model = r.Result.Provider, r.Result.Model
	return c
}

const (
	callColumns = "id, time_ns, node, tenant, caller, agent, unit, alias, provider, model, dialect, " +
		"input, cached_read, cache_write_5m, cache_write_1h, output, reasoning, " +
		"estimated, status, fallback, latency_ns, first_token_ns, request_id, " +
		"source, session, api_key, project, response_id, cost"
	callWidth = 29
)

func (r *callRow) values(args []any) []any {
	estimated := int64(0)
	if r.Estimated {
		estimated = 1
	}
	u := r.Usage
	return append(args, r.id, r.time, r.node, short(r.Tenant), short(r.Caller), short(r.Agent), short(r.Unit),
		short(r.Alias), short(r.Result.Provider), short(r.Result.Model), r.Dialect,
		u.Input, u.CachedRead, u.CacheWrite5m, u.CacheWrite1h, u.Output, u.Reasoning,
		estimated, r.Status, int64(r.Fallback), r.latency, int64(r.FirstToken), short(r.RequestID),
		r.source, short(r.Session), short(r.Key), short(r.project), short(r.ResponseID), nullable(r.cost))
}

// scan reads a row of callColumns.
func (r *callRow) scan(scan func(...any) error) error {
	var estimated, fallback, first int64
	var cost sql.NullInt64
	u := &r.Usage
	err := scan(&r.id, &r.time, &r.node, &r.Tenant, &r.Caller, &r.Agent, &r.Unit, &r.Alias, &r.Result.Provider, &r.Result.Model, &r.Dialect,
		&u.Input, &u.CachedRead, &u.CacheWrite5m, &u.CacheWrite1h, &u.Output, &u.Reasoning,
		&estimated, &r.Status, &fallback, &r.latency, &first, &r.RequestID,
		&r.source, &r.Session, &r.Key, &r.project, &r.ResponseID, &cost)
	r.Estimated, r.Fallback, r.FirstToken = estimated != 0, int(fallback), time.Duration(first)
	r.Call.Provider, r.Call.Model = r.Result.Provider, r.Result.Model
	r.cost = price.Cost{Nano: cost.Int64, Known: cost.Valid}
	return err
}

// nullable is a cost as the store keeps it: NULL while it is unknown.
func nullable(c price.Cost) any {
	if !c.Known {
		return nil
	}
	return c.Nano
}

// clean keeps what PostgreSQL would refuse out of a text that came from outside.
func clean(s string) string {
	for i := range len(s) {
		if s[i] == 0 || s[i] >= 0x80 {
			return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return s
}

// longest bounds a name, in bytes: the keys of the sums hold nine, and PostgreSQL's keys 2,704 bytes.
const longest = 200

// short is a clean name; the middle of an absurdly long one is left out, and a mark of the whole put
// in its place, so that two that differ stay two. It is its own short name.
func short(s string) string {
	if len(s) <= longest {
		return clean(s)
	}
	mark := sha256.Sum256([]byte(s))
	const head, tail = 100, 60
	first, last := clean(s[:head]), clean(s[len(s)-tail:]) // which may be longer
	return strings.ToValidUTF8(first[:head], "") + "…" + hex.EncodeToString(mark[:8]) + "…" + strings.ToValidUTF8(last[len(last)-tail:], "")
}

// scratch is what one transaction after the other is written with.
type scratch struct {
	args    []any
	rows    []*callRow
	queries map[string]string // by table and number of rows
	fold    fold              // what the transaction changes in the sums
	// changed is what the transaction changes that the burn in memory does not have yet.
	changed []Claim
	now     func() time.Time
	// observed tells that calls were observed, so that a settlement may find its own among them.
	observed bool
	unnamed  unnamed
	// crowded tells that it is tried again, where the ids of observations may have been taken.
	crowded bool
}

// write writes a transaction's worth: what was settled, then what was observed.
func (s *scratch) write(ctx context.Context, tx store.Tx, ops []op) error {
	s.fold.reset(s.now())
	s.changed = s.changed[:0]
	s.rows = s.rows[:0]
	for _, o := range ops {
		if o.settle != nil {
			s.rows = append(s.rows, o.settle)
		}
	}
	if err := s.settle(ctx, tx, s.rows); err != nil {
		return err
	}
	for _, o := range ops {
		if o.observe == nil {
			continue
		}
		if err := s.observe(ctx, tx, o.observe); err != nil {
			return err
		}
	}
	return s.fold.write(ctx, s, tx)
}

// settle writes what the gateway relayed, and takes away what was observed of the same calls.
func (s *scratch) settle(ctx context.Context, tx store.Tx, rows []*callRow) error {
	if err := s.uncount(ctx, tx, rows); err != nil {
		return err
	}
	for _, r := range rows {
		s.fold.add(r, 1)
	}
	return insert(ctx, s, tx, calls(), rows)
}

func calls() statement {
	return statement{table: "ledger_calls", columns: callColumns, width: callWidth}
}

// statement is an insertion.
type statement struct {
	table, columns string
	width          int
	conflict       func() string // what to do about a row that is there; nil: fail
}

// insert writes rows in as few statements as there are powers of four in their number, so that
// few different statements are prepared.
func insert[R interface{ values(args []any) []any }](ctx context.Context, s *scratch, tx store.Tx, into statement, rows []R) error {
	for len(rows) > 0 {
		n := together(len(rows))
		s.args = s.args[:0]
		for _, row := range rows[:n] {
			s.args = row.values(s.args)
		}
		query := s.query(into.table, n, func() string {
			text := "INSERT INTO " + into.table + " (" + into.columns + ") VALUES " + marks(into.width) + strings.Repeat(", "+marks(into.width), n-1)
			if into.conflict != nil {
				text += into.conflict()
			}
			return text
		})
		if _, err := tx.Exec(ctx, query, s.args...); err != nil {
			return fmt.Errorf("cannot write %s: %w", into.table, err)
		}
		rows = rows[n:]
	}
	return nil
}

// each puts values into the arguments, a handful at a time, and calls f with their number.
func each[T any](s *scratch, values []T, f func(n int) error) error {
	for len(values) > 0 {
		n := together(len(values))
		s.args = s.args[:0]
		for _, v := range values[:n] {
			s.args = append(s.args, v)
		}
		if err := f(n); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

func marks(n int) string { return "(?" + strings.Repeat(", ?", n-1) + ")" }

// query keeps the text of a statement, which is one of a few.
func (s *scratch) query(what string, n int, build func() string) string {
	key := what + string(rune('0'+n))
	if text, ok := s.queries[key]; ok {
		return text
	}
	if s.queries == nil {
		s.queries = map[string]string{}
	}
	s.queries[key] = build()
	return s.queries[key]
}

func together(n int) int {
	for _, size := range [...]int{64, 16, 4} {
		if n >= size {
			return size
		}
	}
	return 1
}
