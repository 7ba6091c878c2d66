// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/tools/pin"
	"holdfast/core/action"
	"holdfast/core/config"
)

// keys is .env, where the keys of hubs stand.
type keys interface {
	Get(name string) (holdfast.Secret, bool)
	Set(ctx context.Context, name string, value holdfast.Secret) error
	Delete(ctx context.Context, name string) error
}

// KeyName is where a hub's key stands in .env.
func KeyName(hub string) string {
	return "MCP_SERVER_" + strings.ToUpper(strings.ReplaceAll(hub, "-", "_")) + "_API_KEY"
}

// mostToken bounds what is hashed of a stranger's request.
const mostToken = 512

// Bearer tells who bears a hub's key: an agent of the hub's name, who may no more than a client with
// a key of its own. Comparing takes the same time wherever a wrong token differs; a hub that is off,
// is not there, or has no key opens to none.
func (c *Catalogue) Bearer(hub, token string) (holdfast.Caller, bool) {
	known := c.shelf.book.Load().hubs[hub]
	want := hubKey(c.needs.Keys, known)
	if token == "" || len(token) > mostToken || want.Empty() {
		return holdfast.Caller{}, false
	}
	a, b := sha256.Sum256([]byte(want.Reveal())), sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 || !known.Enabled {
		return holdfast.Caller{}, false
	}
	return holdfast.Caller{Kind: holdfast.CallerAgent, Name: hubBearer(hub), Tier: holdfast.TierTenantPeer, Key: KeyName(hub), Surface: surfaceMCP}, true
}

// Standing is what lets bearers of a hub's key in, as a word that becomes another with the key; ours is
// false for other callers.
func (c *Catalogue) Standing(caller holdfast.Caller, hub string) (word string, ours bool) {
	if hub == "" || caller.Key != KeyName(hub) || caller.Name != hubBearer(hub) {
		return "", false
	}
	key := hubKey(c.needs.Keys, c.shelf.book.Load().hubs[hub])
	if key.Empty() {
		return "", true
	}
	return key.Digest(), true
}

func hubBearer(hub string) string { return "hub-" + hub }

// hubKey is a hub's key: that of .env before that of master_config.json.
func hubKey(keys keys, h *Hub) holdfast.Secret {
	if h == nil {
		return holdfast.Secret{}
	}
	if keys != nil {
		if key, ok := keys.Get(KeyName(h.Name)); ok && !key.Empty() {
			return key
		}
	}
	return h.key
}

// a hubDesk is where operators ask about hubs.
type hubDesk struct{ *Catalogue }

type hubName struct {
	Name string `json:"name" required:"true" max:"64" pos:"1" help:"name of the hub, which stands in its URL"`
}

// hubShown is a hub as operators see it.
type hubShown struct {
	Hub
	URL    string   `json:"url" help:"path of the hub on the house's address"`
	KeySet bool     `json:"key_set"`
	KeyIn  string   `json:"key_in,omitempty" help:"where the key stands"`
	Offers []string `json:"offers" help:"names of the tools that a client of the hub sees"`
	// Warnings name what may be misspelt.
	Warnings []string `json:"warnings,omitempty" help:"names of its switches and servers that none has now; they count once one has"`
}

type hubList struct {
	Hubs []hubShown `json:"hubs"`
}

type hubChange struct {
	Name      string    `json:"name" required:"true" max:"64" pos:"1" help:"name of the hub, which stands in its URL"`
	Enabled   *bool     `json:"enabled" help:"whether the hub answers"`
	Only      *[]string `json:"only" help:"the tools of the hub, no others; a star for all"`
	Upstreams *[]string `json:"upstreams" help:"the servers of the hub: extensions, remote servers, or house; a star for all"`
	Prefix    *bool     `json:"prefix" help:"false shows the one server of the hub by its own names, unchanged"`
	// Tools takes the form of master_config.json as it is.
	Tools *givenTools `json:"tool_config" help:"switches by tool, as in master_config.json"`
}

// givenTools are switches as a caller gives them.
type givenTools map[string]ToolSetting

