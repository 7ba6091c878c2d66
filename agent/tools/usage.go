// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/agent/tools/pin"
	"holdfast/core/store"
)

// a tally counts the uses of one thing. Calls only add to it; what was added since it was last
// written is told apart, so that nothing is counted twice or lost.
type tally struct {
	calls, errors, took, last atomic.Int64
	written                   sums // what of it is in the store; of who flushes, alone
}

// sums are what a tally came to.
type sums struct{ calls, errors, took, last int64 }

func (t *tally) add(failed bool, took time.Duration) {
	t.calls.Add(1)
	if failed {
		t.errors.Add(1)
	}
	t.took.Add(int64(took))
	t.last.Store(time.Now().UnixNano())
}

func (t *tally) sums() sums {
	return sums{calls: t.calls.Load(), errors: t.errors.Load(), took: t.took.Load(), last: t.last.Load()}
}

// usage is what is counted of everything in the catalogue.
type usage struct {
	store *store.Store // nil: since the house started

	mu    sync.Mutex
	known map[pin.Thing]*tally
}

// of is the tally of a thing, which is there from then on.
func (u *usage) of(t pin.Thing) *tally {
	u.mu.Lock()
	defer u.mu.Unlock()
	counted := u.known[t]
	if counted == nil {
		counted = &tally{}
		if len(u.known) < maxTallies {
			u.known[t] = counted
		}
	}
	return counted
}

// maxTallies bounds what is counted by name: a server may bring ever new ones.
const maxTallies = 50_000

// load takes up what earlier houses counted.
func (u *usage) load(ctx context.Context) error {
	if u.store == nil {
		return nil
	}
	found := map[pin.Thing]sums{}
	err := u.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT source, kind, name, calls, errors, took_ns, last_ns FROM tool_usage")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var t pin.Thing
			var s sums
			if err := rows.Scan(&t.Source, &t.Kind, &t.Name, &s.calls, &s.errors, &s.took, &s.last); err != nil {
				return err
			}
			found[t] = s
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("cannot read how the tools were used: %w", err)
	}
	for t, s := range found {
		u.of(t).take(s)
	}
	return nil
}

// take adds what is in the store to what was counted before it was read.
func (t *tally) take(s sums) {
	t.written = s
	t.calls.Add(s.calls)
	t.errors.Add(s.errors)
	t.took.Add(s.took)
	t.last.CompareAndSwap(0, s.last)
}

// flush adds what was counted since the last flush to the store, in one write. When that fails, the
// next flush adds it. One flushes at a time: keep, and stop after it.
func (u *usage) flush(ctx context.Context) error {
	if u.store == nil {
		return nil
	}
	fresh := map[pin.Thing]sums{}
	were := map[pin.Thing]*tally{}
	u.mu.Lock()
	for t, counted := range u.known {
		if now := counted.sums(); now.calls != counted.written.calls {
			fresh[t], were[t] = now, counted
		}
	}
	u.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	const query = `INSERT INTO tool_usage (source, kind, name, calls, errors, took_ns, last_ns) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source, kind, name) DO UPDATE SET calls = tool_usage.calls + excluded.calls, errors = tool_usage.errors + excluded.errors,
took_ns = tool_usage.took_ns + excluded.took_ns, last_ns = excluded.last_ns`
	err := u.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for t, now := range fresh {
			was := were[t].written
			if _, err := tx.Exec(ctx, query, t.Source, t.Kind, t.Name, now.calls-was.calls, now.errors-was.errors, now.took-was.took, now.last); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot write down how the tools were used: %w", err)
	}
	for t, now := range fresh {
		were[t].written = now
	}
	return nil
}

// A Use is how often something was used, since ever.
type Use struct {
	Calls    int64     `json:"calls"`
	Errors   int64     `json:"errors"`
	LastUsed time.Time `json:"last_used,omitzero"`
	// ErrorRate is the share of calls that failed, 0 to 1; MeanTook is how long one took.
	ErrorRate float64       `json:"error_rate"`
	MeanTook  time.Duration `json:"mean_took_ns"`
}

func (t *tally) use() Use {
	s := t.sums()
	use := Use{Calls: s.calls, Errors: min(s.errors, s.calls)}
	if s.last > 0 {
		use.LastUsed = time.Unix(0, s.last)
	}
	if s.calls > 0 {
		use.ErrorRate, use.MeanTook = float64(use.Errors)/float64(s.calls), time.Duration(s.took/s.calls)
	}
	return use
}

// count notes the end of a call, and tells the meter.
func count(c *Catalogue, of *tally, kind, source string, outcome holdfast.Outcome, took time.Duration) {
	of.add(outcome != holdfast.OutcomeDone, took)
	if c.needs.Meter != nil {
		c.needs.Meter(kind, source, outcome, took)
	}
}
