// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/provider"
)

// A listed model is a name that may stand as a model's; agent is there for one that is an agent.
type listed struct {
	id, owner string
	agent     *holdfast.AgentModel
}

// names lists what may stand as a model's name: aliases, agents, and what providers announce; for a
// caller whose key is not for all, those that it is for.
func (g *Gateway) names(ctx context.Context) []listed {
	caller := holdfast.CallerFrom(ctx)
	list, seen := []listed{}, map[string]bool{}
	add := func(id, owner string, agent *holdfast.AgentModel) {
		if !seen[id] && (g.needs.Limits == nil || g.needs.Limits.May(ctx, caller, id)) {
			seen[id] = true
			list = append(list, listed{id, owner, agent})
		}
	}
	t := g.routes.Load()
	if t != nil {
		for _, name := range t.names.Aliases() {
			add(name, "holdfast", nil)
		}
	}
	if g.agents != nil {
		for _, one := range g.agents.Models(ctx) {
			add(one.Name, "agent", &one)
		}
	}
	if t != nil {
		for _, name := range t.announced() {
			add(name.String(), name.Provider, nil)
		}
	}
	return list
}

// Knows tells whether a request may name a model now: an alias, an agent, or a model of a provider that
// there is.
func Knows(g *Gateway, name string) bool {
	if Aliased(g, name) {
		return true
	}
	if g.agents == nil {
		return false
	}
	_, known := g.agents.Lookup(name)
	return known
}

// Aliased tells whether a name is that of a model, so that no agent of that name is ever asked.
func Aliased(g *Gateway, name string) bool {
	t := g.routes.Load()
	if t == nil {
		return false
	}
	_, known := t.names.Resolve(name)
	return known
}

// models lists the models in the form of the client's dialect.
func (g *Gateway) models(w http.ResponseWriter, r *http.Request) {
	list := g.names(r.Context())
	objects := make([]any, 0, len(list))
	client := g.tongues.of(r)
	for _, one := range list {
		objects = append(objects, object(client, g.began, one))
	}
	if client.Name == provider.Messages {
		page := map[string]any{"data": objects, "has_more": false, "first_id": nil, "last_id": nil}
		if len(list) > 0 {
			page["first_id"], page["last_id"] = list[0].id, list[len(list)-1].id
		}
		send(w, client, page)
		return
	}
	send(w, client, map[string]any{"object": "list", "data": objects})
}

// model shows one model.
func (g *Gateway) model(w http.ResponseWriter, r *http.Request) {
	client, id := g.tongues.of(r), r.PathValue("id")
	list := g.names(r.Context())
	if at := slices.IndexFunc(list, func(m listed) bool { return m.id == id }); at >= 0 {
		send(w, client, object(client, g.began, list[at]))
		return
	}
	refuse(w, client, dialect.Failure{
		Status: http.StatusNotFound, Type: "invalid_request_error", Param: "model", Code: "model_not_found", Message: fmt.Sprintf("there is no model %q", id),
	})
}

func object(client *dialect.Dialect, began time.Time, one listed) any {
	if client.Name == provider.Messages {
		return map[string]any{"type": "model", "id": one.id, "display_name": one.id, "created_at": began.UTC().Format(time.RFC3339)}
	}
	shown := map[string]any{"id": one.id, "object": "model", "created": began.Unix(), "owned_by": one.owner}
	if a := one.agent; a != nil {
		shown["is_preset"], shown["base_agent"], shown["tool_count"] = a.IsPreset, a.BaseAgent, a.ToolCount
	}
	return shown
}

func send(w http.ResponseWriter, client *dialect.Dialect, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		refuse(w, client, dialect.Failure{Status: http.StatusInternalServerError, Type: "server_error", Message: "cannot list the models"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
