// SPDX-License-Identifier: Apache-2.0

// Package price tells what model calls cost.
//
// It is for the embedded table of prices, the operator's overrides, and the sum of one call. It is
// not for budgets, which spend what it says. A price that is not known is unknown, never 0; an
// explicit 0 is kept. Amounts are whole nano-dollars, so that sums reconcile. Callers: the ledger at
// every reservation and settlement, and the lists of prices.
package price

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"holdfast"
)

// A Cost is an amount of money in billionths of a US dollar, where it is known.
type Cost struct {
	Nano  int64
	Known bool
}

// Dollars writes an amount the way people read it; unknown amounts are a question mark.
func (c Cost) Dollars() string {
	if !c.Known {
		return "?"
	}
	return Dollars(c.Nano)
}

// Dollars writes an amount of nano-dollars: to the cent from a dollar up, else to the first
// digits that differ from 0.
func Dollars(nano int64) string {
	sign := ""
	if nano < 0 {
		sign, nano = "-", -nano
	}
	switch {
	case nano == 0:
		return "$0"
	case nano >= 1e9:
		cents := (nano + 5e6) / 1e7
		return fmt.Sprintf("%s$%d.%02d", sign, cents/100, cents%100)
	}
	text := strconv.FormatFloat(float64(nano)/1e9, 'f', 9, 64)
	first := strings.IndexFunc(text, func(r rune) bool { return r >= '1' && r <= '9' })
	return sign + "$" + text[:min(len(text), max(first+2, 4))]
}

// pico is a price for one token in millionths of a millionth of a US dollar: a dollar for a million
// tokens is a million of them.
type pico int64

// rates are the prices of the classes of tokens.
type rates struct {
	input, cached, write5m, write1h, output, reasoning pico
}

// band is the prices of prompts above so many tokens.
type band struct {
	above int64
	known bool
	rates
}

// entry is what one model costs, the longest prompts last.
type entry struct {
	bands   []band
	vendor  string
	name    string // under which it was found
	source  string
	aliases []string
	model   Model // as it was written
}

// cost is the price of a call. The whole call is priced by the length of its prompt, cached tokens
// included.
func (e *entry) cost(u holdfast.Usage) Cost {
	b := e.band(u.Input + u.CachedRead + u.CacheWrite5m + u.CacheWrite1h)
	if !b.known {
		return Cost{}
	}
	reasoning := min(u.Reasoning, u.Output)
	return total([...]part{
		{u.Input, b.input},
		{u.CachedRead, b.cached},
		{u.CacheWrite5m, b.write5m},
		{u.CacheWrite1h, b.write1h},
		{u.Output - reasoning, b.output},
		{reasoning, b.reasoning},
	})
}

// most is the most that a call of so many tokens may cost, whichever classes they turn out to be.
func (e *entry) most(input, output int64) Cost {
	b := e.band(input)
	if !b.known {
		return Cost{}
	}
	return total([...]part{
		{input, max(b.input, b.cached, b.write5m, b.write1h)},
		{output, max(b.output, b.reasoning)},
		{},
		{},
		{},
		{},
	})
}

// dearer is the entry at prices times over below, for the reason given.
func (e *entry) dearer(times, below pico, why, source string) *entry {
	more := *e
	more.name, more.source, more.bands = e.name+", "+why, source, slices.Clone(e.bands)
	for i := range more.bands {
		r := &more.bands[i].rates
		for _, rate := range []*pico{&r.input, &r.cached, &r.write5m, &r.write1h, &r.output, &r.reasoning} {
			*rate = (*rate*times + below - 1) / below
		}
	}
	return &more
}

func (e *entry) band(prompt int64) band {
	found := e.bands[0]
	for _, b := range e.bands[1:] {
		if prompt > b.above {
			found = b
		}
	}
	return found
}

type part struct {
	tokens int64
	rate   pico
}

// total rounds up to a whole nano-dollar. What no int64 holds is the largest one: absurd numbers
// must never look cheap.
func total(parts [6]part) Cost {
	var hi, lo uint64
	for _, p := range parts {
		if p.tokens <= 0 || p.rate <= 0 {
			continue
		}
		h, l := bits.Mul64(uint64(p.tokens), uint64(p.rate))
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi += h + carry
	}
	lo, carry := bits.Add64(lo, 999, 0)
	hi += carry
	if hi >= 1000 {
		return Cost{math.MaxInt64, true}
	}
	nano, _ := bits.Div64(hi, lo, 1000)
	if nano > math.MaxInt64 {
		nano = math.MaxInt64
	}
	return Cost{int64(nano), true}
}
