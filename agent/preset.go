// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/core/action"
	"holdfast/core/config"
)

const (
	maxPrompt  = 16 << 10
	maxPresets = 200
)

// presets are those of master_config.json, read anew when the file has changed.
type presets struct {
	master *config.Master
	log    *slog.Logger

	mu     sync.Mutex
	state  uint64 // of the file when it was read
	listed map[string]config.MasterPreset
}

// all is every preset by name. A file that cannot be read leaves those that were read before.
func (p *presets) all() map[string]config.MasterPreset {
	if p.master == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	state, _ := p.master.Look()
	if state == p.state {
		return p.listed
	}
	view, err := p.master.View()
	if err != nil {
		p.log.Warn("cannot read the presets of agents; those read before stay", slog.Any("error", err))
	} else {
		p.listed = view.AgentPresets
	}
	p.state = state
	return p.listed
}

// A Budget bounds each request of a preset; what is 0 is as section agent says.
type Budget struct {
	Steps   int   `json:"steps,omitempty" min:"0" max:"100" help:"model calls"`
	Tokens  int64 `json:"tokens,omitempty" min:"0" help:"of all model calls together"`
	Seconds int64 `json:"seconds,omitempty" min:"0" help:"of work; waiting for approval is none"`
}

// A Preset is an agent with a name, a prompt and tools of its own.
type Preset struct {
	Name         string          `json:"name"`
	BaseAgent    string          `json:"base_agent"`
	Enabled      bool            `json:"enabled"`
	ToolCount    int             `json:"tool_count" help:"how many tools a caller of the asker's tier has with it"`
	Alias        string          `json:"alias,omitempty" help:"the model that it asks; empty as section agent says"`
	SystemPrompt string          `json:"system_prompt,omitempty"`
	Budget       Budget          `json:"budget"`
	ToolConfig   json.RawMessage `json:"tool_config,omitempty"`
	Problem      string          `json:"problem,omitempty" help:"why it cannot be used"`
	Warnings     []string        `json:"warnings,omitempty" help:"names of its switches that no tool has now (they count once one has); a model that is not there; an agent that it hides"`
}

type presetList struct {
	Presets []Preset `json:"presets"`
}

type presetInput struct {
	Name         string          `json:"name" required:"true" pos:"1" help:"its name as a model"`
	BaseAgent    string          `json:"base_agent" enum:"passthrough_agent,simple_agent" default:"passthrough_agent" help:"what it is made of"`
	ToolConfig   json.RawMessage `json:"tool_config" help:"switches by tool: {\"TOOL\": {\"enabled_in_mcp\": true, \"passthrough\": false}}; \"*\" stands for all others, what is not said is inherited"`
	SystemPrompt string          `json:"system_prompt" help:"what the model is told before all else"`
	Alias        string          `json:"alias" help:"the model that it asks; empty as section agent says"`
	Budget       Budget          `json:"budget"`
	Enabled      bool            `json:"enabled" default:"true"`
}

type presetChange struct {
	Name         string          `json:"name" required:"true" pos:"1" help:"the preset"`
	BaseAgent    *string         `json:"base_agent" enum:"passthrough_agent,simple_agent"`
	ToolConfig   json.RawMessage `json:"tool_config" help:"all its switches anew"`
	SystemPrompt *string         `json:"system_prompt"`
	Alias        *string         `json:"alias"`
	Budget       *Budget         `json:"budget"`
	Enabled      *bool           `json:"enabled"`
}

type presetName struct {
	Name string `json:"name" required:"true" pos:"1" help:"the preset"`
}

