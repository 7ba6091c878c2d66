// SPDX-License-Identifier: Apache-2.0

package venv

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncTree makes all in a folder durable, with the rest of its file system.
func syncTree(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return unix.Syncfs(int(f.Fd()))
}
