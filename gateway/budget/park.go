// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A queue holds the calls that wait for approval, and remembers which were approved until they are
// settled. Its owner locks it.
//
//	refused by a budget that parks ──▶ waiting ──▶ approved ──▶ reserved again ──▶ settled
//	                                      │
//	                                      └──▶ denied, expired, or the client hung up: gone
type queue struct {
	waiting map[string]*waiting // by request id
	granted map[string]bool
}

// waiting is one call. Its answer has room for one word.
type waiting struct {
	refusal      *Exceeded
	since, until time.Time
	answer       chan answer
}

// An answer ends a wait, or has the call judged again when neither allowed nor denied.
type answer struct {
	allowed bool
	denied  string
}

func newQueue() queue { return queue{waiting: map[string]*waiting{}, granted: map[string]bool{}} }

// approved tells whether an operator approved a call.
func (q *queue) approved(id string) bool { return len(q.granted) > 0 && q.granted[id] }

func (q *queue) forget(id string) {
	if len(q.granted) > 0 {
		delete(q.granted, id)
	}
}

// again has every call judged again, for the budgets changed.
func (q *queue) again() {
	for _, w := range q.waiting {
		w.say(answer{})
	}
}

// end denies every call.
func (q *queue) end() {
	for _, w := range q.waiting {
		w.say(answer{denied: "the house ended before anybody approved it"})
	}
}

// say gives an answer. One that only has the call judged again makes room for a verdict.
func (w *waiting) say(a answer) bool {
	for {
		select {
		case w.answer <- a:
			return true
		default:
		}
		if a == (answer{}) {
			return false
		}
		select {
		case old := <-w.answer:
			if old != (answer{}) {
				w.answer <- old
				return false
			}
		default:
		}
	}
}

// Patiently runs try, which reserves a call in the ledger. Where a budget that parks refuses it, the
// call waits, bounded, until an operator approves it, the budget has room again, or ctx ends; then
// try runs again. The error is try's, an *Exceeded with the verdict, or ctx's.
func (b *Budgets) Patiently(ctx context.Context, try func() error) error {
	err := try()
	refusal, ok := errors.AsType[*Exceeded](err)
	if !ok || !refusal.Park {
		return err
	}
	w, err := b.park(refusal)
	if err != nil {
		return err
	}
	err = b.outwait(ctx, w, try)
	b.leave(refusal.claim.RequestID, err != nil)
	return err
}

// outwait tries again whenever that may help.
func (b *Budgets) outwait(ctx context.Context, w *waiting, try func() error) error {
	for {
		approved, err := b.await(ctx, w)
		if err != nil {
			return err
		}
		err = try()
		again, ok := errors.AsType[*Exceeded](err)
		if approved || !ok || !again.Park {
			return err
		}
		b.mu.Lock()
		w.refusal = again
		b.mu.Unlock()
	}
}

// park queues a call that was refused.
func (b *Budgets) park(e *Exceeded) (*waiting, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := e.claim.RequestID
	if most := b.book.config.Park.Most; len(b.queue.waiting) >= most {
		e.Verdict = fmt.Sprintf("as many calls wait for approval already as may: %d (budgets.park.most)", most)
		return nil, e
	}
	if _, there := b.queue.waiting[id]; there || id == "" || !b.started {
		return nil, e
	}
	now := b.needs.Now()
	w := &waiting{refusal: e, since: now, until: now.Add(b.book.config.Park.Wait.Std()), answer: make(chan answer, 1)}
	b.queue.waiting[id] = w
	b.announce(e.event(eventParked))
	return w, nil
}

// await returns when a call may be tried again, and whether that was approved.
func (b *Budgets) await(ctx context.Context, w *waiting) (approved bool, err error) {
	until := w.until
	expires := w.refusal.Until.After(until)
	if !expires {
		until = w.refusal.Until // the next period has room
	}
	timer := time.NewTimer(until.Sub(b.needs.Now()))
	defer timer.Stop()
	select {
	case a := <-w.answer:
		if a.denied != "" {
			return false, w.ended(a.denied)
		}
		return a.allowed, nil
	case <-ctx.Done():
		b.tellOf(w, eventLeft)
		return false, context.Cause(ctx)
	case <-timer.C:
		if !expires {
			return false, nil
		}
	}
	b.tellOf(w, eventExpired)
	return false, w.ended("no operator approved it within " + w.until.Sub(w.since).Round(time.Second).String())
}

func (b *Budgets) tellOf(w *waiting, event string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.announce(w.refusal.event(event))
}

// ended is the refusal with its verdict.
func (w *waiting) ended(verdict string) *Exceeded {
	e := *w.refusal
	e.Park, e.Verdict = false, verdict
	return &e
}

// leave takes a call out of the queue, and back its approval when it was not made.
func (b *Budgets) leave(id string, failed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.queue.waiting, id)
	if failed {
		b.queue.forget(id)
	}
}

// decide answers a waiting call; false when it no longer waits.
func (b *Budgets) decide(id string, a answer) (Parked, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.queue.waiting[id]
	if w == nil || !w.say(a) {
		return Parked{}, false
	}
	if a.allowed {
		b.queue.granted[id] = true
	}
	delete(b.queue.waiting, id)
	return w.shown(), true
}

// Parked is a call that waits for approval.
type Parked struct {
	ID      string    `json:"id"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until" help:"when it is refused by itself"`
	Scope   string    `json:"scope"`
	Setting string    `json:"setting" help:"the deciding setting"`
	Caller  string    `json:"caller"`
	Agent   string    `json:"agent,omitempty"`
	Model   string    `json:"model"`
	Tokens  int64     `json:"tokens" help:"what it may need"`
	USD     float64   `json:"usd,omitempty" help:"what it may cost, where its price is known"`
	Why     string    `json:"why"`
}

func (w *waiting) shown() Parked {
	e := w.refusal
	return Parked{
		ID: e.claim.RequestID, Since: w.since.UTC(), Until: w.until.UTC(), Scope: e.Scope, Setting: e.Setting,
		Caller: e.claim.Caller, Agent: e.claim.Agent, Model: e.claim.Provider + "/" + e.claim.Model,
		Tokens: e.claim.Tokens, USD: measured(e.claim.Cost.Nano, true), Why: e.Error(),
	}
}

// parked lists the calls that wait, oldest first.
func (b *Budgets) parked() []Parked {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []Parked{}
	for _, w := range b.queue.waiting {
		list = append(list, w.shown())
	}
	slices.SortFunc(list, func(x, y Parked) int {
		if d := x.Since.Compare(y.Since); d != 0 {
			return d
		}
		return strings.Compare(x.ID, y.ID)
	})
	return list
}

// event tells of a refused call.
func (e *Exceeded) event(what string) Event {
	return Event{
		Event: what, Scope: e.Scope, Period: e.Period, Quota: measured(e.Quota, e.Money), Spent: measured(e.Spent, e.Money),
		Tokens: e.claim.Tokens, USD: measured(e.claim.Cost.Nano, true), Setting: e.Setting, Call: e.claim.RequestID,
		Detail: strings.TrimSpace(e.claim.Caller + " " + e.claim.Provider + "/" + e.claim.Model),
	}
}
