// SPDX-License-Identifier: Apache-2.0

package route

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// mostKept bounds how many targets' health is kept: clients may ask for any model of a provider.
const mostKept = 1000

// Options are what a router is made of.
type Options struct {
	// File is where cooldowns outlive the process; "" for nowhere.
	File string
	Log  *slog.Logger
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// A Router knows how targets stand. It may serve many calls at once.
type Router struct {
	options Options
	now     func() time.Time
	log     *slog.Logger
	waiting atomic.Int64
	dirty   chan struct{} // something is to be written, soon
	hurry   chan struct{} // something is to be written at once
	file    file

	mu       sync.Mutex
	circuits map[Target]*circuit
	drills   map[Target]*drill
	last     map[string]Target
	// running tells that Run writes, sick that its last write failed; kept is closed by its next one.
	running, sick bool
	kept          chan struct{}
}

// A drill is a rehearsed fault: the health that it brings about is apart from the true one, so that
// nothing of it is left when it ends.
type drill struct {
	until   time.Time
	circuit *circuit
}

// New makes a router to which every target is well. It does no I/O.
func New(o Options) *Router {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Router{
		options: o, now: o.Now, log: o.Log, dirty: make(chan struct{}, 1), hurry: make(chan struct{}, 1), file: file{path: o.File},
		circuits: map[Target]*circuit{}, drills: map[Target]*drill{}, last: map[string]Target{},
	}
}

// SetWait sets how long a call may wait when everybody in its chain rests.
func (r *Router) SetWait(d time.Duration) { r.waiting.Store(int64(d)) }

// circuit is a target's health, the rehearsed one while a drill is on; nil when nothing is known
// of it. The lock is held.
func (r *Router) circuit(t Target, now time.Time) *circuit {
	if len(r.drills) > 0 {
		if d := r.drills[t]; d != nil && now.Before(d.until) {
			return d.circuit
		}
	}
	c := r.circuits[t]
	if c != nil && !c.until.IsZero() && c.probing == 0 && now.Sub(c.until) > forgetAfter {
		c.close()
	}
	return c
}

// keep is circuit, made when it is not there; nil when too many are ill already. The lock is held.
func (r *Router) keep(t Target, now time.Time) *circuit {
	if c := r.circuit(t, now); c != nil {
		return c
	}
	if len(r.circuits) >= mostKept {
		r.prune(now)
	}
	if len(r.circuits) >= mostKept {
		return nil
	}
	c := &circuit{}
	r.circuits[t] = c
	return c
}

// prune drops what tells nothing. The lock is held.
func (r *Router) prune(now time.Time) {
	for t, c := range r.circuits {
		idle := c.probing == 0 && c.trying == 0
		well := c.state(now) == StateClosed && now.Sub(c.answered) > trust
		old := c.state(now) == StateProbing && now.Sub(c.until) > forgetAfter
		if idle && (well || old) {
			delete(r.circuits, t)
		}
	}
}

// soonest tells who of a chain may soonest be asked again; nil when somebody may be asked now. The
// channel is there while one is being probed.
func (r *Router) soonest(chain Chain, now time.Time) (*Resting, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(chain.Targets) == 0 {
		return &Resting{Reason: "the chain is empty"}, nil
	}
	out := &Resting{Others: len(chain.Targets) - 1, Limited: true}
	var verdict <-chan struct{}
	for i, t := range chain.Targets {
		c := r.circuit(t, now)
		if c == nil || c.state(now) == StateClosed || c.state(now) == StateProbing && c.probing == 0 {
			return nil, nil
		}
		out.Limited = out.Limited && c.limited
		left := max(c.until.Sub(now), 0)
		if left == 0 && verdict == nil {
			verdict = c.next()
		}
		if i == 0 || left > 0 && (left < out.For || out.For == 0) {
			out.Target, out.For, out.Reason = t, left, c.reason
		}
	}
	return out, verdict
}

// First is who would be asked first now, without asking.
func (r *Router) First(chain Chain) (Step, bool) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, t := range chain.Targets {
		c := r.circuit(t, now)
		if c == nil || c.state(now) == StateClosed {
			return Step{Target: t, At: i}, true
		}
		if c.state(now) == StateProbing && c.probing == 0 {
			return Step{Target: t, At: i, Probe: true}, true
		}
	}
	return Step{}, false
}

