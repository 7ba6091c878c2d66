// SPDX-License-Identifier: Apache-2.0

package swap_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/units/upgrade/swap"
)

// forth and back are whole upgrades, one that goes well and one that does not.
func (s *site) forth() error {
	if err := s.swapped(); err != nil {
		return err
	}
	if err := s.Note(s.record(swap.Proved)); err != nil {
		return err
	}
	return s.conclude(s.record(swap.Proved))
}

func (s *site) back() error {
	if err := s.swapped(); err != nil {
		return err
	}
	r := s.record(swap.GoingBack)
	if err := s.Note(r); err != nil {
		return err
	}
	if err := s.Undo(&r); err != nil {
		return err
	}
	return s.conclude(r)
}

func (s *site) swapped() error {
	if err := s.stage(); err != nil {
		return err
	}
	if err := s.Note(s.record(swap.Swapped)); err != nil {
		return err
	}
	return s.Swap(s.files)
}

func (s *site) conclude(r swap.Record) error {
	if r.State == swap.Restored {
		return s.Clear(r)
	}
	r.State = swap.Keeping
	if err := s.Note(r); err != nil {
		return err
	}
	if err := s.Keep(r.Files); err != nil {
		return err
	}
	return s.Clear(r)
}

// mended does what the next house does, and wants all programs to be of one upgrade, the previous
// ones too.
func (s *site) mended(t *testing.T) {
	t.Helper()
	if _, err := swap.Undo(s.place); err != nil {
		t.Fatalf("it is not undone: %v", err)
	}
	r, err := swap.Read(s.place)
	if err != nil {
		t.Fatal(err)
	}
	if r != nil {
		if !r.State.Ended() {
			t.Fatalf("it is still %s", r.State)
		}
		if err := errors.Join(s.take(disk.Disk{}), s.conclude(*r)); err != nil {
			t.Fatal(err)
		}
		s.End()
	}
	text, err := os.ReadFile(s.dir + "/holdfast")
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(string(text), "new") {
		s.is(t, "new")
		s.previous(t, "old")
	} else {
		s.is(t, "old")
		s.previous(t, "older")
	}
	if r, err := swap.Read(s.place); r != nil || err != nil {
		t.Errorf("the record is left: %v, %v", r, err)
	}
}

// wayVariable makes the test binary upgrade, and kill itself at a step: "WAY STEP DIR FROM HOME".
const wayVariable = "SWAP_TEST_WAY"

// TestKilledAtEachStep kills an upgrade before each of its steps on the disk, and after the last.
func TestKilledAtEachStep(t *testing.T) {
	if words := strings.Fields(os.Getenv(wayVariable)); len(words) == 5 {
		upgradeAndDie(words)
		return
	}
	for _, way := range []string{"forth", "back"} {
		t.Run(way, func(t *testing.T) {
			killed := true
			step := 0
			for ; killed; step++ {
				s := newSite(t, t.TempDir())
				cmd := exec.Command(os.Args[0], "-test.run=^TestKilledAtEachStep$")
				cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s %s %s", wayVariable, way, step, s.dir, s.from, s.place.Dir()))
				out, err := cmd.CombinedOutput()
				status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
				killed = ok && status.Signaled() && status.Signal() == syscall.SIGKILL
				if !killed && err != nil {
					t.Fatalf("step %d: %v\n%s", step, err, out)
				}
				s.mended(t)
				if t.Failed() {
					t.Fatalf("at step %d", step)
				}
			}
			t.Log(step, "steps")
			if step < 40 {
				t.Errorf("there are only %d steps", step)
			}
		})
	}
}

func upgradeAndDie(words []string) {
	at, step := 0, 0
	if _, err := fmt.Sscan(words[1], &at); err != nil {
		os.Exit(2)
	}
	s := &site{dir: words[2], from: words[3], place: home.At(words[4])}
	err := s.take(disk.Disk{Watch: func(e disk.Event) error {
		if e.Done {
			return nil // nothing happens until the next step
		}
		if step++; step > at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	}})
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	if words[0] == "forth" {
		err = s.forth()
	} else {
		err = s.back()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}
