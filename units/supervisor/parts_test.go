// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

func TestLimboOutlivesTheHouse(t *testing.T) {
	h := home.At(t.TempDir())
	if err := makeFolders(h); err != nil {
		t.Fatal(err)
	}
	l := limbo{home: h, house: "h", boot: thisBoot, log: slog.New(slog.DiscardHandler)}
	mark := process.Mark{House: "h", Unit: "a", Launch: "1-2-3"}
	if err := l.announce(mark); err != nil {
		t.Fatal(err)
	}
	if got, ok := l.mark("a"); !ok || got != mark || !slices.Equal(l.units(), []string{"a"}) {
		t.Errorf("mark = %v %v", got, ok)
	}
	l.withdraw("a")
	l.withdraw("a")
	if _, ok := l.mark("a"); ok || len(l.units()) > 0 {
		t.Error("it is announced still")
	}
}

func TestEstateTrustsRecordsOverMarks(t *testing.T) {
	h := home.At(t.TempDir())
	if err := makeFolders(h); err != nil {
		t.Fatal(err)
	}
	fake := &processtest.Host{}
	start := func(unit, launch string) process.Identity {
		child, err := fake.Start(process.Spec{Argv: []string{unit}, Mark: process.Mark{House: "h", Unit: unit, Launch: launch}})
		if err != nil {
			t.Fatal(err)
		}
		return child.Identity()
	}
	old, young, other := start("a", "1"), start("a", "2"), start("b", "1")
	gone := other
	gone.PID++ // its first process ended while nobody watched
	records := map[string]record{"a": {Identity: young, Restarts: []time.Time{time.Now()}}, "b": {Identity: gone}}
	if err := replace(recordFile(h), records); err != nil {
		t.Fatal(err)
	}
	e := &estate{
		home: h, host: fake, house: "h", limbo: limbo{home: h, house: "h", boot: thisBoot}, names: &launchNames{},
		fates: fates{home: h, boot: thisBoot}, boot: func() string { return "" }, log: slog.New(slog.DiscardHandler),
	}
	if err := e.find(); err != nil {
		t.Fatal(err)
	}
	left := e.claim("a")
	if len(left) != 2 || left[0].mark != old.Mark || left[1].mark != young.Mark || len(left[1].restarts) != 1 || len(e.claim("a")) != 0 {
		t.Errorf("left of a: %+v", left)
	}
	if left := e.left["b"]; len(left) != 1 || left[0].leader != nil {
		t.Errorf("left of b: %+v", left)
	}
	if marks := e.rest(func(string) bool { return false }); !slices.Equal(marks, []process.Mark{other.Mark}) || len(e.left) != 0 {
		t.Errorf("rest: %v", marks)
	}
}

func TestBoardWritesWhatIsOld(t *testing.T) {
	h := home.At(t.TempDir())
	if err := makeFolders(h); err != nil {
		t.Fatal(err)
	}
	b := newBoard(h, slog.New(slog.DiscardHandler))
	b.units = func() []standing { return []standing{{unit: plain("a")}, {unit: plain("b")}} }
	b.touchLaunch("a")
	b.write(false)
	if _, err := os.Stat(h.Var("state.json")); !errors.Is(err, fs.ErrNotExist) || b.due().IsZero() {
		t.Errorf("more than who runs was written before its time: %v", err)
	}
	if _, err := os.Stat(recordFile(h)); err != nil {
		t.Errorf("who runs was not written: %v", err)
	}
	b.write(true)
	if !b.due().IsZero() {
		t.Error("something is left to be written")
	}
	if _, err := os.Stat(b.statusFile("b")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was written for no reason: %v", err)
	}
	for _, path := range []string{b.statusFile("a"), recordFile(h), h.Var("state.json")} {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
	b.write(true)
	if _, err := os.Stat(h.Var("state.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing changed, and it was written: %v", err)
	}
	b.touchUnit("a")
	b.drop("a")
	b.write(true)
	if _, err := os.Stat(b.statusFile("a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file of a unit that is no more: %v", err)
	}
}

func TestUnitsUsing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		with, without, held := plain("with"), plain("without"), plain("held")
		with.Secrets, held.Secrets = []string{"KEY"}, []string{"KEY"}
		r.set(with, without, held)
		if got := r.UnitsUsing("KEY"); !slices.Equal(got, []string{"held", "with"}) {
			t.Errorf("units = %v", got)
		}
		if err := r.Stop(t.Context(), "held"); err != nil {
			t.Fatal(err)
		}
		if got := r.UnitsUsing("KEY"); !slices.Equal(got, []string{"with"}) {
			t.Errorf("a unit that does not run: %v", got)
		}
		if got := r.UnitsUsing("OTHER"); got == nil || len(got) != 0 {
			t.Errorf("of another key: %#v", got)
		}
		// The process that ends slowly has the key, whatever its declaration says by now.
		r.last("with").IgnoreTerm()
		bare := with
		bare.Secrets = nil
		r.set(bare, without, held)
		r.is("with", holdfast.UnitStopping)
		if got := r.UnitsUsing("KEY"); !slices.Equal(got, []string{"with"}) {
			t.Errorf("while the old process lives: %v", got)
		}
		pass(defaultGrace + time.Second)
		r.is("with", holdfast.UnitRunning)
		if got := r.UnitsUsing("KEY"); len(got) != 0 {
			t.Errorf("after the restart: %v", got)
		}
	})
}

func TestChangedTellsOfEveryState(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("a"))
		changed := r.Changed()
		synctest.Wait()
		select {
		case <-changed:
			t.Fatal("a change without a change")
		default:
		}
		r.last("a").Quit(1)
		<-changed
		r.is("a", holdfast.UnitBackingOff)
	})
}
