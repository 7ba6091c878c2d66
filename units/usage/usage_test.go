// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/core/process"
)

// A stand is a system of a test's making.
type stand struct {
	all   []proc
	marks map[int]process.Mark
	reads int
	fails error
}

func (s *stand) processes() ([]proc, error) { return s.all, s.fails }

func (s *stand) mark(pid int) (process.Mark, bool) {
	s.reads++
	m, ok := s.marks[pid]
	return m, ok
}

func identityOf(pid int, start uint64, unit string) process.Identity {
	return process.Identity{PID: pid, Start: start, Mark: process.Mark{House: "h", Unit: unit, Launch: unit + "1"}}
}

func TestWhoseProcessesAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, reused := identityOf(10, 1, "a"), identityOf(20, 2, "b"), identityOf(30, 3, "c")
		s := &stand{marks: map[int]process.Mark{15: a.Mark, 16: {House: "elsewhere", Unit: "x", Launch: "y"}}, all: []proc{
			{pid: 1, start: 1},
			{pid: 5, parent: 1, session: 5, cpu: time.Hour, waited: time.Hour, memory: 1 << 30}, // the house
			{pid: 10, parent: 5, session: 10, start: 1, state: 'S', cpu: 1, waited: 10, memory: 100},
			{pid: 11, parent: 10, session: 10, cpu: 2, memory: 100},
			{pid: 12, parent: 11, session: 12, cpu: 4, memory: 100},              // a session of its own, by its ancestors
			{pid: 13, parent: 5, session: 10, cpu: 8, memory: 100},               // its parent ended, its session tells
			{pid: 14, parent: 10, session: 10, state: 'Z'},                       // a zombie is no process any more
			{pid: 15, parent: 5, session: 15, start: 9, cpu: 1000, memory: 1000}, // left by two forks, by its mark
			{pid: 16, parent: 1, session: 16, cpu: 1 << 40},                      // another house's
			{pid: 17, parent: 15, session: 17, cpu: 1 << 41},                     // of one that left, and not its leader's
			{pid: 20, parent: 5, session: 20, start: 2, state: 'T', cpu: 7, memory: 7},
			{pid: 30, parent: 1, session: 30, start: 99, cpu: 1 << 42}, // a reused pid
		}}
		m := &Meter{system: s, self: 5, marks: map[identity]process.Mark{}}
		got, err := m.Read([]process.Identity{a, b, reused})
		if err != nil {
			t.Fatal(err)
		}
		if want := (Reading{State: 'S', CPU: 1025, Memory: 1400, Processes: 5}); got[a.Mark] != want {
			t.Errorf("a uses %+v, want %+v", got[a.Mark], want)
		}
		if want := (Reading{State: 'T', CPU: 7, Memory: 7, Processes: 1}); got[b.Mark] != want {
			t.Errorf("b uses %+v, want %+v", got[b.Mark], want)
		}
		if len(got) != 2 {
			t.Errorf("readings of others: %v", got)
		}
		reads := s.reads
		<-time.After(time.Second)
		if _, err := m.Read([]process.Identity{a, b}); err != nil || s.reads != reads {
			t.Errorf("marks were read %d times again: %v", s.reads-reads, err)
		}
		self, err := m.Self()
		if err != nil || self.CPU != time.Hour || self.Memory != 1<<30 {
			t.Errorf("the house uses %+v %v", self, err)
		}
		s.fails = errors.New("no /proc")
		<-time.After(time.Second)
		if _, err := m.Read(nil); err == nil {
			t.Error("nobody can tell, and it does not say so")
		}
	})
}

func TestBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		leader := identityOf(10, 1, "a")
		s := &rising{begun: begun}
		units := []Unit{{Name: "a", Leader: leader}, {Name: "stopped"}}
		b := NewBook(&Meter{system: s, self: 5, marks: map[identity]process.Mark{}}, func() []Unit { return units })
		uses, house, err := b.Now(t.Context(), units)
		if err != nil || uses["a"].CPU != 0.5 || uses["a"].Memory != 1<<20 || uses["a"].Processes != 1 || uses["stopped"].Processes != 0 || house.CPU != 0.25 {
			t.Errorf("now: %+v, house %+v, %v", uses, house, err)
		}
		for range 400 { // more than an hour
			<-time.After(Pace)
			b.note(units)
		}
		past := b.Past("a")
		if len(past.At) != kept || len(past.CPU) != kept || len(past.Memory) != kept || past.CPU[kept-1] != 0.5 || past.Memory[0] != 1<<20 {
			t.Errorf("the last hour: %d points, cpu %v", len(past.At), past.CPU[len(past.CPU)-1])
		}
		if got := past.At[kept-1].Sub(past.At[0]); got != time.Duration(kept-1)*Pace {
			t.Errorf("the last hour is %s long", got)
		}
		if len(b.Past("").At) != kept || len(b.Past("nobody").At) != 0 {
			t.Error("the house has a past, and who is unknown has none")
		}
		units = append(units, Unit{Name: "new", Leader: leader})
		b.note(units)
		if p := b.Past("new"); len(p.At) != 1 || !p.At[0].Equal(time.Now()) {
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

// rising is a system in which the unit uses half a core, the house a quarter.
type rising struct{ begun time.Time }

func (r *rising) processes() ([]proc, error) {
	gone := time.Since(r.begun)
	return []proc{
		{pid: 5, parent: 1, session: 5, cpu: gone / 4},
		{pid: 10, parent: 5, session: 10, start: 1, cpu: gone / 2, memory: 1 << 20},
	}, nil
}

func (*rising) mark(int) (process.Mark, bool) { return process.Mark{}, false }

func TestBookWithoutMeter(t *testing.T) {
	b := NewBook(nil, func() []Unit { return nil })
	if _, _, err := b.Now(t.Context(), nil); err == nil {
		t.Error("nobody measures, and it does not say so")
	}
	b.note(nil)
	if len(b.Past("").At) != 0 {
		t.Error("a past without a meter")
	}
}

func BenchmarkRead(b *testing.B) {
	m := NewMeter()
	for b.Loop() {
		m.procs = nil
		if _, err := m.Read(nil); err != nil {
			b.Skip(err)
		}
	}
	b.ReportMetric(float64(len(m.procs)), "processes")
}
