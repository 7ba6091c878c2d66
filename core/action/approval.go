// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of the waist.
func Migrations() fs.FS {
	sub, _ := fs.Sub(migrations, "migrations") // the embedded folder is there
	return sub
}

const (
	approvalLife = 24 * time.Hour
	// approvalsEach bounds what one asker may have waiting, so that a runaway agent cannot bury the rest.
	approvalsEach = 20
	// askedSize bounds what one request asks for: a person could judge no more.
	askedSize = 256 << 10
)

// An Approval is a request that waits for a person: a destroying action of somebody who may not
// confirm it, or what a Queue holds.
//
//	pending ──▶ allowed | denied | expired
//
// What was allowed has an outcome.
type Approval struct {
	ID       string          `json:"id"`
	Kind     string          `json:"kind" enum:"action,tool" help:"an action that destroys, or a tool call of an agent"`
	Created  time.Time       `json:"created"`
	Expires  time.Time       `json:"expires"`
	Caller   string          `json:"caller" help:"who asks"`
	Action   string          `json:"action" help:"what is asked for: an action, or a tool"`
	Subject  string          `json:"subject" help:"what it acts on; for a tool, the agent that plans with it"`
	Input    json.RawMessage `json:"input"`
	Cut      bool            `json:"cut,omitempty" help:"the input is not all: approval show has the whole"`
	State    string          `json:"state" enum:"pending,allowed,denied,expired"`
	Answered time.Time       `json:"answered,omitzero"`
	Answerer string          `json:"answerer,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Outcome  string          `json:"outcome,omitempty" enum:"running,done,failed,unknown" help:"what came of what was allowed; unknown where the house ended in the midst of it"`
	Note     string          `json:"note,omitempty" help:"what to know of its outcome"`
}

// approvals are the requests that wait, as the registry keeps them.
type approvals struct{ *Registry }

// park keeps a request for a person's answer. The same request of the same asker waits only once.
func (r approvals) park(ctx context.Context, c call) error {
	asker, err := json.Marshal(c.caller)
	if err != nil {
		return fmt.Errorf("cannot keep the request: %w", err)
	}
	input, err := json.Marshal(c.input)
	if err != nil {
		return fmt.Errorf("cannot keep the request: %w", err)
	}
	if len(input) > askedSize {
		return &holdfast.Refusal{
			Guard: "inventory", Reason: fmt.Sprintf("what is asked for has %d bytes, of which a person can judge at most %d", len(input), askedSize),
			Remedy: "ask for less, or let a person do it",
		}
	}
	now := r.needs.Now()
	id := strings.ToLower(rand.Text()[:10])
	fresh := true
	err = r.needs.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		waiting, same, err := waitingOf(ctx, tx, c, string(input), now)
		if err != nil {
			return err
		}
		if same != "" {
			id, fresh = same, false
			return nil
		}
		if waiting >= approvalsEach {
			return &holdfast.Refusal{
				Guard: "inventory", Reason: fmt.Sprintf("%s has %d requests waiting already", c.caller, waiting),
				Remedy: "wait until a person has answered them",
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO approvals (id, created, expires, asker, caller, action, subject, input, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending')`,
			id, now.UnixNano(), now.Add(approvalLife).UnixNano(), string(asker), c.caller.String(), c.action.Name, subject(c), string(input))
		return err
	})
	if err != nil {
		return err
	}
	if fresh {
		entry := r.entry(c, holdfast.OutcomeNoted)
		entry.Detail = detail(map[string]string{"approval": id, "state": "pending"})
		r.note(ctx, entry)
	}
	return &holdfast.Pending{ID: id}
}

func waitingOf(ctx context.Context, tx store.Tx, c call, input string, now time.Time) (waiting int, same string, err error) {
	rows, err := tx.Query(ctx,
		`SELECT id, action, input FROM approvals WHERE kind = 'action' AND state = 'pending' AND caller = ? AND expires > ?`,
		c.caller.String(), now.UnixNano())
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, action, in string
		if err := rows.Scan(&id, &action, &in); err != nil {
			return 0, "", err
		}
		waiting++
		if action == c.action.Name && in == input {
			same = id
		}
	}
	return waiting, same, rows.Err()
}

