// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/holdfasttest/need"
)

func TestFullDiskKeepsNoUnitDown(t *testing.T) {
	dir := t.TempDir()
	s := realHouse(t, dir)
	forever := holdfast.Unit{Name: "forever", Run: []string{"sleep", "1000"}, Dir: dir, Restart: holdfast.RestartAlways}
	if err := s.Set(t.Context(), ownerConfig, []holdfast.Unit{forever}); err != nil {
		t.Fatal(err)
	}
	pid := func() int {
		st, err := s.Status("forever")
		if err != nil || !st.State.Up() {
			return 0
		}
		return st.PID
	}
	eventually(t, "the unit runs", func() bool { return pid() != 0 })
	first := pid()
	fillUp(t, filepath.Join(dir, "var", "run", "launching"))
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the unit runs again", func() bool { now := pid(); return now != 0 && now != first })

	once := holdfast.Unit{Name: "once", Run: []string{"sleep", "1000"}, Dir: dir, Restart: holdfast.RestartNever}
	if err := s.Set(t.Context(), ownerConfig, []holdfast.Unit{forever, once}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what must not run twice says why it does not run", func() bool {
		st, err := s.Status("once")
		return err == nil && st.State == holdfast.UnitFailed && st.Detail != ""
	})
}

// fillUp puts a small disk over the folder and fills it.
func fillUp(t *testing.T, folder string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=64k"); err != nil {
		need.Missing(t, "a small disk: "+err.Error())
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	within := filepath.Join(folder, "filler") // what lies in the folder itself is taken for an announcement
	if err := os.Mkdir(within, 0o700); err != nil {
		t.Fatal(err)
	}
	refused := 0 // counting near the limit is not exact, so it is refused for good only after several
	for i := 0; refused < 64; i++ {
		err := os.WriteFile(filepath.Join(within, fmt.Sprintf("full%d", i)), []byte("full"), 0o600)
		if errors.Is(err, syscall.ENOSPC) {
			refused++
		} else if err != nil || i > 4096 {
			t.Fatalf("the disk does not fill: %v", err)
		}
	}
}
