// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/store"
)

const (
	// kindAction is the kind of the waist's own approvals.
	kindAction = "action"
	// heldEach bounds what one asker may have waiting in a queue, heldAgent how much of it may be one
	// agent's: one that was led astray leaves room for the others. What is beyond is refused, so that
	// nobody presses out what waits.
	heldEach  = 100
	heldAgent = 50
	// heldAfter is how long the row of a request stays after it has expired, for an asker that comes late.
	heldAfter = 7 * 24 * time.Hour
	// heldSkew is how far before a request the clock may stand: further back its age is not known.
	heldSkew = time.Minute
	// wholeTimes is how much longer what is shown whole may be than what is asked for: what nobody sees
	// is written as its number.
	wholeTimes = 4
)

// A Held is a request that is no action and waits for a person: a tool call of an agent.
type Held struct {
	ID    string
	Asker holdfast.Caller
	// What is asked for, and for whom: a tool's name, an agent's.
	What, Subject string
	// Input is what a person is shown in a list, secrets masked; Whole is the same with nothing cut or
	// left out, for who judges it; Payload is what the carrier needs to do it.
	Input, Whole, Payload json.RawMessage
	Expires               time.Time
}

// A Ruling is how a held request stands. Result is there once it was carried out.
type Ruling struct {
	State, Reason, Answerer string
	Result                  json.RawMessage
	outcome                 string
}

// Lost tells that it was allowed, and that the house ended before its result was known.
func (r Ruling) Lost() bool { return r.outcome == outcomeUnknown }

// Pending tells that nobody has decided yet.
func (r Ruling) Pending() bool { return r.State == "pending" }

// A Carrier does what is allowed in a queue, with the standing of the asker.
type Carrier struct {
	// May tells why a request cannot be carried out any more, before it is allowed; nil lets all be.
	May   func(context.Context, Held) error
	Carry func(context.Context, Held) (json.RawMessage, error)
}

func (c *Carrier) may(ctx context.Context, h Held) error {
	if c.May == nil {
		return nil
	}
	return c.May(ctx, h)
}

// A Queue is the part of the approvals that one capability fills:
//
//	Hold ──▶ pending ──▶ allowed ──▶ carried out once, by whoever allowed it
//	             └─────▶ denied | expired
//
// Of any number who decide at once one wins. What was allowed is never carried out twice, also when
// the house ends in between: then its outcome is not known, and it has no result.
type Queue struct {
	kind     string
	registry *Registry
	carrier  atomic.Pointer[Carrier]

	mu      sync.Mutex
	changed chan struct{}
}

// Queue adds a kind of requests to the approvals.
func (r *Registry) Queue(kind string) *Queue {
	q := &Queue{kind: kind, registry: r, changed: make(chan struct{})}
	r.queues[kind] = q
	return q
}

// Carry says who carries out what `approval allow` allows; nil while nobody can.
func (q *Queue) Carry(c *Carrier) { q.carrier.Store(c) }

// Changed is closed at the next decision or result.
func (q *Queue) Changed() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.changed
}

func (q *Queue) touch() {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.changed)
	q.changed = make(chan struct{})
}

// Hold puts requests of one asker into the queue, durably; all or none, and with them what beside
// writes in the same transaction (nil: nothing). It refuses with a *holdfast.Refusal where too many wait.
func (q *Queue) Hold(ctx context.Context, asker holdfast.Caller, beside func(context.Context, store.Tx) error, requests ...Held) error {
	who, err := json.Marshal(asker)
	if err != nil {
		return fmt.Errorf("cannot hold the request: %w", err)
	}
	now := q.registry.needs.Now()
	err = q.registry.needs.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM approvals WHERE kind = ? AND expires < ?`, q.kind, now.Add(-heldAfter).UnixNano()); err != nil {
			return err
		}
		if err := q.room(ctx, tx, asker, requests, now); err != nil {
			return err
		}
		for i, h := range requests {
			// The order of the plan is the order in which they came.
			if _, err := tx.Exec(ctx, `INSERT INTO approvals (id, kind, created, expires, asker, caller, action, subject, input, whole, payload, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')`,
				h.ID, q.kind, now.UnixNano()+int64(i), h.Expires.UnixNano(), string(who), asker.String(),
				h.What, h.Subject, string(h.Input), string(h.Whole), string(h.Payload)); err != nil {
				return err
			}
		}
		if beside != nil {
			return beside(ctx, tx)
		}
		return nil
	})
	if full, ok := errors.AsType[*holdfast.Refusal](err); ok {
		q.refused(ctx, asker, requests, full)
		return full
	}
	if err != nil {
		return fmt.Errorf("cannot hold the request for approval: %w", err)
	}
	for _, h := range requests {
		q.note(ctx, h, asker, map[string]string{"approval": h.ID, "state": "pending"})
	}
	return nil
}

// A Room is how much of a queue an agent of an asker may still fill: Waiting of at most Most wait, of the
// agent or of all of the asker, whichever leaves less.
type Room struct{ Waiting, Most, Free int }

