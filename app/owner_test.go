// SPDX-License-Identifier: Apache-2.0

package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"holdfast/core/home"
	"holdfast/holdfasttest/need"
)

// TestRootLeavesNothingOfItsOwn runs an action in process, as `sudo holdfast install` does, in a home
// of somebody else whose house must be able to use what that made.
func TestRootLeavesNothingOfItsOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		need.Missing(t, "working in another's home needs root")
	}
	place := home.At(t.TempDir())
	if err := os.Chown(place.Dir(), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	h, err := New(place, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.Registry.Action("unit.registry")
	if err != nil {
		t.Fatal(err)
	}
	caller, closing, err := h.connect(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := caller.Dispatch(t.Context(), a.Name, nil, nil); err != nil {
		t.Error(err)
	}
	if err := closing(); err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(place.Var(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files++
		if info.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Errorf("%s is root's", path)
		}
		return nil
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v", files, err)
	}
}
