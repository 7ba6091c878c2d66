// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"strings"
	"testing"

	"holdfast/holdfasttest/timing"
)

func TestCrashIsToldAndTheServerComesBack(t *testing.T) {
	b := started(t, "good", nil)
	b.echo("x")
	b.old()
	_, err := b.Call(t.Context(), Request{Name: "crash"})
	if err == nil || !strings.Contains(err.Error(), "status 9") || !strings.Contains(err.Error(), "out of cheese") {
		t.Fatalf("error is %v", err)
	}
	b.echo("again")
	if s := b.Status(); s.Starts != 2 || s.State != StateServing {
		t.Errorf("it stands as %+v", s)
	}
}

func TestKilledServerComesBack(t *testing.T) {
	b := started(t, "good", nil)
	b.echo("x")
	b.old()
	b.kill()
	timing.Until(t, "a new process", func() bool { s := b.Status(); return s.Starts == 2 && s.State == StateServing })
	b.echo("y")
}

func TestRestartKeepsTheOfferAndEndsTheProcess(t *testing.T) {
	b := started(t, "good", nil)
	b.echo("x")
	before := b.Status().Running[0].PID
	b.Restart()
	if len(b.Offer().Tools) == 0 {
		t.Error("the tools are gone")
	}
	b.echo("y")
	if s := b.Status(); s.Running[0].PID == before {
		t.Errorf("it stands as %+v", s)
	}
	if left := b.left(); left != 1 {
		t.Errorf("%d processes run", left)
	}
}
