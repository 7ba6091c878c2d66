// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"fmt"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/store"
	"holdfast/gateway/breaker/judge"
)

// Config is the section ledger of holdfast.yaml.
type Config struct {
	// Keep is how long a row for each call is kept; 0 is for ever. The sums of every quarter of an
	// hour stay for ever, so that reports do not change when rows go.
	Keep config.Duration `json:"keep"`
}

// shortest is the least time for which rows are kept: what is observed may still grow.
const shortest = 48 * time.Hour

// Check lists what the types of the fields do not tell.
func (c Config) Check() []holdfast.Problem {
	if c.Keep == 0 || c.Keep.Std() >= shortest {
		return nil
	}
	return []holdfast.Problem{{Field: "keep", Message: "must be 0, for ever, or at least 2d", Remedy: "for example 90d"}}
}

const (
	tidyEvery    = time.Hour
	tidyTogether = 2000
	minutesKept  = 48 * 60
)

// Run lets go of what is past its time, until ctx ends.
func (l *Ledger) Run(ctx context.Context) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if err := l.keeper().tidy(ctx, l.needs.lately()); err != nil && ctx.Err() == nil {
			l.needs.Log.Error("cannot let go of old rows of the ledger, it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Apply takes up another configuration.
func (l *Ledger) Apply(c Config) { l.keep.Store(int64(c.Keep)) }

// keeper lets go of what is past its time.
type keeper struct {
	store *store.Store
	keep  time.Duration // of rows; 0 is for ever
}

func (l *Ledger) keeper() keeper { return keeper{l.needs.Store, time.Duration(l.keep.Load())} }

// tidy deletes in small transactions, so that no call waits long. What was observed is remembered by
// name, so that it is not counted again.
func (k keeper) tidy(ctx context.Context, now time.Time) error {
	err := k.delete(ctx, "DELETE FROM ledger_minutes WHERE minute < ?", judge.MinuteOf(now)-minutesKept)
	if err != nil || k.keep < shortest {
		return err
	}
	before := now.Add(-k.keep)
	for {
		gone, err := k.deleteRows(ctx, before)
		if err != nil {
			return err
		}
		if gone < tidyTogether {
			return k.delete(ctx, "DELETE FROM ledger_twins WHERE call_id < ?", firstID(before))
		}
	}
}

func (k keeper) deleteRows(ctx context.Context, before time.Time) (gone int64, err error) {
	const oldest = "DELETE FROM ledger_calls WHERE id IN (SELECT id FROM ledger_calls WHERE id < ? AND time_ns < ? ORDER BY id LIMIT ?)"
	err = k.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		result, err := tx.Exec(ctx, oldest, firstID(before), before.UnixNano(), int64(tidyTogether))
		if err != nil {
			return err
		}
		gone, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("cannot delete old rows: %w", err)
	}
	return gone, nil
}

func (k keeper) delete(ctx context.Context, query string, args ...any) error {
	err := k.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot delete what is past its time: %w", err)
	}
	return nil
}