// all are the presets' actions.
func (s shelf) all() []holdfast.Action {
	const route = "/api/supervisor/agents/presets"
	declare := func(name, summary, method, path string, effect holdfast.Effect, examples ...string) holdfast.Action {
		return holdfast.Action{
			Name: "preset." + name, Summary: summary, Tier: holdfast.TierOperator, Effect: effect, Examples: examples,
			Routes: []holdfast.ActionRoute{{Method: method, Path: route + path}},
		}
	}
	return []holdfast.Action{
		action.NewAction(declare("list", "List the presets of agents", "GET", "", holdfast.EffectRead), s.list),
		action.NewAction(declare("add", "Make a preset: an agent with a name, a prompt and tools of its own", "POST", "", holdfast.EffectChange,
			`holdfast preset add librarian --system-prompt "You keep the notes." --tool-config '{"*": false, "NOTES_list": true}'`), s.add),
		action.NewAction(declare("update", "Change a preset", "PATCH", "/{name}", holdfast.EffectChange, "holdfast preset update librarian --enabled=false"),
			s.update),
		action.NewAction(declare("delete", "Take a preset away; the answer shows what it was", "DELETE", "/{name}", holdfast.EffectChange), s.remove),
		action.NewAction(declare("tools", "List the tools of a preset, and which of them run without approval", "GET", "/{name}/tools", holdfast.EffectRead),
			s.tools),
	}
}

// a shelf is the actions on presets.
type shelf struct{ *Agents }

func (s shelf) list(ctx context.Context, _ action.Nothing) (presetList, error) {
	out := presetList{Presets: []Preset{}}
	all := s.presets.all()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out.Presets = append(out.Presets, s.show(ctx, name, all[name]))
	}
	return out, nil
}

// show is a preset as its callers see it.
func (s shelf) show(ctx context.Context, name string, kept config.MasterPreset) Preset {
	p := Preset{
		Name: name, BaseAgent: kept.BaseAgent, Enabled: kept.Enabled == nil || *kept.Enabled, Alias: kept.Alias, SystemPrompt: kept.SystemPrompt,
		ToolConfig: kept.ToolConfig, Budget: Budget{kept.Budget.Steps, kept.Budget.Tokens, kept.Budget.Seconds},
	}
	as, err := s.dress(name, kept)
	if err != nil {
		p.Problem = err.Error()
		return p
	}
	caller := holdfast.CallerFrom(ctx)
	p.BaseAgent, p.ToolCount = as.base, len(s.view(caller, as).Now())
	if len(as.chosen.Tools) > 0 {
		p.Warnings = as.chosen.Strangers(s.view(caller, persona{}).Now())
	}
	if s.needs.Knows != nil && kept.Alias != "" && !s.needs.Knows(kept.Alias) {
		p.Warnings = append(p.Warnings, fmt.Sprintf("there is no model %.200q now: what the preset is asked is refused until there is", kept.Alias))
	}
	if s.needs.Aliased != nil && s.needs.Aliased(name) {
		p.Warnings = append(p.Warnings, fmt.Sprintf("the gateway has an alias %q, which stands before it: who asks for %q gets that model, not this preset. "+
			"Add the preset under another name, or rename the alias in holdfast.yaml (section models, or its profile)", name, name))
	}
	if s.homes.has(name) {
		p.Warnings = append(p.Warnings, fmt.Sprintf("it hides the agent of the home in agents/%s/agent.py", name))
	}
	return p
}

// dress makes what a preset runs as.
func (a *Agents) dress(name string, kept config.MasterPreset) (persona, error) {
	base := kept.BaseAgent
	if base == "" {
		base = Name
	}
	as, ok := a.builtInPersona(base)
	if !ok || strings.Contains(base, "/") {
		return as, fmt.Errorf("its base agent is %q, want %s or %s", base, Name, Simple)
	}
	chosen, err := tools.ReadSelection(kept.ToolConfig)
	if err != nil {
		return as, err
	}
	as.name, as.preset, as.prompt, as.chosen = name, true, kept.SystemPrompt, &chosen
	if kept.Alias != "" {
		as.alias = kept.Alias
	}
	if n := kept.Budget.Steps; n > 0 {
		as.bounds.steps = n
	}
	if n := kept.Budget.Tokens; n > 0 {
		as.bounds.tokens = n
	}
	if n := kept.Budget.Seconds; n > 0 {
		as.bounds.time = time.Duration(n) * time.Second
	}
	return as, nil
}