// UnmarshalJSON refuses what GivenSelection refuses.
func (g *givenTools) UnmarshalJSON(text []byte) error {
	s, err := GivenSelection(text)
	if known, ok := errors.AsType[*holdfast.Error](err); ok && len(known.Problems) > 0 {
		return fmt.Errorf("%s (%s)", known.Problems[0].Message, known.Problems[0].Remedy)
	}
	*g = s.Tools
	return err
}

type hubKeyShown struct {
	Name string `json:"name"`
	Key  string `json:"key" help:"the hub's key; it is shown once"`
	In   string `json:"in" help:"where it stands"`
}

func (d hubDesk) actions() []holdfast.Action {
	read := func(name, summary string) holdfast.Action {
		return holdfast.Action{Name: name, Summary: summary, Tier: holdfast.TierOperator, Effect: holdfast.EffectRead}
	}
	change := func(name, summary, help string, examples ...string) holdfast.Action {
		return holdfast.Action{Name: name, Summary: summary, Help: help, Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Examples: examples}
	}
	key := change("mcp-hub.key", "Give a hub another key, and show it once",
		"The key before opens nothing from now on; it stands in .env.", "holdfast mcp-hub key research")
	key.Reveals = true
	return []holdfast.Action{
		action.NewAction(read("mcp-hub.list", "List the hubs: named sets of tools with their own URL and key"), d.list),
		action.NewAction(read("mcp-hub.show", "Show one hub and the tools that its clients see"), d.show),
		action.NewAction(change("mcp-hub.add", "Add a hub", "It answers at /mcp/NAME to who has its key, which `mcp-hub key NAME` makes.",
			"holdfast mcp-hub add research --only search --only fetch", "holdfast mcp-hub add everything --upstreams everything --prefix=false"), d.add),
		action.NewAction(change("mcp-hub.update", "Change a hub", "", "holdfast mcp-hub update research --enabled=false"), d.update),
		action.NewAction(change("mcp-hub.delete", "Delete a hub, its key, and the access that clients were given at it",
			"`keys restore` brings the key back for 30 days.", "holdfast mcp-hub delete research"), d.remove),
		action.NewAction(key, d.rekey),
	}
}

// look takes up what others wrote.
func (d hubDesk) look() {
	if d.shelf.look() {
		d.touch()
	}
}

func (d hubDesk) list(ctx context.Context, _ action.Nothing) (hubList, error) {
	out := hubList{Hubs: []hubShown{}}
	d.look()
	followHubs(ctx, d.Catalogue)
	for _, h := range d.Hubs() {
		out.Hubs = append(out.Hubs, d.shown(h))
	}
	return out, nil
}

func (d hubDesk) show(_ context.Context, in hubName) (hubShown, error) {
	h := d.shelf.book.Load().hubs[in.Name]
	if h == nil {
		return hubShown{}, noHub(in.Name)
	}
	return d.shown(*h), nil
}

// shown shows a hub with what a bearer of its key would see.
func (d hubDesk) shown(h Hub) hubShown {
	shown := hubShown{Hub: h, URL: "/mcp/" + h.Name, Offers: []string{}}
	if key := hubKey(d.needs.Keys, &h); !key.Empty() && h.Problem == "" {
		shown.KeySet, shown.KeyIn = true, KeyName(h.Name)+" in .env"
		if key.Equal(h.key.Reveal()) {
			shown.KeyIn = "master_config.json"
		}
	}
	if shown.Tools.Tools == nil {
		shown.Tools.Tools = map[string]ToolSetting{}
	}
	shown.Warnings = append(h.Tools.Strangers(d.View(holdfast.Caller{Kind: holdfast.CallerOperator, Tier: holdfast.TierOperator}, Scope{}).Now()),
		d.strangers(h.Upstreams)...)
	for _, e := range d.View(holdfast.Caller{Kind: holdfast.CallerAgent, Tier: holdfast.TierTenantPeer, Surface: surfaceMCP}, Scope{Hub: h.Name}).Now() {
		shown.Offers = append(shown.Offers, e.Name)
	}
	return shown
}

