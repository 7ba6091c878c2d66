// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/core/process"
	"holdfast/holdfasttest/need"
)

// testBeat is how often a test's house asks its keeper: so rarely that on a busy machine none is taken
// for hung, with strikesStart times that long to begin.
const testBeat = 500 * time.Millisecond

// newClient runs a client whose keeper is this binary.
func newClient(t *testing.T, dir, binary string) *Client {
	t.Helper()
	c := New(Options{Home: home.At(dir), Binary: binary, Log: printer(t.Output())})
	c.beat, c.rest = testBeat, time.Second
	run(t, c)
	return c
}

func content(c *Client, log string) string {
	text, _ := os.ReadFile(logFile(c.home, log))
	return string(text)
}

func awaitText(t *testing.T, c *Client, log, text string) {
	t.Helper()
	await(t, fmt.Sprintf("%q is in the log", text), func() bool { return strings.Contains(content(c, log), text) })
}

// launch gives a unit's output, and its identity.
func launch(t *testing.T, c *Client, log string, id process.Identity) (out, err *os.File) {
	t.Helper()
	out, err, fail := c.Open(log)
	if fail != nil {
		t.Fatal(fail)
	}
	c.Began(log, id)
	t.Cleanup(func() { _, _ = out.Close(), err.Close() })
	return out, err
}

func someone(launch string) process.Identity {
	return process.Identity{PID: os.Getpid(), Start: 1, Mark: process.Mark{House: "h", Unit: "unit", Launch: launch}}
}

func say(t *testing.T, f *os.File, text string) {
	t.Helper()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestClientReplacesItsKeeper kills the keeper, stops it so that it hangs, and wants another each
// time, and every line.
func TestClientReplacesItsKeeper(t *testing.T) {
	c := newClient(t, t.TempDir(), os.Args[0])
	out, _ := launch(t, c, "unit", someone("1"))
	say(t, out, "one\n")
	awaitText(t, c, "unit", " stdout F one\n")
	for i, signal := range []unix.Signal{unix.SIGKILL, unix.SIGSTOP, unix.SIGTERM} {
		old := c.Standing().PID
		if err := unix.Kill(old, signal); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint("after ", signal)
		say(t, out, text+"\n")
		awaitText(t, c, "unit", text)
		await(t, fmt.Sprint("another keeper after ", signal), func() bool {
			now := c.Standing()
			return now.PID != old && now.PID != 0 && now.Replaced > i && now.Lacks == ""
		})
	}
	c.Ended("unit", someone("1"))
}

// TestOrderlyEnd wants everything taken and nothing left behind.
func TestOrderlyEnd(t *testing.T) {
	c := New(Options{Home: home.At(t.TempDir()), Binary: os.Args[0], Log: printer(t.Output())})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, _ := launch(t, c, "unit", someone("1"))
	say(t, out, strings.Repeat("line\n", 10_000)+"end")
	c.Ended("unit", someone("1"))
	pid := c.Standing().PID
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, 0); err == nil {
		t.Error("the keeper is still there")
	}
	if text := content(c, "unit"); strings.Count(text, " F line\n") != 10_000 || !strings.HasSuffix(text, " F end\n") {
		t.Errorf("%d lines are in the log, which ends %.60q", strings.Count(text, "\n"), text[max(0, len(text)-60):])
	}
	if left, _ := os.ReadDir(pipesDir(c.home)); len(left) > 0 {
		t.Errorf("pipes are left: %v", left)
	}
}

// TestOrderlyEndWithoutAKeeper wants everything taken though the keeper died, or hangs, just before.
func TestOrderlyEndWithoutAKeeper(t *testing.T) {
	for _, signal := range []unix.Signal{unix.SIGKILL, unix.SIGSTOP} {
		c := New(Options{Home: home.At(t.TempDir()), Binary: os.Args[0], Log: printer(t.Output())})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, _ := launch(t, c, "unit", someone("1"))
		say(t, out, "first\n")
		awaitText(t, c, "unit", "first")
		if err := unix.Kill(c.Standing().PID, signal); err != nil {
			t.Fatal(err)
		}
		say(t, out, "last words")
		c.Ended("unit", someone("1"))
		if err := c.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if text := content(c, "unit"); !strings.HasSuffix(text, " F last words\n") || strings.Count(text, "\n") != 2 {
			t.Errorf("after %s the log is %q", signal, text)
		}
		if Lives(c.home) {
			t.Errorf("after %s a keeper is left", signal)
		}
	}
}

