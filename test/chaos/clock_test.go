// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"holdfast/holdfasttest/need"
	"holdfast/test/outside"
)

// restarted is the unit that the test itself restarts.
const restarted = "restarted"

// TestClockJumps sets the clock of a real house forward and back while nothing else disturbs it: the
// journal shows the other time, and every unit that ran runs on as the very process that it was.
func TestClockJumps(t *testing.T) {
	if testing.Short() {
		t.Skip("takes twenty seconds")
	}
	compiler(t)
	c := newChaos(place{work: t.TempDir(), bin: need.Programs(t)}, options{seed: 3, units: 20, margin: 12 * time.Second, out: logged{t}})
	end, err := outside.Guard(c.work, c.house(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			lastWords(t, c)
		}
		c.release()
		if err := outside.Clear(c.work, c.house(), false); err != nil {
			t.Error(err)
		}
		_ = end()
	})
	c.units = slices.DeleteFunc(c.units, func(u *unit) bool { return u.kind == beater || u.kind == worker })
	c.units = append(c.units, &unit{name: restarted, kind: idler}, &unit{name: "beat0", kind: beater}, &unit{name: "beat1", kind: beater})
	c.judge = newJudge(c.place, c.units, c.margin)
	if err := c.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !c.parts.clock {
		need.Missing(t, "nobody may answer for the clock here")
	}
	before := steady(c, c.look())
	for _, by := range []time.Duration{-time.Hour, 90 * time.Second, 48 * time.Hour, -90 * time.Second, time.Hour, 0} {
		c.clock.Set(by)
		stay(t, c, 1500*time.Millisecond)
		if off := time.Until(journaled(t, c)); (off - by).Abs() > 30*time.Second {
			t.Errorf("the journal is off by %s, and the clock by %s", off, by)
		}
		if after := steady(c, c.look()); !maps.Equal(before, after) {
			t.Fatalf("a jump by %s: the processes were\n%v\nand are\n%v", by, before, after)
		}
	}
	if asked := c.clock.Asked(); asked == 0 {
		t.Error("the house never asked for the time")
	}
	if err := c.close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// lastWords shows how the logs of house and watch end.
func lastWords(t *testing.T, c *chaos) {
	t.Helper()
	for _, name := range []string{"house.log", "watch.log"} {
		text, err := os.ReadFile(filepath.Join(c.logs(), name))
		t.Logf("%s (%v):\n%s", name, err, text[max(0, len(text)-16<<10):])
	}
}

// steady are the processes of the house and of the units that do not end by themselves.
func steady(c *chaos, s sight) map[string]int {
	pids := map[string]int{}
	for _, u := range c.units {
		if p, ok := s.leader(u.name); ok && u.kind != crasher && u.name != restarted {
			pids[u.name] = p.PID
		}
	}
	if len(s.house) > 0 {
		pids["the house"] = s.house[0].PID
	}
	return pids
}

// stay looks for a while, and lets the judge see.
func stay(t *testing.T, c *chaos, d time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(d); time.Now().Before(deadline); c.pause(t.Context(), 200*time.Millisecond) {
		if err := c.judge.see(c.look()); err != nil {
			t.Fatal(err)
		}
	}
}

// journaled is the time that the journal gives a restart of just now.
func journaled(t *testing.T, c *chaos) time.Time {
	t.Helper()
	if _, err := c.command(t.Context(), "unit", "restart", restarted); err != nil {
		t.Fatal(err)
	}
	out, err := c.command(t.Context(), "journal", "show", "--json", "--action", "unit.restart")
	if err != nil {
		t.Fatal(err)
	}
	var journal struct{ Entries []struct{ Time time.Time } }
	if err := json.Unmarshal([]byte(out), &journal); err != nil || len(journal.Entries) == 0 {
		t.Fatalf("the journal shows %v:\n%s", err, out)
	}
	return journal.Entries[len(journal.Entries)-1].Time // the newest is the last, whatever the clock did
}
