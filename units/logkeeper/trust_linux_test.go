// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
)

// TestTrust wants the house to keep the logs itself after some keepers that died soon, one outside
// again after a minute, a longer rest after each that died again, and all forgotten after one that
// lived.
func TestTrust(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	tr := trust{first: restFirst}
	dies := func(after time.Duration) (pause, rest time.Duration) {
		tr.began = now
		now = now.Add(after)
		return tr.lost(now)
	}
	for i, want := range []time.Duration{0, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond} {
		if pause, rest := dies(time.Second); pause != want || rest != 0 {
			t.Errorf("after death %d it waits %s and rests %s, want %s and no rest", i+1, pause, rest, want)
		}
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		if pause, rest := dies(time.Second); pause != 0 || rest != want*time.Minute {
			t.Errorf("it waits %s and rests %s, want %s", pause, rest, want*time.Minute)
		}
	}
	if pause, rest := dies(proven + time.Second); pause != 0 || rest != 0 {
		t.Errorf("after a keeper that lived it waits %s and rests %s", pause, rest)
	}
	for range failuresMost - 1 {
		if _, rest := dies(time.Second); rest != 0 {
			t.Errorf("it rests %s too soon", rest)
		}
	}
	if _, rest := dies(time.Second); rest != restFirst {
		t.Errorf("it rests %s, want %s", rest, restFirst)
	}
}

// sickly is a program that ends at once the first times, and is the keeper from then on.
func sickly(t *testing.T, times int) (program string, starts func() int) {
	t.Helper()
	dir := t.TempDir()
	program, counted := filepath.Join(dir, "sickly"), filepath.Join(dir, "starts")
	script := fmt.Sprintf("#!/bin/sh\necho . >> %s\n[ $(wc -l < %[1]s) -gt %d ] || exit 7\nexec %s \"$@\"\n", counted, times, os.Args[0])
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return program, func() int {
		text, _ := os.ReadFile(counted)
		return strings.Count(string(text), "\n")
	}
}

// TestSilence wants a keeper replaced that gave no sign of life twice, and one that was just started
// only after ten times.
func TestSilence(t *testing.T) {
	for name, c := range map[string]struct {
		begin silence
		beats []uint64 // 0: cannot be read
		after int      // the beat at which it is replaced; 0: never
	}{
		"it lives":                    {silence{}, []uint64{1, 2, 3, 4, 5}, 0},
		"it hangs":                    {silence{seen: 1}, []uint64{2, 2, 2}, 3},
		"one sign is late":            {silence{seen: 1}, []uint64{2, 2, 3, 3, 4, 4}, 0},
		"it cannot be told":           {silence{seen: 1}, []uint64{0, 0, 0, 0}, 0},
		"it is slow to start":         {silence{seen: 7, starting: true}, []uint64{7, 7, 7, 7, 7, 7, 7, 7, 7, 8}, 0},
		"it never starts":             {silence{seen: 7, starting: true}, []uint64{7, 7, 7, 7, 7, 7, 7, 7, 7, 7}, 10},
		"it starts and hangs":         {silence{seen: 7, starting: true}, []uint64{7, 7, 7, 8, 8, 8}, 6},
		"it starts, and is not there": {silence{seen: 7, starting: true}, []uint64{0, 9, 9, 9}, 4},
	} {
		s, replaced := c.begin, 0
		for i, beat := range c.beats {
			if s.over(beat, beat != 0) {
				replaced = i + 1
				break
			}
		}
		if replaced != c.after {
			t.Errorf("%s: replaced at beat %d, want %d", name, replaced, c.after)
		}
		if again := replaced > 0 && s.over(s.seen, true); again {
			t.Errorf("%s: it is replaced again at once, while it still dies", name)
		}
	}
}