// TestOrderlyEndOnAFullDisk wants the keeper to outlive a house whose last lines have no room, to go
// with the next house when that comes first, and to end when they are written.
func TestOrderlyEndOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		need.Missing(t, "only root can mount a small disk")
	}
	h := home.At(t.TempDir())
	if err := makeFolders(h); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", logsDir(h), "tmpfs", 0, "size=64k"); err != nil {
		need.Missing(t, "cannot mount a small disk: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(logsDir(h), unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	c := New(Options{Home: h, Binary: os.Args[0], Log: printer(t.Output())})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, _ := launch(t, c, "unit", someone("1"))
	say(t, out, "first\n")
	awaitText(t, c, "unit", "first")
	pid := c.Standing().PID
	fill := filepath.Join(logsDir(h), "fill")
	_ = os.WriteFile(fill, make([]byte, 128<<10), 0o600) // as much as there is room for
	say(t, out, strings.Repeat("line "+strings.Repeat("x", 100)+"\n", 200))
	c.Ended("unit", someone("1"))
	_ = out.Close()
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !Lives(h) {
		t.Fatal("no keeper is left for the last lines")
	}
	next := New(Options{Home: h, Binary: os.Args[0], Log: printer(t.Output())})
	if err := next.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if next.Standing().PID != pid {
		t.Errorf("the next house has the keeper %d, not %d", next.Standing().PID, pid)
	}
	again, _ := launch(t, next, "other", someone("2"))
	say(t, again, "other\n")
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	awaitText(t, next, "other", "other")
	next.Ended("other", someone("2"))
	if err := next.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(content(c, "unit"), " F line "); n != 200 {
		t.Errorf("%d of 200 lines are in the log", n)
	}
	if Lives(h) {
		t.Error("a keeper is left when all is written")
	}
}

// TestWorkersGoOn wants the keeper to serve units that outlive the house, and the next house to
// adopt it.
func TestWorkersGoOn(t *testing.T) {
	dir := t.TempDir()
	first := New(Options{Home: home.At(dir), Binary: os.Args[0], Log: printer(t.Output())})
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, _ := launch(t, first, "unit", someone("1"))
	pid := first.Standing().PID
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	say(t, out, "while no house runs\n")
	awaitText(t, first, "unit", "while no house runs")
	second := newClient(t, dir, os.Args[0])
	if got := second.Standing().PID; got != pid {
		t.Errorf("the keeper is %d, want the old one, %d", got, pid)
	}
	second.Began("unit", someone("1"))
	say(t, out, "adopted\n")
	awaitText(t, second, "unit", "adopted")
	second.Ended("unit", someone("1"))
}

// TestAnotherVersion wants a keeper of another program to make place without a lost line.
func TestAnotherVersion(t *testing.T) {
	dir := t.TempDir()
	old := copyOf(t, os.Args[0])
	first := New(Options{Home: home.At(dir), Binary: old, Log: printer(t.Output())})
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, _ := launch(t, first, "unit", someone("1"))
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i := range 20_000 {
			_, _ = fmt.Fprintf(out, "line %d\n", i)
		}
	}()
	awaitText(t, first, "unit", "line 1")
	pid := first.Standing().PID
	second := newClient(t, dir, os.Args[0])
	if got := second.Standing().PID; got == pid || got == 0 {
		t.Errorf("the keeper is %d, was %d", got, pid)
	}
	<-written
	awaitText(t, second, "unit", "line 19999\n")
	next := 0
	for line := range strings.Lines(content(second, "unit")) {
		if want := fmt.Sprintf(" stdout F line %d\n", next); !strings.HasSuffix(line, want) {
			t.Fatalf("%q, want %q", line, want)
		}
		next++
	}
}

func copyOf(t *testing.T, program string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "older")
	from, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o700)
	if err == nil {
		_, err = io.Copy(to, from)
	}
	if err != nil || to.Close() != nil {
		t.Fatal(err)
	}
	return path
}

// TestWithoutAProgram wants units to write their logs themselves, and status to say so.
func TestWithoutAProgram(t *testing.T) {
	c := newClient(t, t.TempDir(), "/nowhere/holdfast-watch")
	out, err := launch(t, c, "unit", someone("1"))
	say(t, out, "by myself\n")
	say(t, err, "too\n")
	if text := content(c, "unit"); text != "by myself\ntoo\n" {
		t.Errorf("the log is %q", text)
	}
	if lacks := c.Standing().Lacks; !strings.Contains(lacks, "/nowhere/holdfast-watch") {
		t.Errorf("it lacks %q", lacks)
	}
}

