// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"math"
	"time"

	"holdfast/core/store"
)

// A span is a run of a chain's entries that count to one calendar month, in UTC.
type span struct {
	month       string // 2026-01
	first, last int64
	from, until int64 // the least and the greatest of the entries' own times
}

func monthOf(ns int64) string { return month(time.Unix(0, ns)) }

func month(t time.Time) string { return t.UTC().Format("2006-01") }

// calendar sorts a chain, entry by entry in its order, into months. Clocks jump, the order of a
// chain does not: an entry counts to its own month, but never to one before an earlier entry's
// month; and one that claims to come from the future says nothing, and counts to the month before.
type calendar struct {
	now   int64
	spans []span
	open  span // entries before the first whose month is known
}

func (c *calendar) add(sequence, at int64) {
	current := &c.open
	if len(c.spans) > 0 {
		current = &c.spans[len(c.spans)-1]
	}
	if its := monthOf(at); at <= c.now && its > current.month {
		c.spans = append(c.spans, span{month: its})
		if current == &c.open {
			c.spans[0].first, c.spans[0].from, c.spans[0].until = c.open.first, c.open.from, c.open.until
		}
		current = &c.spans[len(c.spans)-1]
	}
	if current.first == 0 {
		current.first, current.from, current.until = sequence, at, at
	}
	current.last, current.from, current.until = sequence, min(current.from, at), max(current.until, at)
}

// due chooses from the oldest on what may leave the table: whole months that ended before newest
// less keep, as long as enough later months hold entries. So a clock that runs ahead, which makes
// everything look old, moves no more than a clock that is right.
func (c *calendar) due(newest int64, keep time.Duration) []span {
	limit := month(time.Unix(0, min(newest, c.now)).Add(-keep))
	n := 0
	for n < len(c.spans)-monthsIn(keep) && c.spans[n].month < limit {
		n++
	}
	return c.spans[:n]
}

// monthsIn counts the months that keep surely holds, and at least one.
func monthsIn(keep time.Duration) int { return max(1, int(keep/(31*24*time.Hour))) }

// dueOf finds what may leave the table of one node's chain.
func dueOf(ctx context.Context, tx store.Tx, node string, now int64, keep time.Duration) ([]span, error) {
	limit := month(time.Unix(0, now).Add(-keep))
	oldest, newest, err := ends(ctx, tx, node)
	if err != nil || oldest <= now && monthOf(oldest) >= limit {
		return nil, err
	}
	rows, err := tx.Query(ctx, "SELECT sequence, time_ns FROM journal WHERE node = ? ORDER BY sequence", node)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	c := calendar{now: now}
	for rows.Next() {
		var sequence, at int64
		if err := rows.Scan(&sequence, &at); err != nil {
			return nil, err
		}
		c.add(sequence, at)
	}
	return c.due(newest, keep), rows.Err()
}

// never is the time of a chain without entries.
const never = math.MaxInt64

const endsQuery = `SELECT
	coalesce((SELECT time_ns FROM journal WHERE node = ? ORDER BY sequence LIMIT 1), 9223372036854775807),
	coalesce((SELECT time_ns FROM journal WHERE node = ? ORDER BY sequence DESC LIMIT 1), 9223372036854775807)`

// ends are the times of a chain's first and last entry in the table; without any, both are
// never, so that nothing is due.
func ends(ctx context.Context, tx store.Tx, node string) (oldest, newest int64, err error) {
	row := tx.QueryRow(ctx, endsQuery, node, node)
	return oldest, newest, row.Scan(&oldest, &newest)
}
