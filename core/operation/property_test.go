// SPDX-License-Identifier: Apache-2.0

package operation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"holdfast"
	"holdfast/core/journal"
	"holdfast/core/operation"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// fate is one life of the house: it dies at a call to the store or the journal, before or after
// that call took effect, and every goroutine that calls again dies there too.
type fate struct {
	mu    sync.Mutex
	left  int  // calls until death; negative: never
	after bool // dies after its last call took effect
	dead  bool
}

func (f *fate) call(effect func() error) error {
	f.mu.Lock()
	switch {
	case f.dead:
		f.mu.Unlock()
		runtime.Goexit()
	case f.left == 0:
		f.dead = true
		f.mu.Unlock()
		if f.after {
			_ = effect()
		}
		runtime.Goexit()
	}
	f.left--
	f.mu.Unlock()
	return effect()
}

func (f *fate) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

type mortalStore struct {
	*store.Store
	*fate
}

func (m mortalStore) Write(ctx context.Context, fn func(context.Context, store.Tx) error) error {
	return m.call(func() error { return m.Store.Write(ctx, fn) })
}

type mortalJournal struct {
	*journal.Journal
	*fate
}

func (m mortalJournal) Append(ctx context.Context, e holdfast.Entry) (out holdfast.Entry, err error) {
	err = m.call(func() error {
		out, err = m.Journal.Append(ctx, e)
		return err
	})
	return out, err
}

// plan is a random operation: what each step does the first times it is called.
type script struct {
	Steps []scripted
}

type scripted struct {
	Repeatable bool
	HasUndo    bool
	Do         string // ok, fail, cancel, die
	Undo       string // ok, fail, die
}

func drawScript(t *rapid.T) script {
	step := rapid.Custom(func(t *rapid.T) scripted {
		return scripted{
			Repeatable: rapid.Bool().Draw(t, "repeatable"),
			HasUndo:    rapid.IntRange(0, 5).Draw(t, "undo") > 0,
			Do:         rapid.SampledFrom([]string{"ok", "ok", "ok", "ok", "ok", "ok", "fail", "cancel", "die"}).Draw(t, "do"),
			Undo:       rapid.SampledFrom([]string{"ok", "ok", "ok", "ok", "ok", "ok", "ok", "fail", "die"}).Draw(t, "undoing"),
		}
	})
	return script{Steps: rapid.SliceOfN(step, 1, 6).Draw(t, "steps")}
}

// world is what the steps change; it survives the deaths of the house.
type world struct {
	mu   sync.Mutex
	acts []string
	died map[string]bool
	fate *fate
	quit func()
	// cancelled tells that a cancel was acknowledged: then no death may bring the operation back.
	cancelled bool
}

func (w *world) act(what string) (first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acts = append(w.acts, what)
	first = !w.died[what]
	w.died[what] = true
	return first
}

func (w *world) kind(name string, s script) operation.Kind {
	var steps []holdfast.Step
	for i, p := range s.Steps {
		step := holdfast.Step{Name: fmt.Sprint(i), Repeatable: p.Repeatable}
		step.Do = func(ctx context.Context) error {
			first := w.act(fmt.Sprintf("+%d", i))
			switch {
			case p.Do == "fail":
				return errors.New("no")
			case p.Do == "die" && first:
				w.fate.kill()
			case p.Do == "cancel" && first:
				w.quit()
				return ctx.Err()
			}
			return nil
		}
		if p.HasUndo {
			step.Undo = func(context.Context) error {
				first := w.act(fmt.Sprintf("-%d", i))
				switch {
				case p.Undo == "fail":
					return errors.New("no way back")
				case p.Undo == "die" && first:
					w.fate.kill()
				}
				return nil
			}
		}
		steps = append(steps, step)
	}
	return kind(name, steps...)
}

// TestAnyOperationEndsWholeOrUndone lives through random operations with failures, cancels and
// deaths at random calls, and then looks at what is left.
func TestAnyOperationEndsWholeOrUndone(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			name := fmt.Sprintf("kind-%d", n)
			plan := drawScript(rt)
			w := &world{died: map[string]bool{}}
			op, begun := live(rt, s, w, name, plan)
			if !begun {
				return // died before it was recorded: nothing may have happened
			}
			checkWorld(rt, w, plan, op)
			checkJournal(rt, s, op)
		})
		v, err := journal.New(s, "here").Verify(t.Context())
		if err != nil || v.Broken != nil {
			t.Errorf("the journal does not hold: %v, %v", v.Broken, err)
		}
	})
}

