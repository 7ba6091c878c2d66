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

// A calm stand is a machine that also tells how much all launches used together.
type calm struct {
	stand
	spent time.Duration
	mute  bool
}

func (c *calm) Spent() map[string]time.Duration {
	if c.mute {
		return nil
	}
	return map[string]time.Duration{"house": c.spent}
}

// TestBookLeavesUnitsAtRestAlone wants no look at any process while nobody used processor time, but
// one in a while, for a process may have left the groups that are counted.
func TestBookLeavesUnitsAtRestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &calm{stand: stand{begun: time.Now(), units: []string{"a"}}, spent: time.Second}
		units := []Unit{{Name: "a", Leader: identityOf(10, "a")}}
		b := NewBook(NewMeter(c, "h"), func() []Unit { return units })
		notes := func(n int) (looks int) {
			before := c.looks
			for range n {
				<-time.After(Pace)
				b.note(units)
			}
			return c.looks - before
		}
		if n := notes(4); n != 1 {
			t.Errorf("%d looks at units at rest within a minute", n)
		}
		if p := b.Past("a", time.Hour); len(p.At) != 4 || p.CPU[3] != 0 || p.Memory[3] != 1<<20 {
			t.Errorf("the past of a unit at rest: %+v", p)
		}
		if n := notes(40); n != 2 {
			t.Errorf("%d looks at units at rest within ten minutes", n)
		}
		c.spent += time.Microsecond
		if n := notes(1); n != 1 {
			t.Error("a unit that did something was not looked at")
		}
		if p := b.Past("a", time.Hour); p.CPU[len(p.CPU)-1] == 0 {
			t.Error("what it used is not told")
		}
		c.mute = true
		if n := notes(3); n != 3 {
			t.Errorf("%d looks of 3 where nobody tells what all used", n)
		}
		c.mute, c.fails = false, errors.New("no /proc")
		notes(1)
		c.fails = nil
		if n := notes(1); n != 1 {
			t.Error("a look that failed counts as one")
		}
	})
}
