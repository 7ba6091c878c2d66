// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
	"holdfast/core/action"
	"holdfast/core/store"
)

// a payload is what is needed to make a call that was approved.
type payload struct {
	Agent     string          `json:"agent"` // as a model
	Tool      string          `json:"tool"`
	Arguments json.RawMessage `json:"arguments"`
}

// an outcome is what an approved call came to, as the queue keeps it.
type outcome struct {
	Text   string `json:"text"`
	Failed bool   `json:"failed,omitempty"`
}

// as is the outcome in one word.
func (o outcome) as() holdfast.Outcome {
	if o.Failed {
		return holdfast.OutcomeFailed
	}
	return holdfast.OutcomeDone
}

const lostAmid = "The call was allowed and begun, and the house ended before its result was known. It is not made again: look whether it was done."

// an approval is how a client answers a call that waits for it, in the place of a tool's result:
// {"approval": "allow"}, {"approval": "deny", "reason": "…"}, or {"approval": "wait"} for a person to
// answer it elsewhere.
type approval struct {
	Approval string `json:"approval"`
	Reason   string `json:"reason"`
}

// deciding is the part of a run that has to do with approvals.
type deciding struct{ *run }

func approvalOf(text string) (approval, bool) {
	var a approval
	if json.Unmarshal([]byte(strings.TrimSpace(text)), &a) != nil {
		return a, false
	}
	return a, slices.Contains([]string{"allow", "deny", "wait"}, a.Approval)
}

// owner is whose conversation a request belongs to.
func (r *run) owner() string {
	return strings.Join([]string{r.caller.String(), r.caller.Tier.String(), r.caller.Tenant, r.caller.Unit}, "\n")
}

// park keeps the run for the answers to its calls: in the queue and in the chat, or in neither.
func (r deciding) park(ctx context.Context, calls []toolCall) ([]toolCall, error) {
	a := r.agents
	life := a.settings().Approval.Std()
	ours := func(c toolCall) bool { return !r.offer.own[c.Function.Name] }
	calls = slices.Clone(calls)
	for i, c := range calls {
		if calls[i].Function = c.as(); ours(c) {
			calls[i].Function.Arguments = onceSaid(c.Function.Arguments)
		}
	}
	one, shown := newParking(slices.Clone(r.messages[r.given:]), calls, ours)
	var held []action.Held
	for _, c := range shown {
		mine := one.calls[c.ID]
		if mine.Approval == "" {
			continue
		}
		arguments, tool := argumentsOf(mine.toolCall), r.offer.entries[c.Function.Name]
		held = append(held, action.Held{
			ID: mine.Approval, What: c.Function.Name, Subject: r.as.name, Input: tool.Shown(arguments), Whole: tool.Judged(arguments),
			Payload: encode(payload{Agent: r.as.name, Tool: c.Function.Name, Arguments: arguments}), Expires: a.now().Add(life),
		})
	}
	keep := func(ctx context.Context, tx store.Tx) error { return a.parkings.keep(ctx, tx, r.owner(), life, one) }
	err := a.needs.Approvals.Hold(ctx, r.caller, keep, held...)
	if _, full := errors.AsType[*holdfast.Refusal](err); err != nil && !full {
		err = fmt.Errorf("cannot keep the conversation until its calls are approved: %w", err)
	}
	return shown, err
}

// argumentsOf is what a model wants to call with; what is no JSON goes on as text, for the catalogue
// to refuse.
func argumentsOf(c toolCall) json.RawMessage {
	text := strings.TrimSpace(c.as().Arguments)
	switch {
	case text == "":
		return json.RawMessage("{}")
	case !json.Valid([]byte(text)):
		return encode(text)
	}
	return json.RawMessage(text)
}

// onceSaid writes arguments so that all read the same in them: of a name that is said twice the last,
// which is the one that is shown.
func onceSaid(arguments string) string {
	decoder := json.NewDecoder(strings.NewReader(arguments))
	decoder.UseNumber()
	var value any
	if !json.Valid([]byte(arguments)) || decoder.Decode(&value) != nil {
		return arguments
	}
	return string(encode(value))
}

