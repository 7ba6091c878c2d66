// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/core/process"
)

func identityOf(pid int, unit string) process.Identity {
	return process.Identity{PID: pid, Start: 1, Mark: process.Mark{House: "h", Unit: unit, Launch: unit + "1"}}
}

// A stand is a machine on which each launch uses half a core.
type stand struct {
	begun time.Time
	units []string
	looks int
	fails error
}

func (s *stand) Usage(house string) (map[process.Mark]process.Usage, error) {
	s.looks++
	all := map[process.Mark]process.Usage{}
	for _, unit := range s.units {
		mark := identityOf(1, unit).Mark
		mark.House = house
		all[mark] = process.Usage{CPU: time.Since(s.begun) / 2, Memory: 1 << 20, Processes: 2}
	}
	return all, s.fails
}

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stand{begun: time.Now(), units: []string{"a", "b", "c"}}
		m := NewMeter(s, "h")
		<-time.After(time.Second)
		self, gone := identityOf(os.Getpid(), "a"), identityOf(1<<30, "gone")
		for range 5 { // one look serves many
			got, err := m.Read([]process.Identity{self, gone})
			if err != nil || len(got) != 2 {
				t.Fatalf("readings %v, %v", got, err)
			}
			a := got[self.Mark]
			if a.CPU != 500*time.Millisecond || a.Memory != 1<<20 || a.Processes != 2 {
				t.Errorf("a uses %+v", a)
			}
			if g := got[gone.Mark]; g != (Reading{}) {
				t.Errorf("who is gone uses %+v", g)
			}
		}
		if s.looks != 1 {
			t.Errorf("%d looks at all processes within a moment", s.looks)
		}
		s.fails = errors.New("no /proc")
		<-time.After(time.Second)
		if _, err := m.Read(nil); err == nil {
			t.Error("nobody can tell, and it does not say so")
		}
	})
	house, err := NewMeter(&stand{}, "h").Self()
	if err != nil || house.Memory < 1<<20 || house.Processes != 1 {
		t.Errorf("the house uses %+v, %v", house, err)
	}
}

func TestBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leader := identityOf(10, "a")
		s := &stand{begun: time.Now(), units: []string{"a"}}
		units := []Unit{{Name: "a", Leader: leader}, {Name: "stopped"}}
		b := NewBook(NewMeter(s, "h"), func() []Unit { return units })
		uses, _, err := b.Now(t.Context(), units)
		if err != nil || uses["a"].CPU != 0.5 || uses["a"].Memory != 1<<20 || uses["a"].Processes != 2 || uses["stopped"].Processes != 0 {
			t.Errorf("now: %+v, %v", uses, err)
		}
		for range 400 { // more than an hour
			<-time.After(Pace)
			b.note(units)
		}
		past := b.Past("a", time.Hour)
		if len(past.At) != kept || len(past.CPU) != kept || len(past.Memory) != kept || past.CPU[kept-1] != 0.5 || past.Memory[0] != 1<<20 {
			t.Errorf("the last hour: %d points, cpu %v", len(past.At), past.CPU[len(past.CPU)-1])
		}
		if p := b.Past("a", 10*time.Minute); len(p.At) != 41 || len(p.CPU) != 41 || len(p.Memory) != 41 || !p.At[40].Equal(past.At[kept-1]) {
			t.Errorf("the last ten minutes: %d points", len(p.At))
		}
		if p := b.Past("a", 0); len(p.At) != 1 {
			t.Errorf("now alone: %d points", len(p.At))
		}
		if got := past.At[kept-1].Sub(past.At[0]); got != time.Duration(kept-1)*Pace {
			t.Errorf("the last hour is %s long", got)
		}
		if len(b.Past("", time.Hour).At) != kept || len(b.Past("nobody", time.Hour).At) != 0 {
			t.Error("the house has a past, and who is unknown has none")
		}
		units = append(units, Unit{Name: "new", Leader: leader})
		b.note(units)
		if p := b.Past("new", time.Hour); len(p.At) != 1 || !p.At[0].Equal(time.Now().Truncate(time.Second)) {
			t.Errorf("a new unit's past: %v", p.At)
		}
		units = units[:1]
		b.note(units)
		if len(b.notes) != 1 {
			t.Errorf("%d units are remembered, one is there", len(b.notes))
		}
		if cap(b.notes["a"]) > 2*kept {
			t.Errorf("room for %d notes", cap(b.notes["a"]))
		}
	})
}

