// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"holdfast/core/store"
)

const (
	// twinWithin is how far apart the gateway and a log may date the same call.
	twinWithin = 2 * time.Minute
	// twinLeast is the least prompt by which a call is told from others: small ones are often alike.
	twinLeast = 256
)

// busy tells in which quarters the gateway relayed calls, of those around the given rows.
func (s *scratch) busy(ctx context.Context, tx store.Tx, rows []*observedRow) (map[int64]bool, error) {
	first, last := int64(0), int64(0)
	for _, r := range rows {
		if r.ResponseID != "" {
			continue
		}
		at := time.Unix(0, r.time)
		if from := quarterOf(at.Add(-twinWithin)); first == 0 || from < first {
			first = from
		}
		last = max(last, quarterOf(at.Add(twinWithin)))
	}
	found := map[int64]bool{}
	if first == 0 {
		return found, nil
	}
	const query = "SELECT DISTINCT quarter FROM ledger_sums WHERE quarter >= ? AND quarter <= ? AND source = 'gateway'"
	err := eachRow(ctx, tx, query, []any{first, last}, func(scan func(...any) error) error {
		var q int64
		err := scan(&q)
		found[q] = true
		return err
	})
	return found, err
}

// twin takes the call of the gateway that an observation without the name of its answer tells of: one
// with the same tokens in each class, at about the same time, of the same model or alias, that no
// other observation has taken.
func (s *scratch) twin(ctx context.Context, tx store.Tx, r *observedRow, busy map[int64]bool) (bool, error) {
	at := time.Unix(0, r.time)
	from, to := at.Add(-twinWithin), at.Add(twinWithin)
	u := r.Usage
	if r.ResponseID != "" || u.Input+u.CachedRead < twinLeast || !busy[quarterOf(from)] && !busy[quarterOf(to)] {
		return false, nil
	}
	const query = "SELECT id FROM ledger_calls WHERE id >= ? AND id < ? AND time_ns >= ? AND time_ns <= ? AND source = 'gateway' " +
		"AND input = ? AND cached_read = ? AND output = ? AND (model = ? OR alias = ?) " +
		"AND id NOT IN (SELECT call_id FROM ledger_twins WHERE call_id >= ? AND call_id < ?) ORDER BY id LIMIT 1"
	low, high := firstID(from), firstID(to.Add(twinWithin))
	model := short(r.Result.Model)
	var id int64
	err := tx.QueryRow(ctx, query, low, high, from.UnixNano(), to.UnixNano(), u.Input, u.CachedRead, u.Output, model, model, low, high).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		_, err = tx.Exec(ctx, "INSERT INTO ledger_twins (call_id, name) VALUES (?, ?)", id, r.name)
	}
	if err != nil {
		return false, fmt.Errorf("cannot look for a call of the gateway: %w", err)
	}
	return true, nil
}
