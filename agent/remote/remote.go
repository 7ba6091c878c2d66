// SPDX-License-Identifier: Apache-2.0

// Package remote keeps the list of the remote MCP servers that the operator added: in
// master_config.json, section remote_mcp_servers.
//
// It is for adding, changing, authorizing and taking away servers, and for declaring them to the
// catalogue. It is not for speaking with them (agent/upstream), nor for what becomes of their tools
// (agent/tools, which reads the switches of single tools where this package writes them). It
// guarantees that nobody but an operator adds a server, that keys and tokens stand in .env and in
// files of mode 0600 and never in the list, and that what others write into the list is taken up
// within seconds. app wires it; the catalogue and the surfaces call it.
package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"

	"holdfast"
	"holdfast/agent/remote/grant"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/house"
)

// master is the file master_config.json, which other programs and people write too.
type master interface {
	Read() (*config.Document, error)
	Update(ctx context.Context, edit func(*config.Document) error) error
	Look() (state uint64, there bool)
	Watch(ctx context.Context) <-chan struct{}
}

// A Speaker is who speaks with the servers: the catalogue.
type Speaker struct {
	Servers func() []tools.Server
	Restart func(ctx context.Context, name string) error
}

// Needs is what the list is made of.
type Needs struct {
	Home   home.Home
	Master master
	// Secret reads a key of .env.
	Secret func(name string) (holdfast.Secret, bool)
	// Origin is where browsers reach the house: an authorization server sends them back there.
	Origin func() string
	// Page is a page of the front door: the one that a browser sees when it comes back.
	Page func(title, text string) string
	Log  *slog.Logger
}

// Servers are the remote MCP servers.
type Servers struct {
	needs Needs

	reading sync.Mutex // one look at a time: who waits for it has what it read
	state   uint64     // of the file when it was read

	mu      sync.Mutex
	speaker Speaker
	list    map[string]entry // by id
	changed chan struct{}    // closed and replaced when the list changed
	grants  map[string]*grant.Grant
}

