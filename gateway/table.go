// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/gateway/provider"
)

// A target is one model of one provider.
type target struct {
	provider string
	model    string
	via      provider.Provider
}

func (t target) String() string { return t.provider + "/" + t.model }

// table resolves names. It never changes: a new configuration is a new table.
type table struct {
	config    Config
	providers map[string]provider.Provider
	chains    map[string][]target
}

// resolveAll lays out the chain of every alias. The configuration was checked: nothing is circular.
func (t *table) resolveAll() {
	t.chains = make(map[string][]target, len(t.config.Aliases))
	for name := range t.config.Aliases {
		t.chains[name] = t.expand(name)
	}
}

func (t *table) expand(alias string) []target {
	var chain []target
	for _, step := range t.config.Aliases[alias] {
		next := []target{}
		if _, ok := t.config.Aliases[step]; ok {
			next = t.expand(step)
		} else if one, ok := t.direct(step); ok {
			next = append(next, one)
		}
		for _, one := range next {
			if !slices.ContainsFunc(chain, func(c target) bool { return c.String() == one.String() }) {
				chain = append(chain, one)
			}
		}
	}
	return chain
}

func (t *table) direct(name string) (target, bool) {
	source, model, ok := strings.Cut(name, "/")
	if !ok || model == "" {
		return target{}, false
	}
	via, ok := t.providers[source]
	return target{source, model, via}, ok
}

// resolve gives the chain that a model's name stands for, and the alias if it is one.
func (t *table) resolve(name string) (chain []target, alias string) {
	if chain, ok := t.chains[name]; ok {
		return chain, name
	}
	if one, ok := t.direct(name); ok {
		return []target{one}, ""
	}
	return nil, ""
}

// A cooldown keeps a target out of its chain for a while.
type cooldown struct {
	until    time.Time
	failures int
	told     bool // the provider itself said until when
	reason   string
}

const (
	firstCooldown = 5 * time.Second
	mostCooldown  = 5 * time.Minute
	mostTold      = time.Hour
)

// cooldowns are kept in memory: a new start tries everything anew.
type cooldowns struct {
	mu  sync.Mutex
	all map[string]cooldown
	// last tells, by alias, who answered last.
	last map[string]string
}

// failed puts a target out for as long as its provider said, else for twice as long as the last
// time. A deadline is never shortened.
func (c *cooldowns) failed(t target, f *failure, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]cooldown{}
	}
	cool := c.all[t.String()]
	span := min(firstCooldown<<min(cool.failures, 10), mostCooldown)
	told := f.retryAfter > 0
	if told {
		span = min(f.retryAfter, mostTold)
	}
	cool.failures++
	cool.reason = f.message
	if until := now.Add(span); until.After(cool.until) {
		cool.until, cool.told = until, told
	}
	c.all[t.String()] = cool
}

func (c *cooldowns) answered(t target, alias string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) > 0 {
		delete(c.all, t.String())
	}
	if alias == "" || c.last[alias] == t.String() {
		return
	}
	if c.last == nil {
		c.last = map[string]string{}
	}
	c.last[alias] = t.String()
}

// A step is a target with its place in the configured chain.
type step struct {
	target
	at int
}

// usable leaves out what cools down. When nothing is left, the one that may soonest be tried
// again is tried, unless its provider itself told to wait: then wait says for how long.
func (c *cooldowns) usable(chain []target, now time.Time) (left []step, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left = make([]step, 0, len(chain))
	if len(c.all) == 0 {
		for i, t := range chain {
			left = append(left, step{t, i})
		}
		return left, 0
	}
	soonest := step{at: -1}
	var first cooldown
	for i, t := range chain {
		cool, ok := c.all[t.String()]
		if !ok || !now.Before(cool.until) {
			left = append(left, step{t, i})
			continue
		}
		if soonest.at < 0 || cmp.Compare(cool.until.UnixNano(), first.until.UnixNano()) < 0 {
			soonest, first = step{t, i}, cool
		}
	}
	switch {
	case len(left) > 0 || soonest.at < 0:
		return left, 0
	case first.told:
		return nil, first.until.Sub(now)
	}
	return []step{soonest}, 0
}

// view is what stands now, for showing.
func (c *cooldowns) view(name string, now time.Time) (cooldown, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cool, ok := c.all[name]
	return cool, ok && now.Before(cool.until)
}

func (c *cooldowns) lastOf(alias string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[alias]
}
