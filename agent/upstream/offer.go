// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// with is an offer with what another process of the server has besides: each changes its lists by
// itself while it runs, and clients of both see one list.
func (o Offer) with(other Offer) Offer {
	o.Tools = besides(o.Tools, other.Tools, func(t *mcp.Tool) string { return t.Name })
	o.Prompts = besides(o.Prompts, other.Prompts, func(p *mcp.Prompt) string { return p.Name })
	o.Resources = besides(o.Resources, other.Resources, func(r *mcp.Resource) string { return r.URI })
	o.Templates = besides(o.Templates, other.Templates, func(t *mcp.ResourceTemplate) string { return t.URITemplate })
	return o
}

// besides is a list with those of another that are not in it by name; the list itself when there are none.
func besides[T any](list, other []*T, name func(*T) string) []*T {
	if len(other) == 0 {
		return list
	}
	known := make(map[string]bool, len(list))
	for _, v := range list {
		known[name(v)] = true
	}
	var more []*T
	for _, v := range other {
		if !known[name(v)] {
			more = append(more, v)
		}
	}
	if len(more) == 0 {
		return list
	}
	all := slices.Concat(list, more)
	return all[:min(len(all), maxItems)]
}