// recall puts what the client did not see back into the conversation, and carries out the calls that
// it approved.
func (r deciding) recall(ctx context.Context) ([]json.RawMessage, error) {
	var messages []json.RawMessage
	open, unknown, origins := map[string]*parking{}, map[string]toolCall{}, map[int]*parking{}
	for i, raw := range r.asked.messages {
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, bad("messages", "a message cannot be read")
		}
		switch {
		case m.Role == "assistant" && len(m.ToolCalls) > 0:
			one, err := r.agents.parkings.find(ctx, r.owner(), ids(m.ToolCalls))
			if err != nil {
				return nil, err
			}
			if one == nil {
				for _, c := range m.ToolCalls {
					unknown[c.ID] = c
				}
				messages = append(messages, raw)
				continue
			}
			messages = append(messages, one.segment...)
			for k := range one.segment {
				origins[len(messages)-1-k] = one
			}
			for id := range one.calls {
				open[id] = one
			}
		case m.Role == "tool":
			answer, err := r.decided(ctx, m, raw, open[m.ToolCallID])
			if err != nil {
				return nil, err
			}
			if c, ok := unknown[m.ToolCallID]; ok && r.newest(i) {
				r.unheld(ctx, c, m)
			}
			messages = append(messages, answer)
		default:
			messages = append(messages, raw)
		}
	}
	return r.answered(ctx, messages, origins)
}

var errNotHeld = errors.New("no such call is held for approval: it was never asked for, or its time is over")

// unheld journals an approval of a call that nobody holds.
func (r deciding) unheld(ctx context.Context, c toolCall, m message) {
	if said, ok := approvalOf(m.text()); ok && said.Approval == "allow" && !r.offer.own[c.Function.Name] {
		r.tools.Refused(ctx, c.Function.Name, argumentsOf(c), errNotHeld)
	}
}

// newest tells whether nothing but results of tools follows in the conversation: what stands further
// back was told when it came.
func (r deciding) newest(i int) bool {
	return !slices.ContainsFunc(r.asked.messages[i:], func(raw json.RawMessage) bool {
		var m message
		return json.Unmarshal(raw, &m) != nil || m.Role != "tool"
	})
}

func ids(calls []toolCall) []string {
	var list []string
	for _, c := range calls {
		list = append(list, c.ID)
	}
	return list
}

const tooLate = "The call was not made: its approval came too late. Ask for it again if it is still needed."

// decided is a tool message as the model is to see it: the client's own result, or what came of the
// approval that stands in its place.
func (r deciding) decided(ctx context.Context, m message, raw json.RawMessage, one *parking) (json.RawMessage, error) {
	said, decision := approvalOf(m.text())
	if one == nil {
		if decision {
			return r.toolMessage(m.ToolCallID, tooLate), nil
		}
		return raw, nil
	}
	call := one.calls[m.ToolCallID]
	if call.Approval == "" || !decision {
		return r.toolMessage(call.ID, m.text()), r.made(ctx, call)
	}
	text, err := r.ruled(ctx, call, said)
	return r.toolMessage(call.ID, text), err
}

// made takes a call that the client made by itself out of the queue.
func (r deciding) made(ctx context.Context, call waitingCall) error {
	if call.Approval == "" {
		return nil
	}
	_, ruling, err := r.agents.needs.Approvals.Find(ctx, call.Approval)
	if action.Missing(err) || (err == nil && !ruling.Pending()) {
		return nil
	}
	if err == nil {
		_, err = r.agents.needs.Approvals.Decide(ctx, r.caller, call.Approval, false, "the client made the call itself")
	}
	return err
}

// ruled answers a call by what was decided on it, deciding it first when nobody has.
func (r deciding) ruled(ctx context.Context, call waitingCall, said approval) (string, error) {
	queue := r.agents.needs.Approvals
	for {
		changed := queue.Changed()
		held, ruling, err := queue.Find(ctx, call.Approval)
		switch {
		case action.Missing(err):
			return tooLate, nil
		case err != nil:
			return "", err
		case !ruling.Pending():
			return r.settled(ctx, call, ruling)
		case said.Approval == "wait":
			if err := r.await(ctx, changed, held.Expires); err != nil {
				return "", err
			}
			continue
		}
		var by View
		if said.Approval == "allow" {
			if by, err = r.agents.may(ctx, r.caller, held); err != nil {
				if err := r.barred(ctx, held, err); err != nil {
					return "", err
				}
				continue
			}
		}
		won, err := queue.Decide(ctx, r.caller, call.Approval, said.Approval == "allow", said.Reason)
		switch {
		case err != nil:
			return "", err
		case won:
			queue.Note(ctx, held, r.caller, said.Approval, "chat")
			if said.Approval == "allow" {
				return r.approved(ctx, by, call, held)
			}
		default:
			// Somebody else was faster, or its age is not known.
			if _, now, err := queue.Find(ctx, call.Approval); err == nil && now.Pending() {
				return "The call was not made: the clock of the house stands before the time at which it was asked for.", nil
			}
		}
	}
}

// settled words a decision that is made.
func (r deciding) settled(ctx context.Context, call waitingCall, ruling action.Ruling) (string, error) {
	switch ruling.State {
	case "denied":
		text := "The user declined this call."
		if ruling.Answerer == refuser().String() {
			return "The call was not made: " + ruling.Reason, nil
		}
		if ruling.Reason != "" {
			text += " The reason: " + ruling.Reason
		}
		return text, nil
	case "allowed":
		return r.resulted(ctx, call, ruling)
	}
	return tooLate, nil
}

