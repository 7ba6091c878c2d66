// SPDX-License-Identifier: Apache-2.0

package home

import (
	"fmt"
	"os"
)

// Hand readies the lock for the program that takes this process's place (execve), so that nobody
// comes in between; that program's Lock finds it. The lock itself ends with the execve, for a
// descriptor that outlived it would be inherited by whatever that program starts, and hold the home
// beyond its end. What outlives it is the name of this process in the file: until it ends, nobody
// else gets the home.
func (l *Lock) Hand() error {
	born, err := birth(os.Getpid())
	if err != nil {
		return fmt.Errorf("cannot hand over the lock %s: %w", l.file.Name(), err)
	}
	l.holder.Heir = born
	return l.SetAddress("")
}

// hasHeir tells that the holder became another program, or is about to, and that its process lives.
// What cannot be told counts as living.
func (w holder) hasHeir() bool {
	if w.Heir == "" {
		return false
	}
	born, err := birth(w.PID)
	return err != nil || born == w.Heir
}
