// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/home"
	"holdfast/holdfasttest/need"
	"holdfast/units/upgrade/swap"
)

// a rig is a house's part of an upgrade, with programs on a disk of its own.
type rig struct {
	*Upgrade
	home    home.Home
	files   []swap.File
	noted   []string
	deaf    error // of the journal
	became  string
	ready   bool
	housed  bool
	present []holdfast.UnitStatus
}

func (r *rig) Append(_ context.Context, e holdfast.Entry) (holdfast.Entry, error) {
	if r.deaf != nil {
		return e, r.deaf
	}
	r.noted = append(r.noted, string(e.Detail))
	return e, nil
}

func unit(name string, pid int) holdfast.UnitStatus {
	return holdfast.UnitStatus{Name: name, PID: pid, State: holdfast.UnitRunning}
}

// newRig stands in a home whose programs are exchanged already, as far as files say.
func newRig(t *testing.T, version string) *rig {
	t.Helper()
	r := &rig{home: home.At(t.TempDir()), ready: true, housed: true, present: []holdfast.UnitStatus{unit("a", 10), unit("b", 20)}}
	if err := r.home.Ensure(); err != nil {
		t.Fatal(err)
	}
	old, fresh := filepath.Join(t.TempDir(), "holdfast"), filepath.Join(t.TempDir(), "holdfast")
	for path, text := range map[string]string{old: "old", fresh: "new"} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	turn := r.turn(t)
	defer turn.End()
	f, err := turn.Stage(fresh, old)
	if err != nil {
		t.Fatal(err)
	}
	r.files = []swap.File{f}
	r.Upgrade = New(Needs{
		Home: r.home, Version: version, PID: 7, Program: func() (string, error) { return old, nil },
		Keeper: func() string { return "systemd" }, Units: func() []holdfast.UnitStatus { return r.present },
		Housed: func() bool { return r.housed }, Ready: func() bool { return r.ready },
		HandOver: func(program string) { r.became = program }, Journal: r,
	})
	return r
}

// record writes how far the upgrade came; living keeps its driver alive.
func (r *rig) record(t *testing.T, state swap.State, living bool) {
	t.Helper()
	turn := r.turn(t)
	err := turn.Note(swap.Record{State: state, Since: time.Now(), From: "1", To: "2", Files: r.files, Units: []swap.Unit{{Name: "a", PID: 10}, {Name: "b", PID: 20}}})
	if err != nil {
		t.Fatal(err)
	}
	if living {
		t.Cleanup(turn.End)
		return
	}
	turn.End()
}

