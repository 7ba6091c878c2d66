// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/units/venv"
)

// Packages that are asked for and not there are an alert with its remedy, until they are there.
func TestMissingPackagesAlert(t *testing.T) {
	b, made := newBench(t), &shelfOf{}
	b.needs.Packages = made
	b.asking("one", "", little)
	b.sync()
	if got := b.alerts(t.Context()); len(got) > 0 {
		t.Fatalf("without requirements: %v", got)
	}
	b.put("one/requirements.txt", "words\n")
	b.sync()
	if got := b.alerts(t.Context()); len(got) != 1 || got[0].Subject != "one" || !strings.Contains(got[0].Message, "`holdfast extension install one`") {
		t.Errorf("with requirements: %v", got)
	}
	made.there = true
	b.sync()
	if got := b.alerts(t.Context()); len(got) != 1 || !strings.Contains(got[0].Message, "changed after") {
		t.Errorf("with those of other requirements: %v", got)
	}
}

// An installation goes by what the files say when it is asked for, and not by the last look at them.
func TestInstallReadsTheFilesAnew(t *testing.T) {
	b, made := newBench(t), &shelfOf{}
	b.needs.Packages = made
	b.asking("one", "", little)
	b.sync()
	install := func() error {
		_, err := desk{b.Extensions}.install(t.Context(), nameIn{Name: "one"})
		return err
	}
	for _, want := range []string{"words==1.0\n", "words==9.9\n"} {
		b.put("one/requirements.txt", want)
		if err := install(); err == nil || string(made.order.Requirements) != want {
			t.Errorf("ordered was %q (%v), want %q", made.order.Requirements, err, want)
		}
	}
	wheels := filepath.Dir(b.put("one/wheels/README", ""))
	if _ = install(); !slices.Contains(made.order.Wheels, wheels) {
		t.Errorf("ordered was with the wheels of %q", made.order.Wheels)
	}
	path := b.home.Path("extensions", "one", "requirements.txt")
	outside := filepath.Join(t.TempDir(), "secret")
	if err := errors.Join(os.WriteFile(outside, []byte("secret\n"), 0o600), os.Remove(path), os.Symlink(outside, path)); err != nil {
		t.Fatal(err)
	}
	if err := install(); err == nil || !strings.Contains(err.Error(), "asks for none") {
		t.Errorf("through a link out of the folder: %v", err)
	}
}

// The installation may read every folder with packages, so none that a link leads to.
func TestWheelsElsewhereAreNotRead(t *testing.T) {
	b, made := newBench(t), &shelfOf{}
	b.needs.Packages = made
	b.asking("one", "", little)
	b.put("one/requirements.txt", "words\n")
	if err := os.Symlink(t.TempDir(), b.home.Path("extensions", "one", "wheels")); err != nil {
		t.Fatal(err)
	}
	_, _ = desk{b.Extensions}.install(t.Context(), nameIn{Name: "one"})
	if string(made.order.Requirements) != "words\n" || len(made.order.Wheels) > 0 {
		t.Errorf("ordered was %q with the wheels of %q", made.order.Requirements, made.order.Wheels)
	}
}

// shelfOf has an environment of other requirements for everybody, or none.
type shelfOf struct {
	there bool
	order venv.Order // the last
}

func (s *shelfOf) Current(string) (venv.Environment, bool) { return venv.Environment{}, s.there }

func (s *shelfOf) Build(_ context.Context, order venv.Order) (venv.Environment, error) {
	s.order = order
	return venv.Environment{}, errors.New("cannot build here")
}

func (*shelfOf) Forget(string) error { return nil }
