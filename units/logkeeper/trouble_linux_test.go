// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/holdfasttest/need"
)

// mount puts a disk of its own at dir.
func mount(t *testing.T, dir, options string, flags uintptr) {
	t.Helper()
	if os.Getuid() != 0 {
		need.Missing(t, "only root can mount a small disk")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		need.Missing(t, "cannot mount a small disk: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// TestFullDiskIsTold wants the house to know why lines wait though everything that the keeper writes
// lies on the disk that is full, its own log too, to say so by its own log, and to know when it is over.
func TestFullDiskIsTold(t *testing.T) {
	h := home.At(t.TempDir())
	mount(t, h.Var(), "size=3m", 0)
	said := &lockedBuffer{}
	c := New(Options{Home: h, Binary: os.Args[0], Log: printer(said)})
	c.beat = testBeat
	run(t, c)
	out, _ := launch(t, c, "unit", someone("1"))
	say(t, out, "first\n")
	awaitText(t, c, "unit", "first")
	fill := filepath.Join(h.Var(), "fill")
	_ = os.WriteFile(fill, make([]byte, 4<<20), 0o600) // as much as there is room for
	before := time.Now()
	say(t, out, strings.Repeat("line "+strings.Repeat("x", 100)+"\n", 200))
	await(t, "the house knows", func() bool { return c.Standing().Trouble.There() })
	got := c.Standing().Trouble
	if got.Log != "unit" || !strings.HasPrefix(got.Why, "no space left on device (cannot write log: ") || got.Since.Before(before.Add(-time.Second)) {
		t.Errorf("it knows %+v", got)
	}
	if strings.Contains(content(c, "logkeeper"), "no space left") {
		t.Error("the log of the keeper says so too: the disk was not full")
	}
	text := said.String()
	if strings.Count(text, "a log cannot be written") != 1 || !strings.Contains(text, "no space left on device") || !strings.Contains(text, "log=unit") {
		t.Errorf("the house says %q", text)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	await(t, "it is over", func() bool { return !c.Standing().Trouble.There() })
	await(t, "all lines are there", func() bool { return strings.Count(content(c, "unit"), " F line ") == 200 })
	if text := said.String(); !strings.Contains(text, "all logs can be written again") {
		t.Errorf("the house says %q", text)
	}
	c.Ended("unit", someone("1"))
}

// TestReadOnlyIsTold wants the same where nothing can be written at all, which is no reason to begin
// no keeper.
func TestReadOnlyIsTold(t *testing.T) {
	h := home.At(t.TempDir())
	mount(t, logsDir(h), "size=1m", unix.MS_RDONLY)
	c := newClient(t, h.Dir(), os.Args[0])
	out, _ := launch(t, c, "unit", someone("1"))
	say(t, out, "waits\n")
	await(t, "the house knows", func() bool { return c.Standing().Trouble.There() })
	if got := c.Standing().Trouble; got.Log != "unit" || !strings.Contains(got.Why, "read-only file system") {
		t.Errorf("it knows %+v", got)
	}
	if err := unix.Mount("", logsDir(h), "", unix.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	awaitText(t, c, "unit", " F waits\n")
	await(t, "it is over", func() bool { return !c.Standing().Trouble.There() })
	c.Ended("unit", someone("1"))
}

// TestNextKeeperTells wants a keeper that follows to tell of its own, not of what its predecessor met.
func TestNextKeeperTells(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{})
	if err := os.Mkdir(logFile(r.home, "unit"), 0o700); err != nil {
		t.Fatal(err)
	}
	other := r.pipe("other", stdout)
	first := r.process()
	r.write(r.out, "waits\n")
	r.write(other, "fine\n")
	told := func() Trouble {
		s, _ := readSign(stateFile(r.home))
		return s.trouble
	}
	await(t, "it is told", func() bool { return told().There() })
	if got := told(); got.Log != "unit" || !strings.Contains(got.Why, "is a directory") {
		t.Errorf("%+v is told", got)
	}
	_ = first.Process.Kill()
	_ = first.Wait()
	if !told().There() {
		t.Error("it is not told any more, though nothing is better")
	}
	if err := os.Remove(logFile(r.home, "unit")); err != nil {
		t.Fatal(err)
	}
	r.keep()
	r.idle()
	await(t, "it is over", func() bool { return !told().There() })
	same(t, "stdout", r.lines()[stdout], []string{"waits"})
}

// TestComplaint wants what is told to be read whole, or not at all, whatever it is.
func TestComplaint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s, err := openState(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.close() }()
	told := func() Trouble {
		t.Helper()
		got, err := readSign(path)
		if err != nil {
			t.Fatal(err)
		}
		return got.trouble
	}
	since := time.Date(2026, 1, 31, 12, 0, 0, 1, time.UTC)
	long := Trouble{Since: since, Log: strings.Repeat("n", 255), Why: strings.Repeat("ü", 600)}
	s.head().trouble.tell(long)
	if got := told(); got.Since != since || got.Log != long.Log || got.Why != strings.Repeat("ü", 511) {
		t.Errorf("%+v is read", got)
	}
	s.head().trouble.turn.Add(1) // killed while it tells
	if got := told(); got.There() {
		t.Errorf("half of it is read: %+v", got)
	}
	short := Trouble{Since: since, Log: "unit", Why: "disk full"}
	s.head().trouble.tell(short)
	if got := told(); got != short {
		t.Errorf("%+v is read", got)
	}
	s.head().trouble.tell(Trouble{})
	if got := told(); got != (Trouble{}) {
		t.Errorf("%+v is read", got)
	}
}

// TestDeathsWaitForRoom wants the end of a unit that could not be written down to be known to the
// next house all the same.
func TestDeathsWaitForRoom(t *testing.T) {
	h := home.At(t.TempDir())
	if err := makeFolders(h); err != nil {
		t.Fatal(err)
	}
	unit := start(t, "sleep", "100")
	id := identity(t, unit, "unit")
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(epoll) }()
	m := newMorgue(h, epoll)
	defer m.close()
	if err := m.watch(id); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(exitFile(h, id), 0o700); err != nil { // nothing can be written there
		t.Fatal(err)
	}
	end(t, unit, unix.SIGKILL)
	for fd := range m.living {
		m.happened(fd, unix.EPOLLIN)
	}
	if _, known := readDeath(h, id); known || len(m.dead) != 1 {
		t.Errorf("its end is known: %v; kept are %v", known, m.dead)
	}
	if err := os.Remove(exitFile(h, id)); err != nil {
		t.Fatal(err)
	}
	next := identity(t, start(t, "sleep", "100"), "")
	if err := m.takeHouse(next); err != nil {
		t.Fatal(err)
	}
	if exit, known := readDeath(h, id); !known || exit.Signal != unix.SIGKILL || len(m.dead) != 0 {
		t.Errorf("it %s, known: %v; kept are %v", exit, known, m.dead)
	}
}
