// SPDX-License-Identifier: Apache-2.0

//go:build unix

package journal

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// TestMain lets this test program be the house that is killed.
func TestMain(m *testing.M) {
	if at := os.Getenv("TEST_DIE_AT"); at != "" {
		if err := die(at); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// die archives in the home of the environment, and kills itself at the step of that number.
func die(at string) error {
	n, err := strconv.Atoi(at)
	if err != nil {
		return err
	}
	ctx := context.Background()
	s := store.New(os.Getenv("TEST_STORE"))
	// A kill keeps what the kernel has, so waiting for the disk would prove nothing more.
	if err := s.Open(ctx, store.Options{URL: os.Getenv("TEST_URL"), Migrations: tables(), Synchronous: "OFF"}); err != nil {
		return err
	}
	now, err := strconv.ParseInt(os.Getenv("TEST_NOW"), 10, 64)
	if err != nil {
		return err
	}
	j := New(s, "alpha")
	j.Use(Needs{Home: home.At(os.Getenv("TEST_HOME"))})
	j.now = func() time.Time { return time.Unix(now, 0) }
	j.archive.trace = func(string) error {
		if n--; n < 0 {
			return errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), errors.New("killed"))
		}
		return nil
	}
	_, err = j.archive.archive(ctx)
	return err
}

// killedAt runs the program to its death and tells whether it died.
func killedAt(t *testing.T, n int, a *aged, opt store.Options) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_DIE_AT="+strconv.Itoa(n), "TEST_HOME="+a.home.Dir(), "TEST_STORE="+opt.Path, "TEST_URL="+opt.URL,
		"TEST_NOW="+strconv.FormatInt(a.at.Unix(), 10))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("step %d: the process ended by itself: %v %s", n, err, out)
	}
	return true
}

// TestKilledAnywhere kills a real house at every step of archiving, within the transaction too. The
// next one finds every entry in one place, and ends where an undisturbed one would.
func TestKilledAnywhere(t *testing.T) {
	for _, dialect := range []string{store.SQLite, store.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			if testing.Short() && dialect == store.Postgres {
				t.Skip("a database for each step takes its time")
			}
			n := 0
			for killOnce(t, dialect, n) {
				n++
			}
			if n < 16 {
				t.Errorf("only %d steps", n)
			}
		})
	}
}

func killOnce(t *testing.T, dialect string, n int) bool {
	t.Helper()
	opt := storetest.Options(t, dialect, tables())
	s := store.New(opt.Path)
	if err := s.Open(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	a := newAged(t, s, "alpha", home.At(t.TempDir()))
	a.live("2024-12-15", "2026-03-15")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	died := killedAt(t, n, a, opt)
	if err := s.Open(t.Context(), opt); err != nil {
		t.Fatalf("step %d: %v", n, err)
	}
	defer func() { _ = s.Close() }()
	if v := a.holds(); v.Entries+v.Archived < 16*5 {
		t.Errorf("step %d: %+v", n, v)
	}
	before := a.files()
	a.archiveAll()
	after := a.files()
	v := a.holds()
	if v.Archives != 2 || v.Archived != 10 || len(after) != 2 || len(a.archiveAll()) != 0 {
		t.Errorf("step %d: %+v, %d files", n, v, len(after))
	}
	for name, text := range before {
		if !strings.HasSuffix(name, disk.Suffix) && after[name] != text {
			t.Errorf("step %d: %s is another", n, name)
		}
	}
	return died
}