// Room tells what Hold would still take of one agent for an asker; others may be faster.
func (q *Queue) Room(ctx context.Context, asker holdfast.Caller, agent string) (Room, error) {
	var all, one int
	err := q.registry.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		now := q.registry.needs.Now()
		if all, err = q.waiting(ctx, tx, asker, now, ""); err == nil {
			one, err = q.waiting(ctx, tx, asker, now, ` AND subject = ?`, agent)
		}
		return err
	})
	if err != nil {
		return Room{}, fmt.Errorf("cannot count what waits for approval: %w", err)
	}
	if heldEach-all < heldAgent-one {
		return Room{all, heldEach, max(0, heldEach-all)}, nil
	}
	return Room{one, heldAgent, max(0, heldAgent-one)}, nil
}

func (q *Queue) waiting(ctx context.Context, tx store.Tx, asker holdfast.Caller, now time.Time, where string, args ...any) (n int, err error) {
	args = append([]any{q.kind, asker.String(), now.UnixNano()}, args...)
	err = tx.QueryRow(ctx, `SELECT COUNT(*) FROM approvals WHERE kind = ? AND caller = ? AND state = 'pending' AND expires > ?`+where, args...).Scan(&n)
	return n, err
}

// room tells whether requests fit into the queue.
func (q *Queue) room(ctx context.Context, tx store.Tx, asker holdfast.Caller, requests []Held, now time.Time) error {
	adding := map[string]int{}
	for _, h := range requests {
		adding[h.Subject]++
		if size := max(len(h.Input)+len(h.Payload), len(h.Whole)/wholeTimes); size > askedSize {
			return &holdfast.Refusal{
				Guard: "approval", Reason: fmt.Sprintf("a call of %s has %d bytes of arguments, of which a person can judge at most %d", h.What, size, askedSize),
				Remedy: "let it be called with less",
			}
		}
	}
	full := func(whose string, n int) error {
		return &holdfast.Refusal{
			Guard: "approval", Reason: fmt.Sprintf("%s has %d requests waiting for approval already", whose, n),
			Remedy: "answer them (`holdfast approval list --kind " + q.kind + "`, or in the Hub), or wait until they expire",
		}
	}
	all, err := q.waiting(ctx, tx, asker, now, "")
	if err != nil {
		return err
	}
	if all+len(requests) > heldEach {
		return full(asker.String(), all)
	}
	for agent, more := range adding {
		n, err := q.waiting(ctx, tx, asker, now, ` AND subject = ?`, agent)
		if err != nil {
			return err
		}
		if n+more > heldAgent {
			return full(agent+" for "+asker.String(), n)
		}
	}
	return nil
}

// refused journals that requests did not fit.
func (q *Queue) refused(ctx context.Context, asker holdfast.Caller, requests []Held, why *holdfast.Refusal) {
	q.registry.needs.Meter.Refusal(why.Guard)
	q.registry.note(context.WithoutCancel(ctx), holdfast.Entry{
		Caller: asker.String(), Tier: asker.Tier, Action: "approval.pending", Subject: requests[0].What, Outcome: holdfast.OutcomeRefused,
		Detail: detail(map[string]any{"guard": why.Guard, "reason": why.Reason, "kind": q.kind, "for": requests[0].Subject, "requests": len(requests)}),
	})
}

// note journals what became of a request.
func (q *Queue) note(ctx context.Context, h Held, by holdfast.Caller, said map[string]string) {
	said["kind"], said["for"] = q.kind, h.Subject
	q.registry.note(context.WithoutCancel(ctx), holdfast.Entry{
		Caller: by.String(), Tier: by.Tier, Action: "approval." + said["state"], Subject: h.What, Outcome: holdfast.OutcomeNoted, Detail: detail(said),
	})
}

// Find is how a request stands, and what it was; sql.ErrNoRows when there is none.
func (q *Queue) Find(ctx context.Context, id string) (Held, Ruling, error) {
	var h Held
	var ruling Ruling
	err := q.registry.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		var asker, input, payload, result string
		var expires int64
		err := tx.QueryRow(ctx,
			`SELECT id, expires, asker, action, subject, input, payload, state, reason, answerer, result, outcome FROM approvals WHERE kind = ? AND id = ?`,
			q.kind, id).
			Scan(&h.ID, &expires, &asker, &h.What, &h.Subject, &input, &payload, &ruling.State, &ruling.Reason, &ruling.Answerer, &result, &ruling.outcome)
		if err != nil {
			return err
		}
		h.Expires, h.Input, h.Payload = time.Unix(0, expires).UTC(), json.RawMessage(input), json.RawMessage(payload)
		if result != "" {
			ruling.Result = json.RawMessage(result)
		}
		return json.Unmarshal([]byte(asker), &h.Asker)
	})
	if err == nil && ruling.Pending() && !q.registry.needs.Now().Before(h.Expires) {
		ruling.State = "expired"
	}
	ruling.outcome = approvals{q.registry}.outcome(ruling.outcome)
	return h, ruling, err
}

