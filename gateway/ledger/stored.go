// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"holdfast"
	"holdfast/core/store"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/price"
)

// settleOrphans books what a crash left reserved, as estimates. The house's lock makes sure that
// nobody else on this node has calls under way.
func settleOrphans(ctx context.Context, needs Needs) (int, error) {
	settled := 0
	err := needs.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		orphans, err := orphansOf(ctx, tx, needs.Node)
		settled = len(orphans)
		if err != nil || settled == 0 {
			return err
		}
		return (&scratch{now: needs.Now}).write(ctx, tx, orphans)
	})
	if err != nil {
		return 0, fmt.Errorf("cannot settle what a crash left reserved: %w", err)
	}
	return settled, nil
}

func orphansOf(ctx context.Context, tx store.Tx, node string) ([]op, error) {
	rows, err := tx.Query(ctx, "SELECT "+reservationColumns+" FROM ledger_reservations WHERE node = ? ORDER BY id", node)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var orphans []op
	for rows.Next() {
		var r reservationRow
		var cost sql.NullInt64
		if err := rows.Scan(&r.id, &r.node, &r.time, &r.input, &r.output, &cost, &r.call); err != nil {
			return nil, err
		}
		row := &callRow{
			id: r.id, reservation: r.id, time: r.time, node: r.node, source: SourceGateway,
			cost: price.Cost{Nano: cost.Int64, Known: cost.Valid},
		}
		if err := json.Unmarshal([]byte(r.call), &row.Call); err != nil {
			return nil, fmt.Errorf("reservation %d: %w", r.id, err)
		}
		row.Result = Result{
			Provider: row.Call.Provider, Model: row.Call.Model, Status: StatusOrphan, Estimated: true,
			Usage: holdfast.Usage{Input: r.input, Output: r.output},
		}
		orphans = append(orphans, op{settle: row})
	}
	return orphans, rows.Err()
}

// loadWindow reads the burn of the last day, and the id after which all new ones come.
func (l *Ledger) loadWindow(ctx context.Context) error {
	w, err := storedWindow(ctx, l.needs)
	if err != nil {
		return fmt.Errorf("cannot read the burn: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window = *w
	l.observed = l.needs.Store.Dialect() == store.Postgres // other nodes may observe
	err = l.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		observed := int64(0)
		err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM ledger_observed LIMIT 1) AS one").Scan(&observed)
		l.observed = l.observed || observed > 0
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT COALESCE(MAX(id), 0) FROM ledger_calls").Scan(&l.lastID)
	})
	if err != nil {
		return fmt.Errorf("cannot read the last call: %w", err)
	}
	return nil
}

func storedWindow(ctx context.Context, needs Needs) (*judge.Slide, error) {
	w := &judge.Slide{}
	w.Advance(needs.Now())
	err := needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT minute, "+adding(total)+" FROM ledger_minutes WHERE minute >= ? GROUP BY 1", w.Head()-judge.DayMinutes+1)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var minute, tokens int64
			if err := rows.Scan(&minute, &tokens); err != nil {
				return err
			}
			w.Add(minute, tokens)
		}
		return rows.Err()
	})
	return w, err
}

// storedBurn is the burn as another process sees it.
func storedBurn(ctx context.Context, needs Needs) (judge.Burn, error) {
	w, err := storedWindow(ctx, needs)
	if err != nil {
		return judge.Burn{}, fmt.Errorf("cannot read the burn: %w", err)
	}
	burn := w.Burn(0)
	err = needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		row := tx.QueryRow(ctx, "SELECT CAST(COALESCE(SUM(input + output), 0) AS BIGINT) FROM ledger_reservations")
		return row.Scan(&burn.Reserved)
	})
	if err != nil {
		return judge.Burn{}, fmt.Errorf("cannot read the reservations: %w", err)
	}
	return burn, nil
}

// loadOutputs reads how much each model lately answered, oldest first; it looks no further back than
// at so many rows.
func (l *Ledger) loadOutputs(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT provider, model, output FROM (SELECT * FROM ledger_calls ORDER BY id DESC LIMIT 10000) AS lately "+
			"WHERE source = 'gateway' AND estimated = 0 AND status = ? AND output > 0 ORDER BY id", StatusOK)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var provider, model string
			var output int64
			if err := rows.Scan(&provider, &model, &output); err != nil {
				return err
			}
			l.outputs.learn(provider, model, output)
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("cannot read the models' answers: %w", err)
	}
	return nil
}
