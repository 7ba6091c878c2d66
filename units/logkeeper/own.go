// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"fmt"
	"os"

	"holdfast/core/home"
)

// ownMost is how large an own log may be before it is begun anew; one old is kept.
const ownMost = 8 << 20

// OpenOwn opens the log of one of the house's own processes ("watch"), which write it themselves and
// which no keeper rotates, to be appended to.
func OpenOwn(h home.Home, name string) (*os.File, error) {
	path := logFile(h, name)
	if info, err := os.Stat(path); err == nil && info.Size() > ownMost {
		_ = os.Rename(path, path+".1") // else it grows on, for what is said counts more
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the log: %w", err)
	}
	return file, nil
}
