// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/plain"
)

// A State is where a tool server stands:
//
//	          ┌────────────── idle ─────────────┐
//	          ▼                                 │
//	resting ──call──▶ starting ──answered──▶ serving
//	                   ▲  │ failed              │ ended by itself
//	                   │  ▼                     │
//	                  waiting ◀── soon after ───┤
//	                   ▲                        │
//	                   └─ after a while: at once┘
//
// blocked is a server that must not start (a missing secret).
type State string

// The states of a tool server.
const (
	StateResting  State = "resting"
	StateStarting State = "starting"
	StateServing  State = "serving"
	StateWaiting  State = "waiting"
	StateBlocked  State = "blocked"
)

const (
	// steadyAfter is how long a server must have served for its end to be followed by a start at once.
	steadyAfter = 10 * time.Second
	firstWait   = time.Second
	longestWait = 5 * time.Minute
	// settingsLook is how soon another idle time counts for a server that runs.
	settingsLook = time.Minute
	// secondIdle is the longest that a second process stays without a call.
	secondIdle = 5 * time.Minute
	// The lists of a server are not asked for again for firstApart, and ever longer up to listsApart while
	// it says without end that they changed.
	firstApart = 20 * time.Millisecond
	listsApart = time.Second
	// A remote server is given up after maxMisses probes without an answer, and its lists are taken up
	// again after listEvery with one.
	maxMisses   = 2
	listEvery   = 5
	probeWithin = 20 * time.Second
)

// a life keeps one process of a server, or one session with a remote one, as long as it is used.
type life struct {
	name string
	// era is what the server must speak, empty for whatever it does. The life of a given era is the
	// second of its server: it starts at its first call, and ends for good when it cannot.
	era     Era
	blocked string
	remote  bool
	open    func(context.Context) (*live, error)
	needs   *Needs
	log     *slog.Logger
	gone    chan struct{} // closed when the loop has ended
	calls   *calls
	kept    *subscriptions     // nil for a second life
	told    func(Offer, error) // of the process that was started last
	want    chan struct{}      // a call waits for a resting server; sent under mu, and empty in any other state

	mu       sync.Mutex
	state    State
	live     *live
	offered  Offer
	spoke    Era   // of the last session
	err      error // of the last failure
	failures int   // in a row
	starts   int
	since    time.Time
	retry    time.Time
	running  int // calls under way, those among them that wait for the server
	used     time.Time
	moved    chan struct{} // closed and replaced at each change of state
}

func newLife(s *Server, era Era) *life {
	l := &life{
		calls: newCalls(), told: func(Offer, error) {},
		name: s.decl.Name, era: era, needs: &s.needs, log: s.log,
		gone: make(chan struct{}), want: make(chan struct{}, 1),
		state: StateStarting, since: time.Now(), moved: make(chan struct{}),
	}
	if era == "" {
		l.kept = &s.subscriptions
	} else {
		l.state = StateResting
	}
	if s.decl.Stdio != nil {
		l.blocked = s.decl.Stdio.Blocked
		l.open = func(ctx context.Context) (*live, error) { return launch(ctx, &s.needs, *s.decl.Stdio, era, l.calls) }
	} else {
		l.remote = true
		l.open = (&dialer{needs: &s.needs, remote: *s.decl.Remote, calls: l.calls}).dial
	}
	return l
}

// run is the loop of a server until ctx ends. The first start needs no call, for the catalogue must
// know the tools, unless they are known already.
func (l *life) run(ctx context.Context, first func()) {
	defer close(l.gone)
	defer first()
	if l.blocked != "" {
		l.move(StateBlocked, holdfast.Errorf(holdfast.CodeUnavailable, "the tools of %s are blocked: %s", l.name, l.blocked))
		return
	}
	if l.rests() {
		first()
		l.rest(ctx)
	}
	for ctx.Err() == nil {
		live, err := l.start(ctx)
		if ctx.Err() != nil {
			if live != nil {
				live.end()
			}
			return
		}
		if err != nil && l.era != "" {
			l.move(StateBlocked, fmt.Errorf("%s does not speak the %s protocol: %w", l.name, l.era, err))
			return
		}
		if err != nil {
			wait := l.back(err)
			first() // only now does the server say how the attempt ended
			sleep(ctx, wait)
			continue
		}
		first()
		err = l.serve(ctx, live)
		l.retire(live)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			l.rest(ctx)
		case time.Since(live.began) < steadyAfter:
			sleep(ctx, l.back(err))
		default:
			l.failed(err)
		}
	}
}

