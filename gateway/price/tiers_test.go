// SPDX-License-Identifier: Apache-2.0

package price

import (
	"os"
	"strings"
	"testing"

	"holdfast"
)

// TestTiers: each class has its own price, the life of a cache write and the length of the prompt
// included; cached tokens count to the length.
func TestTiers(t *testing.T) {
	t.Parallel()
	long := Long{
		Above: 1000, Input: dollars(10), Output: dollars(20), CachedRead: dollars(3), CacheWrite5m: dollars(12),
		CacheWrite1h: dollars(16), Reasoning: dollars(40),
	}
	longer := Long{Above: 5000} // of no known price
	p := New(Needs{Config: &Config{Models: map[string]Model{
		"a/full": {
			Input: dollars(1), Output: dollars(2), CachedRead: dollars(0.25), CacheWrite5m: dollars(1.5), CacheWrite1h: dollars(2.5), Reasoning: dollars(4),
			Long: []Long{long, longer},
		},
		"a/bare": {Input: dollars(1), Output: dollars(2)},
		"a/zero": {Input: dollars(1), Output: dollars(2), CachedRead: dollars(0), CacheWrite5m: dollars(0), CacheWrite1h: dollars(0), Reasoning: dollars(0)},
	}}})
	for _, c := range []struct {
		model string
		usage holdfast.Usage
		want  Cost
	}{
		{"full", holdfast.Usage{Input: 100}, Cost{100_000, true}},
		{"full", holdfast.Usage{CachedRead: 100}, Cost{25_000, true}},
		{"full", holdfast.Usage{CacheWrite5m: 100}, Cost{150_000, true}},
		{"full", holdfast.Usage{CacheWrite1h: 100}, Cost{250_000, true}},
		{"full", holdfast.Usage{Output: 100}, Cost{200_000, true}},
		{"full", holdfast.Usage{Output: 100, Reasoning: 40}, Cost{280_000, true}},
		{"full", holdfast.Usage{Input: 1000}, Cost{1_000_000, true}},                // not above
		{"full", holdfast.Usage{Input: 1, CachedRead: 1000}, Cost{3_010_000, true}}, // all of it by its length
		{"full", holdfast.Usage{CacheWrite5m: 500, CacheWrite1h: 501}, Cost{6_000_000 + 8_016_000, true}},
		{"full", holdfast.Usage{Input: 1001, Output: 100, Reasoning: 100}, Cost{14_010_000, true}},
		{"full", holdfast.Usage{Input: 5001}, Cost{}},
		{"full", holdfast.Usage{Output: 100_000}, Cost{200_000_000, true}}, // an answer's length is none of a prompt
		{"bare", holdfast.Usage{CachedRead: 100, CacheWrite5m: 100, CacheWrite1h: 100}, Cost{300_000, true}},
		{"bare", holdfast.Usage{Output: 100, Reasoning: 100}, Cost{200_000, true}},
		{"zero", holdfast.Usage{CachedRead: 100, CacheWrite5m: 100, CacheWrite1h: 100, Output: 7, Reasoning: 7}, Cost{0, true}}, // explicit
		{"none", holdfast.Usage{Input: 1}, Cost{}},
	} {
		if got := p.Cost("a", c.model, c.usage); got != c.want {
			t.Errorf("%s: %+v costs %+v, want %+v", c.model, c.usage, got, c.want)
		}
	}
	if got := p.Most("a", "full", 5001, 1); got != (Cost{}) {
		t.Errorf("at most %+v, of an unknown price", got)
	}
}

// TestTheOperatorsPriceWins over the table's, its long prompts included, and an explicit 0 over all.
func TestTheOperatorsPriceWins(t *testing.T) {
	t.Parallel()
	p := New(Needs{Config: &Config{Models: map[string]Model{
		"openai/gpt-6.2-astra":                               {Input: dollars(1), Output: dollars(1)}, // without a word on long prompts: for all
		"anthropic/claude-opus-5":                            {Input: dollars(0), Output: dollars(0)},
		"bedrock/eu.anthropic.claude-opus-4-5-20251101-v1:0": {Input: dollars(7), Output: dollars(7)},
	}}})
	for _, c := range []struct {
		provider, model string
		nano            int64
	}{
		{"openai", "gpt-6.2-astra", 300_000_000},
		{"anthropic", "claude-opus-5", 0},
		{"anthropic", "claude-opus-5-20260901", 0},
		{"bedrock", "eu.anthropic.claude-opus-4-5-20251101-v1:0", 2_100_000_000},
	} {
		if got := p.Cost(c.provider, c.model, holdfast.Usage{Input: 300_000}); got != (Cost{c.nano, true}) {
			t.Errorf("%s/%s costs %+v, want %d", c.provider, c.model, got, c.nano)
		}
	}
}

// TestWhatIsNotKnownIsListed with the table's day, in the list and in the manual.
func TestWhatIsNotKnownIsListed(t *testing.T) {
	t.Parallel()
	list, err := New(Needs{}).list(t.Context(), listInput{})
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("../../docs/tokens.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(manual), list.Dated) {
		t.Errorf("docs/tokens.md does not say that the table is of %s", list.Dated)
	}
	if len(list.Unknown) == 0 {
		t.Error("nothing is unknown")
	}
	for _, name := range list.Unknown {
		model, _, _ := strings.Cut(name, " ")
		if !strings.Contains(string(manual), "`"+strings.TrimPrefix(model, "openai/")+"`") {
			t.Errorf("docs/tokens.md does not name %s", name)
		}
	}
	unknown := 0
	for _, one := range list.Prices {
		if one.Known == (one.Input == nil) {
			t.Errorf("%s/%s above %d: known %v, input %v", one.Vendor, one.Model, one.Above, one.Known, one.Input)
		}
		if !one.Known {
			unknown++
		}
	}
	if unknown != len(list.Unknown) {
		t.Errorf("%d prices are null, and %d named", unknown, len(list.Unknown))
	}
	shown, err := New(Needs{}).show(t.Context(), showInput{Model: "bedrock/eu.anthropic.claude-opus-4-5"})
	if err != nil || !shown.Known || !strings.Contains(shown.As, "regional") || !strings.Contains(shown.Source, "amazon") || *shown.Prices[0].Input != 5.5 {
		t.Errorf("%+v, %v", shown, err)
	}
}
