// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/config"
)

// A Summary is one extension in a list.
type Summary struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Version     string `json:"version,omitempty"`
	Source      string `json:"source,omitempty"`
	Enabled     bool   `json:"enabled"`
	State       string `json:"state" enum:"ready,disabled,blocked,broken,missing"`
	Reason      string `json:"reason,omitempty"`
	UI          string `json:"ui,omitempty" help:"path of its page at the front door"`
	Services    int    `json:"services"`
	MissingKeys int    `json:"missing_keys"`
	// Asks is what it does not have.
	Asks []string `json:"asks,omitempty" help:"what its files ask for beyond what it was granted; extension.accept gives it"`
}

// A Part is one unit of an extension.
type Part struct {
	Unit    string             `json:"unit"`
	State   holdfast.UnitState `json:"state"`
	Detail  string             `json:"detail,omitempty"`
	Port    int                `json:"port,omitempty"`
	PID     int                `json:"pid,omitempty"`
	Log     string             `json:"log,omitempty"`
	Restart string             `json:"restart"`
}

// A ToolSwitch is one tool that the extension's manifest or modules name.
type ToolSwitch struct {
	Name         string `json:"name"`
	EnabledInMCP bool   `json:"enabled_in_mcp"`
	Passthrough  bool   `json:"passthrough"`
}

// A Key is one key that an extension requires.
type Key struct {
	Key string `json:"key"`
	Set bool   `json:"set"`
}

// A Reach is what a sandbox lets an extension use.
type Reach struct {
	Read    []string `json:"read"`
	Write   []string `json:"write"`
	Network string   `json:"network" enum:"on,off"`
}

// A Detail is all about one extension.
type Detail struct {
	Summary
	Manifest     Manifest           `json:"manifest"`
	Folder       string             `json:"folder,omitempty"`
	Data         string             `json:"data"`
	Requirements bool               `json:"requirements" help:"it asks for Python packages"`
	Packages     string             `json:"packages,omitempty" enum:"installed,changed,missing" help:"how these stand: installed by the house, installed before requirements.txt changed, or not installed by it; extension.install installs them"`
	Sandbox      *Reach             `json:"sandbox,omitempty" help:"what it may reach beside the system's folders; without it the extension is free"`
	Units        []Part             `json:"units"`
	Ports        map[string]int     `json:"ports"`
	Mounts       []holdfast.Mount   `json:"mounts"`
	Tools        []ToolSwitch       `json:"tools"`
	Modules      []string           `json:"modules"`
	MCPCommand   []string           `json:"mcp_command,omitempty"`
	Keys         []Key              `json:"required_secrets"`
	Problems     []holdfast.Problem `json:"problems"`
}

type listOut struct {
	Extensions []Summary `json:"extensions"`
}

type nameIn struct {
	Name string `json:"name" help:"name of the extension's folder" required:"true" pos:"1" max:"63"`
}

// A desk answers what callers ask of extensions.
type desk struct{ *Extensions }

// actions are what a caller may ask of extensions.
func (e desk) actions() []holdfast.Action {
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "extension.list", Summary: "List the extensions and how they stand", Short: "extensions",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast extension list"},
		}, func(context.Context, action.Nothing) (listOut, error) { return listOut{Extensions: e.summaries()}, nil }),
		action.NewAction(holdfast.Action{
			Name: "extension.show", Summary: "Show one extension: manifest, state, units, ports, tools, keys",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast extension show notes"},
			Routes: []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/extensions/{name}"}},
		}, func(_ context.Context, in nameIn) (Detail, error) { return e.show(in.Name) }),
		action.NewAction(holdfast.Action{
			Name: "extension.enable", Summary: "Use an extension: start its units, offer its tools, mount its pages",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Examples: []string{"holdfast extension enable notes"},
		}, func(ctx context.Context, in nameIn) (Summary, error) { return e.enable(ctx, in.Name, true) }),
		action.NewAction(holdfast.Action{
			Name: "extension.disable", Summary: "Stop using an extension; its folder, data and ports stay",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Examples: []string{"holdfast extension disable notes"},
		}, func(ctx context.Context, in nameIn) (Summary, error) { return e.enable(ctx, in.Name, false) }),
		action.NewAction(holdfast.Action{
			Name: "extension.sync", Summary: "Read the extensions again and bring their settings together with master_config.json",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Examples: []string{"holdfast extension sync"},
		}, func(ctx context.Context, _ action.Nothing) (Report, error) { return e.Sync(ctx) }),
		action.NewAction(holdfast.Action{
			Name: "extension.accept", Summary: "Give an extension what its files ask for beyond what it was granted",
			Help: "An extension may write its own folder, and so ask for more than it had when it was installed. That waits until a person names it here, as extension.show lists it under asks: key:NAME for a key, network, folder for writing its own folder, unasked:TOOL for a tool that agents run without asking.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Examples: []string{"holdfast extension accept notes key:SEARCH_API_KEY network"},
		}, e.accept),
		action.NewAction(holdfast.Action{
			Name: "extension.install", Summary: "Install the Python packages that an extension's requirements.txt asks for",
			Help: "They go into an environment of their own, which takes the place of the one before when it is complete; a failure leaves that as it was. The extension's processes start again with it. What was installed from the same requirements before is installed again to the byte.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Examples: []string{"holdfast extension install notes"},
		}, e.install),
		action.NewDestroyer(holdfast.Action{
			Name: "extension.delete", Summary: "Delete an extension: its units stop, its folder, data and settings go to the trash",
			Tier: holdfast.TierOperator, Categories: categories(), Examples: []string{"holdfast extension delete notes"},
		}, func(ctx context.Context, in nameIn) ([]holdfast.Category, error) {
			return removal(e).inventory(ctx, in.Name)
		}, func(ctx context.Context, in nameIn) (deleted, error) {
			return removal(e).delete(ctx, in.Name)
		}),
	}
}

