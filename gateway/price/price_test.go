// SPDX-License-Identifier: Apache-2.0

package price

import (
	"math"
	"net/url"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast"
)

func dollars(d float64) *float64 { return &d }

func TestTable(t *testing.T) {
	t.Parallel()
	table, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.DateOnly, table.Dated); err != nil {
		t.Error(err)
	}
	for name, v := range table.Vendors {
		if u, err := url.Parse(v.Source); err != nil || u.Scheme != "https" {
			t.Errorf("%s names no source: %q", name, v.Source)
		}
		if len(hosts()[name]) == 0 {
			t.Errorf("%s has no address", name)
		}
		names := map[string]string{}
		for _, model := range v.sorted() {
			for _, form := range append([]string{model}, v.Models[model].Aliases...) {
				if other, twice := names[form]; twice {
					t.Errorf("%s: %s is %s and %s", name, form, other, model)
				}
				names[form] = model
			}
			v.Models[model].check(name+"/"+model, func(field, message, _ string) { t.Errorf("%s %s", field, message) })
			e := v.find[model]
			for i, b := range e.bands {
				if b.known && (b.cached > b.input || b.write5m < b.input || b.write1h < b.write5m || i > 0 && b.input < e.bands[0].input) {
					t.Errorf("%s/%s: odd prices above %d: %+v", name, model, b.above, b.rates)
				}
			}
		}
	}
}

func TestVendorOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flavor, address, want string }{
		{"openai", "https://api.openai.com/v1", "openai"},
		{"generic", "https://api.deepseek.com", "deepseek"},
		{"anthropic", "", "anthropic"},
		{"azure", "https://mine.openai.azure.com/openai", "azure"},
		{"openrouter", "https://openrouter.ai/api/v1", "openrouter"},
		{"rehearsal", "", Free},
		{"ollama", "http://localhost:11434/v1", Free},
		{"llamacpp", "http://10.0.0.7:8080/v1", Free},
		{"vllm", "http://vllm:8000/v1", Free},
		{"vllm", "https://gpu.example.com/v1", ""},
		{"openai", "http://127.0.0.1:4000/v1", ""}, // a proxy, to whom is not known
		{"openai", "https://api.openai.com.example.com/v1", ""},
		{"generic", "://", ""},
	} {
		if got := VendorOf(c.flavor, c.address); got != c.want {
			t.Errorf("%s at %s charges as %q, want %q", c.flavor, c.address, got, c.want)
		}
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	p := New(Needs{Config: &Config{
		Vendors: map[string]string{"work": "openai", "gift": Free},
		Models: map[string]Model{
			"mine/thinker":         {Input: dollars(1), Output: dollars(2), Reasoning: dollars(10)},
			"mine/zero":            {Input: dollars(0), Output: dollars(0)},
			"mine/*":               {Input: dollars(5), Output: dollars(5)},
			"openai/gpt-5":         {Input: dollars(100), Output: dollars(100)},
			"tiny/m":               {Input: dollars(0.0028), Output: dollars(0)},
			"anthropic/claude-own": {Input: dollars(1), Output: dollars(1)},
		},
	}})
	million := int64(1_000_000)
	cases := []struct {
		provider, model string
		usage           holdfast.Usage
		nano            int64
	}{
		{"anthropic", "claude-opus-4-5", holdfast.Usage{Input: million, Output: million}, 30e9},
		{"anthropic", "claude-opus-4-5-20251101", holdfast.Usage{CachedRead: million, CacheWrite5m: million, CacheWrite1h: million}, 16_750_000_000},
		{"anthropic", "claude-sonnet-4-5-20250929[1m]", holdfast.Usage{Input: 200_000, Output: 1000}, 615_000_000},
		{"anthropic", "claude-sonnet-4-5", holdfast.Usage{Input: 1, CachedRead: 200_000, Output: 1000}, 142_506_000},
		{"anthropic", "claude-haiku-5-5", holdfast.Usage{Input: 100_001}, 50_000_500},
		{"openai", "gpt-5.4-2026-03-05", holdfast.Usage{Input: 1000, CachedRead: 1000, Output: 10, Reasoning: 5}, 2_900_000},
		{"openai", "gpt-4o-2024-05-13", holdfast.Usage{Input: 1000}, 5_000_000},
		{"openai", "gpt-4o-2024-08-06", holdfast.Usage{Input: 1000}, 2_500_000},
		{"work", "gpt-5-mini", holdfast.Usage{Input: 4}, 1000},
		{"openai", "gpt-5", holdfast.Usage{Input: 1}, 100_000},
		{"gemini", "models/gemini-2.5-pro", holdfast.Usage{Input: 200_001}, 500_002_500},
		{"openrouter", "anthropic/claude-sonnet-4.6", holdfast.Usage{Input: 1}, 3000},
		{"openrouter", "z-ai/glm-5:free", holdfast.Usage{Input: million}, 0},
		{"bedrock", "global.anthropic.claude-opus-4-5-20251101-v1:0", holdfast.Usage{Input: 1}, 5000},
		{"bedrock", "anthropic.claude-opus-4-5-20251101-v1:0", holdfast.Usage{Input: 1}, 5500}, // within one region
		{"bedrock", "eu.anthropic.claude-haiku-5-5", holdfast.Usage{Input: 100_001, Output: 1}, 55_000_550 + 2750},
		{"bedrock", "us.anthropic.claude-sonnet-5-5", holdfast.Usage{CachedRead: million, CacheWrite5m: million, CacheWrite1h: million}, 7_260_000_000},
		{"bedrock", "us.anthropic.claude-opus-4-1-20250805-v1:0", holdfast.Usage{Input: 1}, 15_000}, // from before
		{"mistral", "mistral-large-4", holdfast.Usage{Input: 1000, CachedRead: 1000}, 1_496_000},
		{"openrouter", "mistralai/mistral-large-4:free", holdfast.Usage{Input: 1000}, 0},
		{"openai", "gpt-6-astra", holdfast.Usage{Input: 272_000, Output: 1000}, 2_770_000_000},
		{"openai", "gpt-6-astra", holdfast.Usage{Input: 272_001, Output: 1000}, 5_515_020_000},
		{"openai", "gpt-6-sol", holdfast.Usage{CachedRead: 300_000, CacheWrite5m: 1000}, 125_000_000},
		{"groq", "openai/gpt-oss-120b", holdfast.Usage{Output: 1}, 600},
		{"zai", "glm-4.5-flash", holdfast.Usage{Input: million}, 0},
		{"rehearsal", "default", holdfast.Usage{Input: million}, 0},
		{"gift", "anything", holdfast.Usage{Input: million}, 0},
		{"mine", "thinker", holdfast.Usage{Output: 10, Reasoning: 4}, 52_000},
		{"mine", "zero", holdfast.Usage{Output: 10}, 0},
		{"mine", "other", holdfast.Usage{Output: 1}, 5000},
		{"tiny", "m", holdfast.Usage{Input: 1}, 3}, // rounded up
		{"openai", "o1", holdfast.Usage{Input: math.MaxInt64}, math.MaxInt64},
		{"openai", "o1", holdfast.Usage{Input: -5}, 0},
	}
	for _, c := range cases {
		got := p.Cost(c.provider, c.model, c.usage)
		if got != (Cost{c.nano, true}) {
			t.Errorf("%s/%s of %+v costs %+v, want %d", c.provider, c.model, c.usage, got, c.nano)
		}
	}
}

