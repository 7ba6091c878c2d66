// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast"
)

// TestAGroupThatVanishesIsNotTheEndOfGroups takes away a launch's group before it is entered, as the
// sweep of a house does that takes this one for forgotten.
func TestAGroupThatVanishesIsNotTheEndOfGroups(t *testing.T) {
	g := newGround(Options{})
	start := func(launch string, before func(b *berth)) *Process {
		spec := Spec{Argv: []string{"/bin/true"}, Mark: Mark{House: "test-" + strconv.Itoa(os.Getpid()), Unit: "u", Launch: launch}}
		b := g.berth(spec.Mark, holdfast.Limits{})
		before(b)
		p, err := g.enter(spec, spec.Argv[0], b)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.End(t.Context(), syscall.SIGKILL, 0); err != nil {
			t.Fatal(err)
		}
		return p
	}
	start("1", func(b *berth) {
		if b.unified == "" {
			t.Skip("this machine lets nobody make control groups")
		}
		if err := unix.Rmdir(b.unified); err != nil {
			t.Fatal(err)
		}
	})
	if p := start("2", func(*berth) {}); p.berth.unified == "" {
		t.Error("the next launch has no group either")
	}
}
