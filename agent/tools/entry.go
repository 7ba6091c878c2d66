// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/tools/pin"
	"holdfast/agent/tools/poison"
)

// An Entry is one tool of the catalogue, and how it was used.
type Entry struct {
	holdfast.Tool
	// Extension is the one that brought the tool, empty for the house's own and those of remote servers.
	Extension string `json:"extension,omitempty"`
	// OwnName is what its server calls it, when the catalogue calls it something else.
	OwnName string `json:"own_name,omitempty"`
	Title   string `json:"title,omitempty"`
	// Hints are what its server says about its behaviour, nil for nothing.
	Hints *mcp.ToolAnnotations `json:"-"`
	// Declared is the tool as its server declares it, nil for the house's own: for hubs that show a
	// server as it is.
	Declared *mcp.Tool `json:"-"`
	// Note says what the catalogue had to change or leave out, and what is wrong with the tool.
	Note string `json:"note,omitempty"`
	// Standing is empty for a tool that is offered.
	Standing pin.Standing `json:"standing,omitempty"`
	Use
}

// an entry is an Entry with the way to call it: source and own name, or action.
type entry struct {
	Entry
	source *source
	own    string
	action string
	schema *argumentSchema
	shapes func() (input, output json.RawMessage) // of a house action; nil for others, which have them
	form   json.RawMessage
	texts  []poison.Text
	names  []string // in the texts
	doubts []poison.Finding
	tally  *tally
}

// visible tells whether a caller may see and call the tool.
func (e *entry) visible(caller holdfast.Caller) bool {
	if caller.Only != "" && caller.Only != e.action {
		return false
	}
	return e.Tier <= caller.Tier
}

// owner is who brings the tool: an extension, a remote server, or the house.
func (e *entry) owner() string {
	if e.source == nil {
		return houseName
	}
	return e.source.owner()
}

// elsewhere tells whether a remote server brings the tool.
func (e *entry) elsewhere() bool { return e.source != nil && e.source.decl.Remote != nil }

// otherNames are those besides its name in the catalogue by which settings know the tool: its own, and
// of a remote server's tool also that as it would be without its server's name.
func (e *entry) otherNames() []string {
	names := []string{e.own}
	if e.elsewhere() {
		names = append(names, toolName(e.own))
	}
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" || name == e.Name })
}

// thing is the tool's key in what is remembered of it.
func (e *entry) thing() pin.Thing {
	own := e.own
	if e.source == nil {
		own = e.action
	}
	return pin.Of(e.Source, pin.KindTool, own)
}

// houseName is the house as the bringer of its own tools.
const houseName = "house"

// a promptEntry is one prompt of the catalogue.
type promptEntry struct {
	PromptEntry
	source *source
	own    string
	skill  string
	form   json.RawMessage
	texts  []poison.Text
	doubts []poison.Finding
	tally  *tally
}

// a resourceEntry is one resource of the catalogue.
type resourceEntry struct {
	ResourceEntry
	source *source
	skill  bool
	doubts []poison.Finding
}

// a templateEntry is one template of resources of the catalogue.
type templateEntry struct {
	TemplateEntry
	source *source
	doubts []poison.Finding
}

// A PromptEntry is one prompt, under its name in the catalogue.
type PromptEntry struct {
	mcp.Prompt
	OwnName  string       `json:"own_name,omitempty"`
	Source   string       `json:"source"`
	Note     string       `json:"note,omitempty"`
	Standing pin.Standing `json:"standing,omitempty"`
	// Declared is the prompt as its server declares it, nil for a skill.
	Declared *mcp.Prompt `json:"-"`
}

// A ResourceEntry is one resource, under its own address.
type ResourceEntry struct {
	mcp.Resource
	Source   string        `json:"source"`
	Note     string        `json:"note,omitempty"`
	Standing pin.Standing  `json:"standing,omitempty"`
	Declared *mcp.Resource `json:"-"`
}

// A TemplateEntry is one template of resources.
type TemplateEntry struct {
	mcp.ResourceTemplate
	Source   string                `json:"source"`
	Note     string                `json:"note,omitempty"`
	Standing pin.Standing          `json:"standing,omitempty"`
	Declared *mcp.ResourceTemplate `json:"-"`
}

// wordsOf are the texts that everything listed has.
func wordsOf(name, title, description string) []poison.Text {
	return []poison.Text{{Where: "name", Text: name}, {Where: "title", Text: title}, {Where: "description", Text: description}}
}

func (s *source) prompt(p *mcp.Prompt) *promptEntry {
	e := &promptEntry{source: s, own: p.Name, PromptEntry: PromptEntry{Source: s.label(), Declared: p}}
	e.Prompt = mcp.Prompt{Name: s.name(p.Name), Title: plain.Text(p.Title, 200), Description: plain.Text(p.Description, maxSummary)}
	e.texts = wordsOf(p.Name, p.Title, p.Description)
	for _, a := range p.Arguments {
		if a != nil {
			e.Arguments = append(e.Arguments, &mcp.PromptArgument{
				Name: plain.Text(a.Name, 200), Title: plain.Text(a.Title, 200), Description: plain.Text(a.Description, 1000),
				Required: a.Required,
			})
			e.texts = append(e.texts, poison.Text{Where: "argument", Text: a.Name + " " + a.Title + " " + a.Description})
		}
	}
	e.form = promptForm(p)
	e.doubts = s.reader().Look(e.texts)
	return e
}

// promptForm is what counts of a prompt for its pin.
func promptForm(p *mcp.Prompt) json.RawMessage {
	return pin.Form(map[string]any{"name": p.Name, "title": p.Title, "description": p.Description, "arguments": p.Arguments})
}

func (s *source) resource(r *mcp.Resource) *resourceEntry {
	e := &resourceEntry{source: s, ResourceEntry: ResourceEntry{Resource: *r, Source: s.label(), Declared: r}}
	e.Meta, e.Icons = nil, nil
	e.Name, e.Title, e.Description = plain.Text(r.Name, 200), plain.Text(r.Title, 200), plain.Text(r.Description, maxSummary)
	e.doubts = s.reader().Look(append([]poison.Text{{Where: "address", Text: r.URI}}, wordsOf(r.Name, r.Title, r.Description)...))
	return e
}

func (s *source) template(t *mcp.ResourceTemplate) *templateEntry {
	e := &templateEntry{source: s, TemplateEntry: TemplateEntry{ResourceTemplate: *t, Source: s.label(), Declared: t}}
	e.Meta, e.Icons = nil, nil
	e.Name, e.Title, e.Description = plain.Text(t.Name, 200), plain.Text(t.Title, 200), plain.Text(t.Description, maxSummary)
	e.doubts = s.reader().Look(append([]poison.Text{{Where: "address", Text: t.URITemplate}}, wordsOf(t.Name, t.Title, t.Description)...))
	return e
}

// maxName is what model providers accept as the name of a function.
const maxName = 64

// toolName makes a name that MCP and every model provider accept: letters, digits, _ and -, at most
// 64. What has to be left out is told apart by a few letters of a hash.
func toolName(own string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, own)
	if name == "" {
		name = "tool"
	}
	if len(name) > maxName {
		name = name[:maxName-7] + "_" + short(own)
	}
	return name
}

func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:3])
}
