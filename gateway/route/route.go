// SPDX-License-Identifier: Apache-2.0

// Package route decides who answers a model call: it lays names out as chains of provider and
// model, keeps those that failed out of them for a while, and lets one call find out whether they
// are well again.
//
// It is for choosing alone. It is not for speaking to providers (gateway/provider), for reading
// why a call failed (gateway) nor for what calls cost. A deadline is never shortened by a further
// failure; a target that failed is asked again by one call at a time; cooldowns outlive the
// process (Load, Run, Flush): each is on the disk before the call that began it is answered, and no
// other call waits for the disk. Caller: gateway.
package route

import (
	"maps"
	"slices"
	"strings"
)

// A Target is one model of one provider.
type Target struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
}

func (t Target) String() string { return t.Provider + "/" + t.Model }

// ParseTarget reads provider/model.
func ParseTarget(name string) (Target, bool) {
	source, model, ok := strings.Cut(name, "/")
	return Target{source, model}, ok && source != "" && model != ""
}

// A Step is a target with its place in its chain.
type Step struct {
	Target
	// At is 0 for the first of the chain; more is a fallback.
	At int
	// Probe tells that this call finds out whether the target is well again.
	Probe bool
}

// A Chain is what a model's name stands for: targets, tried from the first to the last.
type Chain struct {
	// Alias is the name when it is an alias, "" when it is a target itself.
	Alias   string
	Targets []Target
}

// A Table resolves names. It never changes: a new configuration is a new table.
type Table struct {
	chains    map[string]Chain
	providers map[string]bool
}

// NewTable lays out the chain of every alias. Aliases lead to provider/model or to other aliases;
// what leads nowhere or back to itself is left out.
func NewTable(aliases map[string][]string, providers []string) *Table {
	t := &Table{chains: make(map[string]Chain, len(aliases)), providers: make(map[string]bool, len(providers))}
	for _, p := range providers {
		t.providers[p] = true
	}
	for name := range aliases {
		t.chains[name] = Chain{Alias: name, Targets: t.expand(aliases, name, nil)}
	}
	return t
}

func (t *Table) expand(aliases map[string][]string, name string, path []string) []Target {
	if slices.Contains(path, name) {
		return nil
	}
	path = append(slices.Clone(path), name)
	var list []Target
	for _, step := range aliases[name] {
		var next []Target
		if _, ok := aliases[step]; ok {
			next = t.expand(aliases, step, path)
		} else if one, ok := t.direct(step); ok {
			next = []Target{one}
		}
		for _, one := range next {
			if !slices.Contains(list, one) {
				list = append(list, one)
			}
		}
	}
	return list
}

func (t *Table) direct(name string) (Target, bool) {
	one, ok := ParseTarget(name)
	return one, ok && t.providers[one.Provider]
}

// Resolve gives the chain that a model's name stands for.
func (t *Table) Resolve(name string) (Chain, bool) {
	if chain, ok := t.chains[name]; ok {
		return chain, len(chain.Targets) > 0
	}
	one, ok := t.direct(name)
	if !ok {
		return Chain{}, false
	}
	return Chain{Targets: []Target{one}}, true
}

// Aliases lists the names that are aliases, in order.
func (t *Table) Aliases() []string { return slices.Sorted(maps.Keys(t.chains)) }

// Targets lists every target of every chain, in order.
func (t *Table) Targets() []Target {
	all := map[Target]bool{}
	for _, chain := range t.chains {
		for _, one := range chain.Targets {
			all[one] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b Target) int { return strings.Compare(a.String(), b.String()) })
}
