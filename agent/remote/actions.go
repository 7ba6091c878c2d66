// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/remote/grant"
	"holdfast/agent/upstream"
	"holdfast/core/action"
	"holdfast/core/config"
)

// How a server is spoken with.
const (
	transportAuto = "auto"
	transportSSE  = "sse"
)

// a shown server is one as callers see it.
type shown struct {
	ID        string `json:"server_id"`
	URL       string `json:"url"`
	Enabled   bool   `json:"enabled"`
	Transport string `json:"transport"`
	// Key names a key of .env; Headers are told by name.
	Key        string   `json:"key,omitempty"`
	Headers    []string `json:"headers,omitempty"`
	OAuth      bool     `json:"oauth"`
	Authorized bool     `json:"authorized"`
	State      string   `json:"state,omitempty"`
	ToolCount  int      `json:"tool_count"`
	Error      string   `json:"error,omitempty"`
	// Note is what is still to be done before it can serve.
	Note string `json:"note,omitempty"`
}

type shownList struct {
	Servers []shown `json:"servers"`
}

type addInput struct {
	URL       string  `json:"url" required:"true" pos:"1" help:"the server's endpoint" max:"2000"`
	Name      string  `json:"name" help:"its name in the house; made of the host when left out" max:"63"`
	Transport string  `json:"transport" enum:"auto,sse" default:"auto" help:"auto is streamable HTTP, and the older HTTP+SSE where the server knows nothing newer"`
	Key       string  `json:"key" help:"the name of the key of .env that is sent as a bearer token"`
	Headers   headers `json:"headers" help:"sent with each request; a value of the form ${NAME} is a key of .env"`
	OAuth     bool    `json:"oauth" help:"it wants a person's authorization, which remote-mcp authorize asks for"`
	ClientID  string  `json:"client_id" help:"the id that its operator gave the house, where nobody can register by himself"`
	SecretKey string  `json:"client_secret_key" help:"the name of the key of .env that holds that client's secret"`
}

// headers are what is sent with each request. They are journaled as they are asked for, but for values,
// which may be keys.
type headers map[string]string

// MarshalJSON shows which key of .env a value is, and masks every other.
func (h headers) MarshalJSON() ([]byte, error) {
	shown := map[string]any{}
	for name, value := range h {
		if _, named := keyOf(value); named {
			shown[name] = value
		} else {
			shown[name] = holdfast.NewSecret(value)
		}
	}
	return json.Marshal(shown)
}

// masked is a URL without its query, in which some servers want their key.
func masked(u string) string {
	at, _, query := strings.Cut(u, "?")
	if query {
		at += "?…"
	}
	return at
}

// shownName is the name of a key as it is journaled: one that is none may be the key itself.
func shownName(name string) string {
	if name == "" || isKeyName(name) {
		return name
	}
	return plain.Hidden
}

// MarshalJSON is what the journal says of the input.
func (in addInput) MarshalJSON() ([]byte, error) {
	type bare addInput
	in.URL, in.Key, in.SecretKey = masked(in.URL), shownName(in.Key), shownName(in.SecretKey)
	return json.Marshal(bare(in))
}

// MarshalJSON is what the journal says of the input.
func (in updateInput) MarshalJSON() ([]byte, error) {
	type bare updateInput
	if in.URL != nil {
		u := masked(*in.URL)
		in.URL = &u
	}
	for _, name := range []**string{&in.Key, &in.SecretKey} {
		if *name != nil {
			shown := shownName(**name)
			*name = &shown
		}
	}
	return json.Marshal(bare(in))
}

type nameInput struct {
	Name string `json:"name" required:"true" pos:"1" help:"the server's name"`
}

