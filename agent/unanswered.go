// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"holdfast/core/action"
)

const (
	notAnswered = "The call was not answered: nobody says whether it was made. The conversation went on without its result."
	stillWaits  = "The call was not made: it still waits for approval. The conversation went on without it."
)

// answered puts a result in the place of each call that the client left without one, for providers refuse
// a conversation in which a call has none. Origins are the parkings that messages came from, by their index.
func (r deciding) answered(ctx context.Context, messages []json.RawMessage, origins map[int]*parking) ([]json.RawMessage, error) {
	read := make([]message, len(messages))
	for i, raw := range messages {
		_ = json.Unmarshal(raw, &read[i]) // what cannot be read has no calls
	}
	var out []json.RawMessage
	for i := 0; i < len(messages); i++ {
		asked := i
		out = append(out, messages[i])
		if read[asked].Role != "assistant" || len(read[asked].ToolCalls) == 0 {
			continue
		}
		for i+1 < len(messages) && read[i+1].Role == "tool" {
			i++
			out = append(out, messages[i])
		}
		for _, c := range read[asked].ToolCalls {
			if repliedTo(read[asked+1:], c.ID) {
				continue
			}
			text, err := r.open(ctx, origins[asked], c.ID)
			if err != nil {
				return nil, err
			}
			out = append(out, r.toolMessage(c.ID, text))
		}
	}
	return out, nil
}

// repliedTo tells whether a call has a result before the model's next message.
func repliedTo(following []message, id string) bool {
	for _, m := range following {
		switch {
		case m.Role == "assistant":
			return false
		case m.Role == "tool" && m.ToolCallID == id:
			return true
		}
	}
	return false
}

// open words how a call stands that the client did not answer.
func (r deciding) open(ctx context.Context, one *parking, id string) (string, error) {
	if one == nil {
		return notAnswered, nil
	}
	for _, call := range one.calls {
		if call.ID != id || call.Approval == "" {
			continue
		}
		_, ruling, err := r.agents.needs.Approvals.Find(ctx, call.Approval)
		switch {
		case action.Missing(err):
			return tooLate, nil
		case err != nil:
			return "", err
		case ruling.Pending():
			return stillWaits, nil
		case ruling.State == "allowed" && len(ruling.Result) == 0 && !ruling.Lost():
			return "The call was allowed and begun, and its result is not known yet.", nil
		}
		return r.settled(ctx, call, ruling)
	}
	return notAnswered, nil
}

// fitting are the calls that there is room for in the queue, and what the model hears of the others.
func (r deciding) fitting(ctx context.Context, calls []toolCall) (fit []toolCall, refused []json.RawMessage, err error) {
	ours := func(c toolCall) bool { return !r.offer.own[c.as().Name] }
	if !slices.ContainsFunc(calls, ours) {
		return calls, nil, nil
	}
	room, err := r.agents.needs.Approvals.Room(ctx, r.caller, r.as.name)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot keep the conversation until its calls are approved: %w", err)
	}
	free := room.Free
	for _, c := range calls {
		if ours(c) {
			if free--; free < 0 {
				refused = append(refused, r.toolMessage(c.ID, r.crowded(ctx, c, room)))
				continue
			}
		}
		fit = append(fit, c)
	}
	return fit, refused, nil
}

// crowded journals and words that a call found no room.
func (r deciding) crowded(ctx context.Context, c toolCall, room action.Room) string {
	name, arguments := c.Function.Name, argumentsOf(c)
	why := fmt.Errorf("too many calls wait already: %d of at most %d requests wait for approval", room.Waiting, room.Most)
	r.tools.Refused(ctx, name, arguments, why)
	e := r.offer.entries[name]
	r.trace.tool(c, e.Shown(arguments))("failed", why.Error(), 0)
	return "The call was not made, and nobody is asked for it: " + why.Error() + ". Tell the user, who can answer those that wait; ask for it again after that."
}
