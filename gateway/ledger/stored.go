// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"fmt"
	"time"

	"holdfast/core/store"
	"holdfast/gateway/breaker/judge"
)

// loadWindow reads the burn of the last day, and the id after which all new ones come.
func (l *Ledger) loadWindow(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.observed = l.needs.Store.Dialect() == store.Postgres // other nodes may observe
	err := l.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		w, err := storedWindow(ctx, tx, l.needs)
		if err != nil {
			return err
		}
		l.window = *w
		observed := int64(0)
		err = tx.QueryRow(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM ledger_observed LIMIT 1) AS one").Scan(&observed)
		l.observed = l.observed || observed > 0
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT COALESCE(MAX(id), 0) FROM ledger_calls").Scan(&l.lastID)
	})
	if err != nil {
		return fmt.Errorf("cannot read the burn: %w", err)
	}
	return nil
}

// storedWindow is the burn of the last day, whatever became of the clock meanwhile.
func storedWindow(ctx context.Context, tx store.Tx, needs Needs) (*judge.Slide, error) {
	w, past := &judge.Slide{}, judge.Past{}
	if needs.Clock != nil {
		w.Uptime, past = needs.Clock.Uptime, needs.Clock.Past()
	}
	w.Advance(needs.Now())
	const query = "SELECT minute, CAST(COALESCE(SUM(" + total + "), 0) AS BIGINT) FROM ledger_minutes WHERE minute >= ? GROUP BY 1"
	err := eachRow(ctx, tx, query, []any{w.Head() - judge.DayMinutes - int64(past.Reach()/time.Minute)}, func(scan func(...any) error) error {
		var minute, tokens int64
		err := scan(&minute, &tokens)
		if at, within := past.Now(minute); within {
			w.Add(at, tokens)
		}
		return err
	})
	return w, err
}

// storedBurn is the burn as another process sees it.
func storedBurn(ctx context.Context, needs Needs) (burn judge.Burn, err error) {
	err = asIfApplied(ctx, needs, func(ctx context.Context, tx store.Tx, open []*callRow) error {
		w, err := storedWindow(ctx, tx, needs)
		if err != nil {
			return err
		}
		burn = w.Burn(0)
		row := tx.QueryRow(ctx, "SELECT CAST(COALESCE(SUM(input + output), 0) AS BIGINT) FROM ledger_reservations")
		if err := row.Scan(&burn.Reserved); err != nil {
			return err
		}
		for _, r := range open {
			burn.Reserved += r.Usage.Total()
		}
		return nil
	})
	if err != nil {
		return judge.Burn{}, fmt.Errorf("cannot read the burn: %w", err)
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
