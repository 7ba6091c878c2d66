// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"holdfast"
	"holdfast/gateway/price"
)

// A Call is what is known of a model call before it is made.
type Call struct {
	Caller string `json:"caller"`
	// Key names the virtual key that the caller bore; empty for none.
	Key       string `json:"key,omitempty"`
	Tenant    string `json:"tenant,omitempty"`
	Agent     string `json:"agent,omitempty"`
	Unit      string `json:"unit,omitempty"`
	Session   string `json:"session,omitempty"`
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
	StatusCancelled = "cancelled" // the client hung up, or the house ended
	StatusHalted    = "halted"    // the breaker cut it
	StatusFailed    = "failed"    // nobody answered
	StatusOrphan    = "orphan"    // a crash left it
	StatusCached    = "cached"    // answered from memory: nobody was asked, nothing was spent
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
	// ResponseID is the provider's own name of the answer, by which a coding agent's log of the same
	// call is known.
	ResponseID string
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
	cost   price.Cost // of what is held
	booked bool       // it was never reserved
	done   bool
	to     int64 // where its record in the log ends

	// Of the ledger, with its lock held: its neighbours among those that are open, and where its record
	// in the log begins.
	older, newer *Reservation
	from         int64
}

// Reserve books what a call may burn before it is made: a house that is killed from then on leaves it
// in the log, and a machine that loses its power does a few milliseconds later. The error is the Gate's
// or the Purse's when the call is not admitted.
func (l *Ledger) Reserve(ctx context.Context, call Call, input, output int64) (*Reservation, error) {
	r := &Reservation{ledger: l, call: call, began: l.needs.Now(), held: input + output, input: input}
	r.cost = l.needs.most(call, input, output)
	if err := l.write.pace(ctx); err != nil {
		return nil, err
	}
	if err := r.admit(); err != nil {
		return nil, err
	}
	l.log.Sync()
	return r, nil
}

