// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/holdfasttest/need"
)

func TestLinesAsTheyCome(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	r.keep()
	garbage := make([]byte, 3000)
	for i := range garbage {
		if garbage[i] = byte(rand.IntN(256)); garbage[i] == '\n' {
			garbage[i] = 0x1e
		}
	}
	want := [streams][]string{
		{"one", "", "\r", "\x00\x1e\xff", "\x1e", string(garbage), strings.Repeat("x", 1<<20), "last"},
		{"on the other stream"},
	}
	for i, f := range []*os.File{r.out, r.err} {
		r.write(f, strings.Join(want[i], "\n")+"\n")
	}
	r.idle()
	got := r.lines()
	same(t, "stdout", got[stdout], want[stdout])
	same(t, "stderr", got[stderr], want[stderr])
}

func TestManyTinyLines(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	r.keep()
	const lines = 300_000
	r.write(r.out, strings.Repeat("\n", lines))
	r.idle()
	if got := r.lines()[stdout]; len(got) != lines {
		t.Errorf("%d lines, want %d", len(got), lines)
	}
}

// TestBurst wants the keeper to keep up with a hundred thousand lines, each written by itself.
func TestBurst(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{Size: 1 << 20})
	r.keep()
	var want []string
	began := time.Now()
	for i := range 100_000 {
		want = append(want, "line "+strconv.Itoa(i))
		r.write(r.out, want[i]+"\n")
	}
	r.idle()
	t.Logf("100,000 writes of a line took %s", time.Since(began))
	same(t, "stdout", r.lines()[stdout], want)
}

// TestPromptIsSeen wants an unfinished line in the log soon, and as one line when its rest comes.
func TestPromptIsSeen(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	r.keep()
	r.write(r.out, "Password: ")
	await(t, "the prompt is in the log", func() bool {
		got, _ := os.ReadFile(logFile(r.home, "unit"))
		return bytes.Contains(got, []byte(" stdout P Password: \n"))
	})
	r.write(r.err, "meanwhile\n")
	r.write(r.out, "accepted\n")
	r.idle()
	got := r.lines()
	same(t, "stdout", got[stdout], []string{"Password: accepted"})
	same(t, "stderr", got[stderr], []string{"meanwhile"})
}

// TestEndOfALaunch wants a line that a launch left open to end with it.
func TestEndOfALaunch(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	mark := string(endMark(r.home)) + "\n"
	r.keep()
	r.write(r.out, mark) // nothing was open
	r.write(r.out, "cut sho"+mark+"next launch\n")
	r.write(r.err, "prompt")
	await(t, "the prompt is in the log", func() bool {
		got, _ := os.ReadFile(logFile(r.home, "unit"))
		return bytes.Contains(got, []byte(" stderr P prompt\n"))
	})
	r.write(r.err, mark+"more\n")
	r.idle()
	got := r.lines()
	same(t, "stdout", got[stdout], []string{"cut sho", "next launch"})
	same(t, "stderr", got[stderr], []string{"prompt", "more"})
}

func TestRotationBySizeAndDay(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{Size: 10 << 10, Files: 5, Compress: true})
	r.keep()
	var want []string
	for i := range 400 {
		want = append(want, fmt.Sprint("line ", i, strings.Repeat(" x", 100)))
		r.write(r.out, want[i]+"\n")
		if i%20 == 0 {
			r.idle()
		}
	}
	r.idle()
	if n := len(r.files()); n != 6 {
		t.Errorf("%d files, want 5 old ones and the log: %v", n, r.files())
	}
	for _, path := range r.files() {
		if info, err := os.Stat(path); err == nil && info.Size() > 12<<10 {
			t.Errorf("%s has %d bytes", filepath.Base(path), info.Size())
		}
	}
	got := r.lines()[stdout]
	same(t, "stdout", got, want[len(want)-len(got):])

	before := len(r.files())
	newestOld := r.files()[before-2]
	r.jump(24 * time.Hour)
	r.write(r.out, "on the next day\n")
	r.idle()
	files := r.files()
	if files[len(files)-2] == newestOld {
		t.Error("the day changed and the log was not rotated")
	}
	if text, err := os.ReadFile(logFile(r.home, "unit")); err != nil || bytes.Count(text, []byte{'\n'}) != 1 {
		t.Errorf("the log of the day holds %q, %v", text, err)
	}
	await(t, "old files are packed", func() bool {
		return !slices.ContainsFunc(r.files()[:5], func(p string) bool { return !strings.HasSuffix(p, packed) })
	})
	if again := r.lines()[stdout]; again[len(again)-1] != "on the next day" || !slices.Contains(want, again[0]) {
		t.Errorf("the packed files read otherwise: %d lines", len(again))
	}
}