type updateInput struct {
	Name      string              `json:"name" required:"true" pos:"1" help:"the server's name"`
	URL       *string             `json:"url" help:"another endpoint; an authorization ends with it"`
	Enabled   *bool               `json:"enabled" help:"whether its tools are offered"`
	Tools     map[string]switches `json:"tools" help:"switches by the tools' own names: {\"search\": {\"enabled\": false}}"`
	Transport *string             `json:"transport" enum:"auto,sse" help:"auto is streamable HTTP, and the older HTTP+SSE where the server knows nothing newer"`
	Key       *string             `json:"key" help:"the name of another key of .env; empty for none"`
	Headers   headers             `json:"headers" help:"other headers"`
	OAuth     *bool               `json:"oauth" help:"whether it wants a person's authorization"`
	ClientID  *string             `json:"client_id" help:"another id that its operator gave the house, empty to register; an authorization ends with it"`
	SecretKey *string             `json:"client_secret_key" help:"the name of the key of .env that holds that client's secret; empty for none"`
}

type authorizeOutput struct {
	Name string `json:"name"`
	URL  string `json:"authorization_url" help:"the page to open in a browser that reaches the house"`
	Note string `json:"note"`
}

// a desk is where operators ask about the servers.
type desk struct{ *Servers }

func (d desk) actions() []holdfast.Action {
	change := func(name, summary, help string, route *holdfast.ActionRoute, examples ...string) holdfast.Action {
		a := holdfast.Action{Name: name, Summary: summary, Help: help, Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Examples: examples}
		if route != nil {
			a.Routes = []holdfast.ActionRoute{*route}
		}
		return a
	}
	const base = "/api/supervisor/remote-mcp"
	add := change("remote-mcp.add", "Add a remote MCP server, whose tools join the catalogue",
		"The house sends requests, and the key, to this URL and to no other place. What the server's tools say is pinned at first sight.",
		&holdfast.ActionRoute{Method: "POST", Path: base + "/add"},
		"holdfast remote-mcp add https://mcp.example.com/mcp --key EXAMPLE_KEY", "holdfast remote-mcp add https://mcp.example.com/mcp --oauth")
	add.Subject = func(in any) string { return masked(in.(addInput).URL) }
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "remote-mcp.list", Summary: "List the remote MCP servers and how they stand",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast remote-mcp list"},
			Routes: []holdfast.ActionRoute{{Method: "GET", Path: base + "/list"}},
		}, d.listed),
		action.NewAction(add, d.add),
		action.NewAction(change("remote-mcp.update", "Change a remote MCP server, or switch it or its tools on and off", "",
			&holdfast.ActionRoute{Method: "PATCH", Path: base + "/{name}"}, "holdfast remote-mcp update example --enabled=false"), d.update),
		action.NewAction(change("remote-mcp.delete", "Take a remote MCP server and its authorization away", "",
			&holdfast.ActionRoute{Method: "DELETE", Path: base + "/{name}"}, "holdfast remote-mcp delete example"), d.remove),
		action.NewAction(change("remote-mcp.authorize", "Ask for access to a remote MCP server by OAuth",
			"It answers the page on which a person grants access; the browser then comes back to the house, which keeps the tokens.", nil,
			"holdfast remote-mcp authorize example"), d.authorize),
	}
}

// listed are the servers as the caller may see them: a program sees no query of a URL.
func (d desk) listed(ctx context.Context, _ action.Nothing) (shownList, error) {
	list := d.all()
	for i := range list {
		list[i] = seenBy(ctx, list[i])
	}
	return shownList{Servers: list}, nil
}

func seenBy(ctx context.Context, one shown) shown {
	if person(ctx) != nil {
		one.URL = masked(one.URL)
	}
	return one
}

// all are the servers with how they stand.
func (s *Servers) all() []shown {
	s.look()
	list, speaker := s.known()
	if speaker.Servers == nil {
		return list
	}
	for _, server := range speaker.Servers() {
		i := slices.IndexFunc(list, func(one shown) bool { return one.ID == server.Name })
		if i >= 0 && server.Extension == "" && list[i].Enabled {
			list[i].State, list[i].ToolCount, list[i].Error = string(server.State), server.Tools, server.Error
			if server.State == upstream.StateServing {
				list[i].Error = "" // how it ended before is not how it stands
			}
		}
	}
	return list
}

