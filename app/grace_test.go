// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/surface/cli"
)

func TestTheLongestGraceIsThatOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	text := "units:\n  a: {run: [sleep, \"9\"], stop: {grace: 5m}}\n  b: {run: [sleep, \"9\"], stop: {grace: 20s}}\n  c: {run: [sleep, \"9\"]}\n"
	if err := os.WriteFile(filepath.Join(dir, "holdfast.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := New(home.At(dir), &Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.load(); err != nil {
		t.Fatal(err)
	}
	if got := (graces{h}).longest(); got != 5*time.Minute {
		t.Errorf("longest grace %s; want 5m", got)
	}
}

// TestTheLoserOfTwoStartsIsRefused holds that a detached start which another one forestalled ends as
// a second `up` does.
func TestTheLoserOfTwoStartsIsRefused(t *testing.T) {
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(place.Var("logs", "house.log"), []byte("some text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(status string) error {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "exit "+status)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return awaitHouse(t.Context(), place, cmd, 0, os.Stderr)
	}
	if err := start("3"); cli.Exit(err) != 1 {
		t.Errorf("refused, and nobody there: exit %d, %v", cli.Exit(err), err)
	}
	lock, err := place.Lock("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Unlock() })
	err = start("3")
	if _, refused := errors.AsType[*holdfast.Refusal](err); !refused || cli.Exit(err) != 3 {
		t.Errorf("forestalled: exit %d, %v", cli.Exit(err), err)
	}
}