func (l *life) start(ctx context.Context) (*live, error) {
	l.move(StateStarting, nil)
	if l.era == "" && l.needs.Begins != nil {
		l.told = l.needs.Begins()
	}
	within := l.needs.Settings().StartWithin
	if l.era != "" {
		within = min(within, maxTrial)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("it did not answer within %s", within))
	defer cancel()
	live, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	if l.era == "" {
		l.kept.renew(ctx, live, l.log)
	}
	offered, err := live.ask(ctx)
	if err != nil && l.era == "" {
		if !answered(err) {
			err = live.link.explain(ctx, err)
		}
		live.end()
		return nil, err
	}
	if err != nil { // what the first one lists counts
		l.log.Warn("cannot list what the second process has", slog.Any("error", err))
		offered = Offer{}
	}
	l.mu.Lock()
	l.live, l.offered, l.used, l.spoke = live, offered, time.Now(), live.era
	l.starts++
	l.mu.Unlock()
	l.told(offered, nil)
	l.needs.Changed() // who is let in by the next line finds what it offers now
	l.move(StateServing, nil)
	return live, nil
}

// serve waits until the server ends, is idle (nil), or ctx ends; it asks again when one of its lists
// changed, and a remote server now and then whether it still answers.
func (l *life) serve(ctx context.Context, live *live) error {
	idle := time.NewTimer(l.untilIdle())
	defer idle.Stop()
	look := l.looks()
	defer look.Stop()
	relist, calm, misses := live.relist, (<-chan time.Time)(nil), 0
	var apart spacing
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-live.ended:
			return live.link.reason()
		case <-relist: // a server that says so without end must not keep the house listing
			l.refresh(ctx, live)
			relist, calm = nil, time.After(apart.next(time.Now()))
		case <-calm:
			relist, calm = live.relist, nil
		case <-look.C:
			if misses = l.probe(ctx, live, misses); misses >= maxMisses {
				return fmt.Errorf("%w: it did not answer %d times", errEnded, misses)
			}
		case <-idle.C:
			if l.idle() {
				return nil
			}
			idle.Reset(l.untilIdle())
		}
	}
}

// a spacing is the time between listings: who changes its lists now and then is followed at once, who
// does without end once in listsApart.
type spacing struct {
	apart time.Duration
	last  time.Time
}

// next is how long to wait after the listing that has just been made.
func (s *spacing) next(now time.Time) time.Duration {
	if now.Sub(s.last) > 2*listsApart { // it was calm meanwhile
		s.apart = firstApart / 2
	}
	s.apart, s.last = min(2*s.apart, listsApart), now
	return s.apart
}

// looks says when to probe: a remote server only, for of a process the end is noticed.
func (l *life) looks() *time.Ticker {
	every := l.needs.Settings().Probe
	if every <= 0 {
		every = time.Minute
	}
	look := time.NewTicker(every)
	if !l.remote {
		look.Stop()
	}
	return look
}

// probe answers how often in a row the server did not answer. Its lists are taken up besides, for not
// every server tells that they changed.
func (l *life) probe(ctx context.Context, live *live, misses int) int {
	bounded, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	if err := live.ping(bounded); err != nil && !answered(err) {
		return misses + 1
	}
	if live.probes++; live.probes%listEvery == 0 {
		l.refresh(ctx, live)
	}
	return 0
}

// patience is after how long without a call a server rests, 0 for never. A second process always
// does.
func (l *life) patience() time.Duration {
	after := l.needs.Settings().Idle
	if l.remote {
		return 0
	}
	if l.era != "" && (after <= 0 || after > secondIdle) {
		return secondIdle
	}
	return after
}

// speaks is the era of the server's last session, empty when it had none.
func (l *life) speaks() Era {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spoke
}

// untilIdle is how long to wait before a look whether the server is idle.
func (l *life) untilIdle() time.Duration {
	after := l.patience()
	if after <= 0 {
		return settingsLook
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running > 0 {
		return min(after, settingsLook)
	}
	return min(max(after-time.Since(l.used), time.Millisecond), settingsLook)
}

// idle takes a server that nobody used out of service, if no call got there first.
func (l *life) idle() bool {
	after := l.patience()
	if l.kept != nil && len(l.kept.uris()) > 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if after <= 0 || l.running > 0 || time.Since(l.used) < after {
		return false
	}
	l.moveLocked(StateResting, nil)
	return true
}

func (l *life) refresh(ctx context.Context, live *live) {
	ctx, cancel := context.WithTimeout(ctx, l.needs.Settings().StartWithin)
	defer cancel()
	offered, err := live.ask(ctx)
	if err != nil {
		l.log.Warn("cannot list the tools again", slog.Any("error", err))
		return
	}
	l.mu.Lock()
	l.offered = offered
	l.mu.Unlock()
	l.told(offered, nil)
	l.needs.Changed()
}

// retire ends a process and lets no further call have it.
func (l *life) retire(live *live) {
	l.mu.Lock()
	l.live = nil
	if l.state == StateServing {
		l.moveLocked(StateStarting, nil)
	}
	l.mu.Unlock()
	live.end()
}

// rests tells whether the server waits to be wanted.
func (l *life) rests() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state == StateResting
}

