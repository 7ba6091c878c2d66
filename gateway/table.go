// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"maps"
	"slices"
	"strings"

	"holdfast/gateway/drill"
	"holdfast/gateway/provider"
	"holdfast/gateway/route"
)

// A table is what one configuration makes of names. It never changes: a new configuration is a new
// table.
type table struct {
	config    Config
	providers map[string]provider.Provider
	names     *route.Table
	drills    *drill.Drills
	named     map[route.Target]bool // by the configuration
}

// A step is a target that is asked, with who asks it. What was meant is another one where a drill
// answers in its stead.
type step struct {
	route.Step
	via   provider.Provider
	meant route.Target
}

// layOut lays out the chain of every alias. The configuration was checked: nothing is circular.
func (t *table) layOut() {
	t.names = route.NewTable(t.config.names(), slices.Collect(maps.Keys(t.providers)))
	t.named = map[route.Target]bool{}
	for _, one := range t.names.Targets() {
		t.named[one] = true
	}
}

// label is a model as metrics name it: as it is called where the configuration names it, else other,
// for clients may call it anything.
func (t *table) label(of route.Target) string {
	if t == nil || !t.named[of] {
		return "other"
	}
	return of.Model
}

// step is a target with who asks it: its provider, or a drill that stands in front. What a drill
// answers is booked and shown as the rehearsal's, for the model was not asked.
func (t *table) step(s route.Step) step {
	meant := s.Target
	if front, on := t.drills.Front(meant); on {
		s.Target = route.Target{Provider: kindRehearsal, Model: meant.String()}
		return step{s, front, meant}
	}
	return step{s, t.providers[meant.Provider], meant}
}

// announced lists the models that are known by provider/model: those in chains and those that
// providers list.
func (t *table) announced() []route.Target {
	all := map[route.Target]bool{}
	for _, one := range t.names.Targets() {
		all[one] = true
	}
	for name, p := range t.providers {
		for _, model := range p.Models() {
			all[route.Target{Provider: name, Model: model}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b route.Target) int { return strings.Compare(a.String(), b.String()) })
}
