// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
)

// entries makes a tool of every action that a program may ask for.
func (h *houseTools) entries(actions actions) []*entry {
	if actions == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*entry
	for _, a := range actions.Actions() {
		if !forPrograms(a) {
			continue
		}
		if h.made[a.Name] == nil {
			h.made[a.Name] = houseEntry(a)
		}
		list = append(list, h.made[a.Name])
	}
	return list
}

// houseTools remembers the tools that were made of actions, which do not change. Their schemas, most of
// what a list costs, are made when somebody asks to see them, and read when arguments are held against them.
type houseTools struct {
	mu   sync.Mutex
	made map[string]*entry
}

// forPrograms leaves out what a model must never do by itself: look at secrets, answer for a person,
// accept a tool, call one by way of another, or end the house, which it could not bring back.
func forPrograms(a holdfast.Action) bool {
	if a.Reveals || strings.HasPrefix(a.Name, "approval.") && a.Effect != holdfast.EffectRead {
		return false
	}
	return !slices.Contains([]string{"tool.call", "tool.accept", "house.shutdown"}, a.Name) &&
		!slices.ContainsFunc(a.Input.Fields(), func(f holdfast.Field) bool { return f.Secret && f.Required })
}

func houseEntry(a holdfast.Action) *entry {
	e := &entry{
		action: a.Name, schema: laterSchema(a.Input.Schema),
		Entry: Entry{Tool: holdfast.Tool{
			Name: toolName(strings.ReplaceAll(a.Name, ".", "_")), Source: "house",
			Summary: houseSummary(a), EnabledInMCP: true,
			// What only looks may run by itself; what changes the house is for a person to see first.
			Passthrough: a.Effect == holdfast.EffectRead,
			Tier:        a.Tier, ReadOnly: a.Effect == holdfast.EffectRead, Destructive: a.Effect == holdfast.EffectDestroy,
		}},
	}
	e.Title = a.Name
	e.Hints = &mcp.ToolAnnotations{ReadOnlyHint: e.ReadOnly, DestructiveHint: &e.Destructive, OpenWorldHint: new(bool), Title: a.Name}
	e.shapes = sync.OnceValues(func() (input, output json.RawMessage) {
		// A destroying action answers with an approval that waits, which is not its output.
		if a.Output != nil && a.Effect != holdfast.EffectDestroy {
			output = objectSchema(a.Output.Schema())
		}
		return a.Input.Schema(), output
	})
	return e
}

// whole is the entry as it is shown, with the schemas of an action.
func (e *entry) whole() Entry {
	shown := e.Entry
	if e.shapes != nil {
		shown.Input, shown.Output = e.shapes()
	}
	return shown
}

func houseSummary(a holdfast.Action) string {
	text := a.Summary + "."
	if a.Help != "" {
		text += "\n\n" + a.Help
	}
	if a.Effect == holdfast.EffectDestroy {
		text += "\n\nThis destroys: the call only asks, and a person decides."
	}
	return text
}

// objectSchema keeps an output schema only when it is of an object, as MCP before 2026 wants it.
func objectSchema(raw json.RawMessage) json.RawMessage {
	var head struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &head) != nil || head.Type != "object" {
		return nil
	}
	return raw
}

// house runs an action. A tool call comes from a program whatever key it bears, so that even an
// operator's call of a destroying action only asks.
func (c call) house(ctx context.Context) (Result, error) {
	e, caller := c.entry, c.caller
	if caller.Human() {
		caller.Kind = holdfast.CallerAgent
	}
	out, err := c.catalogue.needs.Actions.Dispatch(ctx, caller, e.action, c.request.Arguments, nil)
	if err != nil {
		return houseAnswer(e, err)
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		return Result{}, fmt.Errorf("cannot encode the answer of %s: %w", e.action, err)
	}
	result := Result{ToolResult: holdfast.ToolResult{Text: string(encoded)}}
	if len(encoded) > 0 && encoded[0] == '{' {
		result.Structured = encoded
	}
	return result, nil
}

// houseAnswer words what is no failure of the house: a wait for approval, a refusal, an inventory.
func houseAnswer(e *entry, err error) (Result, error) {
	if pending, ok := errors.AsType[*holdfast.Pending](err); ok {
		text := fmt.Sprintf("Nothing was destroyed. %s waits for a person's approval, number %s. Tell the user; do not ask again.", e.action, pending.ID)
		return Result{ToolResult: holdfast.ToolResult{Text: text}, Pending: pending.ID}, nil
	}
	if refusal, ok := errors.AsType[*holdfast.Refusal](err); ok {
		return failed(refusal.Error()), nil
	}
	if unconfirmed, ok := errors.AsType[*holdfast.Unconfirmed](err); ok {
		return failed("Nothing was done: " + unconfirmed.Error() + ". A person confirms it in the terminal or in the Hub."), nil
	}
	if said, ok := errors.AsType[*holdfast.Error](err); ok && said.Code != holdfast.CodeFailed {
		return failed(said.Error()), nil
	}
	return Result{}, err
}