// TestOpenLineIsNotSplit wants no rotation while a line is open, unless the file gets far too large.
func TestOpenLineIsNotSplit(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{Size: 4 << 10})
	r.keep()
	r.write(r.out, "begun")
	await(t, "the line is open", func() bool {
		got, _ := os.ReadFile(logFile(r.home, "unit"))
		return bytes.Contains(got, []byte(" stdout P begun\n"))
	})
	r.write(r.err, strings.Repeat("noise\n", 100))
	r.idle()
	if files := r.files(); len(files) != 1 {
		t.Errorf("rotated while a line was open: %v", files)
	}
	r.write(r.out, " and ended\n")
	r.idle()
	r.write(r.err, strings.Repeat("noise\n", 100))
	r.idle()
	if files := r.files(); len(files) < 2 {
		t.Errorf("not rotated when the line had ended: %v", files)
	}
	same(t, "stdout", r.lines()[stdout], []string{"begun and ended"})
}

// TestClockSetBack wants stamps that never go backward within a file: a new one is begun, and the
// names of the old ones still sort by their age.
func TestClockSetBack(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	r.keep()
	r.jump(2 * time.Minute) // from the start of the test, which is no rotation
	var want []string
	for i, step := range []time.Duration{0, -time.Second, -time.Hour, time.Hour, -30 * 24 * time.Hour, 0} {
		r.jump(step)
		want = append(want, fmt.Sprint("line ", i))
		r.write(r.out, want[i]+"\n")
		r.idle()
	}
	same(t, "stdout", r.lines()[stdout], want)
	if n := len(r.files()); n < 3 {
		t.Errorf("%d files: the clock was set back twice by much", n)
	}
}

