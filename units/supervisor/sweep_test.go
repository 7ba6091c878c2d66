// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"testing"

	"holdfast/core/home"
	"holdfast/core/process/processtest"
)

// A sweeper counts how often empty groups are put away.
type sweeper struct {
	processtest.Host
	swept []string
}

func (s *sweeper) Sweep(house string) { s.swept = append(s.swept, house) }

// A launch that ends after the first sweep and before the look at who lives leaves its group to nobody.
func TestEmptyGroupsArePutAwayAtTheEndToo(t *testing.T) {
	host := &sweeper{}
	s := New(Options{Home: home.At(t.TempDir()), Host: host})
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(host.swept) != 2 || host.swept[1] != s.House() {
		t.Errorf("swept %q, want the house twice", host.swept)
	}
}
