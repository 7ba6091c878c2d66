// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
)

// TestBlind: when the house judges no more and the watch does not either, nothing passes.
func TestBlind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := started(t, dir)
		w.sight.begun.Store(true)
		<-time.After(59 * time.Second)
		if w.Refusal() != nil {
			t.Fatal("blind before its time")
		}
		<-time.After(2 * time.Second)
		refusal := w.Refusal()
		if refusal == nil || !strings.HasPrefix(refusal.Reason, halt.Blind) || refusal.RetryAfter <= 0 {
			t.Fatalf("refusal %+v", refusal)
		}
		if err := w.guard().Judge(t.Context(), holdfast.Request{}); err == nil {
			t.Error("a blind breaker lets dispatches pass")
		}
		if word := w.Word(t.Context()); word.State != "blind" {
			t.Errorf("state %s", word.State)
		}
		if alerts := w.blindAlerts(t.Context()); len(alerts) != 1 {
			t.Errorf("alerts %+v", alerts)
		}
		if err := w.files.Judged(halt.Judgement{At: time.Now(), Level: "calm"}); err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * time.Second)
		if refusal := w.Refusal(); refusal != nil {
			t.Fatalf("the watch judges, and the house is blind: %+v", refusal)
		}
		<-time.After(time.Minute)
		if w.Refusal() == nil {
			t.Fatal("the watch judges no more either")
		}
		if alerts := w.warnAlerts(t.Context()); len(alerts) != 1 || alerts[0].Subject != "watch" {
			t.Errorf("the silent watch is not told: %+v", alerts)
		}
		w.Tick(t.Context())
		if w.Refusal() != nil {
			t.Error("it judged, and is blind")
		}
		limit := 600.0
		if _, err := w.setThresholds(t.Context(), thresholdsInput{BlindSeconds: &limit}); err != nil {
			t.Fatal(err)
		}
		<-time.After(500 * time.Second)
		if w.Refusal() != nil {
			t.Error("the setting does not count")
		}
		w.teller.drain(t.Context())
		if n := w.journaled("breaker.blind"); n != 2 {
			t.Errorf("journaled %d times", n)
		}
	})
}

// TestABurnThatCannotBeReadIsNoSight: a tick that knows nothing judged nothing.
func TestABurnThatCannotBeReadIsNoSight(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := started(t, dir)
		w.sight.begun.Store(true)
		w.needs.Burn = func(context.Context) (judge.Burn, error) { return judge.Burn{}, errors.New("the ledger is gone") }
		for range 5 {
			<-time.After(15 * time.Second)
			w.Tick(t.Context())
		}
		if w.Refusal() == nil {
			t.Error("nobody knows the burn, and all passes")
		}
	})
}

// TestClocksThatAreSet: only time that passed makes blind, and only it cools a HALT.
func TestClocksThatAreSet(t *testing.T) {
	t.Parallel()
	now, since := time.Now(), time.Hour
	w := at(t.TempDir())
	w.Breaker = New(Needs{
		Home: home.At(w.dir), Now: func() time.Time { return now },
		Boot: func() *halt.Moment { return &halt.Moment{ID: "this start", Since: since} },
	})
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.sight.begun.Store(true)
	now = now.Add(-100 * time.Hour)
	if refusal := w.Refusal(); refusal != nil {
		t.Errorf("a clock set back: %+v", refusal)
	}
	w.Booked(claim("", "", 1), judge.Burn{Hour: 1 << 40})
	if w.Refusal() == nil {
		t.Fatal("no HALT")
	}
	now = now.Add(200 * time.Hour)
	if w.Tick(t.Context()); w.Refusal() == nil {
		t.Error("a clock set ahead ended the HALT")
	}
	since += 5 * time.Hour
	if w.Tick(t.Context()); w.Refusal() != nil {
		t.Error("it cooled, and never ends")
	}
}