// TestNeverAWrongModel: what is not in the table is unknown, and never 0.
func TestNeverAWrongModel(t *testing.T) {
	t.Parallel()
	p := New(Needs{Vendor: func(provider string) (string, bool) {
		switch provider {
		case "far-ollama":
			return VendorOf("ollama", "https://ollama.com/v1"), true
		case "openai-proxy":
			return VendorOf("generic", "http://127.0.0.1:4000/v1"), true
		case "near":
			return VendorOf("ollama", "http://127.0.0.1:11434/v1"), true
		}
		return "", false
	}})
	for _, c := range []target{
		{"anthropic", "claude-opus-4-9"},
		{"anthropic", "claude-opus"},
		{"anthropic", "claude-opus-4-5-fast"},
		{"anthropic", "claude-opus-4-5-20251301"},
		{"anthropic", "gpt-5"},
		{"openai", "gpt-5.4-audio"},
		{"openai", "gpt-5.45"},
		{"openai", "gpt-4o-realtime"},
		{"openai", "gpt-4"[:4]},
		{"openai", ""},
		{"openai", "-20251101"},
		{"google", "gemini-2.5-flash-preview-tts"},
		{"openrouter", "deepseek/deepseek-v4-pro"},
		{"openrouter", "anthropic/claude-opus-4.5:online"},
		{"openrouter", "gpt-5"},
		{"bedrock", "us-gov.anthropic.claude-opus-4-5-20251101-v1:0"},
		{"bedrock", "eu.anthropic.claude-opus-4-9-v1:0"},
		{"bedrock", "meta.llama3-70b-instruct-v1:0"},
		{"mistral", "mistral-large-latest"},
		{"far-ollama", "llama3"},
		{"near", "gpt-oss:120b-cloud"},
		{"openai-proxy", "gpt-5"},
		{"nobody", "gpt-5"},
		{"", ""},
	} {
		if got := p.Cost(c.provider, c.model, holdfast.Usage{Input: 1}); got != (Cost{}) {
			t.Errorf("%s/%s costs %+v", c.provider, c.model, got)
		}
	}
	if got := p.Cost("openai", "gpt-6.2-astra", holdfast.Usage{Input: 272_001}); got != (Cost{}) {
		t.Errorf("a long prompt of no known price costs %+v", got)
	}
	if got := p.Cost("near", "llama3", holdfast.Usage{Input: 1}); got != (Cost{0, true}) {
		t.Errorf("an own model costs %+v", got)
	}
}

