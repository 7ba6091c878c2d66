// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"testing"

	"holdfast/core/home"
	"holdfast/core/process"
	"holdfast/units/watch"
)

// The watch starts another house just when down found none: down is to ask that one, and not to wait for a
// lock that it keeps.
func TestDownAsksAHouseThatWasStartedMeanwhile(t *testing.T) {
	t.Parallel()
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	h, err := New(place, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := place.Lock("http://127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Unlock() })
	self, err := process.Self()
	if err != nil {
		t.Fatal(err)
	}
	if err := (watch.House{Identity: self, Stage: watch.Starting}).Say(place); err != nil {
		t.Fatal(err)
	}
	if _, err := (downCaller{House: h}).offline(t.Context(), "house.shutdown", []byte(`{}`), false); !errors.Is(err, errReplaced) {
		t.Errorf("it ends with %v", err)
	}
}
