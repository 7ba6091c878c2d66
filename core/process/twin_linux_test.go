// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"holdfast/core/process"
)

// twins gives marks of houses that know nothing of each other, whose launches all have the same tint.
func twins() func(*process.Spec) {
	tint, n := uint32(0), 0
	return func(s *process.Spec) {
		for mine := uint32(0); mine == 0 || tint != 0 && mine != tint; {
			n++
			s.Mark = process.Mark{House: testHouse() + "-" + itoa(n), Unit: "twin", Launch: "1"}
			mine = process.TintOf(s.Mark)
		}
		tint = process.TintOf(process.Mark{House: s.Mark.House, Unit: "twin", Launch: "1"})
	}
}

// Houses cannot agree on who has a tint: a launch that another one has not branded yet is known by
// its mark.
func TestEndSparesTheFirstMomentsOfAnotherHouse(t *testing.T) {
	next := twins()
	one := den{t, process.NewMachine(process.OnlyTint())}.launch("ghost", next)
	two := den{t, process.NewMachine(process.OnlyTint())}.launch("wait", next)
	daemon, other := number(t, one.Reader), number(t, two.Reader)
	one.end(syscall.SIGTERM, 0)
	if alive(daemon) || !alive(other) {
		t.Errorf("the launch that was ended lives: %v; the other house's: %v", alive(daemon), alive(other))
	}
	two.end(syscall.SIGKILL, 0)
}

// Where a group holds the launch, nobody is taken by the tint: not even who says nothing of himself,
// as a process does before its first program.
func TestEndOfAGroupTakesNobodyByTheTint(t *testing.T) {
	next := twins()
	one := den{t, process.NewMachine(process.Options{})}.launch("wait", next)
	if len(one.groups) == 0 {
		t.Skip("this machine lets nobody make control groups")
	}
	two := den{t, process.NewMachine(process.OnlyTint())}.launch("ghost", next)
	number(t, one.Reader)
	daemon := number(t, two.Reader)
	eventually(t, "the daemon has become an orphan", func() bool { return parentOf(daemon) != two.Identity().PID })
	if err := one.End(context.Background(), syscall.SIGTERM, time.Second); err != nil {
		t.Fatal(err)
	}
	if !alive(daemon) {
		t.Error("the daemon of another house was ended")
	}
	two.end(syscall.SIGKILL, 0)
}
