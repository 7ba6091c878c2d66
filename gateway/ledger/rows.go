// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"holdfast/core/store"
)

// reservationRow is a call under way, on disk.
type reservationRow struct {
	id            int64
	node          string
	time          int64
	input, output int64
	call          string
}

// callRow is a settled call, on disk. A void one only takes its reservation away.
type callRow struct {
	id          int64
	reservation int64
	time        int64
	node        string
	Call
	Result
	latency int64
	void    bool
}

func (r *Reservation) row(node string, output int64) *reservationRow {
	call, _ := json.Marshal(r.call) // strings always marshal
	return &reservationRow{id: r.id, node: node, time: r.began.UnixNano(), input: r.input, output: output, call: string(call)}
}

func (r *Reservation) settled(id int64, result Result, now time.Time, node string) *callRow {
	return &callRow{id: id, reservation: r.id, time: now.UnixNano(), node: node, Call: r.call, Result: result, latency: int64(now.Sub(r.began))}
}

const (
	reservationColumns = "id, node, time_ns, input, output, call"
	callColumns        = "id, time_ns, node, tenant, caller, agent, unit, alias, provider, model, dialect, " +
		"input, cached_read, cache_write_5m, cache_write_1h, output, reasoning, " +
		"estimated, status, fallback, latency_ns, first_token_ns, request_id"
	reservationWidth = 6
	callWidth        = 23
)

func (r *reservationRow) values(args []any) []any {
	return append(args, r.id, r.node, r.time, r.input, r.output, clean(r.call))
}

func (r *callRow) values(args []any) []any {
	estimated := int64(0)
	if r.Estimated {
		estimated = 1
	}
	u := r.Usage
	return append(args, r.id, r.time, r.node, clean(r.Tenant), clean(r.Caller), clean(r.Agent), clean(r.Unit),
		clean(r.Alias), clean(r.Result.Provider), clean(r.Result.Model), r.Dialect,
		u.Input, u.CachedRead, u.CacheWrite5m, u.CacheWrite1h, u.Output, u.Reasoning,
		estimated, r.Status, int64(r.Fallback), r.latency, int64(r.FirstToken), clean(r.RequestID))
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

// scratch is what one transaction after the other is written with.
type scratch struct {
	args    []any
	queries map[string]string // by table and number of rows
}

// write writes a transaction's worth: reservations, extensions, then settlements, which take
// their reservations away.
func (s *scratch) write(ctx context.Context, tx store.Tx, ops []op) error {
	var reserve []*reservationRow
	var settle []*callRow
	var gone []int64
	for _, o := range ops {
		switch {
		case o.reserve != nil:
			reserve = append(reserve, o.reserve)
		case o.settle != nil:
			gone = append(gone, o.settle.reservation)
			if !o.settle.void {
				settle = append(settle, o.settle)
			}
		}
	}
	if err := insert(ctx, s, tx, "ledger_reservations", reservationColumns, reservationWidth, reserve); err != nil {
		return err
	}
	for _, o := range ops {
		if o.extend == nil {
			continue
		}
		if _, err := tx.Exec(ctx, "UPDATE ledger_reservations SET output = ? WHERE id = ?", o.extend.output, o.extend.id); err != nil {
			return fmt.Errorf("cannot extend a reservation: %w", err)
		}
	}
	if err := insert(ctx, s, tx, "ledger_calls", callColumns, callWidth, settle); err != nil {
		return err
	}
	return s.remove(ctx, tx, gone)
}

// insert writes rows in as few statements as there are powers of four in their number, so that
// few different statements are prepared.
func insert[R interface{ values(args []any) []any }](ctx context.Context, s *scratch, tx store.Tx, table, columns string, width int, rows []R) error {
	for len(rows) > 0 {
		n := together(len(rows))
		s.args = s.args[:0]
		for _, row := range rows[:n] {
			s.args = row.values(s.args)
		}
		query := s.query(table, n, func() string {
			row := "(?" + strings.Repeat(", ?", width-1) + ")"
			return "INSERT INTO " + table + " (" + columns + ") VALUES " + row + strings.Repeat(", "+row, n-1)
		})
		if _, err := tx.Exec(ctx, query, s.args...); err != nil {
			return fmt.Errorf("cannot write %s: %w", table, err)
		}
		rows = rows[n:]
	}
	return nil
}

func (s *scratch) remove(ctx context.Context, tx store.Tx, ids []int64) error {
	for len(ids) > 0 {
		n := together(len(ids))
		s.args = s.args[:0]
		for _, id := range ids[:n] {
			s.args = append(s.args, id)
		}
		query := s.query("gone", n, func() string {
			return "DELETE FROM ledger_reservations WHERE id IN (?" + strings.Repeat(", ?", n-1) + ")"
		})
		if _, err := tx.Exec(ctx, query, s.args...); err != nil {
			return fmt.Errorf("cannot take reservations away: %w", err)
		}
		ids = ids[n:]
	}
	return nil
}

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
