// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"holdfast/core/store"
)

// tables are the budgets' part of the store.
type tables struct{ store *store.Store }

// stored is what was set for a scope at run time.
type stored struct {
	Limit
	at time.Time
	by string
}

// limits reads what was set at run time, by scope.
func (t tables) limits(ctx context.Context) (map[string]stored, error) {
	all := map[string]stored{}
	err := t.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT scope, limits, set_ns, set_by FROM budgets")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var scope, text string
			var s stored
			var at int64
			if err := rows.Scan(&scope, &text, &at, &s.by); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &s.Limit); err != nil {
				return fmt.Errorf("the budget of %s: %w", scope, err)
			}
			s.at = time.Unix(0, at).UTC()
			all[scope] = s
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the budgets: %w", err)
	}
	return all, nil
}

// keep replaces what is set for a scope, by nothing when the limit is empty, and remembers events.
func (t tables) keep(ctx context.Context, scope string, s stored, events ...Event) error {
	text, err := json.Marshal(s.Limit)
	if err != nil {
		return fmt.Errorf("cannot write the budget of %s: %w", scope, err)
	}
	err = t.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM budgets WHERE scope = ?", scope); err != nil {
			return err
		}
		if !s.empty() {
			if _, err := tx.Exec(ctx, "INSERT INTO budgets (scope, limits, set_ns, set_by) VALUES (?, ?, ?, ?)", scope, string(text), s.at.UnixNano(), s.by); err != nil {
				return err
			}
		}
		return insert(ctx, tx, events)
	})
	if err != nil {
		return fmt.Errorf("cannot keep the budget of %s: %w", scope, err)
	}
	return nil
}

// remember writes events into the history.
func (t tables) remember(ctx context.Context, events ...Event) error {
	return t.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return insert(ctx, tx, events) })
}

func insert(ctx context.Context, tx store.Tx, events []Event) error {
	for _, e := range events {
		detail, err := json.Marshal(e)
		if err != nil {
			return err
		}
		// Two events of one moment differ by chance alone, which nothing depends on.
		id := e.Time.UnixMilli()<<20 | rand.Int64N(1<<20) //nolint:gosec // an id is no secret
		since := int64(0)
		if !e.Since.IsZero() {
			since = e.Since.UnixNano()
		}
		_, err = tx.Exec(ctx, "INSERT INTO budget_events (id, at_ns, event, scope, period, since_ns, percent, tokens, nano, by_whom, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			id, e.Time.UnixNano(), e.Event, e.Scope, string(e.Period), since, int64(e.Percent), e.took.Tokens, e.took.Nano, e.By, string(detail))
		if err != nil {
			return fmt.Errorf("cannot write the history of the budgets: %w", err)
		}
	}
	return nil
}

// events reads those from a time on, newest first, at most so many; of one scope, or of all.
func (t tables) events(ctx context.Context, scope string, since time.Time, most int, kinds ...string) ([]Event, error) {
	where, args := "at_ns >= ?", []any{since.UnixNano()}
	if scope != "" {
		where, args = where+" AND scope = ?", append(args, scope)
	}
	for i, kind := range kinds {
		where += map[bool]string{true: " AND (event = ?", false: " OR event = ?"}[i == 0]
		args = append(args, kind)
	}
	if len(kinds) > 0 {
		where += ")"
	}
	list := []Event{}
	err := t.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT tokens, nano, detail FROM budget_events WHERE "+where+" ORDER BY at_ns DESC, id DESC LIMIT ?", append(args, most)...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var e Event
			var took Amount
			var text string
			if err := rows.Scan(&took.Tokens, &took.Nano, &text); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &e); err != nil {
				return err
			}
			e.took = took
			list = append(list, e)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the history of the budgets: %w", err)
	}
	return list, nil
}
