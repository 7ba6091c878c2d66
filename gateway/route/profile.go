// SPDX-License-Identifier: Apache-2.0

package route

import (
	"maps"
	"slices"
	"strings"
)

// The aliases that a profile sets together.
const (
	AliasChat       = "chat"
	AliasFallback   = "fallback"
	AliasCompaction = "compaction"
	AliasFast       = "fast"
)

// Profile names, from the cheapest to the best.
const (
	Economy  = "economy"
	Balanced = "balanced"
	Quality  = "quality"
)

// ProfileNames lists the profiles that a binary knows.
func ProfileNames() []string { return []string{Economy, Balanced, Quality} }

// A Bundle is what one profile stands for: chains of provider/model or other aliases.
type Bundle struct {
	// Chat is the chain of the alias chat.
	Chat []string `json:"chat,omitempty"`
	// Fallback is tried after chat and fast.
	Fallback []string `json:"fallback,omitempty"`
	// Compaction is what agents shorten their history with; empty or [chat] follows chat, its
	// fallback included.
	Compaction []string `json:"compaction,omitempty"`
	// Fast is for small questions; empty follows chat.
	Fast []string `json:"fast,omitempty"`
}

// Lines gives the bundle by alias, without those that it leaves out.
func (b Bundle) Lines() map[string][]string {
	lines := map[string][]string{AliasChat: b.Chat, AliasFallback: b.Fallback, AliasCompaction: b.Compaction, AliasFast: b.Fast}
	maps.DeleteFunc(lines, func(_ string, chain []string) bool { return len(chain) == 0 })
	return lines
}

// Equal tells whether two bundles say the same.
func (b Bundle) Equal(other Bundle) bool {
	return maps.EqualFunc(b.Lines(), other.Lines(), slices.Equal[[]string])
}

// String writes the bundle as it stands in holdfast.yaml behind its name.
func (b Bundle) String() string {
	var parts []string
	lines := b.Lines()
	for _, alias := range []string{AliasChat, AliasFallback, AliasCompaction, AliasFast} {
		if chain := lines[alias]; len(chain) > 0 {
			parts = append(parts, alias+": ["+strings.Join(chain, ", ")+"]")
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Aliases lays the operator's own lines over a profile's. The alias chat, and fast, end in fallback;
// compaction and fast follow chat where nothing else is said.
func Aliases(bundle Bundle, own map[string][]string) map[string][]string {
	all := bundle.Lines()
	maps.Copy(all, own)
	if len(all[AliasChat]) > 0 {
		for _, name := range []string{AliasCompaction, AliasFast} {
			if len(all[name]) == 0 && !slices.Contains(all[AliasChat], name) {
				all[name] = []string{AliasChat}
			}
		}
	}
	if len(all[AliasFallback]) > 0 {
		for _, name := range []string{AliasChat, AliasFast} {
			if chain := all[name]; len(chain) > 0 && !slices.Contains(chain, AliasFallback) && !leads(all, AliasFallback, name, nil) {
				all[name] = append(slices.Clone(chain), AliasFallback)
			}
		}
	}
	return all
}

// leads tells whether an alias comes to another.
func leads(all map[string][]string, from, to string, path []string) bool {
	if from == to {
		return true
	}
	if slices.Contains(path, from) {
		return false
	}
	path = append(slices.Clone(path), from)
	return slices.ContainsFunc(all[from], func(step string) bool {
		_, alias := all[step]
		return alias && leads(all, step, to, path)
	})
}

// A Source is a provider as the operator named it, and whose models it serves.
type Source struct{ Name, Vendor string }

// a range of one vendor's models, from the cheapest to the best.
type offer struct {
	vendor               string
	small, middle, large string
}

// offers are this binary's choice, the preferred vendor first. A change of it changes no house: it
// is proposed (`holdfast models policy`), and the operator takes it or not.
func offers() []offer {
	return []offer{
		{"anthropic", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"},
		{"openai", "gpt-6-luna", "gpt-6-sol", "gpt-6-astra"},
		{"google", "gemini-3.5-flash-lite", "gemini-3.8-flash", "gemini-3.1-pro-preview"},
		{"openrouter", "google/gemini-3.1-flash-lite", "anthropic/claude-sonnet-4.6", "anthropic/claude-opus-4.8"},
		{"mistral", "mistral-small-2506", "mistral-medium-3.5", "mistral-large-4"},
		{"zai", "glm-4.5-air", "glm-5", "glm-5.3"},
		{"groq", "openai/gpt-oss-20b", "openai/gpt-oss-120b", "openai/gpt-oss-120b"},
	}
}

// Rehearsal is the vendor of the scripted model inside the house.
const Rehearsal = "rehearsal"

// Propose is what this binary would pin for a house with these providers: chat from the preferred
// vendor, its fallback from the next one, so that the outage of one is not the outage of both. A
// house with nothing but the rehearsal rehearses; one whose providers this binary does not know gets
// no proposal.
func Propose(sources []Source) map[string]Bundle {
	names := map[string]string{}
	for _, s := range sources {
		if old, ok := names[s.Vendor]; !ok || s.Name < old {
			names[s.Vendor] = s.Name
		}
	}
	var found []offer
	for _, o := range offers() {
		if names[o.vendor] != "" {
			found = append(found, o)
		}
	}
	if len(found) == 0 {
		return rehearse(names[Rehearsal])
	}
	all := map[string]Bundle{}
	for i, profile := range ProfileNames() {
		chat, fast := found[0].tiers()[i], found[0].tiers()[max(i-1, 0)]
		name := names[found[0].vendor] + "/"
		b := Bundle{Chat: []string{name + chat}, Compaction: []string{AliasChat}, Fast: []string{name + fast}}
		switch {
		case len(found) > 1:
			b.Fallback = []string{names[found[1].vendor] + "/" + found[1].tiers()[i]}
		case fast != chat:
			b.Fallback = []string{name + fast}
		}
		all[profile] = b
	}
	return all
}

func (o offer) tiers() [3]string { return [3]string{o.small, o.middle, o.large} }

func rehearse(name string) map[string]Bundle {
	if name == "" {
		return nil
	}
	all := map[string]Bundle{}
	for _, profile := range ProfileNames() {
		all[profile] = Bundle{Chat: []string{name + "/default"}, Compaction: []string{AliasChat}, Fast: []string{AliasChat}}
	}
	return all
}
