// SPDX-License-Identifier: Apache-2.0

package app

import (
	"holdfast"
	"holdfast/edge/oauth"
)

// endpoints tells the authorization server what the MCP endpoints offer.
type endpoints struct{ p *parts }

// tools lists what an endpoint offers a caller, as it stands.
func (e endpoints) tools(caller holdfast.Caller, _ string) []oauth.Tool {
	var list []oauth.Tool
	for _, entry := range e.p.catalogue.Now(caller) {
		if entry.EnabledInMCP {
			list = append(list, oauth.Tool{Name: entry.Name, Title: entry.Title, ReadOnly: entry.Hints != nil && entry.Hints.ReadOnlyHint})
		}
	}
	return list
}
