// SPDX-License-Identifier: Apache-2.0

package price

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
)

// Capability is the prices' part of the house.
func (p *Prices) Capability() house.Capability {
	list := holdfast.Action{
		Name: "price.list", Summary: "List the prices of models, the operator's own first", Tier: holdfast.TierOperator,
		Effect: holdfast.EffectRead, Offline: true,
		Help:     "Prices are US dollars for a million tokens. Your own stand in holdfast.yaml, section prices.",
		Examples: []string{"holdfast price list", "holdfast price list anthropic --json"},
	}
	show := holdfast.Action{
		Name: "price.show", Summary: "Show what a model costs and where its price comes from", Tier: holdfast.TierOperator,
		Effect: holdfast.EffectRead, Offline: true,
		Help:     "The model is provider/model, as the ledger shows it. A model without a price is said to be unknown; it is never taken for free.",
		Examples: []string{"holdfast price show anthropic/claude-opus-4-5"},
	}
	return house.Capability{
		Name: "price", Section: "prices", Config: p.needs.Config,
		Actions: []holdfast.Action{action.NewAction(list, p.list), action.NewAction(show, p.show)},
		Start:   p.Start,
		Reason:  "before the ledger, which prices every call",
	}
}

// A Price is what a model costs, in US dollars for a million tokens.
type Price struct {
	Vendor       string   `json:"vendor"`
	Model        string   `json:"model"`
	Known        bool     `json:"known"`
	Above        int64    `json:"above,omitempty" help:"counts for prompts longer than so many tokens"`
	Input        *float64 `json:"input" help:"null where it is not known"`
	CachedRead   *float64 `json:"cached_read"`
	CacheWrite5m *float64 `json:"cache_write_5m"`
	CacheWrite1h *float64 `json:"cache_write_1h"`
	Output       *float64 `json:"output"`
	Reasoning    *float64 `json:"reasoning"`
	Source       string   `json:"source,omitempty"`
}

type listInput struct {
	Vendor string `json:"vendor,omitempty" help:"only this vendor" pos:"1"`
	Match  string `json:"match,omitempty" help:"only models whose name contains this"`
}

// List is the prices that are known.
type List struct {
	Dated  string  `json:"dated" help:"the day of the embedded table"`
	Prices []Price `json:"prices"`
	// Unknown names what of these is not known.
	Unknown []string `json:"unknown,omitempty" help:"prices that are not known: such a call costs null, never 0, and a money budget refuses it"`
}

func (p *Prices) list(_ context.Context, in listInput) (List, error) {
	t, err := p.table()
	if err != nil {
		return List{}, err
	}
	out := List{Dated: t.Dated, Prices: []Price{}}
	add := func(e *entry, vendor, model string) {
		if (in.Vendor == "" || in.Vendor == vendor) && strings.Contains(model, in.Match) {
			out.Prices = append(out.Prices, e.prices(vendor, model)...)
			out.Unknown = append(out.Unknown, e.unknown(vendor+"/"+model)...)
		}
	}
	config := p.current().config
	for _, name := range slices.Sorted(maps.Keys(config.Models)) {
		provider, model, _ := strings.Cut(name, "/")
		e := config.Models[name].entry()
		e.source = ownSource
		add(e, provider, model)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Vendors)) {
		v := t.Vendors[name]
		for _, model := range v.sorted() {
			add(v.find[model], name, model)
		}
	}
	return out, nil
}

type showInput struct {
	Model string `json:"model" help:"provider/model" required:"true" pos:"1"`
}

// Shown is what one model costs.
type Shown struct {
	Model  string  `json:"model"`
	Known  bool    `json:"known"`
	Vendor string  `json:"vendor,omitempty" help:"by whose prices the provider charges"`
	As     string  `json:"as,omitempty" help:"the name under which the price stands"`
	Source string  `json:"source,omitempty"`
	Dated  string  `json:"dated,omitempty"`
	Prices []Price `json:"prices"`
}

func (p *Prices) show(_ context.Context, in showInput) (Shown, error) {
	provider, model, ok := strings.Cut(in.Model, "/")
	if !ok || provider == "" || model == "" {
		return Shown{}, holdfast.BadInput("", holdfast.Problem{Field: "model", Message: "want provider/model", Remedy: "for example anthropic/claude-opus-4-5"})
	}
	t, err := p.table()
	if err != nil {
		return Shown{}, err
	}
	out := Shown{Model: in.Model, Prices: []Price{}}
	e := p.find(provider, model)
	if e == nil {
		out.Vendor = p.vendor(p.current().config, provider)
		return out, nil
	}
	out.Known, out.Vendor, out.As, out.Source = true, e.vendor, e.name, e.source
	if e.source != ownSource && e.source != "" {
		out.Dated = t.Dated
	}
	out.Prices = e.prices(e.vendor, e.name)
	return out, nil
}

// prices lists what a model costs, a line a length of prompts.
func (e *entry) prices(vendor, model string) []Price {
	var list []Price
	for _, b := range e.bands {
		one := Price{Vendor: vendor, Model: model, Known: b.known, Above: b.above, Source: e.source}
		if b.known {
			one.Input, one.Output, one.CachedRead = b.input.dollars(), b.output.dollars(), b.cached.dollars()
			one.CacheWrite5m, one.CacheWrite1h, one.Reasoning = b.write5m.dollars(), b.write1h.dollars(), b.reasoning.dollars()
		}
		list = append(list, one)
	}
	return list
}

// unknown names the lengths of prompts for which no price is known.
func (e *entry) unknown(name string) (list []string) {
	for _, b := range e.bands {
		switch {
		case b.known:
		case b.above > 0:
			list = append(list, fmt.Sprintf("%s above %d", name, b.above))
		default:
			list = append(list, name)
		}
	}
	return list
}

func (p pico) dollars() *float64 {
	d := float64(p) / 1e6
	return &d
}
