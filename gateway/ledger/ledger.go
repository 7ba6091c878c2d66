// SPDX-License-Identifier: Apache-2.0

// Package ledger books every model call: a reservation before it is made, the truth after.
//
// It is for the tokens of calls and the sums over them. It is not for prices and budgets, which
// build on it, nor for deciding what is too much: every reservation passes the Gate. A call that
// was admitted is in the log before it is made, and so is its settlement before anybody can spend what
// it gave back; the store has what was settled. A settled row is never changed; what a crash left
// reserved is settled as an estimate at the next start. The burn of the sliding hour and day is
// kept in memory, so that admission costs nothing that grows with the ledger. Callers: the gateway.
package ledger

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/ledger/wal"
	"holdfast/gateway/price"
)

//go:embed migrations
var migrations embed.FS

// Migrations are the ledger's tables.
func Migrations() fs.FS { return migrations }

// A Gate decides what the house may spend.
type Gate interface {
	// Admit refuses a call that may burn the claim's tokens more than the burn. It is called with the
	// ledger's lock held and must not block.
	Admit(c Claim, burn judge.Burn) error
	// Booked hears of the burn after each settlement, and of what was settled. The claim of a call that
	// turned out to be counted elsewhere, or differently, is negative.
	Booked(c Claim, burn judge.Burn)
}

// Prices tell what calls cost.
type Prices interface {
	// Cost is the price of what a call used.
	Cost(provider, model string, u holdfast.Usage) price.Cost
	// Most is the most that a call of so many tokens may cost, whatever their classes.
	Most(provider, model string, input, output int64) price.Cost
}

// A Clock tells the passing of time from a clock that is set (breaker/halt).
type Clock interface {
	Uptime() (time.Duration, bool)
	// Past is how the clock was set within the last day, Reach how far ahead at most.
	Past() judge.Past
	Reach() time.Duration
}

// Needs is what a ledger is made of.
type Needs struct {
	Store *store.Store
	// Dir is where the log lies.
	Dir string
	// Node names this machine in the rows.
	Node string
	// Journal, unless nil, knows that name at the start and not earlier.
	Journal interface{ Node() string }
	Gate    Gate
	// Purse, unless nil, is asked after the gate.
	Purse Purse
	// Prices, unless nil, price each call; without them every cost is unknown.
	Prices Prices
	Log    *slog.Logger
	// Config is the section ledger; nil keeps every row.
	Config *Config
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Clock, unless nil, tells the passing of time from a clock that is set.
	Clock Clock
	// Location is the operator's time zone, for what is called today; nil means UTC.
	Location func() *time.Location
}

// lately is now, or earlier where the clock was set ahead within the last day.
func (n Needs) lately() time.Time {
	if n.Clock == nil {
		return n.Now()
	}
	return n.Now().Add(-n.Clock.Reach())
}

// A Ledger books calls. Between Start and Stop its methods may be called by many goroutines.
type Ledger struct {
	needs Needs
	write *writer
	log   *wal.Log

	mu       sync.Mutex
	open     openCalls
	record   recorder
	window   judge.Slide
	reserved int64
	outputs  answered
	started  bool
	late     bool // a settlement came after the last that the store took: the log has it
	observed bool // at the start
	keep     atomic.Int64
	lastID   int64
}

// New names a ledger; nothing is read before Start.
func New(needs Needs) *Ledger {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	if needs.Location == nil {
		needs.Location = func() *time.Location { return time.UTC }
	}
	if needs.Now == nil {
		needs.Now = time.Now
	}
	if needs.Config == nil {
		needs.Config = &Config{}
	}
	return &Ledger{needs: needs}
}

// Start settles what a crash left reserved, reads the burn of the last day and opens the books.
func (l *Ledger) Start(ctx context.Context) error {
	if l.needs.Journal != nil {
		l.needs.Node = l.needs.Journal.Node()
	}
	if l.needs.Dir == "" {
		return errors.New("cannot keep a ledger: there is no folder for its log")
	}
	l.Apply(*l.needs.Config)
	at, left, err := catchUp(ctx, l.needs)
	if err != nil {
		return err
	}
	if err := l.loadWindow(ctx); err != nil {
		return err
	}
	if err := l.loadOutputs(ctx); err != nil {
		return err
	}
	l.log = wal.New(wal.Options{Dir: l.needs.Dir, Base: at.applied, Log: l.needs.Log})
	l.write = newWriter(&writer{
		store: l.needs.Store, node: l.needs.Node, log: l.needs.Log, corrected: l.corrected,
		open: func() int64 { return oldest(l) }, advanced: func(p position) { advanced(l, p) },
		at: at, scratch: scratch{observed: l.observed, now: l.needs.lately},
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, row := range left {
		l.window.Add(judge.MinuteOf(time.Unix(0, row.time)), row.Usage.Total())
		(&Reservation{ledger: l, booked: true}).close(row)
	}
	l.started = true
	return nil
}

// Stop waits until everything booked is in the store. The log is then empty, but for calls that are
// still under way.
func (l *Ledger) Stop(ctx context.Context) error {
	l.mu.Lock()
	open := l.started
	l.started = false
	l.mu.Unlock()
	if !open {
		return nil
	}
	err := l.write.close(ctx)
	l.mu.Lock()
	empty := err == nil && l.open.first == nil && !l.late
	l.mu.Unlock()
	return errors.Join(err, l.log.Close(empty))
}

// burn is called with the lock held.
func (l *Ledger) burn() judge.Burn {
	return l.window.Burn(l.reserved)
}

// Burn is what the sliding hour and day have burned. Without a running house it is read from the
// store and the log.
func (l *Ledger) Burn(ctx context.Context) (judge.Burn, error) {
	l.mu.Lock()
	if l.started {
		defer l.mu.Unlock()
		l.window.Advance(l.needs.Now())
		return l.burn(), nil
	}
	l.mu.Unlock()
	return storedBurn(ctx, l.needs)
}