func (e desk) summaries() []Summary {
	summaries := []Summary{}
	for _, x := range e.snapshot() {
		summaries = append(summaries, x.summary())
	}
	return summaries
}

func (s standing) summary() Summary {
	m := s.manifest
	sum := Summary{
		Name: s.name, Title: first(m.Name, s.name), Version: m.Version, Source: s.entry.source, Enabled: s.entry.enabled,
		State: s.state, Reason: s.reason, Services: len(s.services), MissingKeys: len(s.keys), Asks: s.asks,
	}
	if problems := s.allProblems(); sum.Reason == "" && len(problems) > 0 {
		sum.Reason = brief(problems)
	}
	for _, mount := range s.mounts {
		if mount.OwnOrigin {
			sum.UI = mount.Path
		}
	}
	return sum
}

func (e *Extensions) find(name string) (standing, error) {
	list := e.snapshot()
	if x, ok := find(list, name); ok {
		return x, nil
	}
	names := make([]string, 0, len(list))
	for _, x := range list {
		names = append(names, x.name)
	}
	remedy := "there are none"
	if len(names) > 0 {
		remedy = fmt.Sprintf("there are %v", names)
	}
	return standing{}, &holdfast.Error{
		Code: holdfast.CodeNotFound, Message: fmt.Sprintf("there is no extension %.80q", name),
		Problems: []holdfast.Problem{{Field: "name", Message: "names no extension", Remedy: remedy}},
	}
}

func (e desk) show(name string) (Detail, error) {
	x, err := e.find(name)
	if err != nil {
		return Detail{}, err
	}
	d := Detail{
		Summary: x.summary(), Manifest: x.manifest, Folder: x.dir, Data: dataDir(e.needs.Home, name),
		Requirements: x.requirements != nil, Packages: x.packages, Units: e.parts(x), Ports: map[string]int{}, Mounts: list(x.mounts),
		Tools: []ToolSwitch{}, Modules: []string{}, MCPCommand: x.server, Keys: []Key{}, Problems: list(x.allProblems()),
	}
	for _, u := range x.units {
		if u.Port != 0 {
			d.Ports[u.Name] = u.Port
		}
	}
	for _, module := range x.tools.modules {
		d.Modules = append(d.Modules, filepath.Base(module))
	}
	for _, tool := range slices.Sorted(maps.Keys(x.tools.settings)) {
		s := x.tools.settings[tool]
		d.Tools = append(d.Tools, ToolSwitch{Name: tool, EnabledInMCP: s.EnabledInMCP, Passthrough: s.Passthrough})
	}
	if x.box != nil {
		d.Sandbox = &Reach{Read: list(x.box.Read), Write: list(x.box.Write), Network: first(x.box.Network, "on")}
	}
	for _, key := range x.secrets() {
		d.Keys = append(d.Keys, Key{Key: key, Set: e.has(key)})
	}
	return d, nil
}

// parts tells how the extension's units stand now.
func (e desk) parts(x standing) []Part {
	now := map[string]holdfast.UnitStatus{}
	for _, u := range e.needs.Units.List() {
		if ofExtension(u) {
			now[u.Name] = u
		}
	}
	parts := []Part{}
	for _, u := range x.units {
		status, declared := now[u.Name]
		if !declared {
			status = holdfast.UnitStatus{State: holdfast.UnitBlocked, Detail: x.refused}
		}
		parts = append(parts, Part{
			Unit: u.Name, State: status.State, Detail: first(status.Detail, u.Blocked), Port: u.Port, PID: status.PID,
			Log: u.Log, Restart: string(u.Restart),
		})
	}
	return parts
}

// enable switches an extension in master_config.json, from where the sync takes it.
func (e desk) enable(ctx context.Context, name string, on bool) (Summary, error) {
	e.syncing.Lock()
	defer e.syncing.Unlock()
	x, err := e.find(name)
	if err != nil {
		return Summary{}, err
	}
	if on && (x.state == stateBroken || x.state == stateMissing) {
		return Summary{}, &holdfast.Error{
			Code: holdfast.CodeConflict, Message: "cannot enable " + name + ": it is " + x.state + ": " + x.reason, Problems: x.problems,
		}
	}
	err = e.needs.Master.Update(ctx, func(d *config.Document) error { return d.Set(on, "extensions", name, "enabled") })
	if err != nil {
		return Summary{}, err
	}
	if _, err := e.sync(ctx); err != nil {
		return Summary{}, err
	}
	x, err = e.find(name)
	return x.summary(), err
}
