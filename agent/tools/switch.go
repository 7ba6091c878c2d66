// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/tools/pin"
	"holdfast/agent/tools/poison"
	"holdfast/core/action"
	"holdfast/core/config"
)

// toolShown is one tool with what is known of it.
type toolShown struct {
	Entry
	PinnedAt    time.Time        `json:"pinned_at,omitzero" help:"when the tool was first seen as it is, or accepted"`
	AcceptedBy  string           `json:"accepted_by,omitempty" help:"who accepted it"`
	Fingerprint string           `json:"fingerprint,omitempty" help:"of its words, schemas and hints as its server declares them now"`
	Findings    []poison.Finding `json:"findings,omitempty" help:"what in its words is meant to steer a model"`
	Changes     []pin.Change     `json:"changes,omitempty" help:"what is another than when it was pinned"`
}

// a switchDesk is where operators accept tools and switch them.
type switchDesk struct{ desk }

type acceptInput struct {
	Name        string `json:"name" required:"true" pos:"1" help:"name of the tool or prompt in the catalogue, or of the server whose instructions are meant"`
	Kind        string `json:"kind" enum:"tool,prompt,instructions" default:"tool" help:"what it is"`
	Fingerprint string `json:"fingerprint" help:"that of tool show: when it changed since, nothing is accepted"`
}

type accepted struct {
	Name        string           `json:"name"`
	Kind        string           `json:"kind"`
	Fingerprint string           `json:"fingerprint"`
	Changes     []pin.Change     `json:"changes"`
	Findings    []poison.Finding `json:"findings"`
}

type setInput struct {
	Name         string `json:"name" required:"true" pos:"1" help:"name of the tool in the catalogue"`
	EnabledInMCP *bool  `json:"enabled_in_mcp" help:"whether MCP clients see it"`
	Passthrough  *bool  `json:"passthrough" help:"whether agents call it without asking"`
}

func (d switchDesk) actions() []holdfast.Action {
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "tool.accept", Summary: "Accept a tool that changed, or whose words could steer a model",
			Help: "A tool is pinned when it is first seen. When its words, schemas or hints change, or steer a model, it is not offered " +
				"until a person accepts it: `holdfast tool show NAME` tells what changed. Only a person at a terminal or in the Hub may.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange,
			Examples: []string{"holdfast tool accept notes_add", "holdfast tool accept notes --kind instructions"},
		}, d.accept),
		action.NewAction(holdfast.Action{
			Name: "tool.set", Summary: "Switch a tool: whether MCP clients see it, whether agents call it without asking",
			Help: "The switches stand in master_config.json; hubs and presets may say otherwise for themselves.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange,
			Examples: []string{"holdfast tool set notes_add --passthrough", "holdfast tool set notes_delete --enabled-in-mcp=false"},
		}, d.set),
	}
}

// everything finds a tool among all that the caller's tier may see, those that are withheld too.
func (d desk) everything(ctx context.Context) ([]*entry, error) {
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	caller := holdfast.CallerFrom(ctx)
	return slices.DeleteFunc(slices.Clone(d.snapshot().entries), func(e *entry) bool { return !e.visible(caller) }), nil
}

func (d desk) named(ctx context.Context, name string) (*entry, error) {
	all, err := d.everything(ctx)
	if err != nil {
		return nil, err
	}
	known := make([]string, 0, len(all))
	for _, e := range all {
		if e.Name == name {
			return e, nil
		}
		known = append(known, e.Name)
	}
	err = holdfast.Errorf(holdfast.CodeNotFound, "there is no tool %q", plain.Cut(name, maxName))
	if near := action.Nearest(name, known); near != "" {
		err = holdfast.Errorf(holdfast.CodeNotFound, "there is no tool %q: did you mean %s?", plain.Cut(name, maxName), near)
	}
	return nil, err
}

func (d desk) show(ctx context.Context, in nameInput) (toolShown, error) {
	e, err := d.named(ctx, in.Name)
	if err != nil {
		return toolShown{}, err
	}
	shown := toolShown{Entry: e.whole(), Findings: e.doubts}
	shown.Use = e.tally.use()
	if e.source == nil {
		return shown, nil
	}
	shown.Fingerprint = pin.Sum(e.form)
	had := d.pins.Pinned(e.thing())
	shown.PinnedAt, shown.AcceptedBy = had.At, had.By
	shown.Changes = d.pins.Diff(ctx, e.thing())
	return shown, nil
}

// accept takes a person's word for a tool. A program has none to give.
func (d switchDesk) accept(ctx context.Context, in acceptInput) (accepted, error) {
	if !holdfast.ByPerson(ctx) {
		return accepted{}, &holdfast.Refusal{
			Guard: "person", Reason: "only a person accepts what tools say about themselves",
			Remedy: "run `holdfast tool accept` at a terminal, or use the Hub",
		}
	}
	w, err := d.withheldThing(ctx, in)
	if err != nil {
		return accepted{}, err
	}
	if w.standing == "" {
		return accepted{}, holdfast.Errorf(holdfast.CodeConflict,
			"nothing of %q waits to be accepted: it is offered as it is (`holdfast tools --withheld` lists what waits)", plain.Text(in.Name, maxName))
	}
	out := accepted{Name: in.Name, Kind: in.Kind, Fingerprint: pin.Sum(w.form), Changes: d.pins.Diff(ctx, w.thing), Findings: w.doubts}
	if err := d.pins.Accept(ctx, w.thing, w.form, in.Fingerprint, holdfast.CallerFrom(ctx).String()); err != nil {
		return accepted{}, err
	}
	d.touch()
	return out, nil
}