func (r *rig) turn(t *testing.T) *swap.Turn {
	t.Helper()
	turn, err := swap.Take(r.home)
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

func (r *rig) swapped(t *testing.T) {
	t.Helper()
	turn := r.turn(t)
	defer turn.End()
	if err := turn.Swap(r.files); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) program(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(r.files[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAKilledUpgradeIsSettled(t *testing.T) {
	failed := func(r *rig) { r.present[1].State = holdfast.UnitFailed }
	anew := func(r *rig) { r.present[1].PID = 21 }
	gone := func(r *rig) { r.present = r.present[:1] }
	for name, c := range map[string]struct {
		version string
		state   swap.State
		living  bool
		late    bool
		change  func(*rig)
		settled bool
		program string
		noted   string
		became  bool
	}{
		"its driver lives":             {version: "1", state: swap.Swapped, living: true, program: "new"},
		"killed before the handover":   {version: "1", state: swap.Swapped, settled: true, program: "old", noted: `"back"`},
		"killed while it went back":    {version: "1", state: swap.GoingBack, settled: true, program: "old", noted: `"back"`},
		"the new one is well":          {version: "2", state: swap.HandingOver, settled: true, program: "new", noted: `"done"`},
		"the new one comes up still":   {version: "2", state: swap.HandingOver, change: func(r *rig) { r.ready = false }, late: true, program: "new"},
		"a unit is not up yet":         {version: "2", state: swap.HandingOver, change: func(r *rig) { r.present[1].State = holdfast.UnitStarting }, program: "new"},
		"a unit did not come up":       {version: "2", state: swap.HandingOver, change: failed, late: true, settled: true, program: "old", noted: `"back"`, became: true},
		"a unit was started anew":      {version: "2", state: swap.HandingOver, change: anew, late: true, settled: true, program: "old", noted: `"back"`, became: true},
		"a unit is gone":               {version: "2", state: swap.HandingOver, change: gone, late: true, settled: true, program: "old", noted: `"back"`, became: true},
		"killed once it was proved":    {version: "2", state: swap.Proved, settled: true, program: "new", noted: `"done"`},
		"killed once that was told":    {version: "2", state: swap.Keeping, settled: true, program: "new"},
		"the new one was to be undone": {version: "2", state: swap.GoingBack, settled: true, program: "old", noted: `"back"`, became: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.version)
			r.swapped(t)
			r.record(t, c.state, c.living)
			if c.change != nil {
				c.change(r)
			}
			settled, err := r.settle(t.Context(), c.late)
			if err != nil || settled != c.settled {
				t.Errorf("settled %v, %v", settled, err)
			}
			if got := r.program(t); got != c.program {
				t.Errorf("the program is the %s one", got)
			}
			if got := strings.Join(r.noted, ""); !strings.Contains(got, c.noted) || (c.noted == "") != (got == "") {
				t.Errorf("the journal says %s", got)
			}
			if (r.became != "") != c.became {
				t.Errorf("it became %q", r.became)
			}
			left, err := swap.Read(r.home)
			if err != nil || (left == nil) != c.settled {
				t.Errorf("the record: %v, %v", left, err)
			}
			if c.settled && c.program == "new" {
				if text, err := os.ReadFile(r.files[0].Previous()); err != nil || string(text) != "old" {
					t.Errorf("the previous one is %q, %v", text, err)
				}
			}
		})
	}
}

// The house looks after an upgrade from its begin on, and not at all when there is none.
func TestTheHouseAttendsAnUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "1")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.run(ctx) }()
		synctest.Wait()
		turn, err := swap.Take(r.home)
		if err != nil {
			t.Fatal(err)
		}
		if site, err := r.begin(ctx, beginIn{To: "2"}); err != nil || site.PID != 7 || len(site.Units) != 2 || site.Keeper != "systemd" {
			t.Errorf("it finds %+v, %v", site, err)
		}
		<-time.After(3 * settleEvery) // a busy disk takes its time with the first record
		if err := turn.Note(swap.Record{State: swap.Staging, From: "1", To: "2", Files: r.files}); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * settleEvery)
		if _, err := os.Stat(r.files[0].Next()); err != nil {
			t.Errorf("what a living upgrade staged was taken away: %v", err)
		}
		turn.End()
		<-time.After(2 * settleEvery)
		synctest.Wait()
		if left, err := swap.Read(r.home); left != nil || err != nil {
			t.Errorf("a killed upgrade is left: %v, %v", left, err)
		}
		if _, err := os.Stat(r.files[0].Next()); !os.IsNotExist(err) {
			t.Errorf("what it staged is left: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestAHouseThatLeavesDoesNotSettle kills the driver right after the old program agreed to hand over:
// the old one, which still ends, would take the upgrade back.
func TestAHouseThatLeavesDoesNotSettle(t *testing.T) {
	r := newRig(t, "1")
	r.swapped(t)
	turn := r.turn(t)
	if err := turn.Note(swap.Record{State: swap.HandingOver, Since: time.Now(), From: "1", To: "2", Files: r.files}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.handOver(t.Context(), action.Nothing{}); err != nil {
		t.Fatal(err)
	}
	turn.End()
	if settled, err := r.settle(t.Context(), true); !settled || err != nil {
		t.Errorf("settle = %v, %v; want it left to the new program", settled, err)
	}
	if got := r.program(t); got != "new" || len(r.noted) > 0 {
		t.Errorf("the program is %q, the journal %q; want the new one, and nothing told", got, r.noted)
	}
}

func TestNobodyHandsOverWithoutAnUpgrade(t *testing.T) {
	r := newRig(t, "1")
	for name, prepare := range map[string]func(){
		"no upgrade":     func() {},
		"not so far":     func() { r.record(t, swap.Swapped, false) },
		"a killed one":   func() { r.record(t, swap.HandingOver, false) },
		"record unclear": func() { _ = os.WriteFile(r.home.Var("run", "upgrade.json"), []byte("{"), 0o600) },
	} {
		prepare()
		if _, err := r.handOver(t.Context(), action.Nothing{}); err == nil || r.became != "" {
			t.Errorf("%s: %v, became %q", name, err, r.became)
		}
	}
	_ = os.Remove(r.home.Var("run", "upgrade.json"))
	r.record(t, swap.HandingOver, true)
	if _, err := r.handOver(t.Context(), action.Nothing{}); err != nil || r.became != r.files[0].Path {
		t.Errorf("%v, became %q", err, r.became)
	}
}

func TestAHouseIsUpgradedOnceItIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "1")
		r.ready = false
		if _, err := r.begin(t.Context(), beginIn{To: "2"}); err == nil || !strings.Contains(err.Error(), "still coming up") {
			t.Errorf("got %v", err)
		}
		began := time.Now()
		r.needs.Ready = func() bool { return time.Since(began) > 3*time.Second }
		if site, err := r.begin(t.Context(), beginIn{To: "2"}); err != nil || site.PID != 7 {
			t.Errorf("%+v, %v", site, err)
		}
		r.housed = false
		site, err := r.begin(t.Context(), beginIn{To: "2"})
		if err != nil || site.PID != 0 || len(site.Units) != 0 {
			t.Errorf("without a house: %+v, %v", site, err)
		}
	})
}

