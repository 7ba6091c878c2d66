// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
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
)

// an offer is what a server last said it has. It outlives the process, so that a resting server's
// tools stay in the catalogue.
type offer struct {
	entries      []*entry
	instructions string
	problems     []Problem
	version      string
}

// A Problem is a part of an extension's tools that could not be used.
type Problem struct {
	Part      string `json:"part"`
	Error     string `json:"error"`
	Traceback string `json:"traceback,omitempty"`
}

// a server keeps the tool server of one extension running as long as it is used.
type server struct {
	decl     holdfast.ToolServer
	launcher *launcher
	settings func() *Settings
	log      *slog.Logger
	changed  func()        // the offer or the state changed
	tried    chan struct{} // closed after the first attempt to start
	gone     chan struct{} // closed when the loop has ended
	want     chan struct{} // a call waits for a resting server; sent under mu, and empty in any other state
	slots    chan struct{}
	stop     context.CancelFunc

	mu       sync.Mutex
	state    State
	live     *live
	offered  offer
	err      error // of the last failure
	failures int   // in a row
	starts   int
	since    time.Time
	retry    time.Time
	running  int // calls under way, those among them that wait for the server
	used     time.Time
	moved    chan struct{} // closed and replaced at each change of state
}

func newServer(decl holdfast.ToolServer, l *launcher, settings func() *Settings, log *slog.Logger, changed func()) *server {
	return &server{
		decl: decl, launcher: l, settings: settings, changed: changed,
		log:   log.With(slog.String("extension", decl.Name)),
		tried: make(chan struct{}), gone: make(chan struct{}), want: make(chan struct{}, 1),
		slots: make(chan struct{}, settings().Parallel),
		state: StateStarting, since: time.Now(), moved: make(chan struct{}),
	}
}

// run is the loop of a server until ctx ends. The first start needs no call, for the catalogue must
// know the tools.
func (s *server) run(ctx context.Context) {
	defer close(s.gone)
	first := sync.OnceFunc(func() { close(s.tried) })
	defer first()
	if s.decl.Blocked != "" {
		s.move(StateBlocked, holdfast.Errorf(holdfast.CodeUnavailable, "the tools of %s are blocked: %s", s.decl.Name, s.decl.Blocked))
		return
	}
	for ctx.Err() == nil {
		live, err := s.start(ctx)
		if ctx.Err() != nil {
			if live != nil {
				live.end()
			}
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

func (s *server) start(ctx context.Context) (*live, error) {
	s.move(StateStarting, nil)
	within := s.settings().StartWithin
	ctx, cancel := context.WithTimeoutCause(ctx, within.Std(), fmt.Errorf("it did not answer within %s", within))
	defer cancel()
	live, err := s.launcher.launch(ctx, s.decl)
	if err != nil {
		return nil, err
	}
	offered, err := live.ask(ctx, s)
	if err != nil {
		err = live.explain(ctx, err)
		live.end()
		return nil, err
	}
	s.mu.Lock()
	s.live, s.offered, s.used = live, offered, time.Now()
	s.starts++
	s.mu.Unlock()
	s.move(StateServing, nil)
	return live, nil
}

// serve waits until the server ends, is idle (nil), or ctx ends; it asks again when its list of
// tools changed.
func (s *server) serve(ctx context.Context, live *live) error {
	timer := time.NewTimer(s.untilIdle())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-live.ended:
			return live.reason()
		case <-live.relist:
			s.refresh(ctx, live)
		case <-timer.C:
			if s.idle() {
				return nil
			}
			timer.Reset(s.untilIdle())
		}
	}
}

// untilIdle is how long to wait before a look whether the server is idle.
func (s *server) untilIdle() time.Duration {
	after := s.settings().Idle.Std()
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
func (s *server) idle() bool {
	after := s.settings().Idle.Std()
	s.mu.Lock()
	defer s.mu.Unlock()
	if after <= 0 || s.running > 0 || time.Since(s.used) < after {
		return false
	}
	s.moveLocked(StateResting, nil)
	return true
}

func (s *server) refresh(ctx context.Context, live *live) {
	ctx, cancel := context.WithTimeout(ctx, s.settings().StartWithin.Std())
	defer cancel()
	offered, err := live.ask(ctx, s)
	if err != nil {
		s.log.Warn("cannot list the tools again", slog.Any("error", err))
		return
	}
	s.mu.Lock()
	s.offered = offered
	s.mu.Unlock()
	s.changed()
}

// retire ends a process and lets no further call have it.
func (s *server) retire(live *live) {
	s.mu.Lock()
	s.live = nil
	if s.state == StateServing {
		s.moveLocked(StateStarting, nil)
	}
	s.mu.Unlock()
	live.end()
}

// rest waits for a call, which may have come while the process was ended.
func (s *server) rest(ctx context.Context) {
	s.changed()
	select {
	case <-ctx.Done():
	case <-s.want:
	}
}

func (s *server) failed(err error) {
	s.mu.Lock()
	s.failures++
	s.err = err
	failures := s.failures
	s.mu.Unlock()
	s.log.Warn("tool server failed", slog.Any("error", err), slog.Int("failures", failures))
}

// back notes a failure and says how long to wait before the next attempt: ever longer, up to
// minutes, after failures in a row.
func (s *server) back(err error) (wait time.Duration) {
	s.failed(err)
	s.mu.Lock()
	wait = min(firstWait<<min(s.failures-1, 16), longestWait)
	wait += rand.N(wait/4 + 1) //nolint:gosec // jitter is no secret
	s.retry = time.Now().Add(wait)
	s.moveLocked(StateWaiting, err)
	s.mu.Unlock()
	s.changed()
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

func (s *server) move(to State, err error) {
	s.mu.Lock()
	s.moveLocked(to, err)
	s.mu.Unlock()
	s.changed()
}

func (s *server) moveLocked(to State, err error) {
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

func (s *server) offer() offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offered
}

// call runs one tool. It wakes a resting server and waits for a starting one; a server that keeps
// failing is an error at once.
func (s *server) call(ctx context.Context, tool string, arguments json.RawMessage, limit int) (Result, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return Result{}, holdfast.Errorf(holdfast.CodeUnavailable, "%d calls of the tools of %s are under way already: %w", cap(s.slots), s.decl.Name, ctx.Err())
	}
	s.hold()
	defer s.release()
	live, err := s.acquire(ctx)
	if err != nil {
		return Result{}, err
	}
	answer, err := live.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err == nil {
		s.healthy()
		return fromMCP(answer, limit), nil
	}
	if ctx.Err() != nil {
		return Result{}, holdfast.Errorf(holdfast.CodeUnavailable, "the call of %s was given up: %w", tool, ctx.Err())
	}
	if said := live.spoke(err); said != "" {
		s.healthy()
		return failed(said), nil
	}
	return Result{}, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s ended while %s ran: %w", s.decl.Name, tool, live.explain(ctx, err))
}

func (s *server) acquire(ctx context.Context) (*live, error) {
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
			return nil, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s is down and is tried again in %s: %w", s.decl.Name, max(retry, 0).Round(time.Second), err)
		}
		select {
		case <-moved:
		case <-s.gone:
			return nil, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s was stopped", s.decl.Name)
		case <-ctx.Done():
			return nil, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s is still starting: %w", s.decl.Name, ctx.Err())
		}
	}
}