// strangers says of each server that a hub names and the house does not know.
func (d hubDesk) strangers(upstreams []string) (said []string) {
	known := []string{houseName}
	for _, s := range Servers(d.Catalogue) {
		known = append(known, s.Name)
	}
	b := d.shelf.book.Load()
	known = slices.AppendSeq(slices.AppendSeq(known, maps.Keys(b.remote)), maps.Keys(b.extensions))
	slices.Sort(known)
	for _, name := range upstreams {
		if !slices.Contains(known, name) {
			said = append(said, stranger("extension and no remote server", name, known))
		}
	}
	return said
}

func (d hubDesk) add(ctx context.Context, in hubChange) (hubShown, error) {
	d.look()
	if err := d.register.follow(ctx, d.shelf); err != nil {
		return hubShown{}, holdfast.Errorf(holdfast.CodeUnavailable, "cannot tell whether old access would open the hub, so it is not made: %w", err)
	}
	return d.change(ctx, in, func(doc *config.Document) error {
		if _, there := doc.Get("mcp_servers", in.Name); there {
			return holdfast.Errorf(holdfast.CodeConflict, "there is a hub %q already: `holdfast mcp-hub update` changes it", in.Name)
		}
		for _, other := range doc.Keys("mcp_servers") {
			if KeyName(other) == KeyName(in.Name) {
				return holdfast.Errorf(holdfast.CodeConflict, "the hub %q has its key under the same name, %s: choose another name", other, KeyName(in.Name))
			}
		}
		return doc.Set(map[string]any{"name": in.Name, "enabled": true}, "mcp_servers", in.Name)
	})
}

func (d hubDesk) update(ctx context.Context, in hubChange) (hubShown, error) {
	return d.change(ctx, in, func(doc *config.Document) error {
		if _, there := doc.Get("mcp_servers", in.Name); !there {
			return noHub(in.Name)
		}
		return nil
	})
}

func (d hubDesk) change(ctx context.Context, in hubChange, first func(*config.Document) error) (hubShown, error) {
	if err := in.check(); err != nil {
		return hubShown{}, err
	}
	err := d.shelf.update(ctx, func(doc *config.Document) error {
		if err := first(doc); err != nil {
			return err
		}
		return in.write(doc)
	})
	if err != nil {
		return hubShown{}, err
	}
	d.touch()
	if err := registerHubs(ctx, d.Catalogue); err != nil {
		return hubShown{}, err
	}
	return d.show(ctx, hubName{Name: in.Name})
}

func (in hubChange) check() error {
	var problems []holdfast.Problem
	if !validHub(in.Name) {
		problems = append(problems, holdfast.Problem{
			Field: "name", Message: fmt.Sprintf("%q cannot name a hub", in.Name), Remedy: "1 to 64 letters, digits, - and _",
		})
	}
	if in.Prefix != nil && !*in.Prefix && in.Upstreams != nil && (len(*in.Upstreams) != 1 || (*in.Upstreams)[0] == everyTool) {
		problems = append(problems, holdfast.Problem{
			Field: "prefix", Message: "only a hub of one server can show it by its own names",
			Remedy: "name that one server in upstreams",
		})
	}
	if in.Upstreams != nil {
		for _, name := range *in.Upstreams {
			if strings.ContainsAny(name, ", ") {
				problems = append(problems, holdfast.Problem{
					Field: "upstreams", Message: fmt.Sprintf("%q is no name of one server", plain.Text(name, maxName)),
					Remedy: "give it once for each server: --upstreams py --upstreams mine",
				})
			}
		}
	}
	if in.Only != nil && in.Tools != nil {
		problems = append(problems, holdfast.Problem{Field: "only", Message: "says the same as tool_config", Remedy: "give one of the two"})
	}
	if in.Only != nil {
		for _, name := range *in.Only {
			if strings.ContainsAny(name, ", ") {
				problems = append(problems, holdfast.Problem{
					Field: "only", Message: fmt.Sprintf("%q is no name of one tool", plain.Text(name, maxName)),
					Remedy: "give it once for each tool",
				})
			}
		}
	}
	if len(problems) > 0 {
		return holdfast.BadInput("", problems...)
	}
	return nil
}

