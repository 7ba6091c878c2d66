// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/core/action"
	"holdfast/core/config"
)

// A ToolSetting is the switches of one tool as a hub, a preset or master_config.json names them; nil
// is inherited.
type ToolSetting struct {
	EnabledInMCP *bool `json:"enabled_in_mcp,omitempty"`
	Passthrough  *bool `json:"passthrough,omitempty"`
	// brought is the extension whose file the setting came from: it says nothing about others' tools.
	brought string
}

// over lays the setting over what is inherited.
func (t ToolSetting) over(was holdfast.ToolSetting) holdfast.ToolSetting {
	if t.EnabledInMCP != nil {
		was.EnabledInMCP = *t.EnabledInMCP
	}
	if t.Passthrough != nil {
		was.Passthrough = *t.Passthrough
	}
	return was
}

// narrowing is what of the setting takes away.
func (t ToolSetting) narrowing() ToolSetting {
	no := func(given *bool) *bool {
		if given == nil || *given {
			return nil
		}
		return given
	}
	return ToolSetting{EnabledInMCP: no(t.EnabledInMCP), Passthrough: no(t.Passthrough)}
}

// a settingForm is a setting as an object.
type settingForm struct {
	EnabledInMCP *bool  `json:"enabled_in_mcp"`
	Enabled      *bool  `json:"enabled"`
	Passthrough  *bool  `json:"passthrough"`
	Extension    string `json:"extension"`
}

// UnmarshalJSON reads the forms in which settings are written: true or false, or an object with
// enabled_in_mcp (or enabled) and passthrough. A switch that cannot be read is off.
func (t *ToolSetting) UnmarshalJSON(text []byte) error {
	var on bool
	if json.Unmarshal(text, &on) == nil {
		t.EnabledInMCP = &on
		return nil
	}
	var form settingForm
	if json.Unmarshal(text, &form) != nil {
		t.EnabledInMCP, t.Passthrough = new(bool), new(bool)
		return nil
	}
	t.EnabledInMCP, t.Passthrough, t.brought = form.EnabledInMCP, form.Passthrough, form.Extension
	if t.EnabledInMCP == nil {
		t.EnabledInMCP = form.Enabled
	}
	return nil
}

// everyTool names in a selection those that it does not name.
const everyTool = "*"

// A Selection is the switches of a hub or a preset, by the tools' names in the catalogue or their own
// names; what it does not name is inherited, or set by the entry "*".
type Selection struct {
	Tools map[string]ToolSetting `json:"tools,omitempty"`
}

// ReadSelection reads the tool_config of a hub or a preset; none selects nothing, so that all is
// inherited.
func ReadSelection(raw json.RawMessage) (Selection, error) {
	var s Selection
	if len(raw) == 0 || string(raw) == "null" {
		return s, nil
	}
	if err := json.Unmarshal(raw, &s.Tools); err != nil {
		return s, holdfast.BadInput("", holdfast.Problem{Field: "tool_config", Message: err.Error(), Remedy: `want {"TOOL": {"enabled_in_mcp": true, "passthrough": false}}`})
	}
	return s, nil
}

// GivenSelection reads what a caller wants a tool_config to be. Unlike what stands in a file, of which a
// switch that cannot be read is off, it is refused with what is wrong: a misspelt switch would leave a
// tool open that was to be closed.
func GivenSelection(raw json.RawMessage) (Selection, error) {
	var given map[string]json.RawMessage
	s, err := ReadSelection(raw)
	if err != nil || len(s.Tools) == 0 {
		return s, err
	}
	if err := json.Unmarshal(raw, &given); err != nil {
		return s, err
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if err := strictSetting(given[name]); err != nil {
			return s, holdfast.BadInput("", holdfast.Problem{
				Field: "tool_config", Message: fmt.Sprintf("%q: %v", plain.Text(name, maxName), err),
				Remedy: `want true, false, or {"enabled_in_mcp": true, "passthrough": false}`,
			})
		}
	}
	return s, nil
}

