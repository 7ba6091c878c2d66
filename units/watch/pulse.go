// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"holdfast/core/home"
)

// beatEvery is how often a house that is well gives a sign of life at most.
const beatEvery = 2 * time.Second

// looksInARow is how often in a row the house must be found hung before it is replaced.
const looksInARow = 2

func beatFile(h home.Home) string { return h.Var("run", "house.beat") }

// A Beat is the house's sign of life: a number in var/run/house.beat that grows while the house's
// loop goes on.
type Beat struct {
	Home home.Home
	// Proofs must all answer before the number grows.
	Proofs []func(context.Context) error
	// Every is the pause between two beats, at least 2 s.
	Every time.Duration

	advanced atomic.Uint64
}

// Advanced is how often the loop went round.
func (b *Beat) Advanced() uint64 { return b.advanced.Load() }

// Run beats until ctx ends. A proof that fails or hangs keeps the number as it is.
func (b *Beat) Run(ctx context.Context) {
	tick := time.NewTicker(max(b.Every, beatEvery))
	defer tick.Stop()
	for {
		b.once(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *Beat) once(ctx context.Context) {
	for _, proof := range b.Proofs {
		if err := proof(ctx); err != nil {
			return
		}
	}
	n := b.advanced.Add(1)
	// A beat that cannot be written is not worth a word: the watch asks the house before it acts.
	file, err := os.OpenFile(beatFile(b.Home), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(file, "%10d %20d\n", os.Getpid(), n) // always as long, so that no half of it is seen
	_ = file.Close()
}

func readBeat(h home.Home) string {
	data, err := os.ReadFile(beatFile(h))
	if err != nil {
		return ""
	}
	return string(data)
}

// A pulse judges whether the house hangs. It counts the time in which it looked itself, by the
// monotonic clock and never more than two looks' worth at once: while the machine slept, was halted,
// or the watch itself was stopped, nothing is held against the house; and no clock's jump matters.
type pulse struct {
	every time.Duration // between looks
	limit time.Duration // without a sign of life

	beat   string
	at     time.Time
	silent time.Duration
	row    int
}

// look takes the beat as it is now, asks the house when that is old, and tells whether it hangs.
func (p *pulse) look(now time.Time, beat string, answers func() bool) (hung bool) {
	gap := min(now.Sub(p.at), 2*p.every)
	first := p.at.IsZero()
	p.at = now
	if first || beat != p.beat {
		p.beat, p.silent, p.row = beat, 0, 0
		return false
	}
	p.silent += gap
	if p.silent < p.limit {
		return false
	}
	if answers() {
		p.row = 0
		return false
	}
	p.row++
	return p.row >= looksInARow
}

// A backoff says how long to wait before the house is started again: at once, then longer each
// time, until it was up for calm.
type backoff struct {
	most time.Duration
	row  int
}

const (
	// calm is how long a house must have been up before its restarts count from none.
	calm        = time.Minute
	defaultMost = 5 * time.Minute
	defaultHung = 30 * time.Second
)

func (b *backoff) next() time.Duration {
	most := b.most
	if most <= 0 {
		most = defaultMost
	}
	b.row++
	if b.row == 1 {
		return 0
	}
	delay := time.Second
	for range b.row - 2 {
		if delay *= 2; delay >= most {
			break
		}
	}
	return min(delay, most)
}

func (b *backoff) reset() { b.row = 0 }