// Fits tells whether a call of that size would be admitted now. It holds nothing, so others may be
// quicker.
func (l *Ledger) Fits(call Call, input, output int64) bool {
	c := Claim{Call: call, Tokens: input + output, Cost: l.needs.most(call, input, output), At: l.needs.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started {
		return false
	}
	l.window.Advance(c.At)
	if l.needs.Gate.Admit(c, l.burn()) != nil {
		return false
	}
	purse, tells := l.needs.Purse.(taster)
	return !tells || purse.Fits(c)
}

func (n Needs) most(call Call, input, output int64) price.Cost {
	if n.Prices == nil {
		return price.Cost{}
	}
	return n.Prices.Most(call.Provider, call.Model, input, output)
}

func (n Needs) priced(provider, model string, u holdfast.Usage) price.Cost {
	if n.Prices == nil {
		return price.Cost{}
	}
	cost := n.Prices.Cost(provider, model, u)
	cost.Nano = min(cost.Nano, mostNano)
	return cost
}

// admit asks and writes into the log under one lock, so that the order of the log is the order in
// which calls were admitted and gave back: whatever is cut off at its end, the rest was allowed.
func (r *Reservation) admit() error {
	l := r.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started {
		return ErrClosed
	}
	if err := l.write.refusal(); err != nil {
		return err
	}
	l.window.Advance(r.began)
	if err := l.ask(r.claim()); err != nil {
		return err
	}
	r.id = l.nextID(r.began)
	if err := r.enter(settledRoom); err != nil {
		r.giveBack()
		return err
	}
	l.open.add(r)
	return nil
}

// ask is called with the lock held.
func (l *Ledger) ask(c Claim) error {
	if err := l.needs.Gate.Admit(c, l.burn()); err != nil {
		return err
	}
	if l.needs.Purse != nil {
		if err := l.needs.Purse.Reserve(c); err != nil {
			return err
		}
	}
	l.reserved += c.Tokens
	return nil
}

// claim is what is held.
func (r *Reservation) claim() Claim {
	return Claim{Call: r.call, Tokens: r.held, Cost: r.cost, At: r.began}
}

// giveBack releases what a call held that is not made. Called with the lock held.
func (r *Reservation) giveBack() {
	l := r.ledger
	l.reserved -= r.held
	if l.needs.Purse != nil {
		l.needs.Purse.Settle(r.claim(), Claim{Call: r.call, Cost: price.Cost{Known: r.cost.Known}, At: r.began}, r.began)
	}
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

// Extend reserves more output for a call that goes on, and returns when a loss of power would leave it
// reserved. The error is the Gate's or the Purse's, and then nothing changed; or the disk's.
func (r *Reservation) Extend(output int64) error {
	if err := r.grow(output); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.ledger.log.Wait(ctx, r.to); err != nil {
		return fmt.Errorf("cannot keep what is reserved: %w", err)
	}
	return nil
}

func (r *Reservation) grow(output int64) error {
	l := r.ledger
	more, whole := r.dearer(l.needs.most(r.call, r.input, r.held-r.input+output))
	c := Claim{Call: r.call, Tokens: output, Cost: more, At: l.needs.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window.Advance(c.At)
	if err := l.ask(c); err != nil {
		return err
	}
	before := r.cost
	r.held, r.cost = r.held+output, whole
	err := r.enter(0)
	if err != nil {
		r.held, r.cost = r.held-output, before
		(&Reservation{ledger: l, call: r.call, began: c.At, held: output, cost: more}).giveBack()
	}
	return err
}

// Turn moves what is held to another model, of whose output at most so much will be asked for: it may
// cost more or have no known price. The error is the Purse's, and then nothing was moved.
func (r *Reservation) Turn(provider, model string, output int64) error {
	l, call := r.ledger, r.call
	call.Provider, call.Model = provider, model
	more, whole := r.dearer(l.needs.most(call, r.input, min(output, r.held-r.input)))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.needs.Purse != nil {
		if err := l.needs.Purse.Reserve(Claim{Call: call, Cost: more, At: l.needs.Now()}); err != nil {
			return err
		}
	}
	r.call, r.cost = call, whole
	if err := r.enter(0); err != nil {
		l.needs.Log.Warn("a call that turns to another model is in the log with the one before", "error", err)
	}
	l.log.Sync()
	return nil
}

// dearer is how much more a reservation costs when the whole of it costs that, and what it costs
// then. What is held is not given back before the call is settled.
func (r *Reservation) dearer(whole price.Cost) (more, held price.Cost) {
	if !whole.Known {
		return whole, r.cost
	}
	if !r.cost.Known {
		return whole, whole
	}
	held = price.Cost{Nano: max(whole.Nano, r.cost.Nano), Known: true}
	return price.Cost{Nano: held.Nano - r.cost.Nano, Known: true}, held
}

// Settle replaces the reservation with the truth. The burn and the log have it at once, the store soon.
// Only the first counts.
func (r *Reservation) Settle(result Result) {
	if r.done {
		return
	}
	r.done = true
	l := r.ledger
	now := r.ended(l.needs.Now())
	result.Usage = bounded(result.Usage)
	spent := Claim{Call: r.call, Tokens: result.Usage.Total(), Cost: l.needs.priced(result.Provider, result.Model, result.Usage), At: now}
	spent.Provider, spent.Model = result.Provider, result.Model
	if result.Status == StatusCached {
		spent.Cost = price.Cost{Known: true}
	}
	l.mu.Lock()
	if r.booked && !l.started {
		l.mu.Unlock()
		return
	}
	l.window.Advance(now)
	l.window.Add(l.window.Head(), spent.Tokens) // also when the clock was ahead and was set back: it would slide out too soon
	l.reserved -= r.held
	if l.needs.Purse != nil {
		l.needs.Purse.Settle(r.given(), spent, now)
	}
	if !result.Estimated && result.Status == StatusOK && result.Usage.Output > 0 {
		l.outputs.learn(result.Provider, result.Model, result.Usage.Output)
	}
	burn := l.burn()
	row := r.settled(l.nextID(now), result, now, l.needs.Node)
	row.cost = spent.Cost
	r.close(row) // before anybody can reserve what this gave back
	l.mu.Unlock()
	l.needs.Gate.Booked(spent, burn)
}

// ended is when a call ended that ends now. Where the clock was set back meanwhile that is when it
// began: it counts in the day whose budget admitted it, and not in one that may be spent.
func (r *Reservation) ended(now time.Time) time.Time {
	if now.UnixNano() < r.began.UnixNano() { // by the wall, whatever the monotonic clock says
		return r.began
	}
	return now
}

// given is what goes back to the purse: nothing of a call that was never reserved.
func (r *Reservation) given() Claim {
	if r.booked {
		return Claim{}
	}
	return r.claim()
}

// Book enters a call that was never reserved, such as an attempt that a provider left unanswered
// and may charge for.
func (l *Ledger) Book(call Call, result Result, took time.Duration) {
	now := l.needs.Now()
	(&Reservation{ledger: l, call: call, began: now.Add(-took), booked: true}).Settle(result)
}