func strictSetting(text json.RawMessage) error {
	var on *bool
	if json.Unmarshal(text, &on) == nil && on != nil {
		return nil
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return errors.New("is no switch")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&settingForm{}); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// setting lays the selection over what a tool inherits. A server elsewhere calls its tools what it
// likes, also what an extension's tool is called: what is said of a name without the server's own takes
// from such a tool and gives it nothing.
func (s *Selection) setting(e *entry, bare bool, was holdfast.ToolSetting) holdfast.ToolSetting {
	if s == nil {
		return was
	}
	if all, ok := s.Tools[everyTool]; ok {
		was = all.over(was)
	}
	for _, name := range e.otherNames() {
		by := s.Tools[name]
		if e.elsewhere() && !bare {
			by = by.narrowing()
		}
		was = by.over(was)
	}
	return s.Tools[e.Name].over(was)
}

// Strangers says of each name in the selection that none of the known tools has, and of its nearest:
// it may be misspelt, or come later.
func (s Selection) Strangers(known []Entry) (said []string) {
	has, names := map[string]bool{everyTool: true}, make([]string, 0, len(known))
	for _, e := range known {
		has[e.Name], has[e.OwnName], has[toolName(e.OwnName)] = true, true, true
		names = append(names, e.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Tools)) {
		if has[name] {
			continue
		}
		said = append(said, stranger("tool that is offered now", name, names))
	}
	return said
}

// stranger says that nothing of a kind has a name, and which is the nearest that something has.
func stranger(kind, name string, known []string) string {
	text := fmt.Sprintf("no %s is called %q", kind, plain.Text(name, maxName))
	if near := action.Nearest(name, known); near != "" {
		text += ": did you mean " + near + "?"
	}
	return text
}

// A Hub is a named set of tools with a URL and a key of its own.
type Hub struct {
	Name    string    `json:"name"`
	Enabled bool      `json:"enabled"`
	Prefix  bool      `json:"prefix" help:"false shows the one server of the hub by its own names, unchanged"`
	Tools   Selection `json:"tool_config"`
	// Upstreams are the servers whose tools are in the hub, by extension, remote server, or house; all
	// when empty.
	Upstreams []string `json:"upstreams,omitempty"`
	// Problem is why the hub is off whatever its entry says.
	Problem string `json:"problem,omitempty" help:"why the hub does not answer"`
	key     holdfast.Secret
}

// bare tells whether the hub shows one server as it is.
func (h *Hub) bare() bool { return h != nil && !h.Prefix && len(h.Upstreams) == 1 }

// has tells whether what a source brings can be in the hub.
func (h *Hub) has(owner, extension string) bool {
	if h == nil || len(h.Upstreams) == 0 {
		return true
	}
	return slices.Contains(h.Upstreams, owner) || (extension != "" && slices.Contains(h.Upstreams, extension))
}

// picks tells whether only what the hub names is in it.
func (h *Hub) picks() bool {
	if h == nil || len(h.Upstreams) > 0 {
		return false
	}
	on := h.Tools.Tools[everyTool].EnabledInMCP
	return on != nil && !*on
}

// master is the file master_config.json, which other programs and people write too.
type master interface {
	Read() (*config.Document, error)
	Update(ctx context.Context, edit func(*config.Document) error) error
	Look() (state uint64, there bool)
	Watch(ctx context.Context) <-chan struct{}
}

// a book is what master_config.json says about tools and hubs, as it was last read.
type book struct {
	tools  map[string]ToolSetting
	remote map[string]remoteServer // every one in the list, on or off
	hubs   map[string]*Hub
	// extensions are those in the list, on or off.
	extensions map[string]bool
	blank      bool // nothing stood there, as while somebody writes the file
}

// a remoteServer is what the catalogue reads of a server in the list of remote ones.
type remoteServer struct {
	URL      string                 `json:"url"`
	Enabled  *bool                  `json:"enabled"`
	Tools    json.RawMessage        `json:"tools"`
	switches map[string]ToolSetting // by own name
}

// keeper is the remote server whose name a tool's name begins with, on or off; of two that fit the
// longer. It is empty for none.
func (b *book) keeper(name string) (server string) {
	for id := range b.remote {
		if len(id) > len(server) && strings.HasPrefix(name, keptBy(id)) {
			server = id
		}
	}
	return server
}

// a shelf keeps the book. What cannot be read leaves what was read before, and is told.
type shelf struct {
	master master
	log    *slog.Logger
	book   atomic.Pointer[book]
	state  atomic.Uint64 // of the file when it was read
	there  atomic.Bool   // the file was
	fault  atomic.Pointer[string]

	reading sync.Mutex // one look at a time, or an older one could overwrite a newer
}

func newShelf(m master, log *slog.Logger) *shelf {
	s := &shelf{master: m, log: log}
	s.book.Store(&book{})
	return s
}

// look reads the file when it is another than it was, and tells whether the book changed.
func (s *shelf) look() bool {
	if s.master == nil {
		return false
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	state, there := s.master.Look()
	if s.state.Load() == state {
		return false
	}
	s.state.Store(state)
	s.there.Store(there)
	return s.read()
}

func (s *shelf) read() bool {
	fresh, err := s.parse()
	if err != nil {
		text := err.Error()
		if old := s.fault.Swap(&text); old == nil || *old != text {
			s.log.Warn("cannot read the settings of the tools; what was read before counts", slog.Any("error", err))
		}
		return false
	}
	s.fault.Store(nil)
	if reflect.DeepEqual(fresh, s.book.Load()) {
		return false
	}
	s.book.Store(fresh)
	return true
}

func (s *shelf) parse() (*book, error) {
	d, err := s.master.Read()
	if err != nil {
		return nil, err
	}
	b := &book{extensions: map[string]bool{}, blank: len(d.Keys()) == 0}
	for _, name := range d.Keys("extensions") {
		b.extensions[name] = true
	}
	if _, err := d.Decode(&b.tools, "tool_configs"); err != nil {
		return nil, err
	}
	b.remote = map[string]remoteServer{}
	for _, id := range d.Keys("remote_mcp_servers") {
		var server remoteServer
		if _, err := d.Decode(&server, "remote_mcp_servers", id); err != nil {
			server = remoteServer{Enabled: new(bool)} // it cannot be used, and its names stay its own
		}
		if json.Unmarshal(server.Tools, &server.switches) != nil { // a list of names switches nothing
			server.switches = nil
		}
		b.remote[id] = server
	}
	b.hubs = readHubs(d)
	return b, nil
}

// hubForm is a hub as master_config.json holds it.
type hubForm struct {
	Name       string          `json:"name,omitempty"`
	Port       int             `json:"port,omitempty"`
	Enabled    *bool           `json:"enabled,omitempty"`
	Prefix     *bool           `json:"prefix,omitempty"`
	Upstreams  []string        `json:"upstreams,omitempty"`
	APIKey     string          `json:"api_key,omitempty"`
	ToolConfig json.RawMessage `json:"tool_config,omitempty"`
}

// readHubs reads the hubs. One that cannot be read is there and off, as is one whose key would stand
// where that of another stands, which comes before it in the file: each would open the other.
func readHubs(d *config.Document) map[string]*Hub {
	hubs, keyed := map[string]*Hub{}, map[string]string{}
	for _, name := range d.Keys("mcp_servers") {
		if !validHub(name) {
			continue // it could have no URL
		}
		var form hubForm
		hub := &Hub{Name: name, Prefix: true}
		_, err := d.Decode(&form, "mcp_servers", name)
		if err == nil {
			hub.Enabled = form.Enabled == nil || *form.Enabled
			hub.Prefix = form.Prefix == nil || *form.Prefix
			hub.Upstreams, hub.key = form.Upstreams, holdfast.NewSecret(form.APIKey)
			hub.Tools, err = ReadSelection(form.ToolConfig)
		}
		if err != nil {
			hub.Problem = "its entry in master_config.json cannot be read"
		}
		if first, taken := keyed[KeyName(name)]; taken {
			hub.Problem = fmt.Sprintf("its key would stand in .env as %s, where that of the hub %s stands: give it another name", KeyName(name), first)
		} else {
			keyed[KeyName(name)] = name
		}
		hub.Enabled = hub.Enabled && hub.Problem == ""
		hubs[name] = hub
	}
	return hubs
}

// validHub is what can stand in a URL and, in capitals, in the name of a key of .env.
func validHub(name string) bool {
	return name != "" && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// sure tells whether the book is what a file says now; one that is empty says nothing.
func (s *shelf) sure() bool {
	return s.there.Load() && s.fault.Load() == nil && !s.book.Load().blank
}

// update edits master_config.json in its turn and takes the result up at once.
func (s *shelf) update(ctx context.Context, edit func(*config.Document) error) error {
	if s.master == nil {
		return errors.New("cannot change the settings of the tools: there is no master_config.json")
	}
	if err := s.master.Update(ctx, edit); err != nil {
		return err
	}
	s.state.Store(0)
	s.look()
	return nil
}

// Hubs are the named sets of tools, by name.
func (c *Catalogue) Hubs() []Hub {
	hubs := c.shelf.book.Load().hubs
	list := make([]Hub, 0, len(hubs))
	for _, name := range slices.Sorted(maps.Keys(hubs)) {
		list = append(list, *hubs[name])
	}
	return list
}

func noHub(name string) error {
	return holdfast.Errorf(holdfast.CodeNotFound, "there is no hub %q: `holdfast mcp-hub list` lists them", plain.Text(name, maxName))
}

// settings of a tool before hub and preset: its extension's file, then master_config.json by its
// own name and by its name in the catalogue. A remote server's tools are given what stands with the
// server, and nothing by their names, which only take away. What changes the house never runs unasked
// by these.
func (b *book) setting(e *entry) holdfast.ToolSetting {
	was := holdfast.ToolSetting{EnabledInMCP: e.EnabledInMCP, Passthrough: e.Passthrough}
	if e.elsewhere() {
		return b.taken(e).over(b.remote[e.source.decl.Name].switches[e.own].over(was))
	}
	if e.own != "" && e.own != e.Name {
		was = b.of(e, e.own).over(was)
	}
	now := b.of(e, e.Name).over(was)
	if e.action != "" && !e.ReadOnly {
		now.Passthrough = was.Passthrough
	}
	return now
}

// taken is what tool_configs takes from a remote server's tool, by its name and by those that it had
// before its server's name came before them.
func (b *book) taken(e *entry) ToolSetting {
	var taken ToolSetting
	for _, name := range append(e.otherNames(), e.Name) {
		no := b.of(e, name).narrowing()
		taken.EnabledInMCP, taken.Passthrough = cmp.Or(taken.EnabledInMCP, no.EnabledInMCP), cmp.Or(taken.Passthrough, no.Passthrough)
	}
	return taken
}

// of is what the book says about a tool under one of its names: nothing, when another extension's
// file brought that into the book.
func (b *book) of(e *entry, name string) ToolSetting {
	if said := b.tools[name]; said.brought == "" || said.brought == e.Extension {
		return said
	}
	return ToolSetting{}
}
