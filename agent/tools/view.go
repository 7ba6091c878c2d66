// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/upstream"
	"holdfast/core/action"
)

// A Scope narrows what a caller sees: a hub by its name, a preset by its selection; the zero value
// narrows nothing.
type Scope struct {
	Hub    string
	Preset *Selection
}

// A View is the catalogue as one caller sees it through one scope. It is a value and costs nothing to
// make; what it answers is as the catalogue stands when it is asked. Who asks by MCP, through a hub
// or for a preset sees only what is enabled there. A hub that is off or gone shows nothing.
type View struct {
	catalogue *Catalogue
	caller    holdfast.Caller
	scope     Scope
}

// View is what one caller sees.
func (c *Catalogue) View(caller holdfast.Caller, s Scope) View {
	return View{catalogue: c, caller: caller, scope: s}
}

// a sight is a view of one snapshot.
type sight struct {
	View
	*snapshot
	hub  *Hub
	none bool // the hub is off or gone
}

func (v View) sight() sight { return v.sightOf(v.catalogue.snapshot()) }

func (v View) sightOf(s *snapshot) sight {
	at := sight{View: v, snapshot: s}
	if v.scope.Hub != "" {
		at.hub = s.hubs[v.scope.Hub]
		at.none = at.hub == nil || !at.hub.Enabled
	}
	return at
}

// Bare tells whether the view is of a hub that shows one server by its own names, unchanged.
func (v View) Bare() bool { return v.sight().hub.bare() }

// Hub is the hub of the view; ok is false without one, and for one that is off or gone.
func (v View) Hub() (hub Hub, ok bool) {
	s := v.sight()
	if s.hub == nil || s.none {
		return Hub{}, false
	}
	return *s.hub, true
}

// setting is a tool's switches in the sight: the master's, the hub's over it, the preset's over that.
func (s sight) setting(e *entry) holdfast.ToolSetting {
	setting := holdfast.ToolSetting{EnabledInMCP: e.EnabledInMCP, Passthrough: e.Passthrough}
	if s.hub != nil {
		setting = s.hub.Tools.setting(e, s.hub.bare(), setting)
	}
	return s.scope.Preset.setting(e, s.hub.bare(), setting)
}

// narrow tells whether only what is enabled is seen.
func (s sight) narrow() bool {
	return s.hub != nil || s.scope.Preset != nil || s.caller.Surface == surfaceMCP
}

const surfaceMCP = "mcp"

// sees tells whether a tool is offered here, and with which switches.
func (s sight) sees(e *entry) (setting holdfast.ToolSetting, ok bool) {
	if s.none || e.Standing != "" || !e.visible(s.caller) || !s.hub.has(e.bringer(), e.Extension) {
		return setting, false
	}
	setting = s.setting(e)
	return setting, setting.EnabledInMCP || !s.narrow()
}

// bringer is the server, or the house, by which hubs name it.
func (e *entry) bringer() string {
	if e.source == nil {
		return houseName
	}
	return e.source.decl.Name
}

// List is every tool that the caller may call, by name. It waits a little for servers that are
// starting for the first time; one that takes longer joins the list later, which Changed tells.
func (v View) List(ctx context.Context) ([]Entry, error) {
	if err := v.catalogue.settle(ctx); err != nil {
		return nil, err
	}
	return v.Now(), nil
}

// Soon is List for who waits no longer than that; it tells which servers had not tried to start by then.
func (v View) Soon(ctx context.Context, wait time.Duration) (list []Entry, late []string, err error) {
	if late, err = v.catalogue.await(ctx, wait); err != nil {
		return nil, nil, err
	}
	return v.Now(), late, nil
}

// Now is List without waiting: the tools of servers that are still starting are not in it.
func (v View) Now() []Entry {
	s := v.sight()
	list := make([]Entry, 0, len(s.entries))
	for _, e := range s.entries {
		setting, ok := s.sees(e)
		if !ok {
			continue
		}
		shown := e.whole()
		shown.EnabledInMCP, shown.Passthrough, shown.Use = setting.EnabledInMCP, setting.Passthrough, e.tally.use()
		if s.hub.bare() {
			shown.Name, shown.OwnName = e.own, ""
		}
		list = append(list, shown)
	}
	if s.hub.bare() {
		slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	}
	return list
}

// find looks a tool up among those that the view shows.
func (s sight) find(name string) *entry {
	e := s.byName[name]
	if s.hub.bare() {
		e = s.bare[s.hub.Name][name]
	}
	if e == nil {
		return nil
	}
	if _, ok := s.sees(e); !ok {
		return nil
	}
	return e
}

