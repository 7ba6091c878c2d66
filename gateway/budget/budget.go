// SPDX-License-Identifier: Apache-2.0

// Package budget keeps what callers may spend: tokens and money, a day, a week and a month, of the
// house, a tenant, an agent or a key.
//
// It is for deciding whether a call fits, for warnings, resets, reports, and for calls that wait
// until a person approves them. It is not for counting (gateway/ledger), whose rows its sums always
// equal, nor for the breaker's caps. A call that does not fit into one of its budgets takes from none.
// The sums are kept in memory, by day, so that admission costs nothing that grows with the ledger.
// Callers: the ledger under its lock (Reserve, Settle), the gateway (Patiently), and the actions.
package budget

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/house"
	"holdfast/core/store"
	"holdfast/gateway/ledger"
)

//go:embed migrations
var migrations embed.FS

// Migrations are the package's tables.
func Migrations() fs.FS { return migrations }

// spent sums the ledger's rows, by name.
func (n Needs) spent(ctx context.Context, by string, since time.Time) (map[string]Amount, error) {
	sums, err := n.Spent(ctx, by, since)
	if err != nil {
		return nil, fmt.Errorf("cannot read what was spent by %s: %w", by, err)
	}
	amounts := make(map[string]Amount, len(sums))
	for name, s := range sums {
		amounts[name] = Amount{s.Tokens, s.Nano, s.Unpriced}
	}
	return amounts, nil
}

// An Amount is what was spent or reserved: tokens, and billionths of a US dollar.
type Amount struct {
	Tokens int64
	Nano   int64
	// Unpriced counts calls whose price is not known; Nano is without them.
	Unpriced int64
}

func (a *Amount) add(b Amount) {
	a.Tokens, a.Nano, a.Unpriced = a.Tokens+b.Tokens, a.Nano+b.Nano, a.Unpriced+b.Unpriced
}

func (a Amount) minus(b Amount) Amount {
	return Amount{a.Tokens - b.Tokens, a.Nano - b.Nano, a.Unpriced - b.Unpriced}
}

// of is one of the two measures.
func (a Amount) of(money bool) int64 {
	if money {
		return a.Nano
	}
	return a.Tokens
}

type journal interface {
	Append(ctx context.Context, e holdfast.Entry) (holdfast.Entry, error)
}

// Needs is what budgets are made of.
type Needs struct {
	Config *Config
	Store  *store.Store
	// Spent sums the ledger's rows from a time on, by house (its name is empty), tenant, agent or key.
	Spent   func(ctx context.Context, by string, since time.Time) (map[string]ledger.Spent, error)
	Journal journal
	Log     *slog.Logger
	// Location is the operator's time zone; nil means UTC.
	Location func() *time.Location
	// Now is the time; nil means the machine's.
	Now func() time.Time
}

// Budgets are the budgets of one house. Between Start and Stop its methods may be called by many
// goroutines.
type Budgets struct {
	needs Needs
	files tables

	acts sync.Mutex // held by an action that changes budgets, before mu

	mu      sync.Mutex
	started bool
	book    book
	queue   queue
	news    []Event
	wake    chan struct{}
}

// New names the budgets; nothing is read before Start.
func New(needs Needs) *Budgets {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	if needs.Location == nil {
		needs.Location = func() *time.Location { return time.UTC }
	}
	if needs.Now == nil {
		needs.Now = time.Now
	}
	return &Budgets{needs: needs, files: tables{needs.Store}, queue: newQueue(), wake: make(chan struct{}, 1)}
}

// Capability is the budgets' part of the house.
func (b *Budgets) Capability() house.Capability {
	return house.Capability{
		Name: "budget", Section: "budgets", Config: b.needs.Config,
		Migrations: Migrations(),
		Actions:    board{b}.actions(),
		Alerts:     board{b}.alerts(),
		Start:      b.Start,
		Run:        b.Run,
		Stop:       b.Stop,
		Reason:     "after the ledger, whose sums it loads, and before the gateway, whose calls it admits",
	}
}

// Start loads what is set and what was spent.
func (b *Budgets) Start(ctx context.Context) error {
	fresh, err := b.load(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.book, b.started = *fresh, true
	return nil
}

// Run writes down what happened to budgets, until the house ends.
func (b *Budgets) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.wake:
			b.tell(ctx)
		}
	}
}

// Stop writes down the rest. Reservations are refused from now on.
func (b *Budgets) Stop(ctx context.Context) error {
	b.mu.Lock()
	b.started = false
	b.queue.end()
	b.mu.Unlock()
	b.tell(ctx)
	return nil
}

// Apply takes up another configuration; calls that wait for approval are judged again by it. Before
// Start it is what Start loads: a recovery may change what the house read when it began.
func (b *Budgets) Apply(c Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		b.needs.Config = &c
		return
	}
	b.book.config = c
	b.book.bind()
	b.queue.again()
}

// errClosed refuses before Start and after Stop, for what is not counted is not spent.
var errClosed = errors.New("the budgets are not loaded")

var _ ledger.Purse = (*Budgets)(nil)

// Reserve takes a claim from every budget that binds it, or from none; the error is *Exceeded.
func (b *Budgets) Reserve(c ledger.Claim) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		return errClosed
	}
	if beyond(c) {
		return fmt.Errorf("cannot reserve %d tokens for one call", c.Tokens)
	}
	if c.At.IsZero() {
		c.At = b.needs.Now()
	}
	b.book.turn(c.At)
	bound := b.book.of(&c.Call)
	if refusal := b.book.judge(&c, bound, b.queue.approved(c.RequestID)); refusal != nil {
		b.announce(b.book.refused(refusal, bound)...)
		return refusal
	}
	for _, t := range bound {
		if t != nil {
			t.reserved.add(claimed(c))
		}
	}
	return nil
}

// Fits tells whether Reserve would take a claim now. Nobody is told of a refusal.
func (b *Budgets) Fits(c ledger.Claim) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started || beyond(c) {
		return false
	}
	if c.At.IsZero() {
		c.At = b.needs.Now()
	}
	b.book.turn(c.At)
	return b.book.judge(&c, b.book.of(&c.Call), b.queue.approved(c.RequestID)) == nil
}

// beyond tells a claim that no call can have.
func beyond(c ledger.Claim) bool {
	return c.Tokens < 0 || c.Tokens > mostTokens || c.Cost.Nano < 0 || c.Cost.Nano > mostUSD*nano
}

// Settle gives back what was reserved and takes what was spent.
func (b *Budgets) Settle(reserved, spent ledger.Claim, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		return // Start reads the row
	}
	if reserved.RequestID != "" {
		b.queue.forget(reserved.RequestID)
	}
	if reserved.Tokens != 0 || reserved.Cost.Nano != 0 {
		for _, t := range b.book.of(&reserved.Call) {
			if t != nil {
				t.reserved = t.reserved.minus(claimed(reserved))
			}
		}
	}
	took := claimed(spent)
	if took == (Amount{}) {
		return
	}
	on := b.book.cal.dayOf(at)
	for _, t := range b.book.of(&spent.Call) {
		if t != nil && b.book.spend(t, on, took) {
			b.announce(b.book.warn(t)...)
		}
	}
}

// claimed is a claim as an amount.
func claimed(c ledger.Claim) Amount {
	a := Amount{Tokens: c.Tokens, Nano: c.Cost.Nano}
	if !c.Cost.Known {
		a.Nano = 0
		switch {
		case c.Tokens > 0:
			a.Unpriced = 1
		case c.Tokens < 0:
			a.Unpriced = -1
		}
	}
	return a
}