// TestOutsideAgain wants the house to try a keeper outside again after it has kept the logs itself,
// twice in vain, and every line once and in order over all these changes.
func TestOutsideAgain(t *testing.T) {
	const inVain = failuresMost + 3
	program, starts := sickly(t, inVain)
	c := New(Options{Home: home.At(t.TempDir()), Binary: program, Log: printer(t.Output())})
	c.beat, c.rest = testBeat, testBeat
	run(t, c)
	out, _ := launch(t, c, "unit", someone("1"))
	stop, written := make(chan struct{}), make(chan int, 1)
	go func() {
		tick := time.NewTicker(100 * time.Microsecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-stop:
				written <- i
				return
			case <-tick.C:
				_, _ = fmt.Fprintf(out, "line %d%s\n", i, strings.Repeat(" x", i%200))
			}
		}
	}()
	await(t, "the house keeps the logs itself", func() bool {
		return strings.Contains(c.Standing().Lacks, "(the last: exit status 7; var/logs/logkeeper.log says why): the house keeps the logs itself")
	})
	await(t, "a keeper outside", func() bool {
		now := c.Standing()
		return starts() == inVain+1 && now.PID != 0 && now.PID != os.Getpid() && now.Lacks == ""
	})
	if got := c.Standing().Replaced; got != inVain {
		t.Errorf("%d keepers were replaced, want %d", got, inVain)
	}
	awaitOwnLock(t, c)
	close(stop)
	n := <-written
	say(t, out, "the last\n")
	awaitText(t, c, "unit", " F the last\n")
	next := 0
	for line := range strings.Lines(content(c, "unit")) {
		if want := fmt.Sprintf(" stdout F line %d%s\n", next, strings.Repeat(" x", next%200)); next < n && !strings.HasSuffix(line, want) {
			t.Fatalf("%q, want %q", line, want)
		}
		next++
	}
	if next != n+1 {
		t.Errorf("%d lines are in the log, want %d", next, n+1)
	}
	c.Ended("unit", someone("1"))
}

// awaitOwnLock waits until the keeper outside is the one that works.
func awaitOwnLock(t *testing.T, c *Client) {
	t.Helper()
	await(t, "the keeper outside works", func() bool {
		me, err := readSelf(c.home)
		return err == nil && me.PID == c.Standing().PID && Lives(c.home)
	})
}

// TestLeavesAKeeperOutside wants units that outlive a house that kept the logs itself to have a
// keeper, when there is one that lives.
func TestLeavesAKeeperOutside(t *testing.T) {
	program, starts := sickly(t, failuresMost+1)
	c := New(Options{Home: home.At(t.TempDir()), Binary: program, Log: printer(t.Output())})
	c.beat = testBeat
	end := run(t, c)
	out, _ := launch(t, c, "unit", someone("1"))
	await(t, "the house keeps the logs itself", func() bool { return strings.Contains(c.Standing().Lacks, "itself") })
	say(t, out, "to the house\n")
	awaitText(t, c, "unit", "to the house")
	end()
	await(t, "another one is started", func() bool { return starts() == failuresMost+2 && Lives(c.home) })
	say(t, out, "while no house runs\n")
	awaitText(t, c, "unit", "while no house runs")
	me, err := readSelf(c.home)
	if err != nil || me.PID == os.Getpid() {
		t.Fatalf("process %d keeps the logs: %v", me.PID, err)
	}
	if err := unix.Kill(me.PID, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, "it has ended", func() bool { return !Lives(c.home) })
}

// TestProgramComes wants a house that began without the keeper's program to take one that is there
// later.
func TestProgramComes(t *testing.T) {
	program := filepath.Join(t.TempDir(), Program)
	c := New(Options{Home: home.At(t.TempDir()), Binary: program, Log: printer(t.Output())})
	c.beat = testBeat
	run(t, c)
	straight, _ := launch(t, c, "unit", someone("1"))
	say(t, straight, "by myself\n")
	if err := os.Symlink(os.Args[0], program); err != nil {
		t.Fatal(err)
	}
	await(t, "there is a keeper", func() bool { now := c.Standing(); return now.PID != 0 && now.Lacks == "" })
	out, _ := launch(t, c, "unit", someone("2"))
	say(t, out, "into a pipe\n")
	awaitText(t, c, "unit", " stdout F into a pipe\n")
	if text := content(c, "unit"); !strings.HasPrefix(text, "by myself\n") {
		t.Errorf("the log is %q", text)
	}
	c.Ended("unit", someone("2"))
}

// run starts a client and runs it; end ends both, as the test's end does.
func run(t *testing.T, c *Client) (end func()) {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	over := false
	end = func() {
		if over {
			return
		}
		over = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	return end
}
