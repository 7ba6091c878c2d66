// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"testing"

	"holdfast/core/process"
	"holdfast/units/watch"
)

// The watch starts another house just when down found none: down is to ask that one, and not to wait for a
// lock that it keeps.
func TestDownAsksAHouseThatWasStartedMeanwhile(t *testing.T) {
	t.Parallel()
	h := vacant(t)
	hold(t, h.Home, "http://127.0.0.1:9")
	self, err := process.Self()
	if err != nil {
		t.Fatal(err)
	}
	if err := (watch.House{Identity: self, Stage: watch.Starting}).Say(h.Home); err != nil {
		t.Fatal(err)
	}
	if _, err := (downCaller{House: h}).offline(t.Context(), "house.shutdown", []byte(`{}`), false); !errors.Is(err, errReplaced) {
		t.Errorf("it ends with %v", err)
	}
}