// withheld is what a person may accept, as its source says it now.
type withheld struct {
	thing    pin.Thing
	form     []byte
	doubts   []poison.Finding
	standing pin.Standing
}

// withheldThing finds what is to be accepted.
func (d switchDesk) withheldThing(ctx context.Context, in acceptInput) (withheld, error) {
	switch in.Kind {
	case pin.KindPrompt:
		if e := d.snapshot().byPrompt[in.Name]; e != nil && e.source != nil {
			return withheld{pin.Of(e.Source, pin.KindPrompt, e.own), e.form, e.doubts, e.Standing}, nil
		}
	case pin.KindInstructions:
		for _, s := range d.snapshot().speakers {
			if s.source.decl.Name == in.Name {
				return withheld{pin.Of(s.source.label(), pin.KindInstructions, in.Name), s.source.brings().form, s.doubts, s.standing}, nil
			}
		}
	default:
		e, err := d.named(ctx, in.Name)
		switch {
		case err != nil:
			return withheld{}, err
		case e.source == nil:
			return withheld{}, holdfast.BadInput("", holdfast.Problem{Field: "name", Message: in.Name + " is the house's own, which needs no acceptance"})
		}
		return withheld{e.thing(), e.form, e.doubts, e.Standing}, nil
	}
	return withheld{}, holdfast.Errorf(holdfast.CodeNotFound, "there are no %s of %q", in.Kind, plain.Text(in.Name, maxName))
}

// set writes the switches of a tool into master_config.json, under its name in the catalogue.
func (d switchDesk) set(ctx context.Context, in setInput) (Entry, error) {
	e, err := d.named(ctx, in.Name)
	if err != nil {
		return Entry{}, err
	}
	if in.EnabledInMCP == nil && in.Passthrough == nil {
		return Entry{}, holdfast.BadInput("", holdfast.Problem{Message: "nothing is to be set", Remedy: "give enabled_in_mcp or passthrough"})
	}
	if e.action != "" && !e.ReadOnly && in.Passthrough != nil && *in.Passthrough {
		return Entry{}, holdfast.BadInput("", holdfast.Problem{
			Field: "passthrough", Message: e.Name + " changes the house, which no agent does unasked", Remedy: "give it to one preset, if it must be",
		})
	}
	place, enabled := []string{"tool_configs", e.Name}, "enabled_in_mcp"
	if e.elsewhere() {
		if err := d.shelf.book.Load().held(e, in); err != nil {
			return Entry{}, err
		}
		place, enabled = []string{"remote_mcp_servers", e.source.decl.Name, "tools", e.own}, "enabled"
	}
	err = d.shelf.update(ctx, func(doc *config.Document) error {
		if err := disown(doc, e); err != nil {
			return err
		}
		if in.EnabledInMCP != nil {
			if err := doc.Set(*in.EnabledInMCP, append(slices.Clone(place), enabled)...); err != nil {
				return err
			}
		}
		if in.Passthrough != nil {
			return doc.Set(*in.Passthrough, append(slices.Clone(place), "passthrough")...)
		}
		return nil
	})
	if err != nil {
		return Entry{}, err
	}
	d.touch()
	now, err := d.named(ctx, in.Name)
	if err != nil {
		return Entry{}, err
	}
	shown := now.whole()
	shown.Use = now.tally.use()
	return shown, nil
}

// held refuses to switch a remote server's tool on where tool_configs goes on switching it off.
func (b *book) held(e *entry, in setInput) error {
	taken := b.taken(e)
	if in.EnabledInMCP != nil && *in.EnabledInMCP && taken.EnabledInMCP != nil || in.Passthrough != nil && *in.Passthrough && taken.Passthrough != nil {
		return holdfast.BadInput("", holdfast.Problem{
			Field: "name", Message: "tool_configs of master_config.json switches it off, by one of the names " + strings.Join(append(e.otherNames(), e.Name), ", "),
			Remedy: "take that out of tool_configs, or switch it on for one hub or preset",
		})
	}
	return nil
}

// disown makes an operator's own of a setting that the file of an extension brought. What another
// extension's file said is not taken over with it.
func disown(doc *config.Document, e *entry) error {
	var said ToolSetting
	if known, err := doc.Decode(&said, "tool_configs", e.Name); err != nil || !known || said.brought == "" {
		return err
	}
	if said.brought != e.Extension {
		doc.Delete("tool_configs", e.Name)
		return nil
	}
	doc.Delete("tool_configs", e.Name, "extension")
	return nil
}