// TestBrokenProgram wants the house to keep the logs itself when the keeper ends again and again.
func TestBrokenProgram(t *testing.T) {
	c := newClient(t, t.TempDir(), "/bin/false")
	out, _ := launch(t, c, "unit", someone("1"))
	go func() { _, _ = out.Write(bytes.Repeat([]byte("line\n"), 100_000)) }()
	await(t, "the lines are in the log", func() bool { return strings.Count(content(c, "unit"), " F line\n") == 100_000 })
	if lacks := c.Standing().Lacks; !strings.Contains(lacks, "the house keeps the logs itself") {
		t.Errorf("it lacks %q", lacks)
	}
	c.Ended("unit", someone("1"))
}

// TestSettingsTakeEffect wants a change without a restart.
func TestSettingsTakeEffect(t *testing.T) {
	c := newClient(t, t.TempDir(), os.Args[0])
	out, _ := launch(t, c, "unit", someone("1"))
	pid := c.Standing().PID
	say(t, out, strings.Repeat("line\n", 1000))
	c.Configure(Settings{Size: 10 << 10})
	await(t, "the log is rotated", func() bool {
		say(t, out, "more\n")
		list, _ := Archives(logFile(c.home, "unit"))
		return len(list) > 0
	})
	if got := c.Standing().PID; got != pid {
		t.Error("the keeper was replaced for it")
	}
	c.Ended("unit", someone("1"))
}

// TestExitsWhileNobodyWatches wants the statuses of units that ended after their house: by this
// test, which is their parent and reaps them as init would.
func TestExitsWhileNobodyWatches(t *testing.T) {
	dir := t.TempDir()
	c := newClient(t, dir, os.Args[0])
	// The house that dies is a process of its own that the keeper is told of.
	house := start(t, "sleep", "100")
	c.mu.Lock()
	c.tell("house", identity(t, house, ""))
	c.mu.Unlock()
	status := start(t, "sh", "-c", "read x; exit 7")
	signal := start(t, "sleep", "100")
	early := start(t, "sh", "-c", "read x; exit 0")
	ids := map[string]process.Identity{}
	for name, cmd := range map[string]*exec.Cmd{"status": status, "signal": signal, "early": early} {
		ids[name] = identity(t, cmd, name)
		out, _, err := c.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		_ = out.Close()
		c.Began(name, ids[name])
	}
	awaitWatched(t, c, ids["early"].PID, ids["status"].PID, ids["signal"].PID)
	end(t, early, unix.SIGKILL)
	c.Ended("early", ids["early"]) // its end was seen
	end(t, house, unix.SIGKILL)
	end(t, signal, unix.SIGTERM)
	_ = status.Process.Signal(unix.SIGCONT)
	if pipe, ok := status.Stdin.(*os.File); !ok || pipe.Close() != nil {
		t.Error("cannot close")
	}
	_ = status.Wait()
	for name, want := range map[string]string{"status": "exited with status 7", "signal": "killed by signal TERM"} {
		await(t, name+" is known", func() bool { _, known := c.Exit(t.Context(), ids[name]); return known })
		if exit, _ := c.Exit(t.Context(), ids[name]); exit.String() != want {
			t.Errorf("%s %s, want %s", name, exit, want)
		}
	}
	if _, known := c.Exit(t.Context(), ids["early"]); known {
		t.Error("the status of a unit is kept whose end the house saw")
	}
	other := ids["signal"]
	other.Mark.Launch = "another"
	if _, known := c.Exit(t.Context(), other); known {
		t.Error("the status of one launch is told for another")
	}
	for name, id := range ids {
		c.Ended(name, id)
	}
}

// TestTheNextHouseAsksSoon wants a house that follows at once to learn how units end that the one
// before left: those that ended before it came, and those that end while it asks.
func TestTheNextHouseAsksSoon(t *testing.T) {
	c := newClient(t, t.TempDir(), os.Args[0])
	house, next := start(t, "sleep", "100"), start(t, "sleep", "100")
	c.mu.Lock()
	c.tell("house", identity(t, house, ""))
	c.mu.Unlock()
	units := map[string]*exec.Cmd{"soon": start(t, "sleep", "100"), "later": start(t, "sleep", "100")}
	ids := map[string]process.Identity{}
	for name, cmd := range units {
		ids[name] = identity(t, cmd, name)
		out, _, err := c.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		_ = out.Close()
		c.Began(name, ids[name])
	}
	awaitWatched(t, c, ids["soon"].PID, ids["later"].PID)
	end(t, units["soon"], unix.SIGTERM)
	c.mu.Lock()
	c.tell("house", identity(t, next, "")) // before the keeper saw the end of the first
	c.mu.Unlock()
	end(t, house, unix.SIGKILL)
	time.AfterFunc(exitWait/10, func() { _ = units["later"].Process.Signal(unix.SIGTERM); _ = units["later"].Wait() })
	byMark := process.Identity{Mark: ids["soon"].Mark}
	for name, id := range map[string]process.Identity{"soon": ids["soon"], "by its mark": byMark, "later": ids["later"]} {
		if exit, known := c.Exit(t.Context(), id); !known || exit.Signal != unix.SIGTERM {
			t.Errorf("%s %s", name, exit)
		}
	}
	for name, id := range ids {
		c.Ended(name, id)
	}
	began := time.Now()
	if _, known := c.Exit(t.Context(), someone("never")); known || time.Since(began) < exitWait/2 {
		t.Errorf("nobody knows it, and after %s it is known: %v", time.Since(began), known)
	}
}

