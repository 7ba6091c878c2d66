// SPDX-License-Identifier: Apache-2.0

package swap_test

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/core/home/disk/disktest"
	"holdfast/units/upgrade/swap"
)

func TestAFullDiskLeavesNothing(t *testing.T) {
	from := filepath.Join(t.TempDir(), "holdfast")
	write(t, from, strings.Repeat("x", 300<<10))
	dir := disktest.Mount(t, "128k")
	to := filepath.Join(dir, "holdfast")
	write(t, to, "old")
	_, err := swap.Stage(from, to)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "the disk is full; nothing was changed") {
		t.Errorf("got %v", err)
	}
	reads(t, to, "old")
	reads(t, to+".next", "")
}
