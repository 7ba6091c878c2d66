// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/store"
)

// Journal is what a Runner needs of core/journal. When it also has Node() string, operations
// belong to that node, and Recover leaves those of other nodes alone.
type Journal interface {
	Append(ctx context.Context, e holdfast.Entry) (holdfast.Entry, error)
}

// A Runner runs operations of the registered kinds, any number at once.
//
// The life of an operation, each arrow recorded and journaled:
//
//	          every step done
//	running ──────────────────▶ done
//	   │ a step failed, Cancel,
//	   │ or a crash within a step that is not Repeatable
//	   ▼      undone in reverse
//	undoing ──────────────────▶ failed | cancelled | interrupted
//	   │ an undo failed, or a step hangs
//	   ▼
//	stuck ◀── after a crash: nobody knows the kind, or its steps are others now
//
// An operation found running or undoing at start goes on from where its records stand.
type Runner struct {
	store   Store
	journal Journal
	log     *slog.Logger
	now     func() time.Time

	mu       sync.Mutex
	kinds    map[string]Kind
	live     map[string]*run
	stopping bool
}

// NewRunner makes a runner; it touches nothing.
func NewRunner(s Store, journal Journal, log *slog.Logger) *Runner {
	r := &Runner{store: s, journal: journal, log: log, now: time.Now, kinds: map[string]Kind{}, live: map[string]*run{}}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

// node is asked for when it is needed: the journal may learn its name after the runner is made.
func (r *Runner) node() string {
	if named, ok := r.journal.(interface{ Node() string }); ok {
		return named.Node()
	}
	return ""
}

// Register makes kinds known. Two of one name, or one without steps, are an error.
func (r *Runner) Register(kinds ...Kind) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range kinds {
		if k.Name == "" || k.Steps == nil {
			return fmt.Errorf("cannot register operation kind %q: it needs a name and steps", k.Name)
		}
		if _, taken := r.kinds[k.Name]; taken {
			return fmt.Errorf("cannot register operation kind %q: it is registered already", k.Name)
		}
		r.kinds[k.Name] = k
	}
	return nil
}

// Run begins an operation and waits for its end. A caller that goes away does not end it: only
// Cancel does. The error is nil when the operation is done, and names the step when it failed.
func (r *Runner) Run(ctx context.Context, caller holdfast.Caller, kind string, input any) (holdfast.Operation, error) {
	x, err := r.begin(ctx, caller, kind, input)
	if err != nil {
		return holdfast.Operation{}, err
	}
	select {
	case <-x.ended:
		return x.snapshot(), x.err()
	case <-ctx.Done():
		return x.snapshot(), fmt.Errorf("cannot wait for operation %s, which goes on: %w", x.op.ID, context.Cause(ctx))
	}
}

// Begin begins an operation and returns when it is recorded and journaled.
func (r *Runner) Begin(ctx context.Context, caller holdfast.Caller, kind string, input any) (holdfast.Operation, error) {
	x, err := r.begin(ctx, caller, kind, input)
	if err != nil {
		return holdfast.Operation{}, err
	}
	return x.snapshot(), nil
}

// begin journals before it records: what is recorded runs, after a crash too, so nothing is
// recorded whose beginning was refused.
func (r *Runner) begin(ctx context.Context, caller holdfast.Caller, name string, input any) (*run, error) {
	kind, err := r.kind(name)
	if err != nil {
		return nil, err
	}
	op, steps, err := r.prepare(ctx, caller, kind, input)
	if err != nil {
		return nil, err
	}
	x := newRun(r, kind, op, steps)
	if err := r.claim(x); err != nil {
		return nil, err
	}
	begun := false
	defer func() {
		if !begun {
			r.forget(x)
		}
	}()
	if err := r.record(ctx, x); err != nil {
		return nil, err
	}
	begun = true
	r.start(x)
	return x, nil
}

