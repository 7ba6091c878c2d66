// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

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
	// listsApart is how long at least the lists of a server are not asked for again.
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
	kept    *subscriptions // nil for a second life
	want    chan struct{}  // a call waits for a resting server; sent under mu, and empty in any other state

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
		calls: newCalls(),
		name:  s.decl.Name, era: era, needs: &s.needs, log: s.log,
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
		l.open = func(ctx context.Context) (*live, error) { return dial(ctx, &s.needs, s.decl, l.calls) }
	}
	return l
}

// run is the loop of a server until ctx ends. The first start needs no call, for the catalogue must
// know the tools.
func (s *life) run(ctx context.Context, first func()) {
	defer close(s.gone)
	defer first()
	if s.blocked != "" {
		s.move(StateBlocked, holdfast.Errorf(holdfast.CodeUnavailable, "the tools of %s are blocked: %s", s.name, s.blocked))
		return
	}
	if s.era != "" {
		s.rest(ctx)
	}
	for ctx.Err() == nil {
		live, err := s.start(ctx)
		if ctx.Err() != nil {
			if live != nil {
				live.end()
			}
			return
		}
		if err != nil && s.era != "" {
			s.move(StateBlocked, fmt.Errorf("%s does not speak the %s protocol: %w", s.name, s.era, err))
			return
		}
		if err != nil {
			wait := s.back(err)
			first() // only now does the server say how the attempt ended
			sleep(ctx, wait)
			continue
		}
		first()
		err = s.serve(ctx, live)
		s.retire(live)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			s.rest(ctx)
		case time.Since(live.began) < steadyAfter:
			sleep(ctx, s.back(err))
		default:
			s.failed(err)
		}
	}
}

func (s *life) start(ctx context.Context) (*live, error) {
	s.move(StateStarting, nil)
	within := s.needs.Settings().StartWithin
	if s.era != "" {
		within = min(within, maxTrial)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("it did not answer within %s", within))
	defer cancel()
	live, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	var offered Offer
	if s.era == "" {
		s.kept.renew(ctx, live, s.log)
		offered, err = live.ask(ctx)
	}
	if err != nil {
		err = live.link.explain(ctx, err)
		live.end()
		return nil, err
	}
	s.mu.Lock()
	s.live, s.offered, s.used, s.spoke = live, offered, time.Now(), live.era
	s.starts++
	s.mu.Unlock()
	s.move(StateServing, nil)
	return live, nil
}

// serve waits until the server ends, is idle (nil), or ctx ends; it asks again when one of its lists
// changed, and a remote server now and then whether it still answers.
func (s *life) serve(ctx context.Context, live *live) error {
	idle := time.NewTimer(s.untilIdle())
	defer idle.Stop()
	look := s.looks()
	defer look.Stop()
	relist, calm, misses := live.relist, (<-chan time.Time)(nil), 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-live.ended:
			return live.link.reason()
		case <-relist: // a server that says so without end must not keep the house listing
			s.refresh(ctx, live)
			relist, calm = nil, time.After(listsApart)
		case <-calm:
			relist, calm = live.relist, nil
		case <-look.C:
			if misses = s.probe(ctx, live, misses); misses >= maxMisses {
				return fmt.Errorf("%w: it did not answer %d times", errEnded, misses)
			}
		case <-idle.C:
			if s.idle() {
				return nil
			}
			idle.Reset(s.untilIdle())
		}
	}
}

// looks says when to probe: a remote server only, for of a process the end is noticed.
func (s *life) looks() *time.Ticker {
	every := s.needs.Settings().Probe
	if every <= 0 {
		every = time.Minute
	}
	look := time.NewTicker(every)
	if !s.remote {
		look.Stop()
	}
	return look
}

// probe answers how often in a row the server did not answer. Its lists are taken up besides, for not
// every server tells that they changed.
func (s *life) probe(ctx context.Context, live *live, misses int) int {
	bounded, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	if err := live.ping(bounded); err != nil && spoke(err) == nil {
		return misses + 1
	}
	if live.probes++; live.probes%listEvery == 0 {
		s.refresh(ctx, live)
	}
	return 0
}

// patience is after how long without a call a server rests, 0 for never. A second process always
// does.
func (s *life) patience() time.Duration {
	after := s.needs.Settings().Idle
	if s.remote {
		return 0
	}
	if s.era != "" && (after <= 0 || after > secondIdle) {
		return secondIdle
	}
	return after
}

// speaks is the era of the server's last session, empty when it had none.
func (s *life) speaks() Era {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spoke
}

