// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
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

// shelfOf has an environment of other requirements for everybody, or none.
type shelfOf struct{ there bool }

func (s *shelfOf) Current(string) (venv.Environment, bool) { return venv.Environment{}, s.there }

func (*shelfOf) Build(context.Context, venv.Order) (venv.Environment, error) {
	return venv.Environment{}, errors.New("cannot build here")
}

func (*shelfOf) Forget(string) error { return nil }
