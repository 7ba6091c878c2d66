// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"holdfast"
	"holdfast/core/store"
)

// Clocks jump, the order of a chain does not. So one chain is read by its sequence, and time only
// places the entries of one chain among those of another: each stands at the latest time that its
// chain had reached by then, and what claims to come from the future reaches nothing.

const (
	// The sum keeps the planners from looking for the least sequence in the order of sequences.
	reachQuery = `SELECT coalesce(min(CASE WHEN time_ns <= ? THEN sequence END), ?), min(sequence + 0)
		FROM journal WHERE node = ? AND time_ns >= ?`
	reachedQuery = "SELECT time_ns FROM journal WHERE node = ? AND time_ns <= ? AND sequence < ? ORDER BY time_ns DESC LIMIT 1"
)

// ceiling is what a chain's times are believed up to: now, or the time of its newest entry where
// this node's clock is the one that is behind.
func ceiling(ctx context.Context, tx store.Tx, node string, now time.Time) (int64, error) {
	_, newest, err := ends(ctx, tx, node)
	if newest == never {
		newest = math.MinInt64
	}
	return max(nanos(now), newest), err
}

// reach is where a chain reached a time: all from sequence first on came after that; of the entries
// from sequence least on, those of that time or a later one say that they did.
type reach struct{ least, first int64 }

// reachOf finds where a chain reached since; found tells whether any entry did. A time that is still
// to come is asked of those that came from there.
func reachOf(ctx context.Context, tx store.Tx, node string, since, top int64) (r reach, found bool, err error) {
	if since > top {
		top = math.MaxInt64
	}
	var least sql.NullInt64
	err = tx.QueryRow(ctx, reachQuery, top, int64(never), node, since).Scan(&r.first, &least)
	r.least = least.Int64
	return r, least.Valid, err
}

// reachedBefore is the latest believed time of the entries before sequence.
func reachedBefore(ctx context.Context, tx store.Tx, node string, sequence, top int64) (int64, error) {
	var reached int64
	err := tx.QueryRow(ctx, reachedQuery, node, top, sequence).Scan(&reached)
	if errors.Is(err, sql.ErrNoRows) {
		return math.MinInt64, nil
	}
	return reached, err
}

// A chain is what was chosen of one node's entries, oldest first.
type chain struct {
	entries []holdfast.Entry
	top     int64 // its ceiling
	reached int64 // what it had reached before the first of them
}

// merged brings chains into one order that keeps each one's own.
func merged(chains []chain) []holdfast.Entry {
	type placed struct {
		holdfast.Entry
		at int64
	}
	all := []placed{}
	for _, c := range chains {
		reached := c.reached
		for _, e := range c.entries {
			if at := e.Time.UnixNano(); at <= c.top {
				reached = max(reached, at)
			}
			all = append(all, placed{e, reached})
		}
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Sequence, b.Sequence))
	})
	entries := make([]holdfast.Entry, len(all))
	for i, p := range all {
		entries[i] = p.Entry
	}
	return entries
}

// nodes are those whose chains are asked for, by name.
func (q Query) nodes(ctx context.Context, tx store.Tx, all func(context.Context, store.Tx) (map[string]head, error)) ([]string, error) {
	if q.Node != "" {
		return []string{q.Node}, nil
	}
	heads, err := all(ctx, tx)
	return slices.Sorted(maps.Keys(heads)), err
}

// nanos is a time as it is stored; what lies beyond is the end of what can be.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}
