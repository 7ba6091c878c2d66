// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/core/home"
	"holdfast/gateway/breaker/judge"
)

// sessions are what coding agents wrote, in the test's hands.
type sessions struct {
	minutes []judge.Minute
	asked   []time.Time
	rested  int
	err     error
}

func (s *sessions) Rest() { s.rested++ }

func (s *sessions) Burned(_ context.Context, since time.Time) ([]judge.Minute, error) {
	s.asked = append(s.asked, since)
	var list []judge.Minute
	for _, m := range s.minutes {
		if m.At >= judge.MinuteOf(since) {
			list = append(list, m)
		}
	}
	return list, s.err
}

// outsider is an Outside whose clocks a test sets.
type outsider struct {
	Outside
	t      *testing.T
	now    time.Time
	since  time.Duration // of the machine's start
	logs   *sessions
	told   int64
	places Files
}

func judging(t *testing.T, caps string) *outsider {
	t.Helper()
	o := &outsider{t: t, now: time.Unix(1_800_000_000, 0), since: time.Hour, logs: &sessions{}}
	o.Telemetry = o.logs
	o.Now = func() time.Time { return o.now }
	o.Machine = func() *Moment { return &Moment{ID: "this start", Since: o.since} }
	h := home.At(t.TempDir())
	o.open(h, slog.New(slog.DiscardHandler))
	o.places = In(h)
	if err := os.MkdirAll(o.places.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if caps != "" {
		if err := os.WriteFile(o.places.ThresholdsPath(), []byte(caps), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// pass lets time go by on both clocks.
func (o *outsider) pass(d time.Duration) { o.now, o.since = o.now.Add(d), o.since+d }

// house tells the burn as a house does: tokens so many minutes ago.
func (o *outsider) house(tokens, ago, reserved int64) {
	o.t.Helper()
	o.told++
	b := Burnt{At: o.now, Boot: o.Machine(), Revision: o.told, House: 1, Reserved: reserved, Minutes: [][2]int64{{judge.MinuteOf(o.now) - ago, tokens}}}
	if err := o.places.TellBurn(b); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outsider) halted() (Flag, bool) { return o.places.Flag(House, o.now) }

func (o *outsider) want(halted bool, when string) {
	o.t.Helper()
	o.Judge(o.t.Context())
	if flag, stands := o.halted(); stands != halted {
		o.t.Fatalf("%s: halted %v, %+v", when, stands, flag)
	}
}

const lowCaps = `{"hard_cap_per_hour": 1000, "hard_cap_per_day": 5000}`

func TestOutsideJudgesTheLivingHouse(t *testing.T) {
	t.Parallel()
	o := judging(t, lowCaps)
	o.want(false, "nothing is known")
	o.house(900, 0, 100)
	o.want(false, "what just fits")
	o.house(900, 0, 101)
	o.want(true, "settled and reserved pass the cap")
	if len(o.logs.asked) != 1 || o.logs.rested != 2 {
		t.Errorf("sessions were asked %d times, and let go of %d times", len(o.logs.asked), o.logs.rested)
	}
	flag, _ := o.halted()
	if flag.By != "watch" || !flag.EndsItself() || flag.Burn != 1001 || flag.Boot == nil {
		t.Errorf("%+v", flag)
	}
	state, err := o.places.State()
	if err != nil || state.Halt == nil {
		t.Errorf("it is not remembered: %+v, %v", state, err)
	}
	told := 0
	if err := o.places.Diary().Untold(func(e Event) error { told++; return nil }); err != nil || told != 1 {
		t.Errorf("left to be journaled: %d, %v", told, err)
	}
	if j, known := o.places.Judgement(); !known || j.Level != "halt" || !j.House || !j.At.Equal(o.now) || j.PID != os.Getpid() {
		t.Errorf("it is not seen: %+v", j)
	}
	o.want(true, "again")
	if events, _ := o.places.Diary().History(10); len(events) != 1 {
		t.Errorf("one HALT was told %d times", len(events))
	}
	if len(o.logs.asked) > 1 {
		t.Errorf("sessions were read though the house tells: %v", o.logs.asked)
	}
}

// TestOutsideJudgesWithoutAHouse: the house dies with a call under way, and coding agents go on.
func TestOutsideJudgesWithoutAHouse(t *testing.T) {
	t.Parallel()
	o := judging(t, lowCaps)
	o.house(300, 2, 200)
	o.want(false, "alive")
	died := o.now
	o.pass(time.Minute)
	o.logs.minutes = []judge.Minute{{At: judge.MinuteOf(died) - 10, Tokens: 5000}, {At: judge.MinuteOf(o.now), Tokens: 400}}
	o.want(false, "900 of 1000: what the house had read already is not asked again")
	if last := o.logs.asked[len(o.logs.asked)-1]; !last.Equal(died.Add(-overlap)) {
		t.Errorf("asked since %s", last)
	}
	o.pass(time.Minute)
	o.logs.minutes = append(o.logs.minutes, judge.Minute{At: judge.MinuteOf(o.now), Tokens: 100})
	o.want(true, "sessions passed the cap")
	o.pass(3 * time.Hour)
	o.want(true, "cooling")
	o.pass(time.Hour + time.Minute)
	o.want(false, "cooled, and the burn slid out of the hour")
	if events, _ := o.places.Diary().History(1); len(events) != 1 || events[0].Event != EventAutoResume {
		t.Errorf("%+v", events)
	}
}

func TestOutsideEndsNothingItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*outsider){
		"the house lives":            func(o *outsider) { o.house(1, 0, 0) },
		"the burn is too high":       func(o *outsider) { o.logs.minutes = []judge.Minute{{At: judge.MinuteOf(o.now), Tokens: 500}} },
		"sessions cannot be read":    func(o *outsider) { o.logs.err = errors.New("no") },
		"the burn file is no JSON":   func(o *outsider) { _ = os.WriteFile(o.places.path(burnFile), []byte("{"), 0o644) },
		"the burn file is gone":      func(o *outsider) { _ = os.Remove(o.places.path(burnFile)) },
		"only a clock was set ahead": func(o *outsider) { o.since -= 5 * time.Hour },
		"a person halted": func(o *outsider) {
			_ = o.places.Lower(House, o.now)
			_, _ = o.places.Raise(Flag{Reason: "x", Cause: CausePerson})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := judging(t, lowCaps)
			o.house(1000, 0, 0)
			o.want(true, "at the cap")
			o.pass(5 * time.Hour)
			change(o)
			o.want(true, name)
		})
	}
}

// TestClocks: the machine's own clock tells when a HALT is cooled, whatever the other one says.
func TestClocks(t *testing.T) {
	t.Parallel()
	o := judging(t, lowCaps)
	o.house(1000, 0, 0)
	o.want(true, "at the cap")
	o.now = o.now.Add(-48 * time.Hour) // set back
	o.since += 3 * time.Hour
	o.want(true, "it cools")
	flag, _ := o.halted()
	o.since += 2 * time.Hour
	if !flag.Cooled(o.now, o.Machine()) {
		t.Error("a clock set back holds a HALT for days")
	}
	if flag.Cooled(o.now, &Moment{ID: "another start"}) {
		t.Error("after a new start only the clock is left, and it says that it is too early")
	}
	if Rests(o.now.Add(30*24*time.Hour), o.now) {
		t.Error("a clock set back rests judging for a month")
	}
	o.want(false, "cooled, and what burned ahead of the clock is five hours old")
}

// TestOutsideWhileTheClockIsSet: what the last house told and what sessions recorded since keeps its age,
// wherever the clock is set to.
func TestOutsideWhileTheClockIsSet(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{0, 49 * time.Hour, -49 * time.Hour, 20 * time.Hour, -20 * time.Minute, 400 * 24 * time.Hour, -400 * 24 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			o := judging(t, lowCaps)
			o.house(300, 5, 200)
			o.want(false, "alive")
			o.pass(time.Minute)
			o.want(false, "down")
			o.logs.minutes = []judge.Minute{{At: judge.MinuteOf(o.now), Tokens: 499}}
			o.pass(time.Minute)
			o.now = o.now.Add(by)
			o.want(false, "999 of 1000 while the clock is set")
			if j, _ := o.places.Judgement(); j.Burn.Hour != 999 || j.Burn.Day != 999 {
				t.Errorf("%+v", j.Burn)
			}
			o.logs.minutes = append(o.logs.minutes, judge.Minute{At: judge.MinuteOf(o.now), Tokens: 1})
			o.want(true, "1000 of 1000")
			o.pass(4*time.Hour + time.Minute)
			o.want(false, "cooled, and slid out of the hour")
		})
	}
}