type approvalFilter struct {
	State string `json:"state" enum:"pending,allowed,denied,expired,all" default:"pending" help:"which to list"`
	Kind  string `json:"kind" enum:"action,tool,all" default:"all" help:"actions that destroy, or tool calls of agents"`
}

// where narrows the list. What still stands as pending when its time is over has expired.
func (f approvalFilter) where(now time.Time) (where string, args []any) {
	var parts []string
	add := func(part string, more ...any) { parts, args = append(parts, part), append(args, more...) }
	switch f.State {
	case "pending":
		add(`state = 'pending' AND expires > ?`, now.UnixNano())
	case "expired":
		add(`(state = 'expired' OR state = 'pending' AND expires <= ?)`, now.UnixNano())
	case "allowed", "denied":
		add(`state = ?`, f.State)
	}
	if f.Kind != "all" {
		add(`kind = ?`, f.Kind)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return ` WHERE ` + strings.Join(parts, ` AND `), args
}

type approvalList struct {
	Approvals []Approval `json:"approvals"`
}

type approvalID struct {
	ID string `json:"id" required:"true" pos:"1" help:"the approval's id, from approval list"`
}

type approvalDenial struct {
	ID     string `json:"id" required:"true" pos:"1" help:"the approval's id, from approval list"`
	Reason string `json:"reason" help:"told to whoever asked" max:"500"`
}

type approvalAnswer struct {
	ID     string          `json:"id"`
	State  string          `json:"state"`
	Result json.RawMessage `json:"result,omitempty"`
}

func (r approvals) actions() []holdfast.Action {
	return []holdfast.Action{
		NewAction(holdfast.Action{
			Name: "approval.list", Summary: "List requests that wait for a person's answer",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
		}, r.list),
		NewAction(holdfast.Action{
			Name: "approval.show", Summary: "Show one request with all that it asks for",
			Help: "Nothing is cut or left out: only what is secret is masked, and characters that nobody sees are written as their numbers. What is shown is what is carried out when it is allowed.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
		}, r.whole),
		NewAction(holdfast.Action{
			Name: "approval.allow", Summary: "Allow a waiting request, after confirming its inventory",
			Help: "Shows what an action would destroy and asks for each category, as if you had asked yourself. It runs with your standing. A tool call of an agent is made at once, with the standing of whoever asked the agent; its result waits for them.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true,
		}, r.allow),
		NewAction(holdfast.Action{
			Name: "approval.deny", Summary: "Deny a waiting request",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Safer: true, Offline: true,
		}, r.deny),
	}
}

const (
	approvalColumns = `SELECT id, kind, created, expires, caller, action, subject, input, ` + approvalCut + `, state, answered, answerer, reason, outcome FROM approvals`
	// approvalCut tells of a tool call whose list shows less than all; what an older house held was kept in short.
	approvalCut   = `CASE WHEN kind <> 'action' AND whole <> input THEN 1 ELSE 0 END`
	approvalWhole = `SELECT id, kind, created, expires, caller, action, subject, CASE whole WHEN '' THEN input ELSE whole END, ` +
		`CASE WHEN kind <> 'action' AND whole = '' THEN 1 ELSE 0 END, state, answered, answerer, reason, outcome FROM approvals`
)

func (r approvals) list(ctx context.Context, in approvalFilter) (approvalList, error) {
	// What waits comes before what was answered, and what destroys before what agents ask for, so that no
	// number of others hides a request.
	where, args := in.where(r.needs.Now())
	list, err := r.all(ctx,
		approvalColumns+where+` ORDER BY CASE state WHEN 'pending' THEN 0 ELSE 1 END, CASE kind WHEN 'action' THEN 0 ELSE 1 END, created DESC, id LIMIT 500`,
		args...)
	return approvalList{Approvals: list}, err
}

// all are the approvals that a query finds; none is an empty list.
func (r approvals) all(ctx context.Context, query string, args ...any) ([]Approval, error) {
	list := []Approval{}
	err := r.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			a, err := r.scan(rows)
			if err != nil {
				return err
			}
			list = append(list, a)
		}
		return rows.Err()
	})
	return list, err
}

