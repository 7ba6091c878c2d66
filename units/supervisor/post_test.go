// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"

	"holdfast"
	"holdfast/core/home"
)

func newTestPost(t *testing.T, u holdfast.Unit) *post {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	h := newHerald(newScribe(nil, log), newBoard(home.At(t.TempDir()), log))
	return newPost(t.Context(), h, log, u)
}

func over(o order) bool { return o.over.Err() != nil }

func TestOrdersTakeEachOthersPlace(t *testing.T) {
	p := newTestPost(t, plain("a"))
	p.begin(false)
	first := p.look()
	if first.order.want != wantRun || first.order.serial != 1 {
		t.Fatalf("first order = %+v", first.order)
	}
	proof := p.demand(false)
	if !over(first.order) {
		t.Error("the old order goes on")
	}
	select {
	case <-first.changed:
	default:
		t.Error("a new order is no change")
	}
	ended := p.give(order{want: wantHold})
	if err := <-proof; !errors.Is(err, errSuperseded) {
		t.Errorf("who waited hears %v", err)
	}
	p.redeclare(func() holdfast.Unit { u := plain("a"); u.Run = []string{"/bin/b"}; return u }())
	if now := p.look(); now.order.want != wantHold || now.unit.Run[0] != "/bin/b" || over(now.order) {
		t.Errorf("a held unit that is redeclared: %+v", now.order)
	}
	p.give(order{want: wantGone})
	<-ended // what was under way counts as over
	if err := <-p.demand(true); !errors.Is(err, errSuperseded) || p.look().order.want != wantGone {
		t.Errorf("a unit on its way out takes an order: %v", err)
	}
}

func TestRedeclarationRestartsOnlyForItsProcess(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*holdfast.Unit)
		fresh  bool // a new order
		again  bool // a new process
	}{
		"nothing":  {func(*holdfast.Unit) {}, false, false},
		"files":    {func(u *holdfast.Unit) { u.Files = func() ([]uintptr, error) { return nil, nil } }, false, false},
		"policy":   {func(u *holdfast.Unit) { u.Restart = holdfast.RestartNever }, true, false},
		"argument": {func(u *holdfast.Unit) { u.Run = append(u.Run, "x") }, true, true},
		"key":      {func(u *holdfast.Unit) { u.Secrets = []string{"KEY"} }, true, true},
		"blocked":  {func(u *holdfast.Unit) { u.Blocked = "no" }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestPost(t, plain("a"))
			p.begin(false)
			before := p.look().order
			u := plain("a")
			c.change(&u)
			p.redeclare(u)
			now := p.look().order
			if over(before) != c.fresh || (now.serial != before.serial) != c.again {
				t.Errorf("order %+v became %+v", before, now)
			}
		})
	}
}

func TestAnOrderIsAnsweredOnce(t *testing.T) {
	o := order{proof: make(chan error, 1)}.issued(context.Background())
	o.answer(nil)
	o.supersede()
	o.supersede()
	if err := <-o.proof; err != nil || !over(o) {
		t.Errorf("proof = %v", err)
	}
	(order{}).issued(context.Background()).answer(nil) // nobody waits
}

// TestAnswerAsksEveryUnit wants no answer while one unit cannot be asked: it is what proves to the
// watch that the house does not hang.
func TestAnswerAsksEveryUnit(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("a"), plain("b"))
		r.Answer()
		p := r.roster.posts["b"]
		p.mu.Lock()
		var free atomic.Bool
		answered := make(chan bool)
		go func() { r.Answer(); answered <- free.Load() }()
		for range 10_000 {
			runtime.Gosched()
		}
		free.Store(true)
		p.mu.Unlock()
		if !<-answered {
			t.Error("it answers although a unit is stuck")
		}
	})
}