// an entry is one server as master_config.json holds it. Fields that others wrote stay there.
type entry struct {
	URL       string            `json:"url"`
	Enabled   *bool             `json:"enabled,omitempty"`
	Transport string            `json:"transport,omitempty"`
	Key       string            `json:"key,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	OAuth     bool              `json:"oauth,omitempty"`
	ClientID  string            `json:"client_id,omitempty"`
	SecretKey string            `json:"client_secret_key,omitempty"`
}

func (e entry) on() bool { return e.Enabled == nil || *e.Enabled }

const section = "remote_mcp_servers"

// New makes the list. It reads nothing until its capability is started.
func New(needs Needs) *Servers {
	return &Servers{needs: needs, list: map[string]entry{}, changed: make(chan struct{}), grants: map[string]*grant.Grant{}}
}

// Use hands over who speaks with the servers.
func (s *Servers) Use(by Speaker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.speaker = by
}

// Capability is what the list contributes to the house.
func (s *Servers) Capability() house.Capability {
	return house.Capability{
		Name:    "remote-mcp",
		Actions: desk{s}.actions(),
		Routes:  s.routes(),
		Keep:    []house.Keep{{Name: "remote-mcp", Patterns: []string{"var/remote-mcp/*.json"}, Secret: true}},
		Start: func(context.Context) error {
			s.look()
			return nil
		},
		Run:    s.follow,
		Reason: "the catalogue asks for the servers when it starts",
	}
}

func (s *Servers) follow(ctx context.Context) error {
	edited := s.needs.Master.Watch(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-edited:
			s.look()
		}
	}
}

// look reads the file when it is another than it was. What cannot be read leaves what was read
// before.
func (s *Servers) look() {
	s.reading.Lock()
	defer s.reading.Unlock()
	if state, _ := s.needs.Master.Look(); state != s.state {
		s.state = state
		s.read()
	}
}

func (s *Servers) read() {
	d, err := s.needs.Master.Read()
	if err != nil {
		s.needs.Log.Warn("cannot read the remote MCP servers; what was read before counts", slog.Any("error", err))
		return
	}
	fresh := map[string]entry{}
	for _, id := range d.Keys(section) {
		var e entry
		if _, err := d.Decode(&e, section, id); err != nil || !validID(id) || checkURL(e.URL) != "" {
			s.needs.Log.Warn("a remote MCP server cannot be used as it is written", slog.String("server", id), slog.Any("error", err))
			continue
		}
		fresh[id] = e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if reflect.DeepEqual(fresh, s.list) {
		return
	}
	s.list = fresh
	close(s.changed)
	s.changed = make(chan struct{})
}

// Changed is closed at the next change of the list.
func (s *Servers) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Declarations are the servers that are switched on, by name.
func (s *Servers) Declarations() []upstream.Declaration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []upstream.Declaration
	for _, id := range slices.Sorted(maps.Keys(s.list)) {
		e := s.list[id]
		if !e.on() {
			continue
		}
		r := &upstream.Remote{URL: e.URL, Legacy: e.Transport == transportSSE, Header: e.Headers, Key: e.Key}
		if e.OAuth {
			r.Auth = s.grantLocked(id, e)
		}
		list = append(list, upstream.Declaration{Name: id, Remote: r})
	}
	return list
}

// grantLocked is the authorization at a server, one as long as its URL and client stay.
func (s *Servers) grantLocked(id string, e entry) *grant.Grant {
	key := strings.Join([]string{id, e.URL, e.ClientID, e.SecretKey}, " ")
	if g := s.grants[key]; g != nil {
		return g
	}
	options := grant.Options{
		Name: id, URL: e.URL, Path: s.tokenFile(id),
		Redirect: func() string { return s.needs.Origin() + callbackPath }, Document: s.document,
	}
	if e.ClientID != "" {
		options.Client = func() (string, string) {
			secret, _ := s.needs.Secret(e.SecretKey)
			return e.ClientID, secret.Reveal()
		}
	}
	g := grant.New(options)
	s.grants[key] = g
	return g
}

// ofTheHouse is the name by which hubs know the house's own tools; no server has it.
const ofTheHouse = "house"

// validID is what can stand in a path, in a file's name and before a tool's name.
func validID(id string) bool {
	return id != "" && id != ofTheHouse && len(id) <= 63 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-_") == "" && id[0] != '-'
}

// idOf makes a name of a URL's host.
func idOf(u string, taken func(string) bool) string {
	at, err := url.Parse(u)
	if err != nil {
		return ""
	}
	base := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return '_'
	}, strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(at.Hostname(), "www."), "mcp."))), "_-")
	base = base[:min(len(base), 50)]
	if base == "" {
		base = "server"
	}
	id := base
	for n := 2; taken(id); n++ {
		id = fmt.Sprintf("%s_%d", base, n)
	}
	return id
}

// checkURL says what is wrong with a server's URL, empty for nothing.
func checkURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "it cannot be read"
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return "want http:// or https:// and a host"
	case u.User != nil:
		return "it must not carry a password: name a key of .env instead"
	case u.Fragment != "":
		return "it must not have a fragment"
	}
	return ""
}

// switches are what a client of the older hub sends a tool's name with.
type switches struct {
	Enabled *bool `json:"enabled"`
}

// put writes an entry's own fields beside those that others wrote.
func put(d *config.Document, id string, fields map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := d.Set(fields[name], section, id, name); err != nil {
			return err
		}
	}
	return nil
}

// turn sets the switches of a server's tools. A list of names, as some write it, becomes an object.
func turn(d *config.Document, id string, of map[string]switches) error {
	raw, ok := d.Get(section, id, "tools")
	var known map[string]json.RawMessage
	if ok && json.Unmarshal(raw, &known) != nil {
		if err := d.Set(map[string]any{}, section, id, "tools"); err != nil {
			return err
		}
	}
	for _, tool := range slices.Sorted(maps.Keys(of)) {
		if of[tool].Enabled == nil {
			continue
		}
		d.Delete(section, id, "tools", tool, "enabled_in_mcp") // it would stand before enabled
		if err := d.Set(*of[tool].Enabled, section, id, "tools", tool, "enabled"); err != nil {
			return err
		}
	}
	return nil
}

func notThere(id string) error {
	return holdfast.Errorf(holdfast.CodeNotFound, "there is no remote MCP server %q: `holdfast remote-mcp list` lists them", id)
}