// resulted is the result of a call that was allowed elsewhere or before, once it is there.
func (r deciding) resulted(ctx context.Context, call waitingCall, ruling action.Ruling) (string, error) {
	queue := r.agents.needs.Approvals
	for idle := 0; len(ruling.Result) == 0; {
		if ruling.Lost() {
			return lostAmid, nil
		}
		changed := queue.Changed()
		if !r.agents.carried.under(call.Approval) {
			if idle++; idle > 2 { // not between being allowed and being begun
				return lostAmid, nil
			}
		}
		if err := r.await(ctx, changed, time.Time{}); err != nil {
			return "", err
		}
		var err error
		if _, ruling, err = queue.Find(ctx, call.Approval); err != nil {
			return "", err
		}
	}
	var o outcome
	if err := json.Unmarshal(ruling.Result, &o); err != nil {
		return "", fmt.Errorf("cannot read the result of approval %s: %w", call.Approval, err)
	}
	return r.agents.seal.output(call.Function.Name, o.Text, int(r.agents.settings().Result), ""), nil
}

// look is how often a decision of another node is looked for.
const look = 2 * time.Second

// await waits for news of the queue, without using up the time of the request.
func (r deciding) await(ctx context.Context, changed <-chan struct{}, until time.Time) error {
	defer r.clock.Pause()()
	wait := look
	if !until.IsZero() {
		wait = min(wait, max(0, until.Sub(r.agents.now()))+time.Millisecond)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// approved makes a call that the chat allowed. It ends when the client hangs up.
func (r deciding) approved(ctx context.Context, by View, call waitingCall, held action.Held) (string, error) {
	done := r.agents.carried.begin(call.Approval)
	defer done()
	var p payload
	if err := json.Unmarshal(held.Payload, &p); err != nil {
		return "", fmt.Errorf("cannot read the call of approval %s: %w", held.ID, err)
	}
	if p.Agent != r.as.name {
		ctx = holdfast.WithAgent(ctx, p.Agent)
	}
	result, note := r.carry(ctx, by, call.toolCall, held.Input, p.Arguments)
	o := outcome{result.Text, result.Failed}
	err := r.agents.needs.Approvals.Finish(context.WithoutCancel(ctx), call.Approval, o.as(), encode(o))
	if err != nil {
		r.agents.needs.Log.Error("cannot keep the result of an approved call", slog.String("approval", call.Approval), slog.Any("error", err))
	}
	return r.agents.seal.output(call.Function.Name, result.Text, int(r.agents.settings().Result), note), ctx.Err()
}

// carry makes a call that `approval allow` allowed, with the standing of whoever asked the agent, and
// keeps its result for them. The approver may be gone; the tool's own timeout bounds it.
func (a *Agents) carry(ctx context.Context, held action.Held) (json.RawMessage, error) {
	done := a.carried.begin(held.ID)
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.carried.life(), cancel)()
	var p payload
	if err := json.Unmarshal(held.Payload, &p); err != nil {
		return nil, err
	}
	ctx = holdfast.WithAgent(holdfast.WithCaller(ctx, held.Asker), p.Agent)
	var result tools.Result
	as, err := a.asker(p.Agent)
	recording := a.traces.begin(held.Asker, p.Agent, "", p.Agent)
	ended := recording.tool(toolCall{ID: callPrefix + held.ID, Function: function{Name: p.Tool}}, held.Input)
	began := time.Now()
	if err == nil {
		result, err = a.view(held.Asker, as).Call(ctx, upstream.Request{Name: p.Tool, Arguments: p.Arguments})
	}
	if err != nil {
		result.Text, result.Failed = err.Error(), true
	}
	status := "done"
	if result.Failed {
		status = "failed"
	}
	ended(status, result.Text, time.Since(began))
	recording.end(nil, usage{})
	o := outcome{result.Text, result.Failed}
	return encode(o), a.needs.Approvals.Finish(context.WithoutCancel(ctx), held.ID, o.as(), encode(o))
}

// carrying is the approved calls under way in this process.
type carrying struct {
	mu   sync.Mutex
	ids  map[string]bool
	ctx  context.Context
	over context.CancelFunc
}

func newCarrying() *carrying {
	c := &carrying{ids: map[string]bool{}}
	c.ctx, c.over = context.WithCancel(context.Background())
	return c
}

func (c *carrying) begin(id string) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[id] = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.ids, id)
	}
}

func (c *carrying) under(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids[id]
}

// life ends when the house stops.
func (c *carrying) life() context.Context { return c.ctx }
