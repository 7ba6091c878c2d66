// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/edge/oauth"
)

// endpoints tells the authorization server what the MCP endpoints offer.
type endpoints struct{ p *parts }

// hubs names the hubs that are served.
func (e endpoints) hubs() []string {
	var names []string
	for _, hub := range e.p.catalogue.Hubs() {
		if hub.Enabled {
			names = append(names, hub.Name)
		}
	}
	return names
}

// EndHub ends what clients were given at a hub that is gone.
func (e endpoints) EndHub(ctx context.Context, hub string) error { return e.p.grants.EndHub(ctx, hub) }

// tools lists what an endpoint offers a caller; no hub is the endpoint of them all.
func (e endpoints) tools(ctx context.Context, caller holdfast.Caller, hub string) []oauth.Tool {
	view := e.p.catalogue.View(caller, tools.Scope{Hub: hub})
	entries, err := view.List(ctx)
	if err != nil {
		entries = view.Now()
	}
	var list []oauth.Tool
	for _, entry := range entries {
		if entry.EnabledInMCP {
			list = append(list, oauth.Tool{Name: entry.Name, Title: entry.Title, ReadOnly: entry.Hints != nil && entry.Hints.ReadOnlyHint})
		}
	}
	return list
}

// standing is what lets a caller in at a hub, or at the endpoint of them all.
func (e endpoints) standing(ctx context.Context, caller holdfast.Caller, hub string) (string, error) {
	if word, ours := e.p.catalogue.Standing(caller, hub); ours {
		return word, nil
	}
	return e.p.bearers.Standing(ctx, caller)
}