// write puts what was given into the hub's entry; what was not stays as it stands.
func (in hubChange) write(doc *config.Document) error {
	set := func(value any, field string) error { return doc.Set(value, "mcp_servers", in.Name, field) }
	if in.Enabled != nil {
		if err := set(*in.Enabled, "enabled"); err != nil {
			return err
		}
	}
	if in.Prefix != nil {
		if err := set(*in.Prefix, "prefix"); err != nil {
			return err
		}
	}
	if in.Upstreams != nil {
		if slices.Contains(*in.Upstreams, everyTool) {
			doc.Delete("mcp_servers", in.Name, "upstreams")
		} else if err := set(*in.Upstreams, "upstreams"); err != nil {
			return err
		}
	}
	switch {
	case in.Tools != nil:
		return set(*in.Tools, "tool_config")
	case in.Only != nil && slices.Contains(*in.Only, everyTool):
		doc.Delete("mcp_servers", in.Name, "tool_config")
	case in.Only != nil:
		yes, no := true, false
		selection := map[string]ToolSetting{everyTool: {EnabledInMCP: &no}}
		for _, name := range *in.Only {
			selection[name] = ToolSetting{EnabledInMCP: &yes}
		}
		return set(selection, "tool_config")
	}
	return nil
}

type hubDeleted struct {
	Name string `json:"name"`
	// Entry is what stood in master_config.json, without a key.
	Entry json.RawMessage `json:"entry" help:"what stood in master_config.json; mcp-hub add makes it again"`
}

func (d hubDesk) remove(ctx context.Context, in hubName) (hubDeleted, error) {
	if !holdfast.ByPerson(ctx) {
		return hubDeleted{}, &holdfast.Refusal{
			Guard: "person", Reason: "only a person deletes a hub: what clients were given at it does not come back",
			Remedy: "run `holdfast mcp-hub delete` at a terminal, or use the Hub; `mcp-hub update --enabled=false` switches it off",
		}
	}
	out := hubDeleted{Name: in.Name}
	err := d.shelf.update(ctx, func(doc *config.Document) error {
		raw, there := doc.Get("mcp_servers", in.Name)
		if !there {
			return noHub(in.Name)
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) == nil {
			delete(fields, "api_key")
			out.Entry = pin.Form(fields)
		}
		doc.Delete("mcp_servers", in.Name)
		return nil
	})
	if err != nil {
		return out, err
	}
	d.touch()
	return out, errors.Join(registerHubs(ctx, d.Catalogue), d.dropKey(ctx, in.Name))
}

// dropKey takes the key of a hub that is gone out of .env, unless another hub has its own there.
func (d hubDesk) dropKey(ctx context.Context, hub string) error {
	if d.needs.Keys == nil {
		return nil
	}
	for _, other := range d.Hubs() {
		if KeyName(other.Name) == KeyName(hub) {
			return nil
		}
	}
	if _, there := d.needs.Keys.Get(KeyName(hub)); !there {
		return nil
	}
	return d.needs.Keys.Delete(ctx, KeyName(hub))
}

// rekey makes a key and puts it into .env; one in master_config.json, which others may read, goes.
func (d hubDesk) rekey(ctx context.Context, in hubName) (hubKeyShown, error) {
	h := d.shelf.book.Load().hubs[in.Name]
	if h == nil || d.needs.Keys == nil {
		return hubKeyShown{}, noHub(in.Name)
	}
	if h.Problem != "" {
		return hubKeyShown{}, holdfast.Errorf(holdfast.CodeConflict, "the hub %s gets no key: %s", h.Name, h.Problem)
	}
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return hubKeyShown{}, fmt.Errorf("cannot make a key: %w", err)
	}
	key := "sk-" + base64.RawURLEncoding.EncodeToString(random)
	if err := d.needs.Keys.Set(ctx, KeyName(in.Name), holdfast.NewSecret(key)); err != nil {
		return hubKeyShown{}, err
	}
	if !h.key.Empty() {
		err := d.shelf.update(ctx, func(doc *config.Document) error {
			doc.Delete("mcp_servers", in.Name, "api_key")
			return nil
		})
		if err != nil {
			return hubKeyShown{}, err
		}
		d.touch()
	}
	return hubKeyShown{Name: in.Name, Key: key, In: KeyName(in.Name) + " in .env"}, nil
}