// hold keeps a server from idling out until release: also before the call has it, for who has just
// started may be idle sooner than the call that wanted it takes notice.
func (s *server) hold() {
	s.mu.Lock()
	s.running++
	s.mu.Unlock()
}

func (s *server) release() {
	s.mu.Lock()
	s.running--
	s.used = time.Now()
	s.mu.Unlock()
}

// healthy forgets earlier failures once a call was answered.
func (s *server) healthy() {
	s.mu.Lock()
	s.failures, s.err = 0, nil
	s.mu.Unlock()
}

// entries makes catalogue entries of the tools that a server listed.
func (s *server) entries(listed []*mcp.Tool) (list []*entry, problems []Problem) {
	seen := map[string]bool{}
	for _, t := range listed {
		if t == nil || t.Name == "" || seen[t.Name] {
			problems = append(problems, Problem{Part: "tool", Error: "a tool without a name or with a name twice was left out"})
			continue
		}
		seen[t.Name] = true
		list = append(list, s.entry(t))
	}
	return list, problems
}

// extension is whose server it is: an extension with modules and a server of its own has two.
func (s *server) extension() string { return strings.TrimSuffix(s.decl.Name, ".mcp") }

func (s *server) entry(t *mcp.Tool) *entry {
	schema := readSchema(t.InputSchema)
	setting, listed := s.decl.Settings[t.Name]
	if !listed {
		setting.EnabledInMCP = true
	}
	e := &entry{
		server: s, own: t.Name, schema: schema,
		Entry: Entry{Extension: s.extension(), Note: schema.note, Tool: holdfast.Tool{
			Name: toolName(t.Name), Source: "extension " + s.extension(), Summary: printable(summary(t), maxSummary),
			Input: schema.raw, EnabledInMCP: setting.EnabledInMCP, Passthrough: setting.Passthrough,
			Tier: holdfast.TierTenantPeer,
		}},
	}
	e.Title, e.Hints = printable(t.Title, 200), t.Annotations
	if a := t.Annotations; a != nil {
		e.ReadOnly = a.ReadOnlyHint
		e.Destructive = !a.ReadOnlyHint && a.DestructiveHint != nil && *a.DestructiveHint
	}
	if raw, err := json.Marshal(t.OutputSchema); err == nil && t.OutputSchema != nil && len(raw) <= maxSchema {
		if _, err := resolve(raw); err == nil {
			e.Output = objectSchema(raw)
		}
	}
	return e
}

// maxSummary bounds a description: it goes into every prompt.
const maxSummary = 8 << 10

func summary(t *mcp.Tool) string {
	text := strings.TrimSpace(t.Description)
	if text == "" {
		text = t.Title
	}
	if text == "" && t.Annotations != nil {
		text = t.Annotations.Title
	}
	return text
}

var errEnded = errors.New("it ended")