// TestWhatIsNoHoldfastIsRefused tries programs that may be anything.
func TestWhatIsNoHoldfastIsRefused(t *testing.T) {
	dir := t.TempDir()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		need.Missing(t, "there is no /proc here")
	}
	foreign := bytes.Clone(self[:4096])
	binary.LittleEndian.PutUint16(foreign[18:], 8) // MIPS
	d := &Driver{Home: home.At(dir)}
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"plain":    {"#!/bin/sh\n", 0o644, "is not executable"},
		"foreign":  {string(foreign), 0o755, "is no program for this machine"},
		"cut":      {string(self[:100]), 0o755, ""},
		"empty":    {"", 0o755, "is no program for this machine"},
		"silent":   {"#!/bin/sh\nexit 0\n", 0o755, "does not answer"},
		"strange":  {"#!/bin/sh\necho '{\"version\": 3}'\n", 0o755, "does not answer"},
		"refusing": {"#!/bin/sh\necho 'units: what is this' >&2; exit 2\n", 0o755, "units: what is this"},
		"garbage":  {"#!/bin/sh\nhead -c 100000 /dev/urandom; exit 1\n", 0o755, "refuses this home"},
		"dying":    {"#!/bin/sh\nkill -SEGV $$\n", 0o755, "refuses this home"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := d.preflight(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(err.Error()) > 10000 {
			t.Errorf("%s: %d bytes of words", name, len(err.Error()))
		}
	}
	if _, err := d.preflight(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("a folder: %v", err)
	}
	hanging := filepath.Join(dir, "hanging")
	if err := os.WriteFile(hanging, []byte("#!/bin/sh\nsleep 1000 &\nsleep 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := d.preflight(ctx, hanging); err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("one that hangs: %v after %s", err, time.Since(began))
	}
}