// live runs the operation over as many lives of the house as it takes to end.
func live(t *rapid.T, s *store.Store, w *world, name string, plan script) (holdfast.Operation, bool) {
	ctx := context.Background()
	for life := 0; ; life++ {
		f := &fate{left: -1, after: rapid.Bool().Draw(t, "after")}
		if life < 4 {
			f.left = rapid.IntRange(-1, 25).Draw(t, "left")
		}
		r := operation.NewRunner(mortalStore{s, f}, mortalJournal{journal.New(s, "here"), f}, nil)
		if err := r.Register(w.kind(name, plan)); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.fate, w.quit = f, func() {
			if found, err := r.List(ctx, operation.Query{Kind: name}); err == nil && len(found) == 1 {
				_, err := r.Cancel(ctx, found[0].ID)
				w.cancelled = w.cancelled || err == nil
			}
		}
		w.mu.Unlock()
		oneLife(ctx, r, w, name, life)
		if err := r.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		found, err := r.List(ctx, operation.Query{Kind: name})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case len(found) == 0 && len(w.acts) > 0:
			t.Fatalf("acts without a record: %v", w.acts)
		case len(found) == 0:
			return holdfast.Operation{}, false
		case found[0].State.Ended():
			return found[0], true
		}
	}
}

// oneLife begins the operation, or recovers it, in a goroutine that may die.
func oneLife(ctx context.Context, r *operation.Runner, w *world, name string, life int) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		if life > 0 {
			_ = r.Recover(ctx)
			return
		}
		_, _ = r.Begin(ctx, operator, name, nil)
	}()
	<-over
}

func checkWorld(t *rapid.T, w *world, plan script, op holdfast.Operation) {
	acts := slices.Compact(slices.Clone(w.acts)) // a step may be done again right after a death
	var done, undone []string
	for _, act := range acts {
		name := act[1:]
		if act[0] == '+' {
			if len(undone) > 0 {
				t.Fatalf("done after an undo: %v", w.acts)
			}
			done = append(done, name)
			continue
		}
		undone = append(undone, name)
	}
	for i, name := range done {
		if name != fmt.Sprint(i) {
			t.Fatalf("not in order: %v", w.acts)
		}
		if times := count(w.acts, "+"+name); times > 1 && !plan.Steps[i].Repeatable {
			t.Fatalf("step %d is not repeatable and was done %d times", i, times)
		}
	}
	if w.cancelled && op.State != holdfast.OperationCancelled && op.State != holdfast.OperationStuck {
		t.Fatalf("cancelled, and yet %s: %v", op.State, w.acts)
	}
	var want []string
	for i, s := range op.Steps {
		if plan.Steps[i].HasUndo && s.State != "pending" && i < len(done) {
			want = append([]string{fmt.Sprint(i)}, want...)
		}
	}
	switch op.State {
	case holdfast.OperationDone:
		if len(done) != len(plan.Steps) || len(undone) > 0 {
			t.Fatalf("done, but: %v", w.acts)
		}
	case holdfast.OperationStuck:
		if last := undone[len(undone)-1]; plan.Steps[index(last)].Undo != "fail" {
			t.Fatalf("stuck without reason: %v", w.acts)
		}
	case holdfast.OperationFailed, holdfast.OperationCancelled, holdfast.OperationInterrupted:
		undoneOrNeverDone := slices.DeleteFunc(slices.Clone(undone), func(name string) bool { return !slices.Contains(done, name) })
		if !slices.Equal(undoneOrNeverDone, want) {
			t.Fatalf("%s: undone %v, want %v (%v)", op.State, undone, want, w.acts)
		}
	default:
		t.Fatalf("ended as %s", op.State)
	}
}

func count(acts []string, act string) (n int) {
	for _, a := range acts {
		if a == act {
			n++
		}
	}
	return n
}

func index(name string) (i int) {
	_, _ = fmt.Sscan(name, &i)
	return i
}

// checkJournal: what was recorded as begun was journaled so before, and the end once.
func checkJournal(t *rapid.T, s *store.Store, op holdfast.Operation) {
	entries, err := journal.New(s, "here").Show(context.Background(), journal.Query{Action: "operation." + op.Kind})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range entries {
		var detail struct{ Operation, Step, Event, Then string }
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		if detail.Operation == op.ID {
			lines = append(lines, strings.Join([]string{detail.Event, detail.Step, string(e.Outcome)}, "/"))
		}
	}
	if len(lines) == 0 || lines[0] != "//started" {
		t.Fatalf("the journal does not begin with the beginning: %v", lines)
	}
	for i, step := range op.Steps {
		began := slices.Index(lines, fmt.Sprintf("/%d/started", i))
		ended := slices.Index(lines, fmt.Sprintf("/%d/done", i))
		if step.State == "done" && (began < 0 || ended < 0) || ended >= 0 && began > ended {
			t.Fatalf("step %d is %s, journal: %v", i, step.State, lines)
		}
	}
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, string(op.State)+"/") }) {
		t.Fatalf("the journal lacks the end, %s: %v", op.State, lines)
	}
}
