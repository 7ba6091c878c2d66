// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/core/process"
)

func TestSealKeepsWhatWasInherited(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = read.Close(), write.Close() }()
	fd := write.Fd()
	if _, err := unix.FcntlInt(fd, unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	process.Seal()
	flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Fatalf("the descriptor has flags %d (%v), and goes to every program", flags, err)
	}
}
