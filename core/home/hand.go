// SPDX-License-Identifier: Apache-2.0

package home

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"holdfast/core/home/disk"
)

// lockVariable tells a program that took this process's place (execve) which descriptor holds the
// home: "PID:DESCRIPTOR". A process that merely inherits the variable has another pid.
const lockVariable = "HOLDFAST_LOCK"

// Hand readies the lock for the program that takes this process's place, so that nobody comes in
// between, and returns what to add to its environment. That program's Lock finds it there.
func (l *Lock) Hand() (variable string, err error) {
	if err := l.SetAddress(""); err != nil {
		return "", err
	}
	if _, err := unix.FcntlInt(l.file.Fd(), unix.F_SETFD, 0); err != nil {
		return "", disk.Explain("hand over the lock", l.file.Name(), err)
	}
	return fmt.Sprintf("%s=%d:%d", lockVariable, os.Getpid(), l.file.Fd()), nil
}

// handed is the open lock that the program before this one left in this process; nil when it left
// none. The variable proves nothing: the descriptor must be that of the lock file, and lock it.
func handed(path string) *os.File {
	text, ok := os.LookupEnv(lockVariable)
	if !ok {
		return nil
	}
	_ = os.Unsetenv(lockVariable)
	pid, fd := 0, -1
	if _, err := fmt.Sscanf(text, "%d:%d", &pid, &fd); err != nil || pid != os.Getpid() || fd < 3 {
		return nil
	}
	var have, want unix.Stat_t
	if unix.Fstat(fd, &have) != nil || unix.Lstat(path, &want) != nil || have.Dev != want.Dev || have.Ino != want.Ino {
		return nil
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), path)
	if flock(f, unix.LOCK_EX|unix.LOCK_NB) != nil {
		_ = f.Close()
		return nil
	}
	return f
}