func (r *Runner) record(ctx context.Context, x *run) error {
	if err := r.store.Read(ctx, x.free); err != nil {
		return err
	}
	if err := x.note(ctx, holdfast.OutcomeStarted, event{Steps: names(x.steps)}); err != nil {
		return fmt.Errorf("cannot begin %s: %w", x.kind.Name, err)
	}
	err := r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		if err := x.free(ctx, tx); err != nil {
			return err
		}
		return insertOperation(ctx, tx, x.op)
	})
	if err == nil {
		return nil
	}
	if _, refused := errors.AsType[*holdfast.Refusal](err); refused {
		x.tryNote(holdfast.OutcomeRefused, event{Error: err.Error()})
		return err
	}
	x.tryNote(holdfast.OutcomeFailed, event{Event: string(holdfast.OperationFailed), Error: err.Error()})
	return errors.Join(err, r.retract(x, err))
}

// retract ends an operation whose record failed: a store that lost its connection in the commit may
// have recorded it after all, and it must not begin at the next start.
func (r *Runner) retract(x *run, cause error) error {
	op := x.saved()
	op.State, op.Error, op.Ended = holdfast.OperationFailed, cause.Error(), r.now().UTC()
	err := r.store.Write(x.base, func(ctx context.Context, tx store.Tx) error { return updateOperation(ctx, tx, op) })
	if err != nil {
		return fmt.Errorf("cannot make sure that %s does not begin at the next start: %w", op.ID, err)
	}
	return nil
}

func (r *Runner) kind(name string) (Kind, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kind, ok := r.kinds[name]
	if !ok {
		return Kind{}, holdfast.Errorf(holdfast.CodeNotFound, "no operation of kind %q", name)
	}
	return kind, nil
}

// prepare builds the steps from the input as it will be stored, as a recovery would.
func (r *Runner) prepare(ctx context.Context, caller holdfast.Caller, kind Kind, input any) (saved, []holdfast.Step, error) {
	raw, err := json.Marshal(input)
	if err != nil {
		return saved{}, nil, fmt.Errorf("cannot begin %s: %w", kind.Name, err)
	}
	steps, err := kind.Steps(ctx, raw)
	if err != nil {
		return saved{}, nil, fmt.Errorf("cannot begin %s: %w", kind.Name, err)
	}
	if err := wellFormed(steps); err != nil {
		return saved{}, nil, fmt.Errorf("cannot begin %s: %w", kind.Name, err)
	}
	op := saved{node: r.node(), tier: caller.Tier, Operation: holdfast.Operation{
		ID:      newID(r.now()),
		Kind:    kind.Name,
		Caller:  caller.String(),
		State:   holdfast.OperationRunning,
		Input:   raw,
		Started: r.now().UTC(),
	}}
	if kind.Subject != nil {
		op.Subject = kind.Subject(raw)
	}
	for _, s := range steps {
		op.Steps = append(op.Steps, holdfast.StepRecord{Name: s.Name, State: stepPending})
	}
	return op, steps, nil
}

