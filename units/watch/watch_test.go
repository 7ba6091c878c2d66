// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/core/home"
	"holdfast/core/intent"
	"holdfast/core/process"
)

// A fake is a machine with one house at a time.
type fake struct {
	home home.Home

	mu       sync.Mutex
	pid      int
	houses   map[int]*fakeHouse
	starts   []time.Time
	answer   bool
	onStart  func(*fakeHouse)
	refuse   error
	mended   int
	stubborn bool
}

type fakeHouse struct {
	note    House
	done    chan struct{}
	exit    process.Exit
	signals []syscall.Signal
	fake    *fake
}

func (h *fakeHouse) Done() <-chan struct{} { return h.done }
func (h *fakeHouse) Exit() process.Exit    { return h.exit }

func (h *fakeHouse) SignalFirst(s syscall.Signal) error {
	h.signals = append(h.signals, s)
	if s == syscall.SIGKILL || !h.fake.stubborn {
		h.die(process.Exit{Known: true, Signal: s, Code: 128 + int(s)})
	}
	return nil
}

func (h *fakeHouse) die(exit process.Exit) {
	h.fake.mu.Lock()
	defer h.fake.mu.Unlock()
	select {
	case <-h.done:
	default:
		h.exit = exit
		close(h.done)
	}
}

// say writes the house's note.
func (h *fakeHouse) say(stage Stage) {
	h.note.Stage = stage
	if err := h.note.Say(h.fake.home); err != nil {
		panic(err)
	}
}

func (f *fake) lives(id process.Identity) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.houses[id.PID]
	if h == nil {
		return false
	}
	select {
	case <-h.done:
		return false
	default:
		return true
	}
}

func (f *fake) adopt(id process.Identity) (subject, error) {
	if !f.lives(id) {
		return nil, process.ErrGone
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.houses[id.PID], nil
}

func (f *fake) start(n House) (subject, int, error) {
	f.mu.Lock()
	f.starts = append(f.starts, time.Now())
	if f.refuse != nil {
		f.mu.Unlock()
		return nil, 0, f.refuse
	}
	h, then := f.house(n), f.onStart
	f.mu.Unlock()
	then(h)
	return h, h.note.PID, nil
}

// then says what becomes of the houses that are started from now on.
func (f *fake) then(do func(*fakeHouse)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onStart = do
}

// house makes a house; the caller holds the lock.
func (f *fake) house(n House) *fakeHouse {
	f.pid++
	n.Identity = process.Identity{PID: 1<<30 + f.pid, Start: uint64(f.pid)}
	h := &fakeHouse{note: n, done: make(chan struct{}), fake: f}
	f.houses[n.PID] = h
	return h
}

func (f *fake) answers(context.Context) bool { return f.answer }

func (f *fake) mend() error { f.mended++; return nil }

// A scene is a watch over a fake house in fake time.
type scene struct {
	*fake
	t     *testing.T
	w     *Watch
	first *fakeHouse
	ended chan struct{}
}

// play runs a scene; its house is up, and the ones started after it come up at once.
func play(t *testing.T, body func(s *scene)) {
	t.Helper()
	h := home.At(t.TempDir())
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		f := &fake{home: h, answer: true, houses: map[int]*fakeHouse{}, onStart: func(h *fakeHouse) { h.say(Up) }}
		s := &scene{fake: f, t: t, ended: make(chan struct{})}
		s.first = f.house(House{Watched: true, HungAfter: 30 * time.Second})
		s.first.say(Up)
		s.w = &Watch{home: h, log: slog.New(slog.NewTextHandler(t.Output(), nil)), machine: f, tend: func(context.Context) {}}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { s.w.run(ctx); close(s.ended) }()
		synctest.Wait()
		body(s)
		cancel()
		<-s.ended
	})
}

// last is the house that was started last.
func (s *scene) last() *fakeHouse {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.houses[1<<30+s.pid]
}

func (s *scene) started(want int) {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.starts) != want {
		s.t.Fatalf("the house was started %d times, want %d; the watch: %s", len(s.starts), want, s.w.report.State)
	}
}

func (s *scene) over(want bool) {
	s.t.Helper()
	synctest.Wait()
	select {
	case <-s.ended:
		if !want {
			s.t.Fatalf("the watch has ended: %s", s.w.report.State)
		}
	default:
		if want {
			s.t.Fatalf("the watch goes on: %s", s.w.report.State)
		}
	}
}

func killed() process.Exit {
	return process.Exit{Known: true, Signal: syscall.SIGKILL, Code: 137}
}