// TestMostIsNeverPassed: what was reserved covers what a call of so many tokens turns out to cost.
func TestMostIsNeverPassed(t *testing.T) {
	t.Parallel()
	table, err := load()
	if err != nil {
		t.Fatal(err)
	}
	var all []*entry
	for _, v := range table.Vendors {
		for _, name := range v.sorted() {
			all = append(all, v.find[name])
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(all).Draw(t, "model")
		n := rapid.Int64Range(0, 400_000)
		u := holdfast.Usage{
			Input: n.Draw(t, "input"), CachedRead: n.Draw(t, "cached"), CacheWrite5m: n.Draw(t, "5m"), CacheWrite1h: n.Draw(t, "1h"),
			Output: n.Draw(t, "output"),
		}
		u.Reasoning = rapid.Int64Range(0, u.Output).Draw(t, "reasoning")
		cost, most := e.cost(u), e.most(u.Total()-u.Output, u.Output)
		if cost.Known != most.Known || cost.Nano > most.Nano || cost.Nano < 0 {
			t.Fatalf("%s: %+v costs %+v, reserved %+v", e, u, cost, most)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	bad := Config{
		Vendors: map[string]string{"a": "nobody"},
		Models: map[string]Model{
			"noslash": {Input: dollars(1), Output: dollars(1)},
			"a/half":  {Input: dollars(1)},
			"a/minus": {Input: dollars(-1), Output: dollars(1)},
			"a/nan":   {Input: dollars(math.NaN()), Output: dollars(1)},
			"a/long":  {Input: dollars(1), Output: dollars(1), Long: []Long{{Above: 5}, {Above: 5}}},
			"a/longs": {Input: dollars(1), Output: dollars(1), Long: []Long{{Above: 5, Input: dollars(1)}}},
		},
	}
	if got := bad.Check(); len(got) != 7 {
		t.Errorf("%d problems: %+v", len(got), got)
	}
	if got := (Config{}).Check(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestApplyChangesPrices(t *testing.T) {
	t.Parallel()
	p := New(Needs{})
	if got := p.Cost("a", "m", holdfast.Usage{Input: 1}); got.Known {
		t.Fatalf("%+v", got)
	}
	p.Apply(Config{Models: map[string]Model{"a/m": {Input: dollars(1), Output: dollars(1)}}})
	if got := p.Cost("a", "m", holdfast.Usage{Input: 1}); got != (Cost{1000, true}) {
		t.Fatalf("%+v", got)
	}
}

func TestDollars(t *testing.T) {
	t.Parallel()
	for nano, want := range map[int64]string{
		0: "$0", 1: "$0.000000001", 1_234_567: "$0.0012", 123_456_789: "$0.12", 1e9: "$1.00", 12_345_678_901: "$12.35", -5e8: "-$0.50",
	} {
		if got := Dollars(nano); got != want {
			t.Errorf("%d is %s, want %s", nano, got, want)
		}
	}
	if (Cost{}).Dollars() != "?" {
		t.Error("an unknown amount looks known")
	}
}

func FuzzLookup(f *testing.F) {
	table, err := load()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"claude-opus-4-5-20251101", "anthropic/claude-sonnet-4.6:free", "anthropic.claude-3-haiku-20240307-v1:0", "-2025-11-01", "@20251101", "[1m]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, model string) {
		for _, vendor := range vendorNames() {
			if e := table.lookup(vendor, model); e != nil && len(e.bands) == 0 {
				t.Errorf("%s/%q has no price", vendor, model)
			}
		}
	})
}

func BenchmarkCost(b *testing.B) {
	p := New(Needs{})
	b.ReportAllocs()
	for b.Loop() {
		p.Cost("anthropic", "claude-opus-4-5-20251101", holdfast.Usage{Input: 1000, Output: 100})
	}
}