func wellFormed(steps []holdfast.Step) error {
	seen := map[string]bool{}
	for _, s := range steps {
		if s.Name == "" || s.Do == nil || seen[s.Name] {
			return fmt.Errorf("step %q needs a name of its own and something to do", s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}

func names(steps []holdfast.Step) []string {
	out := make([]string, 0, len(steps))
	for _, s := range steps {
		out = append(out, s.Name)
	}
	return out
}

// newID sorts by time and is safe in a path, a URL and a command line.
func newID(now time.Time) string {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // never fails
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(random)
}

// claim makes a run visible to Stop, which from then on waits for it.
func (r *Runner) claim(x *run) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return holdfast.Errorf(holdfast.CodeUnavailable, "the house is stopping: no operation begins")
	}
	r.live[x.op.ID] = x
	return nil
}

func (r *Runner) start(x *run) {
	go func() {
		defer r.forget(x)
		x.life()
	}()
}

func (r *Runner) forget(x *run) {
	r.mu.Lock()
	delete(r.live, x.op.ID)
	r.mu.Unlock()
	x.end()
}

func (r *Runner) running(id string) (*run, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, ok := r.live[id]
	return x, ok
}

// Cancel ends the step under way and undoes what was done. It returns at once; the operation
// becomes cancelled, or done when its last step was just ending.
func (r *Runner) Cancel(ctx context.Context, id string) (holdfast.Operation, error) {
	x, ok := r.running(id)
	if !ok {
		op, err := r.Show(ctx, id)
		if err != nil {
			return op, err
		}
		return op, holdfast.Errorf(holdfast.CodeConflict, "operation %s is %s: nothing to cancel", id, op.State)
	}
	return x.askToCancel(ctx)
}

// Show returns one operation, as it stands this moment when it runs here.
func (r *Runner) Show(ctx context.Context, id string) (holdfast.Operation, error) {
	if x, ok := r.running(id); ok {
		return x.snapshot(), nil
	}
	found, err := r.find(ctx, " WHERE id = ?", id)
	if err != nil {
		return holdfast.Operation{}, err
	}
	if len(found) == 0 {
		return holdfast.Operation{}, holdfast.Errorf(holdfast.CodeNotFound, "no operation %s", id)
	}
	return found[0].Operation, nil
}

// A Query chooses operations; empty fields choose all.
type Query struct {
	Kind  string
	State holdfast.OperationState
	Limit int // 0 means 50
}

// List returns operations, newest first.
func (r *Runner) List(ctx context.Context, q Query) ([]holdfast.Operation, error) {
	if q.Limit <= 0 {
		q.Limit = 50
	}
	found, err := r.find(ctx, " WHERE (kind = ? OR ? = '') AND (state = ? OR ? = '') ORDER BY started_ns DESC, id DESC LIMIT ?",
		q.Kind, q.Kind, string(q.State), string(q.State), q.Limit)
	if err != nil {
		return nil, err
	}
	out := make([]holdfast.Operation, 0, len(found))
	for _, op := range found {
		if x, ok := r.running(op.ID); ok {
			op.Operation = x.snapshot()
		}
		out = append(out, op.Operation)
	}
	return out, nil
}

func (r *Runner) find(ctx context.Context, rest string, args ...any) (found []saved, err error) {
	err = r.store.Read(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		found, err = selectOperations(ctx, tx, rest, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read operations: %w", err)
	}
	return found, nil
}

// followEvery is how often a follower hears of mere progress.
const followEvery = 100 * time.Millisecond

// Follow yields an operation as it stands, and again as it changes, until it ends; the last one
// yielded has ended, unless the house stops first.
func (r *Runner) Follow(ctx context.Context, id string) iter.Seq2[holdfast.Operation, error] {
	return func(yield func(holdfast.Operation, error) bool) {
		for x, ok := r.running(id); ok; {
			changed := x.next()
			if !yield(x.snapshot(), nil) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
			select {
			case <-x.ended:
				ok = false
			case <-time.After(followEvery):
			case <-ctx.Done():
				return
			}
		}
		op, err := r.Show(ctx, id)
		yield(op, err)
	}
}

// Stop lets each operation finish the step it is at, until ctx ends, and no further; what is
// unfinished goes on at the next Recover.
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	r.stopping = true
	live := make([]*run, 0, len(r.live))
	for _, x := range r.live {
		live = append(live, x)
	}
	r.mu.Unlock()
	for _, x := range live {
		x.pause()
	}
	if r.Wait(ctx) == nil {
		return nil
	}
	for _, x := range live {
		x.abandon()
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if r.Wait(patience) != nil {
		return errors.New("cannot stop: a step of an operation does not end")
	}
	return nil
}

// Wait returns when no operation runs, or ctx ends.
func (r *Runner) Wait(ctx context.Context) error {
	r.mu.Lock()
	live := slices.Collect(maps.Values(r.live))
	r.mu.Unlock()
	for _, x := range live {
		select {
		case <-x.ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
