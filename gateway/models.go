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
	"holdfast/gateway/route"
)

// An Alias is one model name of the house: as configured, as chosen now, as answered last.
type Alias struct {
	Alias      string   `json:"alias"`
	Configured []string `json:"configured"`
	Effective  string   `json:"effective" help:"who is asked first now; empty while HALT stands or all rest"`
	Actual     string   `json:"actual" help:"who answered last"`
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

func (r routing) allActions() []holdfast.Action {
	list := holdfast.Action{
		Name: "model.list", Short: "models", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
		Summary:  "List the models: aliases as configured, as chosen now, as answered last; and agents",
		Examples: []string{"holdfast models", "holdfast models policy"},
	}
	return append([]holdfast.Action{action.NewAction(list, r.list), asker(r).action()}, r.actions()...)
}

func (r routing) list(ctx context.Context, _ action.Nothing) (modelList, error) {
	out := modelList{Aliases: []Alias{}, Models: []string{}, Agents: []string{}}
	if r.agents != nil {
		for _, one := range r.agents.Models(ctx) {
			out.Agents = append(out.Agents, one.Name)
		}
	}
	t := r.routes.Load()
	if t == nil {
		return out, nil
	}
	halted := r.needs.Breaker.Refusal() != nil
	for _, name := range t.names.Aliases() {
		out.Aliases = append(out.Aliases, r.alias(t, name, halted))
	}
	for _, one := range t.announced() {
		out.Models = append(out.Models, one.String())
	}
	return out, nil
}

func (r routing) alias(t *table, name string, halted bool) Alias {
	a := Alias{Alias: name, Configured: slices.Clone(t.config.names()[name]), Cooling: []Rest{}}
	if last, ok := r.router.Last(name); ok {
		a.Actual = last.String()
	}
	chain, _ := t.names.Resolve(name)
	for _, c := range r.router.Cooldowns() {
		if c.State == route.StateCooling && slices.Contains(chain.Targets, c.Target) {
			a.Cooling = append(a.Cooling, Rest{c.Target.String(), c.Until, c.Reason})
		}
	}
	if first, ok := r.router.First(chain); ok && !halted {
		a.Effective = first.String()
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
