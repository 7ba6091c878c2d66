// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"maps"
	"slices"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/keys"
)

// announced lists the models that are known by provider/model: those in chains and those that
// providers list.
func (t *table) announced() []target {
	all := map[string]target{}
	for _, chain := range t.chains {
		for _, one := range chain {
			all[one.String()] = one
		}
	}
	for name, p := range t.providers {
		for _, model := range p.Models() {
			one := target{name, model, p}
			all[one.String()] = one
		}
	}
	list := make([]target, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name])
	}
	return list
}

// An Alias is one model name of the house: as configured, as chosen now, as answered last.
type Alias struct {
	Alias      string   `json:"alias"`
	Configured []string `json:"configured"`
	Effective  string   `json:"effective" help:"who is asked first now; empty while HALT stands or all rest"`
	Actual     string   `json:"actual" help:"who answered last since the house started"`
	Cooling    []Rest   `json:"cooling" help:"who is left out now, and until when"`
}

// A Rest is a model that is left out of chains for a while.
type Rest struct {
	Model  string    `json:"model"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

type modelList struct {
	Aliases []Alias  `json:"aliases"`
	Models  []string `json:"models" help:"known provider/model names; others of a provider work too"`
	Agents  []string `json:"agents"`
}

func (g *Gateway) actions() []holdfast.Action {
	list := holdfast.Action{
		Name: "model.list", Short: "models", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
		Summary: "List the models: aliases as configured, as chosen now, as answered last; and agents",
	}
	return []holdfast.Action{action.NewAction(list, g.list)}
}

func (g *Gateway) list(context.Context, action.Nothing) (modelList, error) {
	out := modelList{Aliases: []Alias{}, Models: []string{}, Agents: []string{}}
	if g.agents != nil {
		out.Agents = append(out.Agents, g.agents.Models()...)
	}
	t := g.routes.Load()
	if t == nil {
		return out, nil
	}
	halted := g.needs.Breaker.Refusal() != nil
	for _, name := range slices.Sorted(maps.Keys(t.chains)) {
		out.Aliases = append(out.Aliases, g.alias(t, name, halted))
	}
	for _, one := range t.announced() {
		out.Models = append(out.Models, one.String())
	}
	return out, nil
}

func (g *Gateway) alias(t *table, name string, halted bool) Alias {
	now := time.Now()
	a := Alias{Alias: name, Configured: slices.Clone(t.config.Aliases[name]), Actual: g.cooling.lastOf(name), Cooling: []Rest{}}
	for _, one := range t.chains[name] {
		if cool, rests := g.cooling.view(one.String(), now); rests {
			a.Cooling = append(a.Cooling, Rest{one.String(), cool.until.UTC(), cool.reason})
		}
	}
	if left, _ := g.cooling.usable(t.chains[name], now); len(left) > 0 && !halted {
		a.Effective = left[0].String()
	}
	return a
}

// Required lists the keys that providers ask for.
func (g *Gateway) Required() []keys.Requirement {
	c := *g.needs.Config
	if t := g.routes.Load(); t != nil {
		c = t.config
	}
	list := []keys.Requirement{}
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		if key := c.Providers[name].Key; key != "" {
			list = append(list, keys.Requirement{Key: key, Source: "model provider " + name})
		}
	}
	return list
}
