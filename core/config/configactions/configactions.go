// SPDX-License-Identifier: Apache-2.0

// Package configactions declares the actions over the configuration: check, schema, show, reload,
// and master_config.json.
//
// It stands beside core/config because that is lower than the registry of actions. It holds no
// state and guarantees that what holdfast.yaml pins is never changed elsewhere without effect: the
// change is refused, naming the line. app wires it.
package configactions

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/house"
)

// Needs is what the actions work on.
type Needs struct {
	// Config gives the configuration once it is loaded; it may give nil before.
	Config func() *config.Config
	Master *config.Master
}

// Actions are the config actions.
type Actions struct {
	needs Needs
}

// New takes what the actions work on.
func New(n Needs) *Actions { return &Actions{needs: n} }

type checkOutput struct {
	Status   string   `json:"status" help:"ok, for a bad configuration is an error"`
	Sections []string `json:"sections"`
}

type showInput struct {
	Path      string `json:"path" help:"only what lies under this path, as in edge or units.companion" pos:"1"`
	Effective bool   `json:"effective" help:"defaults as well, not only what somebody set"`
}

type showOutput struct {
	Values []config.Value `json:"values"`
}

type reloadOutput struct {
	Changes []config.Change `json:"changes" help:"sections that differ; one that is not applied counts from the next start"`
}

// masterInput is a partial document. It words itself with hub keys masked, for the journal.
type masterInput struct {
	Document json.RawMessage `json:"document" help:"master_config.json, whole or part; null takes a member away" required:"true"`
}

type masterWords struct {
	Document json.RawMessage `json:"document"`
}

// MarshalJSON keeps the keys of hubs out of the journal.
func (in masterInput) MarshalJSON() ([]byte, error) {
	d, err := config.ParseDocument("the request", in.Document)
	if err != nil {
		return []byte(`{"document":"unreadable"}`), nil
	}
	return json.Marshal(masterWords{Document: d.JSON()})
}

type masterOutput struct {
	Status  string          `json:"status"`
	Message string          `json:"message"`
	Changed []string        `json:"changed"`
	Reload  []config.Change `json:"reload" help:"sections of the configuration that differ by it"`
}

// Capability is what the actions contribute to the house.
func (a *Actions) Capability() house.Capability {
	return house.Capability{
		Name:    "config",
		Actions: a.actions(),
		Alerts:  []holdfast.AlertRule{a.alert()},
		Keep:    []house.Keep{{Name: "config", Patterns: []string{"holdfast.yaml", "holdfast.d/*.yaml", "master_config.json"}}},
		Reason:  "it only declares actions",
	}
}

func (a *Actions) actions() []holdfast.Action {
	read := holdfast.Action{Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true}
	check, schema, show, master := read, read, read, read
	check.Name, check.Summary = "config.check", "Check the configuration and tell every problem with its place"
	schema.Name, schema.Summary = "config.schema", "Print the JSON Schema of holdfast.yaml for editors"
	schema.Examples = []string{"holdfast config schema > holdfast.schema.json"}
	show.Name, show.Summary = "config.show", "Show the configuration and where each value came from"
	show.Examples = []string{"holdfast config show --effective", "holdfast config show edge --effective"}
	master.Name, master.Summary = "config.master", "Show master_config.json"
	master.Routes = []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/config/master"}}
	return []holdfast.Action{
		action.NewAction(check, a.check),
		action.NewAction(schema, a.schema),
		action.NewAction(show, a.show),
		action.NewAction(master, a.master),
		action.NewAction(holdfast.Action{
			Name: "config.reload", Summary: "Read the configuration again; an invalid one changes nothing",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange,
		}, a.reload),
		action.NewAction(holdfast.Action{
			Name: "config.master_set", Summary: "Change master_config.json by a whole or partial document",
			Help: "Objects are joined, null takes a member away, everything else is replaced. A field that " +
				"holdfast.yaml pins is refused. Fields that Holdfast does not know are kept.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true,
			Routes:   []holdfast.ActionRoute{{Method: "POST", Path: "/api/supervisor/config/master", Body: "document"}},
			Examples: []string{`holdfast config master_set --document '{"public_domain": "house.example"}'`},
			Subject:  func(any) string { return "master_config.json" },
		}, a.setMaster),
	}
}

func (a *Actions) loaded() (*config.Config, error) {
	if c := a.needs.Config(); c != nil {
		return c, nil
	}
	return nil, holdfast.Errorf(holdfast.CodeUnavailable, "the configuration is not loaded")
}

