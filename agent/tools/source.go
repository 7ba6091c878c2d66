// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/upstream"
)

// a source is a server that brings tools, and their entries in the catalogue.
type source struct {
	*upstream.Server
	decl holdfast.ToolServer
	stop context.CancelFunc

	mu       sync.Mutex
	listed   []*mcp.Tool // of which the entries were made
	made     []*entry
	problems []upstream.Problem
}

// extension is whose server it is: an extension with modules and a server of its own has two.
func (s *source) extension() string { return strings.TrimSuffix(s.decl.Name, ".mcp") }

// entries makes catalogue entries of the tools that the server listed, once a list.
func (s *source) entries() []*entry {
	offer := s.Offer()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made != nil && slices.Equal(s.listed, offer.Tools) {
		return s.made
	}
	s.listed, s.made, s.problems = offer.Tools, []*entry{}, nil
	seen := map[string]bool{}
	for _, t := range offer.Tools {
		if t == nil || t.Name == "" || seen[t.Name] {
			s.problems = append(s.problems, upstream.Problem{Part: "tool", Error: fmt.Sprintf("a tool without a name, or with a name twice, was left out: %q", named(t))})
			continue
		}
		seen[t.Name] = true
		s.made = append(s.made, s.entry(t))
	}
	return s.made
}

func named(t *mcp.Tool) string {
	if t == nil {
		return ""
	}
	return printable(t.Name, maxName)
}

// troubles are the parts that could not be used.
func (s *source) troubles() []upstream.Problem {
	s.entries()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.Offer().Problems, s.problems)
}

func (s *source) entry(t *mcp.Tool) *entry {
	schema := readSchema(t.InputSchema)
	setting, listed := s.decl.Settings[t.Name]
	if !listed {
		setting.EnabledInMCP = true
	}
	e := &entry{
		source: s, own: t.Name, schema: schema,
		Entry: Entry{Extension: s.extension(), Note: schema.note, Tool: holdfast.Tool{
			Name: toolName(t.Name), Source: "extension " + s.extension(), Summary: printable(summary(t), maxSummary),
			Input: schema.raw, EnabledInMCP: setting.EnabledInMCP, Passthrough: setting.Passthrough,
			Tier: holdfast.TierTenantPeer,
		}},
	}
	e.Title, e.Hints = printable(t.Title, 200), t.Annotations
	if a := t.Annotations; a != nil {
		e.ReadOnly = a.ReadOnlyHint
		e.Destructive = !a.ReadOnlyHint && a.DestructiveHint != nil && *a.DestructiveHint
	}
	if raw, err := json.Marshal(t.OutputSchema); err == nil && t.OutputSchema != nil && len(raw) <= maxSchema {
		if _, err := resolve(raw); err == nil {
			e.Output = objectSchema(raw)
		}
	}
	return e
}

// maxSummary bounds a description: it goes into every prompt.
const maxSummary = 8 << 10

func summary(t *mcp.Tool) string {
	text := strings.TrimSpace(t.Description)
	if text == "" {
		text = t.Title
	}
	if text == "" && t.Annotations != nil {
		text = t.Annotations.Title
	}
	return text
}
