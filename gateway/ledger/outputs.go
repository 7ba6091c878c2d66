// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"math"
	"slices"
)

const (
	// DefaultOutput is reserved for a model of which too little was seen.
	DefaultOutput = 1024
	seenEnough    = 8
	keptOutputs   = 128
	sortEvery     = 16
	// mostModels is how many models are remembered: some providers take any name.
	mostModels = 256
)

// outputs remembers how much a model lately answered.
type outputs struct {
	last  [keptOutputs]int64
	seen  int
	p95   int64
	stale int
	turn  int64 // when it answered last
}

func (o *outputs) add(tokens int64) {
	o.last[o.seen%keptOutputs] = tokens
	o.seen++
	o.stale++
	if o.stale >= sortEvery || o.seen <= sortEvery {
		o.sort()
	}
}

func (o *outputs) sort() {
	kept := slices.Clone(o.last[:min(o.seen, keptOutputs)])
	slices.Sort(kept)
	o.p95 = kept[(len(kept)*95+99)/100-1]
	o.stale = 0
}

// answered is what each of the models lately answered that answered last.
type answered struct {
	of   map[string]*outputs
	turn int64
}

func (a *answered) learn(provider, model string, output int64) {
	key := provider + "/" + model
	o := a.of[key]
	if o == nil {
		if len(key) > 2*longest { // nobody's model is named so
			return
		}
		if len(a.of) >= mostModels {
			a.forget()
		}
		if a.of == nil {
			a.of = map[string]*outputs{}
		}
		o = &outputs{}
		a.of[key] = o
	}
	a.turn++
	o.turn = a.turn
	o.add(output)
}

// forget lets go of the model that has not answered for the longest.
func (a *answered) forget() {
	oldest, turn := "", int64(math.MaxInt64)
	for key, o := range a.of {
		if o.turn < turn {
			oldest, turn = key, o.turn
		}
	}
	delete(a.of, oldest)
}

// Expect is the output to reserve for a call without a limit: the 95th percentile of what the
// model lately answered, DefaultOutput until enough was seen.
func (l *Ledger) Expect(provider, model string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.outputs.of[provider+"/"+model]; o != nil && o.seen >= seenEnough {
		return max(o.p95, 1)
	}
	return DefaultOutput
}
