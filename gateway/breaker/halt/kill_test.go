// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"holdfast/core/home"
)

const killedVariable = "HOLDFAST_TEST_RAISES_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedVariable); dir != "" {
		raiseForEver(In(home.At(dir)))
	}
	if dir := os.Getenv(changerVariable); dir != "" {
		changeState(In(home.At(dir)), os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

// raiseForEver halts and resumes as a judge does, until it is killed.
func raiseForEver(f Files) {
	for i := 0; ; i++ {
		flag := Flag{Reason: "whole" + strings.Repeat(".", i%300), Cause: CauseBurn, Since: time.Now()}
		for _, err := range []error{
			second(f.Raise(flag)), f.Change(Patiently, func(s *State) { s.Put(flag) }, nil),
			f.Change(Patiently, func(s *State) { s.End(House, flag.Since, time.Time{}, time.Now()) }, func() error { return f.Lower(House, time.Now()) }),
		} {
			if err != nil {
				panic(err)
			}
		}
		if i == 3 {
			_, _ = os.Stdout.WriteString("raising\n")
		}
	}
}

func second(_ bool, err error) error { return err }

// TestKilledAnywhere kills a judge at any point: what it leaves is a whole flag or none, and a state
// that can be read, and the next judge halts where none stands.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := In(home.At(dir))
	for i := range 30 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), killedVariable+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if !bufio.NewScanner(out).Scan() {
			t.Fatal("it raises nothing")
		}
		<-time.After(time.Duration(i*137%1500) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		flag, stands := f.Flag(House, time.Now())
		if stands && (!strings.HasPrefix(flag.Reason, "whole") || flag.Cause != CauseBurn) {
			t.Fatalf("half a flag: %+v", flag)
		}
		if _, err := f.State(); err != nil {
			t.Fatal(err)
		}
		f.Sweep(time.Now().Add(time.Hour))
		if first, err := f.Raise(Flag{Reason: "the next judge", Cause: CauseBurn}); err != nil || first == stands {
			t.Fatalf("after it: first %v, stood %v, %v", first, stands, err)
		}
		if err := f.Lower(House, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}
