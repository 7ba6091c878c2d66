// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/plain"
	"holdfast/agent/skills"
	"holdfast/agent/tools/pin"
	"holdfast/agent/tools/poison"
)

// a snapshot is the catalogue at one time: it does not change once built.
type snapshot struct {
	entries   []*entry // by name
	byName    map[string]*entry
	prompts   []*promptEntry // by name
	byPrompt  map[string]*promptEntry
	resources []*resourceEntry            // by address
	byURI     map[string][]*resourceEntry // the first that is seen is the one meant
	templates []*templateEntry
	speakers  []speaker
	index     string // of the skills
	hubs      map[string]*Hub
	reserved  map[string]bool              // names of the house's actions
	bare      map[string]map[string]*entry // by hub, then own name: of hubs that show a server as it is
}

// a speaker is a source that says something about the use of its tools.
type speaker struct {
	source   *source
	text     string
	standing pin.Standing
	doubts   []poison.Finding
}

// snapshot builds the list when something changed, else answers the one built before.
func (c *Catalogue) snapshot() *snapshot {
	if shown := c.shown.Load(); shown != nil {
		return shown
	}
	c.building.Lock()
	defer c.building.Unlock()
	if shown := c.shown.Load(); shown != nil { // somebody else has just built it
		return shown
	}
	c.mu.Lock()
	watch := c.watch
	c.mu.Unlock()
	built := build(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watch == watch { // nothing changed while it was built
		c.shown.Store(built)
	}
	return built
}

// build makes the list anew.
func build(c *Catalogue) *snapshot {
	sources := c.all()
	slices.SortFunc(sources, func(a, b *source) int { return strings.Compare(a.decl.Name, b.decl.Name) })
	book := c.shelf.book.Load()
	b := &builder{
		catalogue: c, book: book, owners: map[string]map[string]bool{},
		snapshot: &snapshot{
			byName: map[string]*entry{}, byPrompt: map[string]*promptEntry{}, byURI: map[string][]*resourceEntry{},
			reserved: reservedNames(c.needs.Actions), hubs: book.hubs, bare: map[string]map[string]*entry{},
		},
	}
	house := c.house.entries(c.needs.Actions)
	var others []*entry
	for _, s := range sources {
		others = append(others, s.brings().tools...)
	}
	b.name(house, others)
	b.judgeTools()
	for _, s := range sources {
		b.promptsOf(s)
		b.resourcesOf(s)
		b.speaks(s)
	}
	b.skills()
	return b.finish()
}

// a builder puts a snapshot together.
type builder struct {
	*snapshot
	catalogue *Catalogue
	book      *book
	owners    map[string]map[string]bool // who has a tool of a name
}

// name gives every tool a name of its own. The house's names stand; names that begin with a remote
// server's are that server's, on or off. Where two extensions want one name, or one wants one that
// stands, each of theirs is prefixed by its owner. So a remote server's tool is called the same whoever
// else is there, and what a person gave to another's name never passes to it.
func (b *builder) name(house, others []*entry) {
	near := only(others, func(e *entry) bool { return !e.elsewhere() })
	local := map[string]int{}
	for _, e := range slices.Concat(house, near) {
		local[e.Name]++
	}
	for _, e := range slices.Concat(house, others) {
		b.owned(e)
	}
	for _, e := range house {
		b.add(e, e.Name)
	}
	for _, e := range slices.Concat(near, only(others, (*entry).elsewhere)) {
		name := b.unused(e.source, e.own, e.Name, local[e.Name] > 1, func(name string) bool { return b.byName[name] != nil || b.reserved[name] })
		wanted := toolName(e.own)
		shadows := e.elsewhere() && (local[wanted] > 0 || b.reserved[wanted])
		if like := b.like(e); shadows || name != e.Name || like != "" {
			b.catalogue.pins.Found(pin.Of(e.Source, pin.KindName, e.own), map[string]string{
				"wants": plain.Text(e.own, maxName), "is": name, "like": cmp.Or(like, wanted),
			})
		}
		b.add(e, name)
	}
	b.entries = slices.SortedFunc(maps.Values(b.byName), func(a, b *entry) int { return strings.Compare(a.Name, b.Name) })
}

// owned notes whose the names of a tool are: as models know it, and as its server does.
func (b *builder) owned(e *entry) {
	for _, known := range []string{e.Name, e.own} {
		if known == "" {
			continue
		}
		if b.owners[known] == nil {
			b.owners[known] = map[string]bool{}
		}
		b.owners[known][e.owner()] = true
	}
}

// unused is what a tool or prompt of a source is called: as wanted, else with its extension's name
// before it, else with a few letters of a hash before that.
func (b *builder) unused(s *source, own, wanted string, crowded bool, taken func(name string) bool) string {
	free := func(name string) bool {
		keeper := b.book.keeper(name)
		return !taken(name) && (keeper == "" || s.decl.Remote != nil && keeper == s.decl.Name)
	}
	name := wanted
	if s.decl.Remote == nil && (crowded || !free(name)) {
		name = toolName(s.owner() + "_" + name)
	}
	for !free(name) {
		name = toolName("x" + short(s.label()+"\x00"+own+"\x00"+name) + "_" + name)
	}
	return name
}

// like is the name of somebody else's tool, or of an action of the house, that a name in other
// letters looks like.
func (b *builder) like(e *entry) string {
	if !strings.ContainsFunc(e.own, func(r rune) bool { return r > unicode.MaxASCII }) {
		return ""
	}
	known := slices.Collect(maps.Keys(b.reserved))
	for name := range b.owners {
		if b.foreign(e.owner())(name) {
			known = append(known, name)
		}
	}
	slices.Sort(known)
	if i := slices.IndexFunc(known, func(name string) bool { return resembles(e.own, name) }); i >= 0 {
		return known[i]
	}
	return ""
}

// resembles tells whether two names differ in nothing but letters that are not plain ones.
func resembles(odd, name string) bool {
	x, y := []rune(odd), []rune(name)
	for i := range x {
		if len(x) != len(y) || x[i] != y[i] && (x[i] <= unicode.MaxASCII || !unicode.IsLetter(x[i])) {
			return false
		}
	}
	return odd != name
}

func only(list []*entry, ok func(*entry) bool) []*entry {
	return slices.DeleteFunc(slices.Clone(list), func(e *entry) bool { return !ok(e) })
}

func (b *builder) add(e *entry, name string) {
	named := *e
	named.Name = name
	if named.own != "" && named.own != name {
		named.OwnName = named.own
	}
	if usual := e.elsewhere() && name == e.Name; named.OwnName != "" && !usual {
		named.Note = join(named.Note, fmt.Sprintf("its server calls it %s", plain.Text(named.own, maxName)))
	}
	setting := b.book.setting(&named)
	named.EnabledInMCP, named.Passthrough = setting.EnabledInMCP, setting.Passthrough
	named.tally = b.catalogue.usage.of(named.thing())
	b.byName[name] = &named
}

// judgeTools holds the tools of others against their pins, and against each other's words.
func (b *builder) judgeTools() {
	for _, e := range b.entries {
		if e.source == nil {
			continue
		}
		doubts := e.doubts
		if slices.ContainsFunc(e.names, b.foreign(e.owner())) {
			doubts = slices.Concat(doubts, b.mentions(e.owner(), e.texts))
		}
		e.Standing = b.catalogue.pins.Judge(e.thing(), e.form, doubts, false)
		e.doubts = doubts
		e.Note = join(e.Note, note(e.Standing, doubts))
	}
}

// mentions finds orders to call the tools of somebody else.
func (b *builder) mentions(owner string, texts []poison.Text) []poison.Finding {
	return b.catalogue.reader().Mentions(texts, b.foreign(owner))
}

// foreign tells whether a name is that of somebody else's tool, and of none of the owner's.
func (b *builder) foreign(owner string) func(name string) bool {
	return func(name string) bool {
		owners := b.owners[name]
		return len(owners) > 0 && !owners[owner]
	}
}

// note says what is wrong with a thing.
func note(standing pin.Standing, doubts []poison.Finding) string {
	var parts []string
	if standing == pin.Changed {
		parts = append(parts, "it changed since it was pinned, and is not offered until it is accepted")
	}
	for _, f := range doubts {
		parts = append(parts, f.String())
	}
	if standing == pin.Flagged {
		parts = append(parts, "it is not offered until it is accepted")
	}
	return strings.Join(parts, "; ")
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func (b *builder) promptsOf(s *source) {
	for _, e := range s.brings().prompts {
		named := *e
		named.Name = b.unused(s, e.own, e.Name, false, func(name string) bool { return b.byPrompt[name] != nil })
		if named.own != named.Name {
			named.OwnName = named.own
		}
		t := pin.Of(named.Source, pin.KindPrompt, named.own)
		doubts := slices.Concat(named.doubts, b.mentions(s.owner(), named.texts))
		named.Standing = b.catalogue.pins.Judge(t, named.form, doubts, false)
		named.Note, named.doubts, named.tally = note(named.Standing, doubts), doubts, b.catalogue.usage.of(t)
		b.addPrompt(&named)
	}
}

func (b *builder) addPrompt(e *promptEntry) {
	b.byPrompt[e.Name] = e
	b.prompts = append(b.prompts, e)
}

// judged tells how a thing that is not pinned stands by its words alone.
func (b *builder) judged(t pin.Thing, doubts []poison.Finding) (pin.Standing, string) {
	if len(doubts) == 0 {
		return "", ""
	}
	b.catalogue.pins.Found(t, doubts)
	return pin.Flagged, note(pin.Flagged, doubts)
}

// resourcesOf takes a source's resources. They are not pinned, for they come and go as their content
// does; words that steer are not offered. Of an address that two sources want the first that a view
// shows is meant.
func (b *builder) resourcesOf(s *source) {
	brought := s.brings()
	for _, e := range brought.resources {
		shown := *e
		shown.Standing, shown.Note = b.judged(pin.Of(shown.Source, pin.KindResource, shown.URI), shown.doubts)
		for _, first := range b.byURI[shown.URI] {
			shown.Note = join(shown.Note, first.Source+" has one of the same address, which stands before it")
		}
		b.byURI[shown.URI] = append(b.byURI[shown.URI], &shown)
		b.resources = append(b.resources, &shown)
	}
	for _, e := range brought.templates {
		shown := *e
		shown.Standing, shown.Note = b.judged(pin.Of(shown.Source, pin.KindTemplate, shown.URITemplate), shown.doubts)
		b.templates = append(b.templates, &shown)
	}
}

// speaks takes what a source says about the use of its tools, which goes into every prompt. It may
// follow the day, as functions in Python modules do; that it changed is journaled.
func (b *builder) speaks(s *source) {
	brought := s.brings()
	if brought.instructions == "" {
		return
	}
	doubts := slices.Concat(brought.doubts, b.mentions(s.owner(), []poison.Text{{Where: "instructions", Text: brought.instructions}}))
	standing := b.catalogue.pins.Judge(pin.Of(s.label(), pin.KindInstructions, s.decl.Name), brought.form, doubts, true)
	b.speakers = append(b.speakers, speaker{source: s, text: brought.instructions, standing: standing, doubts: doubts})
}

// skills are prompts and resources of the house.
func (b *builder) skills() {
	offered := *b.catalogue.offered.Load()
	b.index = skills.Index(offered, maxIndex)
	for _, k := range offered {
		e := &promptEntry{skill: k.Name, PromptEntry: PromptEntry{Source: "skill of " + strings.TrimPrefix(k.Source, "extension ")}}
		e.Prompt = mcp.Prompt{Name: k.Name, Description: plain.Text(k.Description, maxSummary)}
		for b.byPrompt[e.Name] != nil {
			e.Name = toolName("skill_" + e.Name)
		}
		e.tally = b.catalogue.usage.of(pin.Of(houseName, pin.KindPrompt, k.Name))
		b.addPrompt(e)
		for _, f := range k.Files {
			r := &resourceEntry{skill: true, ResourceEntry: ResourceEntry{Source: e.Source}}
			r.Resource = mcp.Resource{URI: f.URI, Name: f.Path, MIMEType: mimeOf(f.Path), Size: f.Size}
			if f.URI == k.URI {
				r.Name, r.Description = k.Name, e.Description
			}
			b.byURI[r.URI] = append(b.byURI[r.URI], r)
			b.resources = append(b.resources, r)
		}
	}
}

func (b *builder) finish() *snapshot {
	slices.SortFunc(b.prompts, func(x, y *promptEntry) int { return strings.Compare(x.Name, y.Name) })
	slices.SortStableFunc(b.resources, func(x, y *resourceEntry) int { return strings.Compare(x.URI, y.URI) })
	slices.SortFunc(b.templates, func(x, y *templateEntry) int {
		return cmp.Or(strings.Compare(x.URITemplate, y.URITemplate), strings.Compare(x.Source, y.Source))
	})
	for name, hub := range b.hubs {
		if !hub.bare() {
			continue
		}
		b.bare[name] = map[string]*entry{}
		for _, e := range b.entries {
			if e.source != nil && hub.has(e.source.decl.Name, e.Extension) {
				b.bare[name][e.own] = e
			}
		}
	}
	return b.snapshot
}