func pass(d time.Duration) { <-time.After(d) }

func TestADeadHouseIsStartedAgainAtOnce(t *testing.T) {
	play(t, func(s *scene) {
		s.first.die(killed())
		pass(soon)
		s.started(1)
		r, known, err := ReadReport(s.home)
		if last, ok := r.Last(); err != nil || !known || !ok || r.Restarts != 1 || last.PID != s.last().note.PID || !strings.Contains(last.Why, "KILL") {
			t.Errorf("it says %+v, %v", r, err)
		}
	})
}

func TestRestartsSlowDownAndForget(t *testing.T) {
	play(t, func(s *scene) {
		s.first.note.Most = 10 * time.Second
		s.first.say(Up)
		pass(soon)
		s.then(func(h *fakeHouse) { h.die(process.Exit{Known: true, Code: 1}) })
		s.first.die(killed())
		pass(40 * time.Second)
		s.mu.Lock()
		starts := slices.Clone(s.starts)
		s.mu.Unlock()
		s.then(func(h *fakeHouse) { h.say(Up) })
		for i, least := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
			if gap := starts[i+1].Sub(starts[i]); gap < least || gap > least+time.Second {
				t.Errorf("pause %d is %s, want %s", i, gap, least)
			}
		}
		pass(15*time.Second + calm + 2*lookAtMost)
		s.mu.Lock()
		before := len(s.starts)
		s.mu.Unlock()
		s.last().die(killed())
		pass(soon)
		s.started(before + 1)
	})
}

func TestDownIsKeptTo(t *testing.T) {
	play(t, func(s *scene) {
		s.then(func(h *fakeHouse) { h.die(process.Exit{Known: true}) }) // it ends what is left, and itself
		if err := intent.SetDown(s.home, "me", false); err != nil {
			t.Fatal(err)
		}
		s.first.say(Ending)
		s.first.die(killed())
		pass(soon)
		s.started(1)
		s.over(true)
		if s.w.report.Restarts != 0 {
			t.Error("ending what is left counts as a restart")
		}
	})
}

// TestDownIsSettledAgainWhenThatFails: what ends the rest may itself be killed.
func TestDownIsSettledAgainWhenThatFails(t *testing.T) {
	play(t, func(s *scene) {
		exits := []process.Exit{killed(), {Known: true, Code: 3}, {Known: true}}
		s.then(func(h *fakeHouse) { h.die(exits[len(s.starts)-1]) })
		if err := intent.SetDown(s.home, "me", false); err != nil {
			t.Fatal(err)
		}
		s.first.die(killed())
		pass(10 * time.Second)
		s.started(3)
		s.over(true)
	})
}

func TestDownDuringThePauseStopsTheRestart(t *testing.T) {
	play(t, func(s *scene) {
		s.then(func(h *fakeHouse) { h.die(process.Exit{Known: true, Code: 1}) })
		s.first.die(killed())
		pass(500 * time.Millisecond) // the second start waits for a second
		s.started(1)
		s.then(func(h *fakeHouse) { h.die(process.Exit{Known: true}) })
		if err := errors.Join(intent.SetDown(s.home, "me", false), Forget(s.home)); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		s.started(1)
		s.over(true)
	})
}

func TestAnOrderlyEndEndsTheWatch(t *testing.T) {
	play(t, func(s *scene) {
		if err := Forget(s.home); err != nil {
			t.Fatal(err)
		}
		s.first.die(process.Exit{Known: true})
		pass(time.Second)
		s.started(0)
		s.over(true)
	})
}

func TestAnEndThatWasAskedForIsNoDeath(t *testing.T) {
	play(t, func(s *scene) {
		s.first.say(Ending)
		s.first.die(process.Exit{Known: true, Signal: syscall.SIGINT, Code: 130})
		pass(time.Minute)
		s.started(0)
		s.over(true)
	})
}

func TestTornIntentsStartNothing(t *testing.T) {
	play(t, func(s *scene) {
		if err := os.WriteFile(s.home.Var("intent.json"), []byte(`{"held":`), 0o600); err != nil {
			t.Fatal(err)
		}
		s.first.die(killed())
		pass(10 * time.Minute)
		s.started(0)
		s.over(false)
		if r, _, err := ReadReport(s.home); err != nil || !strings.Contains(r.State, "intent.json") {
			t.Errorf("it says %+v, %v", r, err)
		}
		if err := os.Remove(s.home.Var("intent.json")); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		s.started(1)
	})
}