func TestOutsidePutsAFlagBack(t *testing.T) {
	t.Parallel()
	o := judging(t, lowCaps)
	o.house(1000, 0, 0)
	o.want(true, "at the cap")
	if err := os.Remove(o.places.FlagPath(House)); err != nil {
		t.Fatal(err)
	}
	o.look() // the house has its turn
	if o.places.Stands(House) {
		t.Error("the house had no turn")
	}
	o.look()
	if flag, stands := o.halted(); !stands || flag.Burn != 1000 {
		t.Fatalf("%v, %+v", stands, flag)
	}
	if events, _ := o.places.Diary().History(1); len(events) != 1 || events[0].Event != EventRewritten {
		t.Errorf("%+v", events)
	}
	// Killed between the two steps of an end: what is remembered goes first, so the flag stands.
	if err := o.places.Change(Patiently, func(s *State) { *s = State{} }, nil); err != nil {
		t.Fatal(err)
	}
	o.look()
	o.want(true, "the flag outlives its state")
	if err := o.places.Lower(House, o.now); err != nil {
		t.Fatal(err)
	}
	o.house(1, 0, 0)
	for range 3 {
		o.look()
	}
	o.want(false, "an end is no deletion")
}

func TestOutsideRests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		caps  string
		state State
	}{
		"notify only":     {`{"hard_cap_per_hour": 1000, "notify_only": true}`, State{}},
		"a forced resume": {lowCaps, State{SuspendedUntil: time.Unix(1_800_000_000, 0).Add(time.Minute)}},
	} {
		o := judging(t, c.caps)
		if err := o.places.Change(Patiently, func(s *State) { *s = c.state }, nil); err != nil {
			t.Fatal(err)
		}
		o.house(2000, 0, 0)
		o.want(false, name)
		if j, known := o.places.Judgement(); !known || j.Level != "halt" {
			t.Errorf("%s: %+v", name, j)
		}
	}
}

// TestRunOutside runs its own clock: a house that stops telling is judged within 15 s of its death
// counting as one.
func TestRunOutside(t *testing.T) {
	t.Parallel()
	h := home.At(t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		f, logs := In(h), &sessions{}
		o := &Outside{Telemetry: logs, Machine: func() *Moment { return nil }}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		if err := os.MkdirAll(f.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.ThresholdsPath(), []byte(lowCaps), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := f.TellBurn(Burnt{At: time.Now(), Revision: 1, House: 1, Minutes: [][2]int64{}}); err != nil {
			t.Fatal(err)
		}
		go func() { o.Run(ctx, h, slog.New(slog.DiscardHandler)); close(ended) }()
		logs.minutes = []judge.Minute{{At: judge.MinuteOf(time.Now()), Tokens: 1000}}
		<-time.After(30 * time.Second)
		if f.Stands(House) {
			t.Error("sessions were judged while the house lives")
		}
		<-time.After(staleAfter)
		if !f.Stands(House) {
			t.Error("no HALT")
		}
		cancel()
		<-ended
	})
}
