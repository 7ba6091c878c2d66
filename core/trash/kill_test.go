// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trash

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/store"
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

// die keeps or restores in the home of the environment, and kills itself at the step of that number.
func die(at string) error {
	n, err := strconv.Atoi(at)
	if err != nil {
		return err
	}
	ctx := context.Background()
	tr, err := openTrash(ctx, os.Getenv("TEST_HOME"))
	if err != nil {
		return err
	}
	seen := 0
	tr.disk.Watch = func(disk.Event) error {
		if seen++; seen > n {
			return errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), errCrash)
		}
		return nil
	}
	if id := os.Getenv("TEST_RESTORE"); id != "" {
		_, err = tr.Restore(ctx, id)
	} else {
		_, err = tr.Keep(ctx, plantEntry(tr))
	}
	return err
}

func openTrash(ctx context.Context, dir string) (*Trash, error) {
	h := home.At(dir)
	s := store.New(h.Var("house.db"))
	// A kill keeps what the kernel has, so waiting for the disk would prove nothing more.
	if err := s.Open(ctx, store.Options{Migrations: tablesForTest(), Synchronous: "OFF"}); err != nil {
		return nil, err
	}
	return New(h, s), nil
}

// killedAt runs the program to its death and tells whether it died.
func killedAt(t *testing.T, dir string, n int, restore string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_DIE_AT="+strconv.Itoa(n), "TEST_HOME="+dir, "TEST_RESTORE="+restore)
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

// TestKilledAnywhere kills a real house before and after every step of keeping, then of restoring,
// with its store open. The next one finds everything in one place or the other.
func TestKilledAnywhere(t *testing.T) {
	sites := 0
	for _, restoring := range []bool{false, true} {
		for n := 0; killOnce(t, n, restoring); n++ {
			sites++
		}
	}
	t.Logf("%d sites", sites)
	if sites < 70 {
		t.Errorf("only %d sites", sites)
	}
}

func killOnce(t *testing.T, n int, restoring bool) bool {
	t.Helper()
	h := home.At(t.TempDir())
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	tr, err := openTrash(t.Context(), h.Dir())
	if err != nil {
		t.Fatal(err)
	}
	entry := plant(t, tr)
	before := world(t, tr)
	id := ""
	if restoring {
		if id, err = tr.Keep(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.store.Close(); err != nil {
		t.Fatal(err)
	}
	died := killedAt(t, h.Dir(), n, id)
	next, err := openTrash(t.Context(), h.Dir())
	if err != nil {
		t.Fatalf("step %d: %v", n, err)
	}
	defer func() { _ = next.store.Close() }()
	if err := next.Recover(t.Context()); err != nil {
		t.Fatalf("step %d: %v", n, err)
	}
	list, err := next.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 1 {
		if now := world(t, next); list[0].State != stateKept || strings.Contains(now, "notes") || strings.Contains(now, "fern") {
			t.Errorf("step %d: kept as %s, and there is\n%s", n, list[0].State, now)
		}
		if _, err := next.Restore(t.Context(), list[0].ID); err != nil {
			t.Errorf("step %d: %v", n, err)
		}
	}
	if now := world(t, next); now != before {
		t.Errorf("step %d: came back as\n%s", n, now)
	}
	return died
}