func (a *Actions) check(context.Context, action.Nothing) (checkOutput, error) {
	c, err := a.loaded()
	if err != nil {
		return checkOutput{}, err
	}
	if problems := c.Check(); len(problems) > 0 {
		return checkOutput{}, holdfast.BadInput(fmt.Sprintf("%d wrong in the configuration", len(problems)), problems...)
	}
	return checkOutput{Status: "ok", Sections: c.Sections()}, nil
}

func (a *Actions) schema(context.Context, action.Nothing) (json.RawMessage, error) {
	c, err := a.loaded()
	if err != nil {
		return nil, err
	}
	return c.Schema(), nil
}

func (a *Actions) show(_ context.Context, in showInput) (showOutput, error) {
	c, err := a.loaded()
	if err != nil {
		return showOutput{}, err
	}
	out := showOutput{Values: []config.Value{}}
	known := false
	for _, v := range c.Effective() {
		if in.Path != "" && v.Path != in.Path && !strings.HasPrefix(v.Path, in.Path+".") {
			continue
		}
		known = true
		if in.Effective || v.Origin != config.OriginDefault {
			out.Values = append(out.Values, v)
		}
	}
	if !known && in.Path != "" {
		return showOutput{}, holdfast.Errorf(holdfast.CodeNotFound, "there is nothing under %q in the configuration", in.Path)
	}
	return out, nil
}

func (a *Actions) reload(ctx context.Context, _ action.Nothing) (reloadOutput, error) {
	c, err := a.loaded()
	if err != nil {
		return reloadOutput{}, err
	}
	changes, err := c.Reload(ctx)
	if err != nil {
		return reloadOutput{}, err
	}
	return reloadOutput{Changes: append([]config.Change{}, changes...)}, nil
}

func (a *Actions) master(context.Context, action.Nothing) (json.RawMessage, error) {
	d, err := a.needs.Master.Read()
	if err != nil {
		return nil, err
	}
	return d.JSON(), nil
}

func (a *Actions) setMaster(ctx context.Context, in masterInput) (masterOutput, error) {
	c, err := a.loaded()
	if err != nil {
		return masterOutput{}, err
	}
	if err := forPeople(ctx, in.Document); err != nil {
		return masterOutput{}, err
	}
	changed, err := a.needs.Master.Merge(ctx, in.Document, c)
	if err != nil {
		return masterOutput{}, err
	}
	out := masterOutput{Status: "success", Message: "nothing changed", Changed: append([]string{}, changed...), Reload: []config.Change{}}
	if len(changed) == 0 {
		return out, nil
	}
	out.Message = "changed: " + strings.Join(changed, ", ")
	changes, err := c.Reload(ctx)
	if err != nil {
		out.Message += "; the rest of the configuration is invalid, so nothing else follows until it is mended"
		return out, nil
	}
	out.Reload = append(out.Reload, changes...)
	return out, nil
}

// forPeople refuses whoever is no person the section that says where the house sends keys of .env: remote-mcp
// refuses it that, too.
func forPeople(ctx context.Context, document json.RawMessage) error {
	var sections map[string]json.RawMessage
	if holdfast.ByPerson(ctx) || json.Unmarshal(document, &sections) != nil {
		return nil // what cannot be read is refused by who merges it
	}
	for name := range sections {
		if strings.EqualFold(name, "remote_mcp_servers") {
			return &holdfast.Refusal{
				Guard: "person", Reason: "only a person says where the house sends requests, and which keys they bear",
				Remedy: "programs switch remote MCP servers and their tools on and off by `holdfast remote-mcp update`",
			}
		}
	}
	return nil
}

// alert tells for as long as the files are invalid that the house runs with what it read before.
func (a *Actions) alert() holdfast.AlertRule {
	rule := holdfast.AlertRule{
		Name: "config_invalid", Severity: holdfast.SeverityWarning,
		Summary: "The configuration is invalid; the house runs with the one before",
	}
	rule.Firing = func(context.Context) []holdfast.Alert {
		c := a.needs.Config()
		if c == nil || c.Failed() == nil {
			return nil
		}
		return []holdfast.Alert{{
			Name: rule.Name, Severity: rule.Severity, Subject: "holdfast.yaml", Message: c.Failed().Error(),
		}}
	}
	return rule
}
