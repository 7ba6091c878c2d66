// SPDX-License-Identifier: Apache-2.0

package route

import (
	"fmt"
	"slices"
	"testing"

	"holdfast/gateway/price"
)

func TestAliasesOverAProfile(t *testing.T) {
	t.Parallel()
	pinned := Bundle{Chat: []string{"a/x"}, Fallback: []string{"b/y"}, Compaction: []string{"chat"}, Fast: []string{"a/s"}}
	for name, c := range map[string]struct {
		bundle Bundle
		own    map[string][]string
		want   map[string]string // what each alias comes to
	}{
		"the profile alone":       {pinned, nil, map[string]string{"chat": "[a/x b/y]", "fallback": "[b/y]", "compaction": "[a/x b/y]", "fast": "[a/s b/y]"}},
		"a line of one's own":     {pinned, map[string][]string{"chat": {"a/z"}}, map[string]string{"chat": "[a/z b/y]", "compaction": "[a/z b/y]", "fast": "[a/s b/y]"}},
		"another fallback":        {pinned, map[string][]string{"fallback": {"a/w"}}, map[string]string{"chat": "[a/x a/w]", "compaction": "[a/x a/w]"}},
		"a pinned compaction":     {pinned, map[string][]string{"compaction": {"b/c"}}, map[string]string{"chat": "[a/x b/y]", "compaction": "[b/c]"}},
		"fallback in its place":   {pinned, map[string][]string{"chat": {"a/z", "fallback", "a/last"}}, map[string]string{"chat": "[a/z b/y a/last]"}},
		"a fallback to chat":      {pinned, map[string][]string{"fallback": {"chat", "b/y"}}, map[string]string{"chat": "[a/x]", "fallback": "[a/x b/y]"}},
		"an alias of one's own":   {pinned, map[string][]string{"deep": {"a/d"}}, map[string]string{"deep": "[a/d]"}},
		"no profile":              {Bundle{}, map[string][]string{"chat": {"a/x", "b/y"}}, map[string]string{"chat": "[a/x b/y]", "compaction": "[a/x b/y]", "fast": "[a/x b/y]", "fallback": "[]"}},
		"chat by way of fast":     {Bundle{}, map[string][]string{"chat": {"fast", "b/y"}, "fast": {"a/s"}}, map[string]string{"chat": "[a/s b/y]", "fast": "[a/s]"}},
		"chat that is compaction": {Bundle{}, map[string][]string{"chat": {"compaction"}, "compaction": {"a/c"}}, map[string]string{"chat": "[a/c]", "compaction": "[a/c]", "fast": "[a/c]"}},
	} {
		table := NewTable(Aliases(c.bundle, c.own), []string{"a", "b"})
		for alias, want := range c.want {
			chain, _ := table.Resolve(alias)
			if got := fmt.Sprint(chain.Targets); got != want {
				t.Errorf("%s: %s is %s, want %s", name, alias, got, want)
			}
		}
	}
}

// TestProposals holds what this binary proposes: every model is one whose price it knows, a second
// vendor is the fallback, and what is proposed resolves.
func TestProposals(t *testing.T) {
	t.Parallel()
	of := func(vendors ...string) (list []Source) {
		for _, v := range vendors {
			list = append(list, Source{"my-" + v, v})
		}
		return list
	}
	prices := price.New(price.Needs{Config: &price.Config{}, Vendor: func(provider string) (string, bool) { return provider[len("my-"):], true }})
	for _, o := range offers() {
		for profile, b := range Propose(of(o.vendor)) {
			for _, t2 := range NewTable(Aliases(b, nil), []string{"my-" + o.vendor}).Targets() {
				if !prices.Most(t2.Provider, t2.Model, 1, 1).Known {
					t.Errorf("%s, %s: the price of %s is not known", o.vendor, profile, t2)
				}
			}
		}
	}
	two := Propose(of("rehearsal", "openrouter", "openai", ""))
	if got := fmt.Sprint(two[Balanced].Chat, two[Balanced].Fallback); got != "[my-openai/gpt-6-sol] [my-openrouter/anthropic/claude-sonnet-4.6]" {
		t.Error(got)
	}
	one := Propose(of("anthropic"))
	if got := fmt.Sprint(one[Quality].Fallback, one[Economy].Fallback); got != "[my-anthropic/claude-sonnet-5-5] []" {
		t.Error(got)
	}
	if got := Propose(of("rehearsal")); fmt.Sprint(got[Quality].Chat) != "[my-rehearsal/default]" || len(got) != 3 {
		t.Error(got)
	}
	if Propose(of("", "llama")) != nil {
		t.Error("a proposal for providers that nobody knows")
	}
	for _, name := range ProfileNames() {
		if !slices.Contains(ProfileNames(), name) || !two[name].Equal(two[name]) || two[name].Equal(Bundle{}) {
			t.Error(name)
		}
	}
}