// untilIdle is how long to wait before a look whether the server is idle.
func (s *life) untilIdle() time.Duration {
	after := s.patience()
	if after <= 0 {
		return settingsLook
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running > 0 {
		return min(after, settingsLook)
	}
	return min(max(after-time.Since(s.used), time.Millisecond), settingsLook)
}

// idle takes a server that nobody used out of service, if no call got there first.
func (s *life) idle() bool {
	after := s.patience()
	if s.kept != nil && len(s.kept.uris()) > 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if after <= 0 || s.running > 0 || time.Since(s.used) < after {
		return false
	}
	s.moveLocked(StateResting, nil)
	return true
}

func (s *life) refresh(ctx context.Context, live *live) {
	if s.era != "" {
		return // the offer is the first life's
	}
	ctx, cancel := context.WithTimeout(ctx, s.needs.Settings().StartWithin)
	defer cancel()
	offered, err := live.ask(ctx)
	if err != nil {
		s.log.Warn("cannot list the tools again", slog.Any("error", err))
		return
	}
	s.mu.Lock()
	s.offered = offered
	s.mu.Unlock()
	s.needs.Changed()
}

// retire ends a process and lets no further call have it.
func (s *life) retire(live *live) {
	s.mu.Lock()
	s.live = nil
	if s.state == StateServing {
		s.moveLocked(StateStarting, nil)
	}
	s.mu.Unlock()
	live.end()
}

// rest waits for a call, which may have come while the process was ended.
func (s *life) rest(ctx context.Context) {
	s.needs.Changed()
	select {
	case <-ctx.Done():
	case <-s.want:
	}
}

func (s *life) failed(err error) {
	s.mu.Lock()
	s.failures++
	s.err = err
	failures := s.failures
	s.mu.Unlock()
	s.log.Warn("tool server failed", slog.Any("error", err), slog.Int("failures", failures))
}

// back notes a failure and says how long to wait before the next attempt: ever longer, up to
// minutes, after failures in a row.
func (s *life) back(err error) (wait time.Duration) {
	s.failed(err)
	s.mu.Lock()
	wait = min(firstWait<<min(s.failures-1, 16), longestWait)
	wait += rand.N(wait/4 + 1) //nolint:gosec // jitter is no secret
	s.retry = time.Now().Add(wait)
	s.moveLocked(StateWaiting, err)
	s.mu.Unlock()
	s.needs.Changed()
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

func (s *life) move(to State, err error) {
	s.mu.Lock()
	s.moveLocked(to, err)
	s.mu.Unlock()
	s.needs.Changed()
}

func (s *life) moveLocked(to State, err error) {
	s.state, s.since = to, time.Now()
	if err != nil {
		s.err = err
	}
	if to != StateResting { // a wish left over would start the server once more, for nobody
		select {
		case <-s.want:
		default:
		}
	}
	close(s.moved)
	s.moved = make(chan struct{})
}

func (s *life) offer() Offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offered
}

// acquire answers the session. It wakes a resting server and waits for a starting one; a server that
// keeps failing is an error at once.
func (s *life) acquire(ctx context.Context) (*live, error) {
	for {
		s.mu.Lock()
		state, moved, err := s.state, s.moved, s.err
		if state == StateServing && s.live != nil && !s.live.over() { // who is over is replaced in a moment
			live := s.live
			s.mu.Unlock()
			return live, nil
		}
		retry := time.Until(s.retry)
		if state == StateResting {
			select {
			case s.want <- struct{}{}:
			default:
			}
		}
		s.mu.Unlock()
		switch state { //nolint:exhaustive // the others wait for the next move
		case StateBlocked:
			return nil, err
		case StateWaiting:
			return nil, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s is down and is tried again in %s: %w", s.name, max(retry, 0).Round(time.Second), err)
		}
		select {
		case <-moved:
		case <-s.gone:
			return nil, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s was stopped", s.name)
		case <-ctx.Done():
			return nil, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s is still starting: %w", s.name, ctx.Err())
		}
	}
}

// hold keeps a server from idling out until release: also before the call has it, for who has just
// started may be idle sooner than the call that wanted it takes notice.
func (s *life) hold() {
	s.mu.Lock()
	s.running++
	s.mu.Unlock()
}

func (s *life) release() {
	s.mu.Lock()
	s.running--
	s.used = time.Now()
	s.mu.Unlock()
}

// healthy forgets earlier failures once a call was answered.
func (s *life) healthy() {
	s.mu.Lock()
	s.failures, s.err = 0, nil
	s.mu.Unlock()
}

// trouble is why a server does not serve, nil when it does or could.
func (s *life) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == StateWaiting || s.state == StateBlocked {
		return holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s does not run: %w", s.name, s.err)
	}
	return nil
}

func (s *life) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{
		Name: s.name, State: s.state, Since: s.since, Starts: s.starts, Failures: s.failures,
		Calls: s.running, Version: s.offered.Version,
	}
	if s.state == StateWaiting {
		status.Retry = s.retry
	}
	if s.live != nil {
		status.Running = []Running{{Era: s.live.era, PID: s.live.link.pid()}}
	}
	if s.err != nil {
		status.Error = plain.Text(s.err.Error(), 2000)
	}
	return status
}

var errEnded = errors.New("it ended")
