// SPDX-License-Identifier: Apache-2.0

package venv

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/core/home"
	"holdfast/core/home/disk/disktest"
	"holdfast/core/process"
	"holdfast/holdfasttest/need"
	"holdfast/units/venv/venvtest"
)

// TestMain lets the test's own binary be a house that installs, to be killed.
func TestMain(m *testing.M) {
	if place := os.Getenv("VENV_HOME"); place != "" {
		s := New(Needs{Home: home.At(place), House: func() string { return os.Getenv("VENV_HOUSE") }, Processes: process.Machine{}, Log: slog.New(slog.DiscardHandler)})
		_, err := s.Build(context.Background(), Order{Name: "notes", Dir: place, Requirements: []byte(""), Python: os.Getenv("VENV_PYTHON")})
		fmt.Println("ended", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// a desk is a store under test.
type desk struct {
	*Store
	t     *testing.T
	home  home.Home
	house string
	order Order
}

func newDesk(t *testing.T, place string) *desk {
	t.Helper()
	python := ""
	for _, candidate := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), candidate, "-I", "-m", "pip", "--version").Run() == nil {
			python = candidate
			break
		}
	}
	if python == "" {
		need.Missing(t, "no Python here has pip")
	}
	d := &desk{t: t, home: home.At(place), house: fmt.Sprintf("venv%d", time.Now().UnixNano())}
	if err := d.home.Ensure(); err != nil {
		t.Fatal(err)
	}
	dir := d.home.Path("extensions", "notes")
	if err := os.MkdirAll(filepath.Join(dir, "wheels"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.order = Order{Name: "notes", Dir: dir, Python: python, Offline: true, Wheels: []string{filepath.Join(dir, "wheels")}}
	d.Store = New(Needs{Home: d.home, House: func() string { return d.house }, Processes: process.Machine{}, Log: slog.New(slog.DiscardHandler)})
	return d
}

// want is the order with other requirements.
func (d *desk) want(requirements string) Order {
	o := d.order
	o.Requirements = []byte(requirements)
	return o
}

func (d *desk) must(requirements string) Environment {
	d.t.Helper()
	e, err := d.Build(d.t.Context(), d.want(requirements))
	if err != nil {
		d.t.Fatal(err)
	}
	return e
}

// current checks which environment is in use, and how many there are.
func (d *desk) current(want Environment, folders int) {
	d.t.Helper()
	e, ok := d.Current("notes")
	if !ok || e.ID != want.ID {
		d.t.Errorf("in use is %+v (%v), want %s", e, ok, want.ID)
	}
	if found := d.folders(); len(found) != folders {
		d.t.Errorf("there are %v, want %d", found, folders)
	}
	if left, err := (process.Machine{}).Marked(d.house); err != nil || len(left) > 0 {
		d.t.Errorf("processes are left: %v (%v)", left, err)
	}
}

// folders are all environments there are.
func (d *desk) folders() []string {
	d.t.Helper()
	found, err := filepath.Glob(d.home.Var("python", "notes", "env-*"))
	if err != nil {
		d.t.Fatal(err)
	}
	return found
}

// says runs a line of Python in an environment.
func (d *desk) says(e Environment, code string) string {
	d.t.Helper()
	out, err := exec.CommandContext(d.t.Context(), filepath.Join(e.Bin(), "python3"), "-I", "-c", code).CombinedOutput()
	if err != nil {
		return err.Error() + ": " + string(out)
	}
	return strings.TrimSpace(string(out))
}

func TestAnEnvironmentIsBuilt(t *testing.T) {
	d := newDesk(t, t.TempDir())
	wheels := d.order.Wheels[0]
	venvtest.Wheel(t, wheels, "greeting", "1.0", "import words\ndef main(): print(words.HELLO)\n", "words>=2")
	venvtest.Wheel(t, wheels, "words", "2.5", "HELLO = 'hello'\n")
	if _, ok := d.Current("notes"); ok {
		t.Error("there is an environment before the first build")
	}
	first := d.must("greeting\n")
	d.current(first, 1)
	if got := d.says(first, "import greeting; greeting.main()"); got != "hello" {
		t.Errorf("it says %q", got)
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(first.Bin(), "greeting")).Output(); err != nil || string(out) != "hello\n" {
		t.Errorf("its program says %q (%v)", out, err)
	}
	if len(first.Packages) != 2 || first.Packages[1].Name != "words" || first.Packages[1].Version != "2.5" || !strings.HasPrefix(first.Packages[1].Hash, "sha256:") {
		t.Errorf("the record is %+v", first)
	}
	if !first.Fits([]byte("greeting\n")) || first.Fits([]byte("greeting==2\n")) || !strings.HasPrefix(first.Python, "3.") {
		t.Errorf("it fits what it should not, or not what it should: %+v", first)
	}
	lock, err := os.ReadFile(filepath.Join(first.Folder(), "lock.txt"))
	if err != nil || !strings.Contains(string(lock), "words==2.5 --hash=sha256:") {
		t.Errorf("the lock is %q (%v)", lock, err)
	}
	// A newer package does not get in without changed requirements.
	venvtest.Wheel(t, wheels, "words", "3.0", "HELLO = 'hi'\n")
	again := d.must("greeting\n")
	if got := d.says(again, "import words; print(words.HELLO)"); got != "hello" {
		t.Errorf("built again it says %q", got)
	}
	// What was in use before stays for the processes that still run, until the next build.
	d.current(again, 2)
	changed := d.must("greeting\nwords==3.0\n")
	d.current(changed, 2)
	if got := d.says(changed, "import words; print(words.HELLO)"); got != "hi" {
		t.Errorf("changed it says %q", got)
	}
	d.current(d.must("# nothing\n"), 2)
	if err := d.Forget("notes"); err != nil {
		t.Error(err)
	}
	if _, ok := d.Current("notes"); ok {
		t.Error("what was forgotten is in use")
	}
}

func TestAFailureLeavesTheOldEnvironment(t *testing.T) {
	d := newDesk(t, t.TempDir())
	wheels := d.order.Wheels[0]
	venvtest.Wheel(t, wheels, "words", "2.5", "HELLO = 'hello'\n")
	first := d.must("words\n")
	for requirements, want := range map[string]string{
		"no-such-package\n":   "no-such-package",
		"words==9\n":          "words==9",
		"this is no wish !\n": "Invalid requirement",
		"words==2.5 --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000\n": "DO NOT MATCH",
	} {
		if _, err := d.Build(t.Context(), d.want(requirements)); err == nil || !strings.Contains(strings.ToUpper(err.Error()), strings.ToUpper(want)) {
			t.Errorf("%q: the error is %v", requirements, err)
		}
		d.current(first, 1)
	}
	// The same version with another content is not what was installed before.
	venvtest.Wheel(t, wheels, "words", "2.5", "HELLO = 'evil'\n")
	if _, err := d.Build(t.Context(), d.want("words\n")); err == nil || !strings.Contains(err.Error(), "DO NOT MATCH THE HASHES") {
		t.Errorf("a swapped package: the error is %v", err)
	}
	d.current(first, 1)
	if got := d.says(first, "import words; print(words.HELLO)"); got != "hello" {
		t.Errorf("it says %q", got)
	}
	missing := d.want("")
	missing.Python = "no-such-python"
	if _, err := d.Build(t.Context(), missing); err == nil || !strings.Contains(err.Error(), "no-such-python") {
		t.Errorf("without a Python the error is %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("never mind"))
	if _, err := d.Build(ctx, d.want("words==2.5\n")); err == nil || !strings.Contains(err.Error(), "never mind") {
		t.Errorf("cancelled, the error is %v", err)
	}
	d.current(first, 1)
}

// stuckPython begins an environment and does not come to its end; it says so in a file.
func stuckPython(t *testing.T) (program, began string) {
	t.Helper()
	dir := t.TempDir()
	program, began = filepath.Join(dir, "python3"), filepath.Join(dir, "began")
	text := "#!/bin/sh\ncase \"$*\" in *--version*) exit 0;; *' venv '*) for last; do :; done; mkdir -p \"$last/bin\"; ln -s \"$0\" \"$last/bin/python3\"; exit 0;; esac\nsleep 1000 & : >" + began + "\nwait\n"
	if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return program, began
}

// house starts this test's binary as a house that installs for ever.
func (d *desk) installing() *exec.Cmd {
	d.t.Helper()
	python, began := stuckPython(d.t)
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	c := exec.CommandContext(d.t.Context(), self)
	c.Env = append(os.Environ(), "VENV_HOME="+d.home.Dir(), "VENV_HOUSE="+d.house, "VENV_PYTHON="+python)
	if err := c.Start(); err != nil {
		d.t.Fatal(err)
	}
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		if _, err := os.Stat(began); err == nil {
			return c
		}
		select {
		case <-tick.C:
		case <-deadline:
			d.t.Fatal("the installation does not begin")
		}
	}
}

func TestAHouseKilledMidwayChangesNothing(t *testing.T) {
	d := newDesk(t, t.TempDir())
	venvtest.Wheel(t, d.order.Wheels[0], "words", "2.5", "HELLO = 'hello'\n")
	first := d.must("words\n")
	house := d.installing()
	if _, err := d.Build(t.Context(), d.want("words\n")); err == nil || !strings.Contains(err.Error(), "beside another installation") {
		t.Errorf("two at once: the error is %v", err)
	}
	if err := house.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = house.Wait()
	if e, ok := d.Current("notes"); !ok || e.ID != first.ID {
		t.Errorf("in use is %+v (%v)", e, ok)
	}
	second := d.must("words # again\n")
	d.current(second, 2)
	if found := d.folders(); !slices.Contains(found, first.Folder()) {
		t.Errorf("the one in use before is gone: %v", found)
	}
}

func TestAFullDiskChangesNothing(t *testing.T) {
	place := disktest.Mount(t, "24m")
	d := newDesk(t, place)
	venvtest.Wheel(t, d.order.Wheels[0], "words", "2.5", "HELLO = 'hello'\n")
	venvtest.Wheel(t, d.order.Wheels[0], "big", "1.0", "X = '"+strings.Repeat("x", 4<<20)+"'\n")
	first := d.must("words\n")
	free := disktest.Fill(t, place)
	if _, err := d.Build(t.Context(), d.want("words\nbig\n")); err == nil {
		t.Error("an installation on a full disk succeeded")
	}
	d.current(first, 1)
	free()
	second := d.must("words\nbig\n")
	d.current(second, 2)
}

func TestARecordThatLiesIsNone(t *testing.T) {
	d := newDesk(t, t.TempDir())
	first := d.must("\n")
	record := d.home.Var("python", "notes", "current.json")
	for _, text := range []string{"", "{", `{"id":""}`, `{"id":"../../x"}`, `{"id":"env-gone"}`, `7`} {
		if err := os.WriteFile(record, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if e, ok := d.Current("notes"); ok {
			t.Errorf("%q is taken for %+v", text, e)
		}
	}
	_ = first
	d.current(d.must("\n"), 1)
}