// Decide answers a request: true for the one who did. Who finds it decided already gets false and
// how it stands. Whoever allowed it carries it out, and then calls Finish.
func (q *Queue) Decide(ctx context.Context, by holdfast.Caller, id string, allow bool, reason string) (won bool, err error) {
	now := q.registry.needs.Now().UnixNano()
	state, created := "allowed", now+heldSkew.Nanoseconds()
	if !allow {
		state, created = "denied", int64(1)<<62 // a move toward safety needs no clock
	}
	err = q.registry.needs.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		result, err := tx.Exec(ctx, `UPDATE approvals SET state = ?, outcome = ?, node = ?, answered = ?, answerer = ?, reason = ? WHERE kind = ? AND id = ? AND state = 'pending' AND expires > ? AND created <= ?`,
			state, begun(state), q.registry.needs.node(), now, by.String(), reason, q.kind, id, now, created)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		won = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("cannot answer approval %s: %w", id, err)
	}
	if won {
		q.touch()
	}
	return won, nil
}

// Note journals a decision that did not come by an action, such as one in a chat.
func (q *Queue) Note(ctx context.Context, h Held, by holdfast.Caller, state, via string) {
	q.note(ctx, h, by, map[string]string{"approval": h.ID, "state": state, "via": via})
}

// Finish keeps what came of an allowed request: done or failed, and what it said. What it was made of is
// forgotten.
func (q *Queue) Finish(ctx context.Context, id string, outcome holdfast.Outcome, result json.RawMessage) error {
	err := q.registry.needs.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE approvals SET result = ?, outcome = ?, payload = '' WHERE kind = ? AND id = ? AND state = 'allowed'`,
			string(result), string(outcome), q.kind, id)
		return err
	})
	q.touch()
	if err != nil {
		return fmt.Errorf("cannot keep the result of approval %s: %w", id, err)
	}
	return nil
}

// allowHeld lets a request of a queue be carried out.
func (r approvals) allowHeld(ctx context.Context, a Approval) (approvalAnswer, error) {
	answer := approvalAnswer{ID: a.ID, State: "allowed"}
	if !holdfast.ByPerson(ctx) {
		return answer, &holdfast.Refusal{Guard: "approval", Reason: "only a person may allow what an agent asked for"}
	}
	q := r.queues[a.Kind]
	var by *Carrier
	if q != nil {
		by = q.carrier.Load()
	}
	if by == nil {
		return answer, holdfast.Errorf(holdfast.CodeUnavailable, "approval %s is a call of an agent, which only a house that runs can make: start it first", a.ID)
	}
	held, _, err := q.Find(ctx, a.ID)
	if err != nil {
		return answer, err
	}
	if err := by.may(ctx, held); err != nil {
		return answer, holdfast.Errorf(holdfast.CodeConflict, "approval %s cannot be allowed: %w. It still waits: put that right, or deny it", a.ID, err)
	}
	won, err := q.Decide(ctx, holdfast.CallerFrom(ctx), a.ID, true, "")
	if err != nil {
		return answer, err
	}
	if !won {
		return answer, r.lost(ctx, a)
	}
	// An approver who hangs up has approved all the same.
	answer.Result, err = by.Carry(context.WithoutCancel(ctx), held)
	return answer, err
}

// lost says why a decision was not taken.
func (r approvals) lost(ctx context.Context, a Approval) error {
	now, err := r.find(ctx, a.ID)
	if err == nil {
		err = r.early(now)
	}
	if err != nil {
		return err
	}
	return holdfast.Errorf(holdfast.CodeConflict, "approval %s was answered by somebody else just now", a.ID)
}

// early refuses to allow what was asked for in what is now the future: the clock went back, and nobody
// knows whether it has expired.
func (r approvals) early(a Approval) error {
	if !a.Created.After(r.needs.Now().Add(heldSkew)) {
		return nil
	}
	return holdfast.Errorf(holdfast.CodeConflict,
		"approval %s was asked for at %s, which the clock has not reached: its age is not known. Set the clock right, or deny it",
		a.ID, a.Created.Format(time.RFC3339))
}

// denyHeld denies a request of a queue.
func (r approvals) denyHeld(ctx context.Context, a Approval, reason string) (approvalAnswer, error) {
	q := r.queues[a.Kind]
	if q == nil {
		return approvalAnswer{}, holdfast.Errorf(holdfast.CodeFailed, "approval %s is of the kind %s, which this house does not know", a.ID, a.Kind)
	}
	won, err := q.Decide(ctx, holdfast.CallerFrom(ctx), a.ID, false, reason)
	if err == nil && !won {
		err = r.lost(ctx, a)
	}
	return approvalAnswer{ID: a.ID, State: "denied"}, err
}

// Missing tells that there is no such request.
func Missing(err error) bool { return errors.Is(err, sql.ErrNoRows) }
