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
	for key := range s.fold.sums { // what this transaction settles is in the sums at its end
		if key.source == SourceGateway {
			found[key.span] = true
		}
	}
	return found, err
}

// unnamed is when calls without the name of their answer were observed last, and since when that is
// watched, in nanoseconds: a settlement long after needs no search for its twin.
type unnamed struct{ latest, since int64 }

// takeTwins takes away what a log told of calls before the gateway settled them, where nothing but
// their tokens, model and time say that they are the same.
func (s *scratch) takeTwins(ctx context.Context, tx store.Tx, rows []*callRow) error {
	if s.unnamed.since == 0 {
		s.unnamed.since = s.now().UnixNano()
	}
	const query = "SELECT id, request_id FROM ledger_calls WHERE id >= ? AND id < ? AND time_ns >= ? AND time_ns <= ? AND source <> 'gateway' " +
		"AND response_id = '' AND input = ? AND cached_read = ? AND output = ? AND (model = ? OR model = ?) ORDER BY id LIMIT 1"
	for _, r := range rows {
		u, at := r.Usage, time.Unix(0, r.time)
		from, to := at.Add(-twinWithin), at.Add(twinWithin)
		if u.Input+u.CachedRead < twinLeast || r.source != SourceGateway || r.time > s.unnamed.since && from.UnixNano() > s.unnamed.latest {
			continue
		}
		var id int64
		var name string
		err := tx.QueryRow(ctx, query, firstID(from), firstID(to.Add(twinWithin)), from.UnixNano(), to.UnixNano(),
			u.Input, u.CachedRead, u.Output, short(r.Result.Model), short(r.Alias)).Scan(&id, &name)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot look for an observed call: %w", err)
		}
		if err := s.give(ctx, tx, id, name); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO ledger_twins (call_id, name) VALUES (?, ?)", r.id, name); err != nil {
			return fmt.Errorf("cannot note whose an observed call is: %w", err)
		}
	}
	return nil
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
