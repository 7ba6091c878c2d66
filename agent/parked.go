// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	parkedLife = time.Hour
	parkedMany = 256
	parkedSize = 32 << 20
)

// a parking keeps what a client does not see of a request that ended with calls for it to decide on:
// the plans and results before them, so that the next request of the conversation goes on from there.
type parking struct {
	owner   string
	until   time.Time
	size    int
	segment []json.RawMessage   // from the first plan to the results that are there already
	calls   map[string]toolCall // by the id that the client was given
	results map[string]string   // of approved calls, by that id: a call runs once
}

// parked holds the parkings, oldest first, within bounds of number, size and age.
type parked struct {
	mu   sync.Mutex
	list []*parking
	size int
}

func newParked() *parked { return &parked{} }

func (p *parked) add(one *parking) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, one)
	p.size += one.size
	now := time.Now()
	for len(p.list) > 0 && (len(p.list) > parkedMany || p.size > parkedSize || p.list[0].until.Before(now)) {
		p.size -= p.list[0].size
		p.list = p.list[1:]
	}
}

// find is the parking of exactly these calls of this owner.
func (p *parked) find(owner string, ids []string) *parking {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, one := range slices.Backward(p.list) {
		if one.owner == owner && one.until.After(now) && len(ids) == len(one.calls) &&
			!slices.ContainsFunc(ids, func(id string) bool { _, ok := one.calls[id]; return !ok }) {
			return one
		}
	}
	return nil
}

// owner is whose conversation a request belongs to.
func (r *run) owner() string {
	return strings.Join([]string{r.caller.String(), r.caller.Tier.String(), r.caller.Tenant, r.caller.Unit}, "\x00")
}

// park keeps the run for the client's answer and gives the calls ids that no other request has.
func (r *run) park(calls []toolCall) []toolCall {
	one := &parking{
		owner: r.owner(), until: time.Now().Add(parkedLife), segment: slices.Clone(r.messages[r.given:]),
		calls: map[string]toolCall{}, results: map[string]string{},
	}
	for _, m := range one.segment {
		one.size += len(m)
	}
	shown := make([]toolCall, 0, len(calls))
	for _, c := range calls {
		mine := c
		c.ID = "call_" + strings.ToLower(rand.Text())
		c.Type = "function"
		one.calls[c.ID] = mine
		shown = append(shown, c)
	}
	r.agents.parked.add(one)
	return shown
}

// an approval is how a client answers a call that waits for it, in the place of a tool's result:
// {"approval": "allow"} or {"approval": "deny", "reason": "…"}.
type approval struct {
	Approval string `json:"approval"`
	Reason   string `json:"reason"`
}

func approvalOf(text string) (approval, bool) {
	var a approval
	if json.Unmarshal([]byte(strings.TrimSpace(text)), &a) != nil {
		return a, false
	}
	return a, a.Approval == "allow" || a.Approval == "deny"
}

// recall puts what the client did not see back into the conversation, and carries out the calls that
// it approved.
func (r *run) recall(ctx context.Context) ([]json.RawMessage, error) {
	var messages []json.RawMessage
	open := map[string]*parking{}
	for _, raw := range r.asked.messages {
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, bad("messages", "a message cannot be read")
		}
		switch {
		case m.Role == "assistant" && len(m.ToolCalls) > 0:
			one := r.agents.parked.find(r.owner(), ids(m.ToolCalls))
			if one == nil {
				messages = append(messages, raw)
				continue
			}
			messages = append(messages, one.segment...)
			for id := range one.calls {
				open[id] = one
			}
		case m.Role == "tool":
			answer, err := r.decided(ctx, m, raw, open[m.ToolCallID])
			if err != nil {
				return nil, err
			}
			messages = append(messages, answer)
		default:
			messages = append(messages, raw)
		}
	}
	return messages, nil
}

func ids(calls []toolCall) []string {
	var list []string
	for _, c := range calls {
		list = append(list, c.ID)
	}
	return list
}

// decided is a tool message as the model is to see it: the client's own result, or what came of the
// approval that stands in its place.
func (r *run) decided(ctx context.Context, m message, raw json.RawMessage, one *parking) (json.RawMessage, error) {
	said, decision := approvalOf(m.text())
	if one == nil {
		if decision {
			return r.toolMessage(m.ToolCallID, "The call was not made: the approval came too late or the house was restarted. Ask for it again if it is still needed."), nil
		}
		return raw, nil
	}
	call := one.calls[m.ToolCallID]
	_, ours := r.offer.entries[call.Function.Name]
	switch {
	case !decision || !ours:
		return r.toolMessage(call.ID, m.text()), nil
	case said.Approval == "deny":
		text := "The user declined this call."
		if said.Reason != "" {
			text += " The reason: " + said.Reason
		}
		return r.toolMessage(call.ID, text), nil
	}
	result, err := r.approved(ctx, one, m.ToolCallID, call)
	return r.toolMessage(call.ID, result), err
}

// approved runs a call that the client allowed, once: a later request of the conversation carries
// the same approval again and finds its result.
func (r *run) approved(ctx context.Context, one *parking, id string, call toolCall) (string, error) {
	r.agents.parked.mu.Lock()
	result, done := one.results[id]
	if !done {
		one.results[id] = "This call is under way already."
	}
	r.agents.parked.mu.Unlock()
	if done {
		return result, nil
	}
	result = r.runTool(ctx, call)
	r.agents.parked.mu.Lock()
	one.results[id] = result
	one.size += len(result)
	r.agents.parked.size += len(result)
	r.agents.parked.mu.Unlock()
	return result, ctx.Err()
}