// TestTwoJudges lets the house and the watch see the same burn pass the cap: one HALT, told once.
func TestTwoJudges(t *testing.T) {
	t.Parallel()
	for range 20 {
		dir := t.TempDir()
		w := started(t, dir)
		w.caps(t, 1000, 5000)
		w.set(judge.Burn{Hour: 1000, Day: 1000})
		if err := w.files.TellBurn(halt.Burnt{At: time.Now(), House: 1, Revision: 1, Minutes: [][2]int64{{judge.MinuteOf(time.Now()), 1000}}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(func() { w.Tick(ctx) })
		both.Go(func() {
			short, done := context.WithTimeout(ctx, 50*time.Millisecond)
			defer done()
			(&halt.Outside{}).Run(short, home.At(dir), slog.New(slog.DiscardHandler))
		})
		both.Wait()
		cancel()
		w.halts.look()
		w.teller.drain(t.Context())
		w.teller.catchUp(t.Context())
		if w.Refusal() == nil || !w.flagged() {
			t.Fatal("no HALT")
		}
		if n := w.journaled("breaker.halt"); n != 1 {
			t.Fatalf("one HALT was journaled %d times", n)
		}
		if alerts := w.haltAlerts(t.Context()); len(alerts) != 1 {
			t.Fatalf("alerts %+v", alerts)
		}
	}
}

// TestWhatTheWatchDidIsTakenUp: it halted and ended while no house ran, or beside a house that hung.
func TestWhatTheWatchDidIsTakenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := halt.In(home.At(dir))
	until := time.Now().Add(time.Hour)
	flag := Flag{Reason: "by the watch", Cause: halt.CauseBurn, By: "watch", Since: time.Now().UTC(), CooldownUntil: &until}
	event := halt.Event{Time: flag.Since, Event: halt.EventHalt, Reason: flag.Reason, By: "watch", Flag: &flag}
	if _, err := files.Raise(flag); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(files.Change(halt.Patiently, func(s *halt.State) { *s = halt.State{Halt: &flag} }, nil),
		files.Diary().Tell(event), files.Diary().Leave(event)); err != nil {
		t.Fatal(err)
	}
	w := started(t, dir)
	w.teller.catchUp(t.Context())
	if refusal := w.Refusal(); refusal == nil || !strings.Contains(refusal.Reason, "by the watch") || w.journaled("breaker.halt") != 1 {
		t.Fatalf("%+v, journaled %d times", refusal, w.journaled("breaker.halt"))
	}
	// While this house hung, the watch ended it.
	if err := errors.Join(files.Change(halt.Patiently, func(s *halt.State) { *s = halt.State{Ended: flag.Since} }, nil),
		files.Lower(halt.House, time.Now())); err != nil {
		t.Fatal(err)
	}
	w.halts.look()
	if w.Refusal() != nil || w.flagged() {
		t.Error("what the watch ended was taken for a deletion")
	}
}

// TestKilledBetweenFlagAndState leaves each half of a HALT alone.
func TestKilledBetweenFlagAndState(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]func(w *world, flag Flag) error{
		"the flag alone": func(w *world, flag Flag) error { _, err := w.files.Raise(flag); return err },
		"the state alone": func(w *world, flag Flag) error {
			return w.files.Change(halt.Patiently, func(s *halt.State) { *s = halt.State{Halt: &flag} }, nil)
		},
		"a broken state": func(w *world, flag Flag) error {
			_, err := w.files.Raise(flag)
			return errors.Join(err, os.WriteFile(filepath.Join(w.dir, "var", "breaker", "state.json"), []byte("{"), 0o600))
		},
	} {
		dir := t.TempDir()
		flag := Flag{Reason: "why", Cause: halt.CausePerson, Since: time.Now().UTC()}
		if err := left(at(dir), flag); err != nil {
			t.Fatal(err)
		}
		w := started(t, dir)
		if w.Refusal() == nil || !w.flagged() {
			t.Errorf("%s: the HALT is lost", name)
		}
		if state, err := w.files.State(); name != "the state alone" && (err != nil || state.Halt == nil) {
			t.Errorf("%s: not remembered: %+v, %v", name, state, err)
		}
	}
}

func TestTheBurnIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := started(t, dir)
		end := w.runs(t)
		read := func() halt.Burnt {
			t.Helper()
			told, known, err := w.files.Burnt()
			if err != nil || !known {
				t.Fatalf("%v, %v", known, err)
			}
			return told
		}
		synctest.Wait()
		first := read()
		<-time.After(10*time.Second + 500*time.Millisecond)
		if again := read(); again.Revision != first.Revision {
			t.Error("it tells what is not new")
		}
		w.set(judge.Burn{Hour: 42, Day: 42, Reserved: 8})
		w.Booked(claim("", "", 42), judge.Burn{Hour: 42})
		<-time.After(time.Second)
		told := read()
		if told.Revision <= first.Revision || told.Reserved != 8 || len(told.Minutes) != 1 || told.Minutes[0][1] != 42 || told.House != os.Getpid() {
			t.Errorf("told %+v", told)
		}
		<-time.After(16 * time.Second)
		if again := read(); again.Revision == told.Revision || !again.At.After(told.At) {
			t.Error("a house where nothing happens looks dead")
		}
		late := claim("", "", 5)
		late.At = time.Now().Add(-2 * time.Hour)
		w.Booked(late, judge.Burn{})
		<-time.After(time.Second)
		if told := read(); len(told.Minutes) != 2 || told.Minutes[0][1] != 5 || told.Minutes[1][0]-told.Minutes[0][0] < 100 {
			t.Errorf("a late row is told at %+v", told.Minutes)
		}
		end()
	})
}