// A launch that took the place of another has used nothing before.
func TestBookOfANewLaunch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stand{begun: time.Now(), units: []string{"a"}}
		leader := identityOf(10, "a")
		b := NewBook(NewMeter(s, "h"), func() []Unit { return nil })
		b.note([]Unit{{Name: "u"}})
		<-time.After(Pace)
		b.note([]Unit{{Name: "u", Leader: leader}})
		if p := b.Past("u", time.Hour); len(p.CPU) != 2 || p.CPU[0] != 0 || p.CPU[1] != 0 {
			t.Errorf("cpu of a launch that was not measured before: %v", p.CPU)
		}
	})
}

func TestBookWithoutMeter(t *testing.T) {
	b := NewBook(nil, func() []Unit { return nil })
	if _, _, err := b.Now(t.Context(), nil); err == nil {
		t.Error("nobody measures, and it does not say so")
	}
	b.note(nil)
	if len(b.Past("", time.Hour).At) != 0 {
		t.Error("a past without a meter")
	}
}

// A calm stand is a machine that also tells, without a look at all processes, how much all launches
// used together, and what those in their places use.
type calm struct {
	stand
	spent     time.Duration
	glances   int
	strangers int // processes that left their place
	mute      bool
}

func (c *calm) Spent() map[string]time.Duration {
	if c.mute {
		return nil
	}
	return map[string]time.Duration{"house": c.spent}
}

func (c *calm) Glance(house string) (map[process.Mark]process.Usage, bool) {
	c.glances++
	looks := c.looks
	all, _ := c.Usage(house)
	c.looks = looks
	for mark, u := range all {
		u.Processes -= c.strangers
		all[mark] = u
	}
	return all, !c.mute && c.fails == nil
}

// TestBookLooksAtAllProcessesSeldom wants units at rest left alone, and busy ones glanced at, but all
// processes looked at now and then, for one may have left its place; and always while one has.
func TestBookLooksAtAllProcessesSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &calm{stand: stand{begun: time.Now(), units: []string{"a"}}, spent: time.Second}
		units := []Unit{{Name: "a", Leader: identityOf(10, "a")}, {Name: "stopped"}}
		b := NewBook(NewMeter(c, "h"), func() []Unit { return units })
		notes := func(n int, spend time.Duration) (looks, glances int) {
			looks, glances = c.looks, c.glances
			for range n {
				<-time.After(Pace)
				c.spent += spend
				b.note(units)
			}
			return c.looks - looks, c.glances - glances
		}
		expect := func(what string, n int, spend time.Duration, looks, glances int) {
			t.Helper()
			if l, g := notes(n, spend); l != looks || g != glances {
				t.Errorf("%s: %d looks and %d glances in %d notes, want %d and %d", what, l, g, n, looks, glances)
			}
		}
		expect("the first", 1, 0, 1, 1)
		expect("at rest", 19, 0, 0, 0)
		if p := b.Past("a", time.Hour); len(p.At) != 20 || p.CPU[19] != 0 || p.Memory[19] != 1<<20 {
			t.Errorf("the past of a unit at rest: %+v", p)
		}
		expect("at rest for long", 40, 0, 2, 2)
		expect("busy", 19, time.Millisecond, 1, 19) // the third time that five minutes are over
		if p := b.Past("a", time.Hour); p.CPU[len(p.CPU)-1] != 0.5 || len(b.Past("stopped", time.Hour).At) != len(p.At) {
			t.Error("what a busy unit used is not told")
		}
		c.strangers = 1
		expect("one left its place", 1, time.Millisecond, 0, 1)
		expect("and is noticed", 1, time.Millisecond, 1, 1)
		expect("while it is there", 5, time.Millisecond, 5, 5)
		c.strangers = 0
		expect("it is back", 3, time.Millisecond, 1, 3)
		c.mute = true
		expect("nobody tells", 3, 0, 3, 3)
		c.mute, c.fails = false, errors.New("no /proc")
		notes(1, 0)
		c.fails = nil
		expect("after a look that failed", 1, 0, 1, 1)
	})
}