func (s shelf) add(ctx context.Context, in presetInput) (Preset, error) {
	kept := config.MasterPreset{
		BaseAgent: in.BaseAgent, Enabled: &in.Enabled, ToolConfig: in.ToolConfig, SystemPrompt: in.SystemPrompt, Alias: in.Alias,
		Budget: config.MasterBudget(in.Budget),
	}
	if err := s.check(in.Name, kept, in.ToolConfig); err != nil {
		return Preset{}, err
	}
	return s.keep(ctx, in.Name, func(was config.MasterPreset, known bool, many int) (config.MasterPreset, error) {
		switch {
		case known:
			return was, holdfast.Errorf(holdfast.CodeConflict, "there is a preset %q already: `holdfast preset update %s` changes it", in.Name, in.Name)
		case s.homes.has(in.Name):
			return was, holdfast.Errorf(holdfast.CodeConflict, "the preset would hide the agent of the home in agents/%s/agent.py: choose another name", in.Name)
		case many >= maxPresets:
			return was, holdfast.Errorf(holdfast.CodeConflict, "there are %d presets, which is the most: delete one first", many)
		}
		return kept, nil
	})
}

func (s shelf) update(ctx context.Context, in presetChange) (Preset, error) {
	return s.keep(ctx, in.Name, func(kept config.MasterPreset, known bool, _ int) (config.MasterPreset, error) {
		if !known {
			return kept, noPreset(in.Name)
		}
		if in.BaseAgent != nil {
			kept.BaseAgent = *in.BaseAgent
		}
		if len(in.ToolConfig) > 0 && string(in.ToolConfig) != "null" {
			kept.ToolConfig = in.ToolConfig
		}
		if in.SystemPrompt != nil {
			kept.SystemPrompt = *in.SystemPrompt
		}
		if in.Alias != nil {
			kept.Alias = *in.Alias
		}
		if in.Budget != nil {
			kept.Budget = config.MasterBudget(*in.Budget)
		}
		if in.Enabled != nil {
			kept.Enabled = in.Enabled
		}
		return kept, s.check(in.Name, kept, in.ToolConfig)
	})
}

func noPreset(name string) error {
	return holdfast.Errorf(holdfast.CodeNotFound, "there is no preset %q: `holdfast preset list` shows those that there are", name)
}

// keep changes one preset in the file, leaving what it does not know as it is.
func (s shelf) keep(ctx context.Context, name string, change func(was config.MasterPreset, known bool, many int) (config.MasterPreset, error)) (Preset, error) {
	var kept config.MasterPreset
	err := s.needs.Master.Update(ctx, func(d *config.Document) error {
		var was config.MasterPreset
		known, err := d.Decode(&was, "agent_presets", name)
		if err != nil {
			return err
		}
		if kept, err = change(was, known, len(d.Keys("agent_presets"))); err != nil {
			return err
		}
		return setPreset(d, name, kept)
	})
	if err != nil {
		return Preset{}, err
	}
	s.presets.forget()
	return s.show(ctx, name, kept), nil
}

// setPreset writes the fields of a preset one by one, so that those of others stay.
func setPreset(d *config.Document, name string, p config.MasterPreset) error {
	for _, f := range []struct {
		field string
		value any
		none  bool
	}{
		{"base_agent", p.BaseAgent, false},
		{"enabled", p.Enabled == nil || *p.Enabled, false},
		{"tool_config", p.ToolConfig, len(p.ToolConfig) == 0},
		{"system_prompt", p.SystemPrompt, p.SystemPrompt == ""},
		{"alias", p.Alias, p.Alias == ""},
		{"budget", p.Budget, p.Budget == config.MasterBudget{}},
	} {
		if f.none {
			d.Delete("agent_presets", name, f.field)
			continue
		}
		if err := d.Set(f.value, "agent_presets", name, f.field); err != nil {
			return err
		}
	}
	return nil
}

