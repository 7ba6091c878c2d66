// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
)

// TestLaunchesOneAfterTheOther wants an open line of one launch to stay apart from the next's.
func TestLaunchesOneAfterTheOther(t *testing.T) {
	c := newClient(t, t.TempDir(), os.Args[0])
	for i := range 5 {
		id := someone(fmt.Sprint(i))
		out, err := launch(t, c, "unit", id)
		say(t, err, "panic: ")
		say(t, out, fmt.Sprint("launch ", i, " begins\nand is cut off he"))
		c.Ended("unit", id)
	}
	awaitText(t, c, "unit", "launch 4 begins")
	await(t, "all lines are there", func() bool {
		return strings.Count(content(c, "unit"), " F and is cut off he\n") == 5 && strings.Count(content(c, "unit"), " stderr F panic: \n") == 5
	})
}

// TestLaunchesThatEndOnAFullPipe wants the mark between two launches to be in the pipe before the
// next one writes, though nobody takes anything out: not this house, which may die, has to remember it.
func TestLaunchesThatEndOnAFullPipe(t *testing.T) {
	dir := t.TempDir()
	first := houseWithoutKeeper(t, dir)
	for i := range 4 {
		out, fail, err := first.openPipes("unit")
		if err != nil {
			t.Fatal(err)
		}
		first.Began("unit", someone(fmt.Sprint(i)))
		if err := unix.SetNonblock(int(out.Fd()), true); err != nil {
			t.Fatal(err)
		}
		// One write that is cut off when the pipe is full, as a kill cuts it off.
		n, err := unix.Write(int(out.Fd()), []byte(strings.Repeat(fmt.Sprint("launch ", i, " says much\t"), 20_000)))
		if n < 4096 || err != nil {
			t.Fatalf("launch %d wrote %d bytes: %v", i, n, err)
		}
		_, _ = out.Close(), fail.Close()
		first.Ended("unit", someone(fmt.Sprint(i)))
		if first.held["unit"].unmarked != [streams]bool{} {
			t.Fatalf("the mark of launch %d is only remembered", i)
		}
	}
	r := newRig(t, dir, DefaultSettings())
	r.keep()
	await(t, "the ends of four lines are there", func() bool {
		text := content(first, "unit")
		return strings.HasSuffix(text, "\n") && strings.Count(text, " stdout F") == 4
	})
	for i, line := range r.lines()[stdout] {
		if n := strings.Count(line, "launch"); n < 100 || n-strings.Count(line, fmt.Sprint("launch ", i)) > 1 {
			t.Errorf("line %d is of more than one launch: %.40q … %.40q", i, line, line[max(0, len(line)-40):])
		}
	}
}

// TestALaunchThatEndedWhileNoHouseRan wants the next house to part it from the next launch.
func TestALaunchThatEndedWhileNoHouseRan(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 {
		house := houseWithoutKeeper(t, dir) // it dies and tells nobody
		out, fail, err := house.openPipes("unit")
		if err != nil {
			t.Fatal(err)
		}
		house.Began("unit", someone(fmt.Sprint(i)))
		say(t, out, fmt.Sprint("launch ", i, " is cut off he"))
		_, _ = out.Close(), fail.Close()
	}
	r := newRig(t, dir, DefaultSettings())
	r.keep()
	await(t, "both lines are there", func() bool { return strings.Count(content(houseWithoutKeeper(t, dir), "unit"), "launch") == 2 })
	if got := r.lines()[stdout]; len(got) != 2 || got[0] != "launch 0 is cut off he" {
		t.Errorf("the lines are %q", got)
	}
}

// houseWithoutKeeper opens pipes that nobody empties.
func houseWithoutKeeper(t *testing.T, dir string) *Client {
	t.Helper()
	c := New(Options{Home: home.At(dir), Log: printer(t.Output())})
	if err := errors.Join(c.home.Ensure(), makeFolders(c.home)); err != nil {
		t.Fatal(err)
	}
	c.mark = append(endMark(c.home), '\n')
	t.Cleanup(func() {
		for _, h := range c.held {
			h.close()
		}
	})
	return c
}
