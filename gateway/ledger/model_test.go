// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// TestSumsAreNeverLost drives a ledger at random, restarts and crashes included, and compares it
// with plain arithmetic after every step.
func TestSumsAreNeverLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := fresh(t, rt)
		m.start()
		defer func() { _ = m.l.Stop(t.Context()) }()
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": m.reserve, "extend": m.extend, "settle": m.settle, "restart": m.restart, "crash": m.crash, "look": m.look, "": m.check,
		})
	})
}

type model struct {
	t   *rapid.T
	ctx context.Context
	s   *store.Store
	dir string
	l   *Ledger

	under          []*Reservation
	settled, calls int64
}

// fresh is a model with a store and a log that have nothing yet.
func fresh(t *testing.T, rt *rapid.T) *model {
	options := storetest.Options(t, store.SQLite, tables())
	options.Synchronous = "OFF" // what is crashed here is the ledger, not the machine
	options.Path = t.TempDir() + "/ledger.db"
	storetest.Plant(t, options)
	s := store.New(options.Path)
	if err := s.Open(t.Context(), options); err != nil {
		rt.Fatal(err)
	}
	rt.Cleanup(func() { _ = s.Close() })
	return &model{t: rt, ctx: t.Context(), s: s, dir: t.TempDir()}
}

func (m *model) start() {
	m.l = New(Needs{Store: m.s, Dir: m.dir, Node: "here", Gate: wide()})
	if err := m.l.Start(m.ctx); err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) reserve(t *rapid.T) {
	r, err := m.l.Reserve(m.ctx, call("a"), rapid.Int64Range(0, 500).Draw(t, "input"), rapid.Int64Range(0, 500).Draw(t, "output"))
	if err != nil {
		t.Fatal(err)
	}
	m.under = append(m.under, r)
}

func (m *model) extend(t *rapid.T) {
	if len(m.under) == 0 {
		t.Skip("nothing under way")
	}
	if err := rapid.SampledFrom(m.under).Draw(t, "which").Extend(rapid.Int64Range(1, 100).Draw(t, "more")); err != nil {
		t.Fatal(err)
	}
}

func (m *model) settle(t *rapid.T) {
	if len(m.under) == 0 {
		t.Skip("nothing under way")
	}
	i := rapid.IntRange(0, len(m.under)-1).Draw(t, "which")
	truth := done(rapid.Int64Range(0, 500).Draw(t, "input"), rapid.Int64Range(0, 500).Draw(t, "output"))
	m.under[i].Settle(truth)
	m.under = append(m.under[:i], m.under[i+1:]...)
	m.settled += truth.Usage.Total()
	m.calls++
}

// restart ends the house in order; what was under way becomes an estimate at the next start.
func (m *model) restart(t *rapid.T) {
	if err := m.l.Stop(m.ctx); err != nil {
		t.Fatal(err)
	}
	m.orphan()
}

// crash kills the ledger, in half the cases with all its settlements in the log alone.
func (m *model) crash(t *rapid.T) {
	if rapid.Bool().Draw(t, "written") {
		if _, err := m.l.Summary(m.ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	crash(m.l)
	m.orphan()
}

// look sees what another process sees, which looks while nothing is written yet.
func (m *model) look(t *rapid.T) {
	held := int64(0)
	for _, r := range m.under {
		held += r.Held()
	}
	stored, err := New(m.l.needs).Burn(m.ctx)
	if err != nil || stored.Hour != m.settled || stored.Reserved != held {
		t.Fatalf("another process sees %+v (%v), want %d and %d", stored, err, m.settled, held)
	}
	got, err := New(m.l.needs).Summary(m.ctx, 24)
	if err != nil || got.LastHour.Total != m.settled || got.LastHour.Calls != m.calls {
		t.Fatalf("another process sums up %+v (%v), want %d in %d calls", got.LastHour, err, m.settled, m.calls)
	}
}

func (m *model) orphan() {
	for _, r := range m.under {
		m.settled += r.Held()
		m.calls++
	}
	m.under = nil
	m.start()
}

func (m *model) check(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "looked at") > 0 {
		return // so that settlements gather
	}
	held := int64(0)
	for _, r := range m.under {
		held += r.Held()
	}
	got, err := m.l.Summary(m.ctx, 24)
	if err != nil {
		t.Fatal(err)
	}
	if got.Burn.Hour != m.settled || got.Burn.Day != m.settled || got.Burn.Reserved != held {
		t.Fatalf("burn %+v, want %d and %d", got.Burn, m.settled, held)
	}
	sum := Sum{}
	for _, h := range got.ByHour {
		sum.Calls, sum.Total = sum.Calls+h.Calls, sum.Total+h.Total
	}
	if sum.Total != m.settled || sum.Calls != m.calls || got.LastHour.Total != m.settled {
		t.Fatalf("rows say %d tokens in %d calls, want %d in %d", sum.Total, sum.Calls, m.settled, m.calls)
	}
}

// until asks again until a deadline.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not come to pass")
		case <-again.C:
		}
	}
}