// check tells all that is wrong with a preset. Switches that the caller gives are read strictly; what
// stands in the file is not, or a preset with an old one could not be changed at all.
func (s shelf) check(name string, p config.MasterPreset, given json.RawMessage) error {
	var problems []holdfast.Problem
	wrong := func(field, message, remedy string) {
		problems = append(problems, holdfast.Problem{Field: field, Message: message, Remedy: remedy})
	}
	if !presetWord(name) || builtIn(name) {
		wrong("name", fmt.Sprintf("%.100q cannot be a preset's name", name),
			"letters, digits, _ . and -, at most 64, beginning with a letter, and not a built-in agent's")
	}
	if builtIn(p.Alias) {
		wrong("alias", fmt.Sprintf("%q is an agent", p.Alias), "the name of a model")
	}
	if len(p.SystemPrompt) > maxPrompt {
		wrong("system_prompt", fmt.Sprintf("is %d bytes", len(p.SystemPrompt)), fmt.Sprintf("at most %d", maxPrompt))
	}
	if b := p.Budget; b.Steps < 0 || b.Steps > 100 || b.Tokens < 0 || b.Seconds < 0 {
		wrong("budget", "is out of bounds", "steps 0 to 100, tokens and seconds 0 or more")
	}
	if _, err := tools.GivenSelection(given); err != nil {
		problems = append(problems, problemsOf(err)...)
	} else if _, err := s.dress(name, p); err != nil {
		wrong("", err.Error(), "")
	}
	if len(problems) > 0 {
		return holdfast.BadInput("cannot keep the preset", problems...)
	}
	return nil
}

func problemsOf(err error) []holdfast.Problem {
	if known, ok := errors.AsType[*holdfast.Error](err); ok && len(known.Problems) > 0 {
		return known.Problems
	}
	return []holdfast.Problem{{Message: err.Error()}}
}

func presetWord(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789_.-", r)) {
			return false
		}
	}
	return true
}

type presetGone struct {
	Deleted Preset `json:"deleted" help:"as it was, to make it again"`
}

func (s shelf) remove(ctx context.Context, in presetName) (presetGone, error) {
	var was config.MasterPreset
	err := s.needs.Master.Update(ctx, func(d *config.Document) error {
		known, err := d.Decode(&was, "agent_presets", in.Name)
		if err == nil && !known {
			err = noPreset(in.Name)
		}
		d.Delete("agent_presets", in.Name)
		return err
	})
	if err != nil {
		return presetGone{}, err
	}
	s.presets.forget()
	return presetGone{s.show(ctx, in.Name, was)}, nil
}

// A PresetTool is one tool as a preset has it.
type PresetTool struct {
	Name        string        `json:"name"`
	Source      string        `json:"source"`
	Enabled     bool          `json:"enabled"`
	Passthrough bool          `json:"passthrough" help:"runs without approval"`
	Tier        holdfast.Tier `json:"tier"`
	Docstring   string        `json:"docstring"`
}

type presetTools struct {
	Name       string          `json:"name"`
	BaseAgent  string          `json:"base_agent"`
	ToolConfig json.RawMessage `json:"tool_config,omitempty"`
	Tools      []PresetTool    `json:"tools"`
}

func (s shelf) tools(ctx context.Context, in presetName) (presetTools, error) {
	kept, ok := s.presets.all()[in.Name]
	if !ok {
		return presetTools{}, noPreset(in.Name)
	}
	as, err := s.dress(in.Name, kept)
	if err != nil {
		return presetTools{}, err
	}
	out := presetTools{Name: in.Name, BaseAgent: as.base, ToolConfig: kept.ToolConfig, Tools: []PresetTool{}}
	caller := holdfast.CallerFrom(ctx)
	has := map[string]bool{}
	for _, e := range s.view(caller, as).Now() {
		has[e.Name] = true
		out.Tools = append(out.Tools, PresetTool{e.Name, e.Source, true, e.Passthrough, e.Tier, e.Summary})
	}
	as.chosen = nil
	for _, e := range s.view(caller, as).Now() {
		if !has[e.Name] {
			out.Tools = append(out.Tools, PresetTool{e.Name, e.Source, false, false, e.Tier, e.Summary})
		}
	}
	return out, nil
}

// forget has the file read anew.
func (p *presets) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = 0
}
