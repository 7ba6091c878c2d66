// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/core/home"
	"holdfast/core/process"
)

const roleVariable = "WATCH_TEST_ROLE"

// TestMain lets the test binary be the watch, the house and a watch that hangs.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "keep" { // which gets no variable but a few
		beKeeper(os.Args[3])
		return
	}
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "watch":
		os.Exit(Main(os.Args[2:]))
	case "deaf":
		beDeaf(os.Args[slices.Index(os.Args, "--home")+1])
	}
}

// beDeaf is a watch that holds its lock and takes no signal.
func beDeaf(dir string) {
	h := home.At(dir)
	lock, err := h.Take(role)
	if err != nil {
		os.Exit(1)
	}
	defer func() { _ = lock.Close() }()
	self, err := process.Self()
	if err == nil {
		err = home.Replace(reportFile(h), Report{Identity: self}, 0o600)
	}
	if err != nil {
		os.Exit(1)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
}

// beKeeper tells that a log keeper was started.
func beKeeper(dir string) {
	file, err := os.OpenFile(home.At(dir).Var("run", "kept"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, _ = file.WriteString("x")
		_ = file.Close()
	}
}

// TestALogKeeperIsStartedWithoutAHouse: only where units have pipes, and not all the time.
func TestALogKeeperIsStartedWithoutAHouse(t *testing.T) {
	h := place(t)
	now := time.Unix(1000, 0)
	s := &scribe{home: h, log: slog.New(slog.NewTextHandler(t.Output(), nil)), now: func() time.Time { return now }}
	started := func() int {
		text, _ := os.ReadFile(h.Var("run", "kept"))
		return len(text)
	}
	s.tend(t.Context())
	if err := os.MkdirAll(h.Var("run", "pipes"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Var("run", "pipes", "one.out"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.tend(t.Context()) // too soon after the look before
	now = now.Add(keeperEvery)
	s.tend(t.Context())
	eventually(t, "a keeper is started", func() bool { return started() == 1 })
	s.tend(t.Context())
	now = now.Add(keeperEvery)
	s.tend(t.Context())
	eventually(t, "another one is started", func() bool { return started() == 2 })
}

func place(t *testing.T) home.Home {
	t.Helper()
	h := home.At(t.TempDir())
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	return h
}

// outsider starts real watches of the test binary, and ends them with the test.
func outsider(t *testing.T, h home.Home, role string) *Outsider {
	t.Helper()
	t.Setenv(roleVariable, role)
	t.Cleanup(func() {
		if err := End(context.Background(), h); err != nil {
			t.Error(err)
		}
	})
	return &Outsider{Home: h, Program: os.Args[0], Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// say says that this test is a house that is up.
func say(t *testing.T, h home.Home) {
	t.Helper()
	self, err := process.Self()
	if err != nil {
		t.Fatal(err)
	}
	if err := (House{Identity: self, Stage: Up, Watched: true, HungAfter: time.Hour}).Say(h); err != nil {
		t.Fatal(err)
	}
}

func pid(h home.Home) int {
	r, _, err := ReadReport(h)
	if err != nil || !Lives(h) {
		return 0
	}
	return r.PID
}

// replaced tells whether another watch lives than that one.
func replaced(h home.Home, was int) bool {
	now := pid(h)
	return now != 0 && now != was
}

func TestOneWatchAHome(t *testing.T) {
	h := place(t)
	say(t, h)
	o := outsider(t, h, "watch")
	if err := o.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a watch lives", func() bool { return pid(h) != 0 })
	first := pid(h)
	other := &Outsider{Home: h, Program: o.Program, Log: o.Log}
	if err := other.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := o.start(); err != nil { // a second one beside it, whatever Ensure says
		t.Fatal(err)
	}
	<-o.mine().Done()
	if now := pid(h); now != first {
		t.Errorf("the watch is %d, was %d", now, first)
	}
	t.Setenv("WATCH_TEST_OTHER", "environment")
	if err := other.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a watch of the new environment lives", func() bool { return replaced(h, first) })
}

func TestADeadWatchIsReplaced(t *testing.T) {
	h := place(t)
	say(t, h)
	o := outsider(t, h, "watch")
	if err := o.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { o.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	for range 2 {
		eventually(t, "a watch lives", func() bool { return pid(h) != 0 })
		was := pid(h)
		if err := syscall.Kill(was, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another watch lives", func() bool { return replaced(h, was) })
	}
}

func TestAWatchThatTakesNoSignalIsKilled(t *testing.T) {
	h := place(t)
	o := outsider(t, h, "deaf")
	if err := o.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it lives", func() bool { return pid(h) != 0 })
	if err := End(t.Context(), h); err != nil || Lives(h) {
		t.Errorf("it lives on: %v", err)
	}
}

// TestAWatchEndsWithItsHome removes the home of a house that died: nothing is started there.
func TestAWatchEndsWithItsHome(t *testing.T) {
	h := place(t)
	say(t, h)
	o := outsider(t, h, "watch")
	if err := o.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a watch lives", func() bool { return pid(h) != 0 })
	eventually(t, "the home is gone", func() bool { return os.RemoveAll(h.Dir()) == nil }) // the watch writes meanwhile
	<-o.mine().Done()
}

func TestAMissingProgramIsSaid(t *testing.T) {
	o := &Outsider{Home: place(t), Program: "/nonexistent/holdfast-watch"}
	if err := o.Ensure(t.Context()); err == nil || !strings.Contains(err.Error(), "/nonexistent/holdfast-watch") {
		t.Errorf("got %v", err)
	}
}

// TestADyingWatchIsTriedOnAndOn has a watch that never lives: the house does not wait longer and longer
// for the next, for meanwhile nothing watches it.
func TestADyingWatchIsTriedOnAndOn(t *testing.T) {
	h := place(t)
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		o := &Outsider{Home: h, Program: "/nonexistent/holdfast-watch", Log: slog.New(slog.NewTextHandler(&said, nil))}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		o.Run(ctx)
		if tries := strings.Count(said.String(), "another one is started"); tries < 40 || tries > 50 {
			t.Errorf("%d tries in ten minutes", tries)
		}
	})
}

// TestAHungWatchIsReplaced has a watch that touches nothing any more.
func TestAHungWatchIsReplaced(t *testing.T) {
	h := place(t)
	if err := home.Replace(reportFile(h), Report{}, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		hung := &fakeHouse{done: make(chan struct{}), fake: &fake{}}
		o := &Outsider{Home: h, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
		began := time.Now()
		o.attend(t.Context(), hung)
		if took := time.Since(began); took < showsAfter || took > 2*showsAfter || !slices.Equal(hung.signals, []syscall.Signal{syscall.SIGKILL}) {
			t.Errorf("after %s it got %v", took, hung.signals)
		}
	})
}

// TestAnswers asks houses that answer, are silent, talk nonsense, or are not there.
func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  bool
	}{
		"it answers":     {func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.0 503 no\r\n\r\n")) }, true},
		"it hangs up":    {func(net.Conn) {}, false},
		"it is silent":   {func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, false},
		"it is no house": {func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-sshd\r\n")) }, false},
	} {
		h := place(t)
		l, err := h.Listen("control")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err == nil {
				_, _ = conn.Read(make([]byte, 1<<10))
				c.serve(conn)
				_ = conn.Close()
			}
		}()
		patience := 200 * time.Millisecond
		if c.want {
			patience = time.Minute
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if got := (real{home: h}).answers(ctx); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		cancel()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if (real{home: h}).answers(t.Context()) {
			t.Errorf("%s: it answers though nobody listens", name)
		}
	}
}

// TestFilesOfAnotherBootAreNobodys: after a power loss the files name processes that are others now.
func TestFilesOfAnotherBootAreNobodys(t *testing.T) {
	h := place(t)
	self, err := process.Self()
	if err != nil {
		t.Fatal(err)
	}
	if m := (real{home: h}); !m.lives(self) {
		t.Fatal("this process does not live")
	}
	self.Start++
	if m := (real{home: h}); m.lives(self) {
		t.Error("a process of another start counts as the house")
	}
	if _, err := (real{home: h}).adopt(self); !errors.Is(err, process.ErrGone) {
		t.Errorf("adopted: %v", err)
	}
}

func TestStartedWithTheSameArguments(t *testing.T) {
	h := place(t)
	script := h.Path("house")
	if err := os.WriteFile(script, []byte("#!/bin/sh\npwd; printf '%s\\n' \"$@\"; exit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	child, started, err := (real{home: h}).start(House{Binary: script, Dir: dir, Set: []string{"a.b=c d", "e.f="}})
	if err != nil || started == 0 {
		t.Fatal(err)
	}
	<-child.Done()
	if exit := child.Exit(); !exit.Known || exit.Code != 7 {
		t.Errorf("it ended: %s", exit)
	}
	text, err := os.ReadFile(h.Var("logs", "house.log"))
	want := strings.Join([]string{dir, "--home", h.Dir(), "up", "--boot", "--set", "a.b=c d", "--set", "e.f="}, "\n") + "\n"
	if err != nil || string(text) != want {
		t.Errorf("it got %q, %v", text, err)
	}
	if _, _, err := (real{home: h}).start(House{Binary: h.Path("none")}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("got %v", err)
	}
}

// TestTheFormsAreForOthersToRead holds the names that other programs read.
func TestTheFormsAreForOthersToRead(t *testing.T) {
	data, err := json.Marshal(Report{Identity: process.Identity{PID: 7}, State: "attending", House: 3, History: []Restart{{Why: "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"pid":7`, `"state":"attending"`, `"house":3`, `"restarts":0`, `"history":[{`, `"why":"x"`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %s", data, want)
		}
	}
}