// TestThresholdsChangedByHandAreJournaled also those that were changed while no house ran.
func TestThresholdsChangedByHandAreJournaled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := started(t, dir)
	w.caps(t, 1000, 5000)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(w.files.ThresholdsPath(), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"hard_cap_per_hour": 2000}`)
	again := started(t, dir)
	again.teller.drain(t.Context())
	if again.journaled("breaker.thresholds") != 1 || again.limits.get().HardCapPerHour != 2000 {
		t.Fatalf("journaled %d times", again.journaled("breaker.thresholds"))
	}
	var detail struct{ Detail change }
	if err := json.Unmarshal(again.entries[0].Detail, &detail); err != nil || detail.Detail.Old.HardCapPerHour != 1000 ||
		detail.Detail.New.HardCapPerHour != 2000 {
		t.Errorf("journaled %s", again.entries[0].Detail)
	}
	write(`nonsense`)
	third := started(t, dir)
	if got := third.limits.get().HardCapPerHour; got != 2000 {
		t.Errorf("a wrong file and a restart make the cap %d", got)
	}
	if alerts := third.warnAlerts(t.Context()); len(alerts) != 1 || !strings.Contains(alerts[0].Message, "not usable") {
		t.Errorf("alerts %+v", alerts)
	}
}

// TestTheBurnWhileTheClockIsSet: caps, and what is told of the burn, go by the time that passes, in this
// house and in the next ones.
func TestTheBurnWhileTheClockIsSet(t *testing.T) {
	t.Parallel()
	for _, jumps := range [][]time.Duration{
		{49 * time.Hour},
		{-49 * time.Hour},
		{49 * time.Hour, -49 * time.Hour},
		{-30 * time.Minute, 400 * 24 * time.Hour},
		{-400 * 24 * time.Hour},
	} {
		now, since := time.Unix(1_800_000_000, 0), time.Hour
		pass := func(d time.Duration) { now, since = now.Add(d), since+d }
		var rows []judge.Minute // of the ledger
		w := at(t.TempDir())
		restarted := func() {
			w.Breaker = New(Needs{
				Home: home.At(w.dir), Now: func() time.Time { return now },
				Boot: func() *halt.Moment { return &halt.Moment{ID: "this start", Since: since} },
				Minutes: func(_ context.Context, from time.Time) ([]judge.Minute, error) {
					return slices.DeleteFunc(slices.Clone(rows), func(m judge.Minute) bool { return m.At < judge.MinuteOf(from) }), nil
				},
			})
			if err := w.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		spend := func(tokens int64) error {
			rows = append(rows, judge.Minute{At: judge.MinuteOf(now), Tenant: "acme", Tokens: tokens})
			c := claim("acme", "", tokens)
			c.At = now
			if err := w.Admit(c, judge.Burn{}); err != nil {
				return err
			}
			w.Purse(nil).Settle(c, c, now)
			w.Booked(c, judge.Burn{})
			return nil
		}
		restarted()
		w.own(t, "tenant:acme", 1000, 0)
		if err := spend(600); err != nil {
			t.Fatal(err)
		}
		told := func() (sum int64) {
			for _, m := range w.meters.burnt(0).Minutes {
				sum += m[1]
			}
			return sum
		}
		for _, by := range jumps {
			pass(5 * time.Minute)
			now = now.Add(by)
			if _, fits := errors.AsType[*Full](w.Admit(claim("acme", "", 401), judge.Burn{})); !fits || told() != 600 {
				t.Errorf("%v: after %s the cap is free; told %d", jumps, by, told())
			}
			w.watchClock(false)
			restarted()
			if _, fits := errors.AsType[*Full](w.Admit(claim("acme", "", 401), judge.Burn{})); !fits || told() != 600 {
				t.Errorf("%v: after %s and a restart the cap is free; told %d", jumps, by, told())
			}
		}
		pass(62 * time.Minute)
		if err := w.Admit(claim("acme", "", 401), judge.Burn{}); err != nil {
			t.Errorf("%v: an hour later: %v", jumps, err)
		}
		restarted()
		if err := w.Admit(claim("acme", "", 401), judge.Burn{}); err != nil {
			t.Errorf("%v: an hour later, and after a restart: %v", jumps, err)
		}
	}
}