// awaitWatched waits until the keeper has a descriptor of each process.
func awaitWatched(t *testing.T, c *Client, pids ...int) {
	t.Helper()
	keeper := c.Standing().PID
	for _, pid := range pids {
		await(t, fmt.Sprint("process ", pid, " is watched"), func() bool {
			infos, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", keeper))
			for _, info := range infos {
				if text, err := os.ReadFile(info); err == nil && strings.Contains(string(text), fmt.Sprintf("Pid:\t%d\n", pid)) {
					return true
				}
			}
			return false
		})
	}
}

func start(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), argv[0], argv[1:]...)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = read
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	cmd.Stdin = write // to be closed when it is to end
	t.Cleanup(func() { _ = write.Close(); _ = cmd.Process.Kill() })
	return cmd
}

func end(t *testing.T, cmd *exec.Cmd, signal unix.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

func identity(t *testing.T, cmd *exec.Cmd, unit string) process.Identity {
	t.Helper()
	begun, err := startOf(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return process.Identity{PID: cmd.Process.Pid, Start: begun, Mark: process.Mark{House: "h", Unit: unit, Launch: "1"}}
}

// TestHold wants what is in the pipes to survive everybody but the holder.
func TestHold(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Hold(ctx, r.home) }()
	path := pipeFile(r.home, "late", stdout)
	if err := makePipe(path); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, pipeFile(r.home, "unit", stdout)} {
		await(t, name+" is held", func() bool {
			fds, _ := filepath.Glob("/proc/self/fd/*")
			n := 0
			for _, fd := range fds {
				if to, err := os.Readlink(fd); err == nil && to == name {
					n++
				}
			}
			return n >= 1
		})
	}
	fd, _, err := openPipe(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), path)
	say(t, f, "kept\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r.keep()
	await(t, "it is in the log", func() bool {
		text, _ := os.ReadFile(logFile(r.home, "late"))
		return strings.HasSuffix(string(text), " stdout F kept\n")
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestUnneededPipesGo wants the pipes of logs that nobody writes to any more to be removed.
func TestUnneededPipesGo(t *testing.T) {
	c := newClient(t, t.TempDir(), os.Args[0])
	for i := range 10 {
		id := someone(fmt.Sprint(i))
		out, _ := launch(t, c, fmt.Sprint("session", i), id)
		say(t, out, "hello\n")
		c.Ended(fmt.Sprint("session", i), id)
	}
	stays, _ := launch(t, c, "stays", someone("stays"))
	await(t, "only what is needed stays", func() bool {
		c.sweep(time.Now().Add(unused + time.Minute))
		left, err := os.ReadDir(pipesDir(c.home))
		return err == nil && len(left) == 2
	})
	say(t, stays, "still\n")
	awaitText(t, c, "stays", "still")
	awaitText(t, c, "session9", "hello")
	c.Ended("stays", someone("stays"))
}

// TestUnitsOfTheLastHouse wants a keeper that begins while no house runs to know the units that the
// last one wrote down.
func TestUnitsOfTheLastHouse(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	unit := start(t, "sleep", "100")
	id := identity(t, unit, "unit")
	record := fmt.Sprintf(`{"unit":{"pid":%d,"start":%d,"mark":"h/unit/1","restarts":[]},"gone":{"pid":1,"start":1,"mark":"h/gone/1"}}`, id.PID, id.Start)
	if err := os.WriteFile(r.home.Var("run", "units.json"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	r.keep()
	end(t, unit, unix.SIGKILL)
	await(t, "its end is known", func() bool { _, known := readDeath(r.home, id); return known })
	if exit, _ := readDeath(r.home, id); exit.Signal != unix.SIGKILL {
		t.Errorf("it %s", exit)
	}
}
