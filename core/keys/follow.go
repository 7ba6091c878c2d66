// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"log/slog"
	"os"
	"time"
)

// lookEvery is how often the file is looked at for what was written into it by hand.
const lookEvery = 2 * time.Second

// Follow takes up what is written into the file by hand, until ctx ends.
func (k *Keys) Follow(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var last look
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			last = k.look(last)
		}
	}
}

// a look is how the file was found.
type look struct {
	found os.FileInfo
	taken bool // read since
}

// look reads the file when it is another than it was when it was read, and has stood still since the
// look before: who writes it may be in the midst of it. A file that is gone, which some editors leave
// for a moment, changes nothing until there is one.
func (k *Keys) look(last look) look {
	info, err := os.Lstat(k.home.EnvFile())
	if err != nil {
		return look{}
	}
	still := last.found != nil && os.SameFile(last.found, info) && last.found.Size() == info.Size() && last.found.ModTime().Equal(info.ModTime())
	if !still || last.taken {
		return look{info, still && last.taken}
	}
	if err := k.Load(); err != nil {
		k.needs.Log.Warn("cannot read the keys as they were written; those before count", slog.Any("error", err))
	}
	return look{info, true}
}
