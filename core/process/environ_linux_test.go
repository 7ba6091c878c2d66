// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"os"
	"testing"
	"time"
)

// TestNobodyHoldsUpWhoLooks reads of two processes, one of which does not let go.
func TestNobodyHoldsUpWhoLooks(t *testing.T) {
	r := &readings{held: map[int]bool{}}
	free, ended := make(chan struct{}), make(chan struct{})
	stuck := func() ([]byte, error) {
		defer close(ended)
		<-free
		return []byte("late"), nil
	}
	if _, err := r.of(1, stuck); !errors.Is(err, errHeldUp) {
		t.Fatalf("a reading that does not end = %v", err)
	}
	if _, err := r.of(1, func() ([]byte, error) { panic("read again") }); !errors.Is(err, errHeldUp) {
		t.Errorf("the next reading of the same = %v", err)
	}
	if data, err := r.of(2, func() ([]byte, error) { return []byte("A=1"), nil }); err != nil || string(data) != "A=1" {
		t.Errorf("a reading of another = %q %v", data, err)
	}
	close(free)
	<-ended
	limit := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for r.holds(1) {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("who let go is still taken for one that holds up")
		}
	}
	if _, err := readEnviron(os.Getpid()); err != nil {
		t.Error(err)
	}
}