// known are the servers as they were declared.
func (s *Servers) known() ([]shown, Speaker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []shown{}
	for _, id := range slices.Sorted(maps.Keys(s.list)) {
		e := s.list[id]
		one := shown{
			ID: id, URL: e.URL, Enabled: e.on(), Transport: transportAuto, Key: e.Key, OAuth: e.OAuth,
			Headers: slices.Sorted(maps.Keys(e.Headers)), Authorized: e.OAuth && s.grantLocked(id, e).Held() && !s.grantLocked(id, e).Wanted(),
		}
		if e.Transport == transportSSE {
			one.Transport = transportSSE
		}
		list = append(list, one)
	}
	return list, s.speaker
}

func (s *Servers) one(id string) (shown, error) {
	list := s.all()
	i := slices.IndexFunc(list, func(one shown) bool { return one.ID == id })
	if i < 0 {
		return shown{}, notThere(id)
	}
	return list[i], nil
}

func badURL(why string) error {
	return holdfast.BadInput("", holdfast.Problem{Field: "url", Message: "it cannot be a server's URL: " + why, Remedy: "https://mcp.example.com/mcp"})
}

// person refuses who is none: to say where requests go, and which keys they bear, would else be a way
// to send any key of .env anywhere.
func person(ctx context.Context) error {
	if holdfast.ByPerson(ctx) {
		return nil
	}
	return &holdfast.Refusal{
		Guard: "person", Reason: "only a person says where the house sends requests, which keys they bear, and throws an authorization away",
		Remedy: "run `holdfast remote-mcp` at a terminal, or use the Hub; programs may switch a server and its tools on and off",
	}
}

func (d desk) add(ctx context.Context, in addInput) (shown, error) {
	if err := person(ctx); err != nil {
		return shown{}, err
	}
	if why := checkURL(in.URL); why != "" {
		return shown{}, badURL(why)
	}
	if err := checkNames(map[string]string{"key": in.Key, "client_secret_key": in.SecretKey}, in.Headers); err != nil {
		return shown{}, err
	}
	id := in.Name
	err := d.needs.Master.Update(ctx, func(doc *config.Document) error {
		listed := func(section, id string) bool { _, ok := doc.Get(section, id); return ok }
		taken := func(id string) bool { return listed(section, id) || listed("extensions", id) }
		if id == "" {
			id = idOf(in.URL, taken)
		}
		if id == ofTheHouse {
			return holdfast.Errorf(holdfast.CodeConflict, "by the name %q hubs know the house's own tools: choose another name", id)
		}
		if !validID(id) {
			return holdfast.BadInput("", holdfast.Problem{Field: "name", Message: "want lower-case letters, digits, - and _, at most 63"})
		}
		if listed("extensions", id) {
			return holdfast.Errorf(holdfast.CodeConflict, "there is an extension %q, by whose name hubs know its tools: choose another name", id)
		}
		if taken(id) {
			return holdfast.Errorf(holdfast.CodeConflict, "there is a remote MCP server %q already: `holdfast remote-mcp update` changes it", id)
		}
		fields := map[string]any{"server_id": id, "url": in.URL, "enabled": true}
		if in.Transport == transportSSE {
			fields["transport"] = transportSSE
		}
		if in.Key != "" {
			fields["key"] = in.Key
		}
		if len(in.Headers) > 0 {
			fields["headers"] = map[string]string(in.Headers)
		}
		if in.OAuth || in.ClientID != "" {
			fields["oauth"] = true
		}
		if in.ClientID != "" {
			fields["client_id"], fields["client_secret_key"] = in.ClientID, in.SecretKey
		}
		return put(doc, id, fields)
	})
	if err != nil {
		return shown{}, err
	}
	return d.lacking(id)
}

// lacking is a server as it was just added or changed, with the keys that .env does not have yet.
func (d desk) lacking(id string) (shown, error) {
	one, err := d.one(id)
	if names := d.unset(id); one.Enabled && len(names) > 0 {
		are, them := "is", "it"
		if len(names) > 1 {
			are, them = "are", "them"
		}
		one.Note = fmt.Sprintf("%s %s not in .env, and without %s the server cannot be spoken with: set %[3]s with `holdfast keys set %[4]s`; "+
			"it is then tried again within five minutes, and at once by `holdfast tool restart %[5]s`", strings.Join(names, " and "), are, them, names[0], id)
	}
	return one, err
}

