// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A beat watches a heartbeat file. A change of the file is what counts, at the time at which it was
// noticed: its own time stamp is of the wall clock, which jumps.
type beat struct {
	patience
	path string
	seen fs.FileInfo // nil when there was no file
}

func newBeat(path string, after time.Duration) *beat {
	b := &beat{path: path, patience: patience{sign: "heartbeat in " + filepath.Base(path), after: after, began: time.Now()}}
	b.seen, _ = os.Stat(path) // what is wrong with it is told when it is asked
	return b
}

func (b *beat) ask(now time.Time) error {
	info, err := os.Stat(b.path)
	switch {
	case err == nil:
		if b.seen == nil || changed(b.seen, info) {
			b.saw(now)
		}
		b.seen = info
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("cannot look at the heartbeat: %w", err)
	default:
		b.seen = nil
	}
	return b.judge(now)
}

func changed(before, after fs.FileInfo) bool {
	return !before.ModTime().Equal(after.ModTime()) || before.Size() != after.Size() || !os.SameFile(before, after)
}