func (r approvals) scan(row interface{ Scan(...any) error }) (Approval, error) {
	var a Approval
	var created, expires, answered, cut int64
	var input string
	err := row.Scan(&a.ID, &a.Kind, &created, &expires, &a.Caller, &a.Action, &a.Subject, &input, &cut, &a.State, &answered, &a.Answerer, &a.Reason, &a.Outcome)
	a.Created, a.Expires, a.Input = time.Unix(0, created).UTC(), time.Unix(0, expires).UTC(), json.RawMessage(input)
	a.Cut = cut != 0
	if answered > 0 {
		a.Answered = time.Unix(0, answered).UTC()
	}
	if a.State == "pending" && !r.needs.Now().Before(a.Expires) {
		a.State = "expired"
	}
	if a.Outcome = r.outcome(a.Outcome); a.Outcome == outcomeUnknown {
		a.Note = endedAmid
	}
	return a, err
}

// whole is one request with all that is asked for.
func (r approvals) whole(ctx context.Context, in approvalID) (Approval, error) {
	return r.one(ctx, approvalWhole, in.ID)
}

func (r approvals) one(ctx context.Context, columns, id string) (Approval, error) {
	var a Approval
	err := r.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		a, err = r.scan(tx.QueryRow(ctx, columns+` WHERE id = ?`, id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return a, holdfast.Errorf(holdfast.CodeNotFound, "there is no approval %q", id)
	}
	return a, err
}

// find is a request that waits.
func (r approvals) find(ctx context.Context, id string) (Approval, error) {
	a, err := r.one(ctx, approvalColumns, id)
	if err == nil && a.State != "pending" {
		return a, holdfast.Errorf(holdfast.CodeConflict, "approval %s is %s already", id, a.State)
	}
	return a, err
}

// allow runs a parked request with the approver's standing, once its inventory is confirmed. The
// approval is taken before the act, so that of two who allow it at once only one runs it.
func (r approvals) allow(ctx context.Context, in approvalID) (approvalAnswer, error) {
	answer := approvalAnswer{ID: in.ID, State: "allowed"}
	waiting, err := r.find(ctx, in.ID)
	if err != nil {
		return answer, err
	}
	if waiting.Kind != kindAction {
		return r.allowHeld(ctx, waiting)
	}
	if !holdfast.ByPerson(ctx) {
		return answer, &holdfast.Refusal{Guard: "inventory", Reason: "only a person may allow what destroys"}
	}
	if err := r.early(waiting); err != nil {
		return answer, err
	}
	c, err := r.admit(ctx, holdfast.CallerFrom(ctx), waiting.Action, waiting.Input)
	if err != nil {
		return answer, err
	}
	c.confirm, _ = ctx.Value(confirmationKey{}).(*holdfast.Confirmation)
	inventory, err := r.inventory(ctx, c)
	if err != nil {
		return answer, err
	}
	if reason := r.unconfirmed(c, inventory); reason != "" {
		return answer, r.show(c, inventory, reason)
	}
	if err := r.answer(ctx, in.ID, "allowed", ""); err != nil {
		return answer, err
	}
	out, err := r.perform(ctx, c, inventory.Categories)
	r.ended(ctx, in.ID, err)
	if err != nil {
		return answer, err
	}
	answer.Result, err = json.Marshal(out)
	return answer, err
}

func (r approvals) deny(ctx context.Context, in approvalDenial) (approvalAnswer, error) {
	waiting, err := r.find(ctx, in.ID)
	if err != nil {
		return approvalAnswer{}, err
	}
	if waiting.Kind != kindAction {
		return r.denyHeld(ctx, waiting, in.Reason)
	}
	return approvalAnswer{ID: in.ID, State: "denied"}, r.answer(ctx, in.ID, "denied", in.Reason)
}

// answer takes a pending approval exactly once.
func (r approvals) answer(ctx context.Context, id, state, reason string) error {
	return r.needs.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		result, err := tx.Exec(ctx, `UPDATE approvals SET state = ?, outcome = ?, node = ?, answered = ?, answerer = ?, reason = ? WHERE id = ? AND state = 'pending'`,
			state, begun(state), r.needs.node(), r.needs.Now().UnixNano(), holdfast.CallerFrom(ctx).String(), reason, id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, holdfast.Errorf(holdfast.CodeConflict, "approval %s was answered by somebody else just now", id))
		}
		return nil
	})
}