func TestLogTakenAway(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	r.keep()
	path := logFile(r.home, "unit")
	say := func(text string) {
		t.Helper()
		r.write(r.out, text+"\n")
		r.idle()
	}
	holds := func(text string) {
		t.Helper()
		await(t, text+" is in the log", func() bool {
			got, _ := os.ReadFile(path)
			return bytes.Contains(got, []byte(text))
		})
	}
	say("one")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	say("two")
	holds("two")
	if err := os.Rename(path, path+".mine"); err != nil {
		t.Fatal(err)
	}
	await(t, "a line after the move is in a new log", func() bool {
		say("three")
		got, _ := os.ReadFile(path)
		return bytes.Contains(got, []byte("three"))
	})
	if err := os.WriteFile(path+".new", []byte("half a line"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	say("four")
	holds("half a line\n")
	holds("four")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	say("five")
	holds("five")
	same(t, "stdout", r.lines()[stdout], []string{"five"})
}

// TestPipeTakenAway wants a unit whose pipe lost its name to be heard to its end.
func TestPipeTakenAway(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	r.keep()
	r.write(r.out, "before\n")
	r.idle()
	if err := os.Remove(pipeFile(r.home, "unit", stdout)); err != nil {
		t.Fatal(err)
	}
	r.write(r.out, "right after\n")
	r.idle()
	again := r.pipe("unit", stdout)
	r.write(again, "by the new pipe\n")
	await(t, "the new pipe is empty", func() bool { return empty(again) })
	r.write(r.out, "who still writes is heard\n")
	r.idle()
	same(t, "stdout", r.lines()[stdout], []string{"before", "right after", "by the new pipe", "who still writes is heard"})
}

// TestLogThatCannotBeWritten wants one log in trouble to leave the others alone, and its own lines
// to wait, then to be given up and counted.
func TestLogThatCannotBeWritten(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	if err := os.Mkdir(logFile(r.home, "unit"), 0o700); err != nil {
		t.Fatal(err)
	}
	other := r.pipe("other", stdout)
	r.keep()
	r.write(r.err, "waits\n")
	written := make(chan error, 1)
	go func() {
		_, err := r.out.WriteString(strings.Repeat("much\n", 50_000))
		written <- err
	}()
	r.write(other, "fine\n")
	await(t, "the other log is written", func() bool {
		got, _ := os.ReadFile(logFile(r.home, "other"))
		return bytes.HasSuffix(got, []byte(" stdout F fine\n"))
	})
	if err := <-written; err != nil { // it is not blocked for ever
		t.Fatal(err)
	}
	if err := os.Remove(logFile(r.home, "unit")); err != nil {
		t.Fatal(err)
	}
	r.idle()
	r.write(r.out, "well again\n")
	r.idle()
	got := r.lines()
	same(t, "stderr", got[stderr], []string{"waits"})
	out := got[stdout]
	if len(out) == 0 || !strings.Contains(out[0], "were given up") || out[len(out)-1] != "well again" {
		t.Fatalf("the log begins %.100q", out)
	}
	var lost int
	if _, err := fmt.Sscanf(out[0], "[holdfast: %d lines", &lost); err != nil || lost+len(out)-2 != 50_000 {
		t.Errorf("%d lines were given up and %d are there, want 50,000 in all: %v", lost, len(out)-2, err)
	}
}

// TestFinishGivesUp wants a keeper that is to finish to end though a log cannot be written, and the
// next to say how much that was.
func TestFinishGivesUp(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	if err := os.Mkdir(logFile(r.home, "unit"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.keep()
	r.write(r.out, "one\ntwo\nthree\n")
	await(t, "it cannot be written", func() bool { return strings.Contains(r.said.String(), "cannot write a log") })
	ask, _, err := openPipe(askFile(r.home), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(ask) }()
	if _, err := unix.Write(ask, fmt.Appendf(nil, "finish %d\n", os.Getpid())); err != nil {
		t.Fatal(err)
	}
	await(t, "the pipes are gone", func() bool {
		left, err := os.ReadDir(pipesDir(r.home))
		return err == nil && len(left) == 0
	})
	if err := r.ended(); err != nil { // asked to stop as well, the next keeper might hear that
		t.Fatal(err)
	}
	if err := os.Remove(logFile(r.home, "unit")); err != nil {
		t.Fatal(err)
	}
	r.out, r.err = r.pipe("unit", stdout), r.pipe("unit", stderr)
	r.keep()
	r.write(r.out, "four\n")
	r.idle()
	got := r.lines()[stdout]
	if len(got) != 2 || !strings.HasPrefix(got[0], "[holdfast: 3 lines of stdout") || got[1] != "four" {
		t.Errorf("the log says %q", got)
	}
}

func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		need.Missing(t, "only root can mount a small disk")
	}
	dir := t.TempDir()
	r := newRig(t, dir, Settings{})
	if err := unix.Mount("tmpfs", logsDir(r.home), "tmpfs", 0, "size=256k"); err != nil {
		need.Missing(t, "cannot mount a small disk: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(logsDir(r.home), unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	r.keep()
	var want []string
	for i := range 2000 {
		want = append(want, fmt.Sprint("line ", i, strings.Repeat(" x", 20)))
	}
	fill := filepath.Join(logsDir(r.home), "fill")
	if err := os.WriteFile(fill, make([]byte, 200<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := r.out.WriteString(strings.Join(want, "\n") + "\n")
		written <- err
	}()
	await(t, "the disk is full", func() bool { return strings.Contains(r.said.String(), "no space left") })
	for _, path := range r.files() {
		if data, err := os.ReadFile(path); err == nil && len(data) > 0 && data[len(data)-1] != '\n' {
			t.Error("the log ends within a line while the disk is full")
		}
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	r.idle()
	got := r.lines()[stdout]
	same(t, "stdout", got, want)
}

// TestTwoKeepers wants one of two to give way, and the lines once.
func TestTwoKeepers(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	var all []*exec.Cmd
	for range 4 {
		all = append(all, r.process())
	}
	var gaveWay int
	ended := make(chan error, len(all))
	for _, cmd := range all {
		go func() { ended <- cmd.Wait() }()
	}
	for range len(all) - 1 {
		if exit, ok := errors.AsType[*exec.ExitError](<-ended); ok && exit.ExitCode() == exitTaken {
			gaveWay++
		}
	}
	if gaveWay != len(all)-1 {
		t.Errorf("%d gave way", gaveWay)
	}
	r.write(r.out, "once\n")
	r.idle()
	for _, cmd := range all {
		_ = cmd.Process.Kill()
	}
	<-ended
	same(t, "stdout", r.lines()[stdout], []string{"once"})
}

// TestManyPipes wants no goroutine and no thread for a pipe, and little memory.
func TestManyPipes(t *testing.T) {
	program := shipped(t)
	r := newRig(t, t.TempDir(), Settings{})
	rss := map[int]int{}
	for _, units := range []int{10, 500} {
		var pipes []*os.File
		for i := range units {
			pipes = append(pipes, r.pipe(fmt.Sprint("many", i), stdout), r.pipe(fmt.Sprint("many", i), stderr))
		}
		cmd := exec.CommandContext(context.Background(), program, "keep", "--home", r.home.Dir())
		cmd.Stderr = r.said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for round := range 3 {
			for i, p := range pipes {
				r.write(p, fmt.Sprintf("round %d of pipe %d\n", round, i))
			}
		}
		await(t, "all is taken", func() bool {
			return !slices.ContainsFunc(pipes, func(p *os.File) bool { return !empty(p) })
		})
		rss[units] = status(t, cmd.Process.Pid, "VmRSS:")
		t.Logf("%d units: RSS %d kB, anonymous %d kB, %d threads", units, rss[units], status(t, cmd.Process.Pid, "RssAnon:"), status(t, cmd.Process.Pid, "Threads:"))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if rss[10] > 8<<10 || rss[500] > 12<<10 {
		t.Errorf("RSS %d kB with 10 units, %d kB with 500; want at most 8 and 12 MB", rss[10], rss[500])
	}
	if said := r.said.String(); said != "" {
		t.Errorf("it said: %s", said)
	}
}

func status(t *testing.T, pid int, field string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), field)
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The log that is named is the one that cannot be written, not one that waits behind it.
func TestTroubleNamesTheLog(t *testing.T) {
	for err, want := range map[error]string{
		unix.ENOSPC: "log=unit ",
		fmt.Errorf("%w: cannot write other.log: %w", errBehind, unix.ENOSPC): "behind_it=unit ",
	} {
		var said lockedBuffer
		r := newPorter(printer(&said))
		r.trouble(&pipe{log: "unit"}, err)
		if text := said.String(); !strings.Contains(text, want) {
			t.Errorf("%v: %s", err, text)
		}
	}
}