// answered notes who answered an alias last. The lock is held.
func (r *Router) answered(alias string, t Target) {
	if alias == "" || r.last[alias] == t {
		return
	}
	r.last[alias] = t
	r.touch()
}

// Last tells who answered an alias last.
func (r *Router) Last(alias string) (Target, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.last[alias]
	return t, ok
}

// A Cooldown is one target that failed lately.
type Cooldown struct {
	Target    Target
	State     State
	Since     time.Time
	Until     time.Time
	Failures  int
	Told      bool
	Limited   bool
	Rehearsed bool
	Reason    string
}

// Cooldowns lists the targets that rest or are to be probed, in order.
func (r *Router) Cooldowns() []Cooldown {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []Cooldown{}
	for t := range r.circuits {
		if !r.rehearsed(t, now) {
			list = shown(list, t, r.circuit(t, now), now, false)
		}
	}
	for t := range r.drills {
		if r.rehearsed(t, now) {
			list = shown(list, t, r.circuit(t, now), now, true)
		}
	}
	slices.SortFunc(list, func(a, b Cooldown) int { return strings.Compare(a.Target.String(), b.Target.String()) })
	return list
}

func shown(list []Cooldown, t Target, c *circuit, now time.Time, rehearsed bool) []Cooldown {
	if c == nil || c.state(now) == StateClosed {
		return list
	}
	return append(list, Cooldown{
		Target: t, State: c.state(now), Since: wall(c.since, now), Until: wall(c.until, now), Failures: c.failures,
		Told: c.told, Limited: c.limited, Rehearsed: rehearsed, Reason: c.reason,
	})
}

// wall is a moment as the wall clock shows it now, also when that was set since: what is kept is
// the monotonic clock's.
func wall(t, now time.Time) time.Time { return now.Round(0).Add(t.Sub(now)).UTC() }

// Clear ends the cooldown of those targets that which accepts, and lists them. What calls under way
// still say of them counts no more, unless their provider says until when.
func (r *Router) Clear(which func(Target) bool) []Target {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	cleared := []Target{}
	for _, all := range []map[Target]*circuit{r.circuits, r.rehearsals(now)} {
		for t, c := range all {
			if c.state(now) == StateClosed || !which(t) || slices.Contains(cleared, t) {
				continue
			}
			c.close()
			c.turn++
			c.probing, c.answered = 0, time.Time{}
			c.tell()
			cleared = append(cleared, t)
		}
	}
	if len(cleared) > 0 {
		r.touch()
	}
	slices.SortFunc(cleared, func(a, b Target) int { return strings.Compare(a.String(), b.String()) })
	return cleared
}

func (r *Router) rehearsals(now time.Time) map[Target]*circuit {
	out := map[Target]*circuit{}
	for t, d := range r.drills {
		if now.Before(d.until) {
			out[t] = d.circuit
		}
	}
	return out
}

// Rehearse gives targets a health of their own until a moment; the true one rests meanwhile, as it
// was.
func (r *Router) Rehearse(targets []Target, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range targets {
		r.drills[t] = &drill{until: until, circuit: &circuit{}}
	}
}

// EndRehearsal gives targets their true health back.
func (r *Router) EndRehearsal(targets []Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range targets {
		if d := r.drills[t]; d != nil {
			delete(r.drills, t)
			d.circuit.tell()
		}
	}
}

// rehearsed tells whether a drill is on. The lock is held.
func (r *Router) rehearsed(t Target, now time.Time) bool {
	d := r.drills[t]
	return d != nil && now.Before(d.until)
}

// touch says that there is something to write. It does not wait.
func (r *Router) touch() { signal(r.dirty) }

// hasten says that a cooldown began: it is to be written at once. The channel tells when that was
// tried; it is nil while the disk takes nothing, and where Run does not write, so that the caller has
// to. It does not wait; the lock is held.
func (r *Router) hasten() (kept <-chan struct{}, unkept bool) {
	if !r.running || r.sick {
		r.touch()
		return nil, !r.sick
	}
	if r.kept == nil {
		r.kept = make(chan struct{})
	}
	signal(r.hurry)
	return r.kept, false
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
