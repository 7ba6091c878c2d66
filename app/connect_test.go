// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"holdfast"
	"holdfast/core/home"
	"holdfast/surface/cli"
)

func TestAHouseThatDoesNotAnswerIsNotCalledAbsent(t *testing.T) {
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	h, err := New(place, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = h.connect(t.Context(), holdfast.Action{Name: "house.status"})
	if cli.Exit(err) != 4 || !strings.Contains(err.Error(), "holdfast up") {
		t.Errorf("nobody there: exit %d, %v", cli.Exit(err), err)
	}
	lock, err := place.Lock("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Unlock() })
	_, _, err = h.connect(t.Context(), holdfast.Action{Name: "house.status"})
	if cli.Exit(err) != 4 || strings.Contains(err.Error(), "holdfast up") || !strings.Contains(err.Error(), "kill "+strconv.Itoa(os.Getpid())) {
		t.Errorf("somebody silent: exit %d, %v", cli.Exit(err), err)
	}
}

func TestQuoted(t *testing.T) {
	for path, want := range map[string]string{
		"/srv/agents": "/srv/agents", "/srv/my agents": "'/srv/my agents'", "": "''", "/it's": `'/it'\''s'`, "/ä$x": "'/ä$x'",
	} {
		if got := quoted(path); got != want {
			t.Errorf("%s is quoted as %s; want %s", path, got, want)
		}
	}
}
