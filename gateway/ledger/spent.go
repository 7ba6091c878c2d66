// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"fmt"
	"time"

	"holdfast/core/store"
	"holdfast/gateway/breaker/judge"
)

// Spent is what was settled and observed. Nano is the cost, in billionths of a US dollar, of the
// calls whose price was known; Unpriced counts the others.
type Spent struct {
	Calls, Tokens, Nano, Unpriced int64
}

// Spent adds up what was spent since then, by house (one sum, under ""), tenant, agent or key. A
// caller without one is under "". Since is taken down to a quarter of an hour.
func (l *Ledger) Spent(ctx context.Context, by string, since time.Time) (map[string]Spent, error) {
	name, ok := map[string]string{"house": "''", "tenant": "tenant", "agent": "agent", "key": "api_key"}[by]
	if !ok {
		return nil, fmt.Errorf("cannot add up what was spent by %q: want house, tenant, agent or key", by)
	}
	sums := map[string]Spent{}
	err := l.view(ctx, func(ctx context.Context, tx store.Tx) error {
		query := "SELECT " + name + " AS name, " + adding("calls", total, "cost", "unpriced") + " FROM ledger_sums WHERE quarter >= ? GROUP BY 1"
		return eachRow(ctx, tx, query, []any{quarterOf(since)}, func(scan func(...any) error) error {
			var name string
			var s Spent
			err := scan(&name, &s.Calls, &s.Tokens, &s.Nano, &s.Unpriced)
			sums[name] = s
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("cannot add up what was spent: %w", err)
	}
	return sums, nil
}

// Minutes are what each minute since then burned, by tenant and key, oldest first. Two days are kept.
func (l *Ledger) Minutes(ctx context.Context, since time.Time) ([]judge.Minute, error) {
	var list []judge.Minute
	err := l.view(ctx, func(ctx context.Context, tx store.Tx) error {
		query := "SELECT minute, tenant, api_key, " + total + " FROM ledger_minutes WHERE minute >= ? ORDER BY 1, 2, 3"
		return eachRow(ctx, tx, query, []any{judge.MinuteOf(since)}, func(scan func(...any) error) error {
			var m judge.Minute
			err := scan(&m.At, &m.Tenant, &m.Key, &m.Tokens)
			list = append(list, m)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read what each minute burned: %w", err)
	}
	return list, nil
}