// beats writes signs of life until the function that it returns is called.
func (s *scene) beats() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	b := &Beat{Home: s.home}
	done := make(chan struct{})
	go func() { b.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

func TestAHungHouseIsReplaced(t *testing.T) {
	play(t, func(s *scene) {
		s.stubborn, s.answer = true, false
		stop := s.beats()
		pass(5 * time.Minute)
		s.started(0)
		stop()
		pass(25 * time.Second)
		s.started(0)
		pass(25 * time.Second)
		s.started(1)
		if got := s.first.signals; !slices.Equal(got, []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL}) {
			t.Errorf("it got %v", got)
		}
		if last, _ := s.w.report.Last(); !strings.Contains(last.Why, "hung") {
			t.Errorf("it says %+v", last)
		}
	})
}

func TestAHouseThatAnswersIsNotHung(t *testing.T) {
	play(t, func(s *scene) {
		pass(time.Hour)
		s.started(0)
		if len(s.first.signals) > 0 {
			t.Errorf("it got %v", s.first.signals)
		}
	})
}

// TestAStartMayTakeLong: migrations of a large database give no sign of life.
func TestAStartMayTakeLong(t *testing.T) {
	play(t, func(s *scene) {
		s.first.say(Starting)
		s.answer = false
		pass(time.Hour)
		s.started(0)
	})
}

func TestAnotherHouseIsTakenUp(t *testing.T) {
	play(t, func(s *scene) {
		s.mu.Lock()
		other := s.house(House{Watched: true, Stage: Up})
		s.mu.Unlock()
		s.then(func(*fakeHouse) { t.Error("a second house was started") })
		other.say(Up)
		s.first.die(killed())
		pass(time.Second)
		s.started(0)
		if s.w.report.House != other.note.PID {
			t.Errorf("it attends %d", s.w.report.House)
		}
	})
}

func TestAHouseThatCannotBeStartedIsTriedAgain(t *testing.T) {
	play(t, func(s *scene) {
		s.refuse = errors.New("no such file")
		s.first.die(killed())
		pass(8 * time.Second)
		s.started(4) // at 0, 1, 3 and 7 s
		s.mu.Lock()
		s.refuse = nil
		s.mu.Unlock()
		pass(10 * time.Second)
		s.started(5)
		s.over(false)
	})
}

// TestAnUpgradeIsTakenBackWhenNothingStarts: a house that starts takes it back itself.
func TestAnUpgradeIsTakenBackWhenNothingStarts(t *testing.T) {
	play(t, func(s *scene) {
		s.first.die(killed())
		pass(soon)
		s.started(1)
		if s.mended != 0 {
			t.Error("mended though the house started")
		}
		s.then(func(h *fakeHouse) { h.die(process.Exit{Known: true, Code: 126}) })
		s.last().die(killed())
		pass(1500 * time.Millisecond)
		s.started(2)
		s.then(func(h *fakeHouse) { h.say(Up) })
		pass(3 * time.Second)
		s.started(3)
		if s.mended != 1 {
			t.Errorf("mended %d times, want once, before the third start", s.mended)
		}
	})
}

func TestHistoryIsBounded(t *testing.T) {
	play(t, func(s *scene) {
		for i := range historyMost + 5 {
			s.last().die(process.Exit{Known: true, Code: i % 2})
			pass(10 * time.Minute)
			s.started(i + 1)
		}
		if r, _, err := ReadReport(s.home); err != nil || r.Restarts != historyMost+5 || len(r.History) != historyMost {
			t.Errorf("%d restarts, %d kept, %v", r.Restarts, len(r.History), err)
		}
	})
}

func TestABeatNeedsItsProofs(t *testing.T) {
	h := home.At(t.TempDir())
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var failing atomic.Bool
		b := &Beat{Home: h, Proofs: []func(context.Context) error{func(context.Context) error {
			if failing.Load() {
				return errors.New("the store does not answer")
			}
			return nil
		}}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()
		pass(2*beatEvery + time.Millisecond)
		if b.Advanced() != 3 || readBeat(h) != fmt.Sprintf("%10d %20d\n", os.Getpid(), 3) {
			t.Errorf("%d beats: %q", b.Advanced(), readBeat(h))
		}
		failing.Store(true)
		pass(10 * beatEvery)
		if b.Advanced() != 3 {
			t.Errorf("%d beats without proof", b.Advanced())
		}
		cancel()
		<-done
		slow := &Beat{Home: h, Every: 5 * beatEvery}
		go slow.Run(t.Context())
		pass(9 * beatEvery)
		if slow.Advanced() != 2 {
			t.Errorf("%d beats in nine tenths of two", slow.Advanced())
		}
	})
}
