// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"

	"holdfast"
	"holdfast/agent/plain"
)

// Refused journals that a caller wanted what it may not have: a tool above its tier, one that waits
// for a person, or an action of the house that is no tool at all. Names that mean nothing here are not
// journaled: there was nothing to refuse.
func (v View) Refused(ctx context.Context, name string, arguments json.RawMessage, why error) {
	s := v.sight()
	e := s.byName[name]
	if s.hub.bare() {
		e = s.bare[s.hub.Name][name]
	}
	if e == nil && !s.reserved[name] {
		return
	}
	c := call{catalogue: v.catalogue, caller: v.caller, entry: e, hub: v.scope.Hub}
	if e == nil {
		c.entry = &entry{Entry: Entry{Tool: holdfast.Tool{Name: name, Source: houseName}}}
	}
	c.request.Arguments = arguments
	c.refused(ctx, why)
}

// refused journals a call that is not made, its arguments masked.
func (c call) refused(ctx context.Context, why error) {
	detail := map[string]any{"arguments": Redacted(c.request.Arguments, c.entry.schema.marks()), "error": plain.Cut(reason(why), maxShown)}
	if err := c.journal(context.WithoutCancel(ctx), holdfast.OutcomeRefused, 0, detail); err != nil {
		c.catalogue.needs.Log.Error("cannot journal a refused tool call", slog.String("tool", c.entry.Name), slog.Any("error", err))
	}
}

// reason is why a call was refused. Of bad arguments only their places are told: what is wrong with
// one may quote it.
func reason(why error) string {
	bad, ok := errors.AsType[*holdfast.Error](why)
	if !ok || bad.Code != holdfast.CodeBadInput {
		return why.Error()
	}
	places := []string{}
	for _, p := range bad.Problems {
		if p.Field != "" {
			places = append(places, plain.Text(p.Field, maxName))
		}
	}
	if len(places) == 0 {
		return "bad arguments"
	}
	return "bad arguments: " + strings.Join(places, ", ")
}

// DirectResponse is the tool by which the model of an agent says that it needs no other. No tool of the
// catalogue has this name.
const DirectResponse = "DIRECT_RESPONSE"

// reservedNames are the names of all actions, also of those that are no tools, and of what agents have
// of their own: nobody else's tool may stand under one.
func reservedNames(actions actions) map[string]bool {
	names := map[string]bool{DirectResponse: true}
	if actions == nil {
		return names
	}
	for _, a := range actions.Actions() {
		names[toolName(strings.ReplaceAll(a.Name, ".", "_"))] = true
	}
	return names
}