// unset are the keys that a server's entry names and .env does not have.
func (s *Servers) unset(id string) []string {
	s.mu.Lock()
	e := s.list[id]
	s.mu.Unlock()
	named := []string{e.Key, e.SecretKey}
	for _, header := range slices.Sorted(maps.Keys(e.Headers)) {
		if key, ok := keyOf(e.Headers[header]); ok {
			named = append(named, key)
		}
	}
	var names []string
	for _, name := range named {
		if name == "" || slices.Contains(names, name) {
			continue
		}
		if secret, ok := s.needs.Secret(name); !ok || secret.Empty() {
			names = append(names, name)
		}
	}
	return names
}

// fields are what is to be written of a server's entry.
func (in updateInput) fields() map[string]any {
	fields := map[string]any{}
	set(fields, "url", in.URL)
	set(fields, "enabled", in.Enabled)
	set(fields, "transport", in.Transport)
	set(fields, "key", in.Key)
	if in.ClientID != nil && *in.ClientID != "" {
		fields["oauth"] = true
	}
	set(fields, "oauth", in.OAuth)
	set(fields, "client_id", in.ClientID)
	set(fields, "client_secret_key", in.SecretKey)
	if in.Headers != nil {
		fields["headers"] = map[string]string(in.Headers)
	}
	return fields
}

func set[T any](fields map[string]any, name string, value *T) {
	if value != nil {
		fields[name] = *value
	}
}

// sameOr tells whether a value stays as it was.
func sameOr(value *string, was string) bool { return value == nil || *value == was }

func (d desk) update(ctx context.Context, in updateInput) (shown, error) {
	fields := in.fields()
	if len(fields) > 1 || len(fields) == 1 && in.Enabled == nil {
		if err := person(ctx); err != nil {
			return shown{}, err
		}
	}
	if in.URL != nil {
		if why := checkURL(*in.URL); why != "" {
			return shown{}, badURL(why)
		}
	}
	named := map[string]string{}
	for field, name := range map[string]*string{"key": in.Key, "client_secret_key": in.SecretKey} {
		if name != nil {
			named[field] = *name
		}
	}
	if err := checkNames(named, in.Headers); err != nil {
		return shown{}, err
	}
	moved := false
	err := d.needs.Master.Update(ctx, func(doc *config.Document) error {
		var was entry
		found, err := doc.Decode(&was, section, in.Name)
		if !found {
			return notThere(in.Name)
		}
		moved = err == nil && !(sameOr(in.URL, was.URL) && sameOr(in.ClientID, was.ClientID))
		if err := put(doc, in.Name, fields); err != nil {
			return err
		}
		return turn(doc, in.Name, in.Tools)
	})
	if err == nil && moved {
		err = d.forget(in.Name)
	}
	if err != nil {
		return shown{}, err
	}
	one, err := d.lacking(in.Name)
	return seenBy(ctx, one), err
}

func (d desk) remove(ctx context.Context, in nameInput) (shown, error) {
	if err := person(ctx); err != nil {
		return shown{}, err
	}
	was, err := d.one(in.Name)
	if err != nil {
		return shown{}, err
	}
	err = d.needs.Master.Update(ctx, func(doc *config.Document) error {
		if !doc.Delete(section, in.Name) {
			return notThere(in.Name)
		}
		return nil
	})
	if err == nil {
		err = d.forget(in.Name)
	}
	d.look()
	return seenBy(ctx, was), err
}

// forget throws away the tokens of a server that is gone or elsewhere now.
func (s *Servers) forget(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, g := range s.grants {
		if of(key) == id {
			delete(s.grants, key)
			if err := g.Forget(); err != nil {
				return err
			}
		}
	}
	return s.grantFile(id).Forget()
}

func (s *Servers) grantFile(id string) *grant.Grant {
	return grant.New(grant.Options{Name: id, Path: s.tokenFile(id)})
}
