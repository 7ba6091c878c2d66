// SPDX-License-Identifier: Apache-2.0

// Package ledger books every model call: a reservation before it is made, the truth after.
//
// It is for the tokens of calls and the sums over them. It is not for prices and budgets, which
// build on it, nor for deciding what is too much: every reservation passes the Gate. A call that
// was admitted is on disk before it is made; a settled row is never changed; what a crash left
// reserved is settled as an estimate at the next start. The burn of the sliding hour and day is
// kept in memory, so that admission costs nothing that grows with the ledger. Callers: the gateway.
package ledger

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/gateway/breaker/judge"
)

//go:embed migrations
var migrations embed.FS

// Migrations are the ledger's tables.
func Migrations() fs.FS { return migrations }

// A Gate decides what the house may spend.
type Gate interface {
	// Admit refuses a call that may burn need tokens more than the burn; it must not block.
	Admit(burn judge.Burn, need int64) error
	// Booked hears of the burn after each settlement.
	Booked(burn judge.Burn)
}

// Needs is what a ledger is made of.
type Needs struct {
	Store *store.Store
	// Node names this machine in the rows.
	Node string
	// Journal, unless nil, knows that name at the start and not earlier.
	Journal interface{ Node() string }
	Gate    Gate
	Log     *slog.Logger
	// Location is the operator's time zone, for what is called today; nil means UTC.
	Location func() *time.Location
}

// A Ledger books calls. Between Start and Stop its methods may be called by many goroutines.
type Ledger struct {
	needs Needs
	write *writer

	mu       sync.Mutex
	window   window
	reserved int64
	outputs  map[string]*outputs
	started  bool
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
	return &Ledger{needs: needs, outputs: map[string]*outputs{}}
}

// Start settles what a crash left reserved, reads the burn of the last day and opens the books.
func (l *Ledger) Start(ctx context.Context) error {
	if l.needs.Journal != nil {
		l.needs.Node = l.needs.Journal.Node()
	}
	orphans, err := l.settleOrphans(ctx)
	if err != nil {
		return err
	}
	if orphans > 0 {
		l.needs.Log.Warn("settled reservations that a crash left, as estimates", "calls", orphans)
	}
	if err := l.loadWindow(ctx); err != nil {
		return err
	}
	if err := l.loadOutputs(ctx); err != nil {
		return err
	}
	l.write = newWriter(l.needs.Store, l.needs.Log)
	l.mu.Lock()
	l.started = true
	l.mu.Unlock()
	return nil
}

// Stop waits until everything booked is on disk.
func (l *Ledger) Stop(ctx context.Context) error {
	l.mu.Lock()
	open := l.started
	l.started = false
	l.mu.Unlock()
	if !open {
		return nil
	}
	return l.write.close(ctx)
}

// A Call is what is known of a model call before it is made.
type Call struct {
	Caller    string `json:"caller"`
	Tenant    string `json:"tenant,omitempty"`
	Agent     string `json:"agent,omitempty"`
	Unit      string `json:"unit,omitempty"`
	Alias     string `json:"alias"`
	Provider  string `json:"provider"`
	Model     string `json:"model"`
	Dialect   string `json:"dialect"`
	RequestID string `json:"request_id"`
}

// The statuses of a settled call.
const (
	StatusOK        = "ok"        // answered whole
	StatusCut       = "cut"       // the upstream broke off or fell silent
	StatusCancelled = "cancelled" // the client hung up
	StatusHalted    = "halted"    // the breaker cut it
	StatusFailed    = "failed"    // nobody answered
	StatusOrphan    = "orphan"    // a crash left it
)

// A Result is the truth about a call, as far as it is known.
type Result struct {
	Provider   string
	Model      string
	Fallback   int
	Usage      holdfast.Usage
	Estimated  bool
	Status     string
	FirstToken time.Duration
}

// ErrClosed refuses bookings before Start and after Stop.
var ErrClosed = errors.New("the ledger is closed")