func (v View) find(ctx context.Context, name string) (*entry, sight, error) {
	s := v.sight()
	if e := s.find(name); e != nil {
		return e, s, nil
	}
	// It may be a tool of a server that is still starting.
	if err := v.catalogue.settle(ctx); err != nil {
		return nil, s, err
	}
	s = v.sight()
	if e := s.find(name); e != nil {
		return e, s, nil
	}
	return nil, s, s.missing(name)
}

// missing says why a tool cannot be called: it is withheld, or there is none of the name.
func (s sight) missing(name string) error {
	if e := s.byName[name]; e != nil && e.Standing != "" && e.visible(s.caller) && !s.none {
		// What is wrong with it is for an operator: its words are what must not reach a model.
		return holdfast.Errorf(holdfast.CodeConflict,
			"the tool %s is %s and not called until a person accepts it (`holdfast tool show %s`)", e.Name, e.Standing, e.Name)
	}
	var known []string
	for _, e := range s.entries {
		if _, ok := s.sees(e); ok {
			known = append(known, e.Name)
		}
	}
	err := holdfast.Errorf(holdfast.CodeNotFound, "there is no tool %q", plain.Cut(name, maxName))
	if near := action.Nearest(name, known); near != "" {
		err.Message += ": did you mean " + near + "?"
	}
	return err
}

// still checks a use once more when its server serves, if the list is another by then than the one in
// which it was found: a server that woke for it may say something else.
func (v View) still(found *snapshot, check func(sight) error) func() error {
	return func() error {
		if now := v.sight(); now.snapshot != found {
			return check(now)
		}
		return nil
	}
}

// same refuses a tool that is not any more what it was found as.
func (e *entry) same(name string) func(sight) error {
	return func(s sight) error {
		now := s.find(name)
		switch {
		case now == nil:
			return s.missing(name)
		case now.source != e.source || now.own != e.own || !bytes.Equal(now.form, e.form):
			return moved("tool", name)
		}
		return nil
	}
}

func moved(kind, name string) error {
	return holdfast.Errorf(holdfast.CodeConflict,
		"the %s %s is another since its server started, so it was not used: list the %ss again", kind, plain.Text(name, maxName), kind)
}

// Call runs a tool. An error means that the tool did not answer: not found, bad arguments, its
// server down or too slow; a tool's own failure is a Result that is Failed.
func (v View) Call(ctx context.Context, r upstream.Request) (Result, error) {
	e, s, err := v.find(ctx, r.Name)
	if err != nil {
		v.Refused(ctx, r.Name, r.Arguments, err)
		return Result{}, err
	}
	r.Still = v.still(s.snapshot, e.same(r.Name))
	c := call{catalogue: v.catalogue, caller: v.caller, entry: e, request: r, bare: s.hub.bare(), hub: v.scope.Hub}
	return c.make(ctx)
}

// Call runs a tool for a caller.
func (c *Catalogue) Call(ctx context.Context, caller holdfast.Caller, name string, arguments json.RawMessage) (Result, error) {
	return c.View(caller, Scope{}).Call(ctx, upstream.Request{Name: name, Arguments: arguments})
}

// Instructions are what the servers whose tools are seen say about their use, by server, and which
// skills there are.
func (v View) Instructions() map[string]string {
	found := map[string]string{}
	s := v.sight()
	for _, said := range s.speakers {
		if said.standing == "" && s.shows(said.source) {
			found[said.source.decl.Name] = said.text
		}
	}
	if s.index != "" && s.find(skillTool) != nil && s.seenSkills() {
		found[SkillIndex] = s.index
	}
	return found
}

const (
	// SkillIndex is where Instructions tell which skills there are, for who is offered the tool that
	// loads one. No server has this name.
	SkillIndex = "skills of the house"
	skillTool  = "skill_show"
	maxIndex   = 4 << 10
)

// shows tells whether a server's prompts, resources and instructions are seen: they are when one of
// its tools is, or when it has none. A sight of a hub or a preset that has none of its tools has
// nothing else of it, nor has a hub of a few tools anything of a server without any.
func (s sight) shows(from *source) bool {
	if s.none || s.caller.Only != "" || s.caller.Tier < holdfast.TierTenantPeer || !s.hub.has(from.decl.Name, from.extension()) {
		return false
	}
	brought := from.brings()
	if len(brought.tools) == 0 {
		return s.scope.Preset == nil && !s.hub.picks()
	}
	for _, e := range s.entries {
		if e.source == from {
			if _, ok := s.sees(e); ok {
				return true
			}
		}
	}
	return false
}
