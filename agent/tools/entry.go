// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/plain"
)

// An Entry is one tool of the catalogue, and how it was used since the house started.
type Entry struct {
	holdfast.Tool
	// Extension is the one that brought the tool, empty for the house's own.
	Extension string `json:"extension,omitempty"`
	// OwnName is what its server calls it, when the catalogue had to call it something else.
	OwnName string `json:"own_name,omitempty"`
	Title   string `json:"title,omitempty"`
	// Hints are what its server says about its behaviour, nil for nothing.
	Hints *mcp.ToolAnnotations `json:"-"`
	// Note says what the catalogue had to change or leave out.
	Note     string    `json:"note,omitempty"`
	Calls    int64     `json:"calls"`
	Errors   int64     `json:"errors"`
	LastUsed time.Time `json:"last_used,omitzero"`
}

// an entry is an Entry with the way to call it: source and own name, or action.
type entry struct {
	Entry
	source *source
	own    string
	action string
	schema *argumentSchema
}

// visible tells whether a caller may see and call the tool.
func (e *entry) visible(caller holdfast.Caller) bool {
	if caller.Only != "" && caller.Only != e.action {
		return false
	}
	return e.Tier <= caller.Tier
}

// a snapshot is the catalogue at one time: it does not change once built.
type snapshot struct {
	entries []*entry // by name
	byName  map[string]*entry
}

// snapshot builds the list when something changed, else answers the one built before.
func (c *Catalogue) snapshot() *snapshot {
	c.mu.Lock()
	shown, watch := c.shown, c.watch
	c.mu.Unlock()
	if shown != nil {
		return shown
	}
	built := merge(c.houseEntries(), c.extensionEntries())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watch == watch { // nothing changed while it was built
		c.shown = built
	}
	return built
}

func (c *Catalogue) extensionEntries() []*entry {
	servers := c.all()
	slices.SortFunc(servers, func(a, b *source) int { return strings.Compare(a.decl.Name, b.decl.Name) })
	var list []*entry
	for _, s := range servers {
		list = append(list, s.entries()...)
	}
	return list
}

// merge gives every tool a name of its own. The house's names stand; where two extensions want one
// name, or an extension wants one of the house's, each of theirs is prefixed by its extension, so
// that none can take another's place.
func merge(house, extensions []*entry) *snapshot {
	wanted := map[string]int{}
	for _, e := range slices.Concat(house, extensions) {
		wanted[e.Name]++
	}
	s := &snapshot{byName: map[string]*entry{}}
	for _, e := range house {
		s.add(e, e.Name)
	}
	for _, e := range extensions {
		name := e.Name
		if wanted[name] > 1 {
			name = toolName(e.Extension + "_" + name)
		}
		for s.byName[name] != nil {
			name = toolName(name + "_" + short(e.Extension+"\x00"+e.own+"\x00"+name))
		}
		s.add(e, name)
	}
	s.entries = slices.SortedFunc(maps.Values(s.byName), func(a, b *entry) int { return strings.Compare(a.Name, b.Name) })
	return s
}

func (s *snapshot) add(e *entry, name string) {
	named := *e
	named.Name = name
	if named.own != "" && named.own != name {
		named.OwnName = named.own
	}
	s.byName[name] = &named
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

// printable keeps text from a server from steering a terminal, and cuts it at a bound.
func printable(text string, bound int) string { return plain.Text(text, bound) }
