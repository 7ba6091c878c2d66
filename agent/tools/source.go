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
	"holdfast/agent/plain"
	"holdfast/agent/tools/pin"
	"holdfast/agent/tools/poison"
	"holdfast/agent/upstream"
)

// a source is a server that brings tools, prompts and resources, and what the catalogue makes of them.
type source struct {
	*upstream.Server
	decl   upstream.Declaration
	reader func() *poison.Reader
	stop   context.CancelFunc

	mu       sync.Mutex
	settings map[string]holdfast.ToolSetting // as its extension's file says
	offer    upstream.Offer                  // of which what follows was made
	made     *brought
	doubts   []upstream.Problem
}

// brought is what one offer of a source brings, before names are given. It does not change.
type brought struct {
	tools        []*entry
	prompts      []*promptEntry
	resources    []*resourceEntry
	templates    []*templateEntry
	instructions string
	form         json.RawMessage // of the instructions
	doubts       []poison.Finding
	completes    bool
	subscribes   bool
}

// extension is whose server it is, empty for a remote one: an extension with modules and a server of
// its own has two.
func (s *source) extension() string {
	if s.decl.Stdio == nil {
		return ""
	}
	return strings.TrimSuffix(s.decl.Name, ".mcp")
}

// owner is the extension's or the remote server's name, by which what it brings is told apart.
func (s *source) owner() string { return strings.TrimSuffix(s.decl.Name, ".mcp") }

// name is what a tool or prompt is called when nobody else has the name.
func (s *source) name(own string) string {
	if s.decl.Remote != nil {
		own = keptBy(s.decl.Name) + own
	}
	return toolName(own)
}

// keptBy is how the names of a remote server's tools begin, and nobody else's. It leaves room for names.
func keptBy(server string) string {
	if len(server) > maxServer {
		server = server[:maxServer-7] + "_" + short(server)
	}
	return server + "_"
}

// maxServer bounds what stands of a remote server's name in those of its tools.
const maxServer = 50

// label is the source of its tools as it is shown.
func (s *source) label() string {
	if s.decl.Stdio == nil {
		return "remote " + s.decl.Name
	}
	return "extension " + s.extension()
}

// brings makes catalogue entries of what the server offers, once an offer.
func (s *source) brings() *brought {
	offer := s.Offer()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made != nil && same(s.offer, offer) {
		return s.made
	}
	s.offer, s.doubts = offer, nil
	b := &brought{instructions: offer.Instructions, completes: offer.Completion, subscribes: offer.Subscribe}
	if b.instructions != "" {
		b.form = pin.Form(map[string]string{"instructions": offer.Instructions})
		b.doubts = s.reader().Look([]poison.Text{{Where: "instructions", Text: offer.Instructions}})
	}
	s.list(b, offer)
	s.made = b
	return b
}

// same tells whether two offers are one: what an offer lists is not changed once it was answered.
func same(a, b upstream.Offer) bool {
	return slices.Equal(a.Tools, b.Tools) && slices.Equal(a.Prompts, b.Prompts) && slices.Equal(a.Resources, b.Resources) &&
		slices.Equal(a.Templates, b.Templates) && a.Instructions == b.Instructions && a.Completion == b.Completion && a.Subscribe == b.Subscribe
}

func (s *source) list(b *brought, offer upstream.Offer) {
	seen := map[string]bool{}
	first := func(kind, name string) bool {
		key := kind + "\x00" + name
		if name == "" || seen[key] {
			s.doubts = append(s.doubts, upstream.Problem{
				Part: kind, Error: fmt.Sprintf("a %s without a name, or with a name twice, was left out: %q", kind, plain.Text(name, maxName)),
			})
			return false
		}
		seen[key] = true
		return true
	}
	for _, t := range offer.Tools {
		if t != nil && first(pin.KindTool, t.Name) {
			b.tools = append(b.tools, s.entry(t))
		}
	}
	for _, p := range offer.Prompts {
		if p != nil && first(pin.KindPrompt, p.Name) {
			b.prompts = append(b.prompts, s.prompt(p))
		}
	}
	for _, r := range offer.Resources {
		if r != nil && first(pin.KindResource, r.URI) {
			b.resources = append(b.resources, s.resource(r))
		}
	}
	for _, t := range offer.Templates {
		if t != nil && first(pin.KindTemplate, t.URITemplate) {
			b.templates = append(b.templates, s.template(t))
		}
	}
}

// troubles are the parts that could not be used.
func (s *source) troubles() []upstream.Problem {
	s.brings()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.offer.Problems, s.doubts)
}

// entry makes an entry of a tool. Called with the lock held.
func (s *source) entry(t *mcp.Tool) *entry {
	schema := readSchema(t.InputSchema)
	e := &entry{
		source: s, own: t.Name, schema: schema, form: pin.Form(tidy(t)), texts: textsOf(t),
		Entry: Entry{Extension: s.extension(), Note: schema.note, Declared: t, Tool: holdfast.Tool{
			Name: s.name(t.Name), Source: s.label(), Summary: plain.Text(summary(t), maxSummary),
			Input: schema.raw, EnabledInMCP: true, Tier: holdfast.TierTenantPeer,
		}},
	}
	if setting, listed := s.settings[t.Name]; listed {
		e.EnabledInMCP, e.Passthrough = setting.EnabledInMCP, setting.Passthrough
	}
	e.Title, e.Hints = plain.Text(t.Title, 200), t.Annotations
	if a := t.Annotations; a != nil {
		e.ReadOnly = a.ReadOnlyHint
		e.Destructive = !a.ReadOnlyHint && a.DestructiveHint != nil && *a.DestructiveHint
	}
	if raw, err := json.Marshal(t.OutputSchema); err == nil && t.OutputSchema != nil && len(raw) <= maxSchema {
		if _, err := resolve(raw); err == nil {
			e.Output = objectSchema(raw)
		}
	}
	e.doubts, e.names = s.reader().Look(e.texts), s.reader().Names(e.texts)
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

// tidy is what counts of a tool for its pin: its words, schemas and hints, and not what its server
// keeps about it.
func tidy(t *mcp.Tool) *mcp.Tool {
	bare := *t
	bare.Meta, bare.Icons = nil, nil
	return &bare
}

// textsOf are all the words of a tool that a model may read.
func textsOf(t *mcp.Tool) []poison.Text {
	texts := wordsOf(t.Name, t.Title, t.Description)
	if t.Annotations != nil {
		texts = append(texts, poison.Text{Where: "annotations", Text: t.Annotations.Title})
	}
	texts = words(texts, "input schema", t.InputSchema, 0)
	return words(texts, "output schema", t.OutputSchema, 0)
}

// words collects every text of a schema, names of fields too.
func words(texts []poison.Text, where string, of any, depth int) []poison.Text {
	if depth > maxNesting {
		return texts
	}
	switch of := of.(type) {
	case string:
		if len(of) > 3 { // no shorter text says anything
			texts = append(texts, poison.Text{Where: where, Text: of})
		}
	case []any:
		for _, v := range of {
			texts = words(texts, where, v, depth+1)
		}
	case map[string]any:
		for key, v := range of {
			if len(key) > 24 { // a name that long is a sentence
				texts = append(texts, poison.Text{Where: where, Text: key})
			}
			texts = words(texts, where, v, depth+1)
		}
	case json.RawMessage:
		var value any
		if json.Unmarshal(of, &value) == nil {
			texts = words(texts, where, value, depth+1)
		}
	}
	return texts
}
