// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/holdfasttest/need"
)

// TestMain makes this binary the keeper when it is called as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "keep" {
		os.Exit(Keep(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// A rig is a home with a log whose pipes the test holds.
type rig struct {
	t    *testing.T
	home home.Home
	out  *os.File
	err  *os.File
	said *lockedBuffer
	stop func() error
	// ended waits for a keeper that ends for another reason.
	ended func() error
	*clock
}

// A clock is the time that a test sets.
type clock struct {
	mu    sync.Mutex
	shift time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.shift)
}

func (c *clock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift += d
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newRig makes a home with the pipes of the log "unit"; nobody keeps it yet.
func newRig(t *testing.T, dir string, s Settings) *rig {
	t.Helper()
	r := &rig{t: t, home: home.At(dir), said: &lockedBuffer{}, clock: &clock{}}
	if err := makeFolders(r.home); err != nil {
		t.Fatal(err)
	}
	if err := s.write(r.home); err != nil {
		t.Fatal(err)
	}
	r.out, r.err = r.pipe("unit", stdout), r.pipe("unit", stderr)
	return r
}

// pipe makes and opens a pipe as a unit gets it.
func (r *rig) pipe(log string, stream int) *os.File {
	r.t.Helper()
	path := pipeFile(r.home, log, stream)
	if err := makePipe(path); err != nil {
		r.t.Fatal(err)
	}
	fd, _, err := openPipe(path, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), path)
	r.t.Cleanup(func() { _ = f.Close() })
	return f
}

// keep runs a keeper within the test.
func (r *rig) keep() {
	r.t.Helper()
	k, err := newKeeper(r.home, printer(r.said), r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	k.patience = time.Second
	k.clerk.patience = time.Second
	done := make(chan error, 1)
	go func() { done <- k.run() }()
	r.ended = func() error {
		err := <-done
		r.stop = func() error { return nil }
		return err
	}
	r.stop = func() error {
		_, _ = unix.Write(k.ask, fmt.Appendf(nil, "stop %d\n", os.Getpid()))
		return r.ended()
	}
	r.t.Cleanup(func() {
		if err := r.stop(); err != nil {
			r.t.Error(err)
		}
		if err := k.close(); err != nil {
			r.t.Error(err)
		}
	})
}

func (r *rig) write(f *os.File, text string) {
	r.t.Helper()
	if _, err := f.WriteString(text); err != nil {
		r.t.Fatal(err)
	}
}

// files are the old files of the log, oldest first, and the log itself.
func (r *rig) files() []string {
	r.t.Helper()
	path := logFile(r.home, "unit")
	list, err := Archives(path)
	if err != nil {
		r.t.Fatal(err)
	}
	var all []string
	for _, a := range list {
		all = append(all, a.Path)
	}
	return append(all, path)
}

func contentOf(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if !strings.HasSuffix(path, packed) {
		return io.ReadAll(file)
	}
	z, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// lines reads the whole log, each stream's lines put together from their parts, and checks the form
// of every record on the way.
func (r *rig) lines() (lines [streams][]string) {
	r.t.Helper()
	var open [streams]*strings.Builder
	for _, path := range r.files() {
		data, err := contentOf(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			r.t.Fatal(err)
		}
		if len(data) > 0 && data[len(data)-1] != '\n' {
			r.t.Errorf("%s ends within a line", filepath.Base(path))
		}
		var last time.Time
		for line := range bytes.Lines(data) {
			rec, ok := ParseRecord(bytes.TrimSuffix(line, []byte{'\n'}))
			if !ok {
				r.t.Errorf("%s: no record: %.80q", filepath.Base(path), line)
				continue
			}
			if rec.At.Before(last) {
				r.t.Errorf("%s: a stamp goes backward from %s to %s", filepath.Base(path), last, rec.At)
			}
			last = rec.At
			i := stdout
			if rec.Stream == "stderr" {
				i = stderr
			}
			if rec.Continues != (open[i] != nil) {
				r.t.Errorf("a record of %s continues: %v, and a line is open: %v: %.80q", rec.Stream, rec.Continues, open[i] != nil, line)
			}
			if open[i] == nil {
				open[i] = &strings.Builder{}
			}
			open[i].Write(rec.Text)
			if !rec.Part {
				lines[i] = append(lines[i], open[i].String())
				open[i] = nil
			}
		}
	}
	for i, rest := range open {
		if rest != nil {
			lines[i] = append(lines[i], rest.String()+"…")
		}
	}
	return lines
}

// await polls until done says so.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// idle waits until everything that was written is in the log.
func (r *rig) idle() {
	r.t.Helper()
	await(r.t, "the pipes are empty", func() bool { return empty(r.out) && empty(r.err) && r.phase() == 0 })
}

func empty(f *os.File) bool {
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCINQ)
	return err == nil && n == 0
}

// phase reads the state file: 1 while a batch is under way.
func (r *rig) phase() int {
	raw := make([]byte, 32)
	file, err := os.Open(stateFile(r.home))
	if err != nil {
		return 1
	}
	defer func() { _ = file.Close() }()
	if _, err := file.ReadAt(raw, 0); err != nil {
		return 1
	}
	return int(raw[16])
}

// process starts a keeper in a process of its own, of the program as it ships: one that is killed
// soon is then killed at its work, not while the race detector starts.
func (r *rig) process() *exec.Cmd {
	r.t.Helper()
	cmd := exec.CommandContext(context.Background(), shipped(r.t), "keep", "--home", r.home.Dir())
	cmd.Stdout, cmd.Stderr = r.said, r.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	return cmd
}

func shipped(t *testing.T) string {
	t.Helper()
	program, err := need.Watch()
	if err != nil {
		t.Fatal(err)
	}
	return program
}