// A Reservation is a call under way. Its methods may be called by one goroutine at a time.
type Reservation struct {
	ledger *Ledger
	id     int64
	call   Call
	began  time.Time
	held   int64
	input  int64
	done   bool
}

// Reserve books what a call may burn before it is made and returns when that is on disk. The error
// is the Gate's when the call is not admitted.
func (l *Ledger) Reserve(ctx context.Context, call Call, input, output int64) (*Reservation, error) {
	r := &Reservation{ledger: l, call: call, began: time.Now(), held: input + output, input: input}
	if err := l.admit(r); err != nil {
		return nil, err
	}
	if err := l.write.reserve(ctx, r.row(l.needs.Node, output)); err != nil {
		l.release(r.held)
		l.write.void(r.id) // it may be on disk all the same
		return nil, err
	}
	return r, nil
}

func (l *Ledger) admit(r *Reservation) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started {
		return ErrClosed
	}
	l.window.advance(r.began)
	if err := l.needs.Gate.Admit(l.burn(), r.held); err != nil {
		return err
	}
	l.reserved += r.held
	r.id = l.nextID(r.began)
	return nil
}

func (l *Ledger) release(tokens int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved -= tokens
}

// nextID sorts by time: milliseconds, then chance, for several nodes may write into one ledger. It
// never goes back, whatever the clock does. Called with the lock held.
func (l *Ledger) nextID(now time.Time) int64 {
	l.lastID = max(l.lastID+1, firstID(now)|rand.Int64N(1<<(idBits-1))) //nolint:gosec // an id is no secret
	return l.lastID
}

const idBits = 21

// firstID is below every id of that time or later.
func firstID(t time.Time) int64 { return t.UnixMilli() << idBits }

// Held is how many tokens are reserved.
func (r *Reservation) Held() int64 { return r.held }

// Extend reserves more output for a call that goes on; the error is the Gate's.
func (r *Reservation) Extend(output int64) error {
	l := r.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window.advance(time.Now())
	if err := l.needs.Gate.Admit(l.burn(), output); err != nil {
		return err
	}
	l.reserved += output
	r.held += output
	l.write.extend(r.id, r.held-r.input)
	return nil
}

// Settle replaces the reservation with the truth. The burn has it at once, the disk soon; until
// then a crash leaves the reservation, so that the call is never lost. Only the first counts.
func (r *Reservation) Settle(result Result) {
	if r.done {
		return
	}
	r.done = true
	l, now := r.ledger, time.Now()
	total := result.Usage.Total()
	l.mu.Lock()
	l.window.advance(now)
	l.window.add(now, total)
	l.reserved -= r.held
	if !result.Estimated && result.Status == StatusOK && result.Usage.Output > 0 {
		l.observe(result.Provider, result.Model, result.Usage.Output)
	}
	burn, id := l.burn(), l.nextID(now)
	l.mu.Unlock()
	l.write.settle(r.settled(id, result, now, l.needs.Node))
	l.needs.Gate.Booked(burn)
}

// Book enters a call that was never reserved, such as an attempt that a provider left unanswered
// and may charge for.
func (l *Ledger) Book(call Call, result Result, took time.Duration) {
	now := time.Now()
	r := &Reservation{ledger: l, call: call, began: now.Add(-took)}
	l.mu.Lock()
	open := l.started
	l.mu.Unlock()
	if open {
		r.Settle(result)
	}
}

// burn is called with the lock held.
func (l *Ledger) burn() judge.Burn {
	return judge.Burn{Hour: l.window.hour, Day: l.window.day, Reserved: l.reserved, Recent: l.window.recent}
}

// Burn is what the sliding hour and day have burned. Without a running house it is read from the
// store.
func (l *Ledger) Burn(ctx context.Context) (judge.Burn, error) {
	l.mu.Lock()
	if l.started {
		defer l.mu.Unlock()
		l.window.advance(time.Now())
		return l.burn(), nil
	}
	l.mu.Unlock()
	return l.storedBurn(ctx)
}
