// SPDX-License-Identifier: Apache-2.0

package ledger

import "slices"

const (
	// DefaultOutput is reserved for a model of which too little was seen.
	DefaultOutput = 1024
	seenEnough    = 8
	keptOutputs   = 128
	sortEvery     = 16
)

// outputs remembers how much a model lately answered.
type outputs struct {
	last  [keptOutputs]int64
	seen  int
	p95   int64
	stale int
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

// answered is what each model lately answered.
type answered map[string]*outputs

func (a answered) learn(provider, model string, output int64) {
	key := provider + "/" + model
	o := a[key]
	if o == nil {
		o = &outputs{}
		a[key] = o
	}
	o.add(output)
}

// Expect is the output to reserve for a call without a limit: the 95th percentile of what the
// model lately answered, DefaultOutput until enough was seen.
func (l *Ledger) Expect(provider, model string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.outputs[provider+"/"+model]; o != nil && o.seen >= seenEnough {
		return max(o.p95, 1)
	}
	return DefaultOutput
}