// rest waits for a call, which may have come while the process was ended.
func (l *life) rest(ctx context.Context) {
	l.needs.Changed()
	select {
	case <-ctx.Done():
	case <-l.want:
	}
}

func (l *life) failed(err error) {
	l.mu.Lock()
	l.failures++
	l.err = err
	failures := l.failures
	l.mu.Unlock()
	l.log.Warn("tool server failed", slog.Any("error", err), slog.Int("failures", failures))
}

// back notes a failure and says how long to wait before the next attempt: ever longer, up to
// minutes, after failures in a row.
func (l *life) back(err error) (wait time.Duration) {
	l.failed(err)
	l.told(Offer{}, err)
	l.mu.Lock()
	wait = min(firstWait<<min(l.failures-1, 16), longestWait)
	wait += rand.N(wait/4 + 1) //nolint:gosec // jitter is no secret
	l.retry = time.Now().Add(wait)
	l.moveLocked(StateWaiting, err)
	l.mu.Unlock()
	l.needs.Changed()
	return wait
}

func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (l *life) move(to State, err error) {
	l.mu.Lock()
	l.moveLocked(to, err)
	l.mu.Unlock()
	l.needs.Changed()
}

func (l *life) moveLocked(to State, err error) {
	l.state, l.since = to, time.Now()
	if err != nil {
		l.err = err
	}
	if to != StateResting { // a wish left over would start the server once more, for nobody
		select {
		case <-l.want:
		default:
		}
	}
	close(l.moved)
	l.moved = make(chan struct{})
}

func (l *life) offer() Offer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offered
}

// has tells whether the process listed a tool, a prompt or a resource of this name.
func (l *life) has(name string) bool {
	o := l.offer()
	return slices.ContainsFunc(o.Tools, func(t *mcp.Tool) bool { return t.Name == name }) ||
		slices.ContainsFunc(o.Prompts, func(p *mcp.Prompt) bool { return p.Name == name }) ||
		slices.ContainsFunc(o.Resources, func(r *mcp.Resource) bool { return r.URI == name })
}

// acquire answers the session. It wakes a resting server and waits for a starting one; a server that
// keeps failing is an error at once.
func (l *life) acquire(ctx context.Context) (*live, error) {
	for {
		l.mu.Lock()
		state, moved, err := l.state, l.moved, l.err
		if state == StateServing && l.live != nil && !l.live.over() { // who is over is replaced in a moment
			live := l.live
			l.mu.Unlock()
			return live, nil
		}
		retry := time.Until(l.retry)
		if state == StateResting {
			select {
			case l.want <- struct{}{}:
			default:
			}
		}
		l.mu.Unlock()
		switch state { //nolint:exhaustive // the others wait for the next move
		case StateBlocked:
			return nil, err
		case StateWaiting:
			return nil, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s is down and is tried again in %s: %w", l.name, max(retry, 0).Round(time.Second), err)
		}
		select {
		case <-moved:
		case <-l.gone:
			return nil, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s was stopped", l.name)
		case <-ctx.Done():
			return nil, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s is still starting: %w", l.name, ctx.Err())
		}
	}
}

// hold keeps a server from idling out until release: also before the call has it, for who has just
// started may be idle sooner than the call that wanted it takes notice.
func (l *life) hold() {
	l.mu.Lock()
	l.running++
	l.mu.Unlock()
}

func (l *life) release() {
	l.mu.Lock()
	l.running--
	l.used = time.Now()
	l.mu.Unlock()
}

// healthy forgets earlier failures once a call was answered.
func (l *life) healthy() {
	l.mu.Lock()
	l.failures, l.err = 0, nil
	l.mu.Unlock()
}

// trouble is why a server does not serve, nil when it does or could.
func (l *life) trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == StateWaiting || l.state == StateBlocked {
		return holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s does not run: %w", l.name, l.err)
	}
	return nil
}

func (l *life) status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	status := Status{
		Name: l.name, State: l.state, Since: l.since, Starts: l.starts, Failures: l.failures,
		Calls: l.running, Version: l.offered.Version,
	}
	if l.state == StateWaiting {
		status.Retry = l.retry
	}
	if l.live != nil {
		status.Running = []Running{{Era: l.live.era, PID: l.live.link.pid()}}
	}
	if l.err != nil {
		status.Error = plain.Text(l.err.Error(), 2000)
	}
	return status
}

var errEnded = errors.New("it ended")
