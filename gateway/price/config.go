// SPDX-License-Identifier: Apache-2.0

package price

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"holdfast"
)

// Free is the vendor of what costs nothing, such as a model on the operator's own machine.
const Free = "free"

// ownSource is where the operator writes prices.
const ownSource = "holdfast.yaml"

// Config is the section prices of holdfast.yaml.
type Config struct {
	// Models are prices that go before the embedded table, by provider/model as the ledger shows
	// them; provider/* is for every model of a provider that has no price of its own.
	Models map[string]Model `json:"models,omitempty"`
	// Vendors tell by whose prices a provider of this house charges, where its address does not
	// tell: anthropic, openai, google, mistral, groq, zai, deepseek, xai, moonshot, openrouter, or
	// free for one that costs nothing.
	Vendors map[string]string `json:"vendors,omitempty"`
}

// Model is what a model costs, in US dollars for a million tokens. An explicit 0 is free.
type Model struct {
	// Input is the price of the prompt.
	Input *float64 `json:"input"`
	// Output is the price of the answer.
	Output *float64 `json:"output"`
	// CachedRead is the price of prompt tokens from the provider's cache; without it, that of input.
	CachedRead *float64 `json:"cached_read,omitempty"`
	// CacheWrite5m is the price of tokens written to the cache for five minutes; without it, that
	// of input.
	CacheWrite5m *float64 `json:"cache_write_5m,omitempty"`
	// CacheWrite1h is the price of tokens written to the cache for an hour; without it, that of five
	// minutes.
	CacheWrite1h *float64 `json:"cache_write_1h,omitempty"`
	// Reasoning is the price of reasoning tokens; without it, that of output.
	Reasoning *float64 `json:"reasoning,omitempty"`
	// Long are the prices of longer prompts, the shortest first.
	Long []Long `json:"long,omitempty"`
	// Aliases are other names of the model.
	Aliases []string `json:"aliases,omitempty"`
}

// Long is what a call with a long prompt costs, all of it. Without an input price it is unknown.
type Long struct {
	// Above is the length of the prompt, cached tokens included, above which these prices count.
	Above int64 `json:"above"`
	// Input is the price of the prompt.
	Input *float64 `json:"input,omitempty"`
	// Output is the price of the answer.
	Output *float64 `json:"output,omitempty"`
	// CachedRead is the price of prompt tokens from the provider's cache.
	CachedRead *float64 `json:"cached_read,omitempty"`
	// CacheWrite5m is the price of tokens written to the cache for five minutes.
	CacheWrite5m *float64 `json:"cache_write_5m,omitempty"`
	// CacheWrite1h is the price of tokens written to the cache for an hour.
	CacheWrite1h *float64 `json:"cache_write_1h,omitempty"`
	// Reasoning is the price of reasoning tokens.
	Reasoning *float64 `json:"reasoning,omitempty"`
}

// dearest bounds a price, in dollars for a million tokens.
const dearest = 1e6

// Check lists what the types of the fields do not tell.
func (c Config) Check() []holdfast.Problem {
	var found []holdfast.Problem
	add := func(field, message, remedy string) {
		found = append(found, holdfast.Problem{Field: field, Message: message, Remedy: remedy})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Models)) {
		if provider, model, ok := strings.Cut(name, "/"); !ok || provider == "" || model == "" {
			add("models."+name, "is not provider/model", "for example openai/gpt-5: …, or mine/*: …")
		}
		c.Models[name].check("models."+name, add)
	}
	known := vendorNames()
	for _, name := range slices.Sorted(maps.Keys(c.Vendors)) {
		if vendor := c.Vendors[name]; !slices.Contains(known, vendor) {
			add("vendors."+name, fmt.Sprintf("%q has no prices here", vendor), "want one of "+strings.Join(known, ", "))
		}
	}
	return found
}

func (m Model) check(field string, add func(field, message, remedy string)) {
	if m.Input == nil || m.Output == nil {
		add(field, "has no input or no output price", "write 0 for what is free")
	}
	prices := map[string]*float64{
		"input": m.Input, "output": m.Output, "cached_read": m.CachedRead,
		"cache_write_5m": m.CacheWrite5m, "cache_write_1h": m.CacheWrite1h, "reasoning": m.Reasoning,
	}
	above := int64(0)
	for i, l := range m.Long {
		at := fmt.Sprintf("long.%d.", i)
		if l.Above <= above {
			add(field+"."+at+"above", "must be above 0 and above the one before", "")
		}
		if l.Input != nil && l.Output == nil {
			add(field+"."+at+"output", "is missing", "")
		}
		above = l.Above
		for name, price := range map[string]*float64{
			"input": l.Input, "output": l.Output, "cached_read": l.CachedRead,
			"cache_write_5m": l.CacheWrite5m, "cache_write_1h": l.CacheWrite1h, "reasoning": l.Reasoning,
		} {
			prices[at+name] = price
		}
	}
	for _, name := range slices.Sorted(maps.Keys(prices)) {
		if price := prices[name]; price != nil && !(*price >= 0 && *price <= dearest) { // NaN is neither
			add(field+"."+name, "must be from 0 to 1000000 dollars for a million tokens", "")
		}
	}
}

// entry is the model's prices ready to count with.
func (m Model) entry() *entry {
	e := &entry{model: m, aliases: m.Aliases, bands: []band{
		bandOf(0, m.Input, m.Output, m.CachedRead, m.CacheWrite5m, m.CacheWrite1h, m.Reasoning),
	}}
	for _, l := range m.Long {
		e.bands = append(e.bands, bandOf(l.Above, l.Input, l.Output, l.CachedRead, l.CacheWrite5m, l.CacheWrite1h, l.Reasoning))
	}
	return e
}

func bandOf(above int64, input, output, cached, write5m, write1h, reasoning *float64) band {
	if input == nil || output == nil {
		return band{above: above}
	}
	b := band{above: above, known: true}
	b.input, b.output = inPico(*input), inPico(*output)
	b.cached = or(cached, b.input)
	b.write5m = or(write5m, b.input)
	b.write1h = or(write1h, b.write5m)
	b.reasoning = or(reasoning, b.output)
	return b
}

func or(price *float64, other pico) pico {
	if price == nil {
		return other
	}
	return inPico(*price)
}

func inPico(dollars float64) pico { return pico(math.Round(dollars * 1e6)) }
