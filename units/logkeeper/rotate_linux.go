// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// setBack is how far the clock may be set back before a new file is begun, so that the stamps of
	// one file never go backward and those of a day are not all the same.
	setBack = 2 * time.Second
	// setBackPause bounds how often that happens.
	setBackPause = time.Minute
	// packAfter leaves a rotated file to its readers for a while.
	packAfter = 5 * time.Second
)

// A rotation says when a log begins a new file, and looks after the old ones.
type rotation struct {
	settings Settings
	packing  sync.WaitGroup
	busy     atomic.Bool
	// toPack are the rotated files that may be compressed from a time on.
	toPack map[string]time.Time
}

// ready opens a log for a batch, and rotates it before when that is due.
func (c *clerk) ready(b *book, more int) error {
	known := b.file
	if err := b.open(); err != nil {
		return err
	}
	if b.file != known {
		if err := b.mend(); err != nil {
			return err
		}
	}
	b.used = c.now()
	if !c.due(b, int64(more)) {
		return nil
	}
	to, err := turnName(b.path, c.now())
	if err != nil {
		return fmt.Errorf("cannot rotate log: %w", err)
	}
	if err := b.rename(to); err != nil {
		return err
	}
	b.turned = c.now()
	c.state.slot(b.slot).last = 0
	c.pack(to, packAfter)
	c.forget(b.path, c.now())
	return b.open()
}

// due tells whether a log is to be rotated before more bytes are written to it: never while a
// line is open, but for a file that has become twice as large as it should.
func (c *clerk) due(b *book, more int64) bool {
	slot, now := c.state.slot(b.slot), c.now()
	if b.size == 0 {
		return false
	}
	full := c.settings.Size > 0 && b.size+more > c.settings.Size
	if slot.streams[stdout].open+slot.streams[stderr].open != 0 {
		return full && b.size > 2*c.settings.Size
	}
	back := slot.last > now.Add(setBack).UnixNano() && now.Sub(b.turned).Abs() > setBackPause
	return full || back || b.begun() < dayOf(now)
}

// forget removes the old files of a log that are too many or too old.
func (r *rotation) forget(path string, now time.Time) {
	list, err := Archives(path)
	if err != nil {
		return
	}
	for i, a := range list {
		many := r.settings.Files > 0 && len(list)-i > r.settings.Files
		old := r.settings.Keep > 0 && now.Sub(a.At) > r.settings.Keep
		if many || old {
			_ = os.Remove(a.Path)
			delete(r.toPack, a.Path)
		}
	}
}

// pack notes a rotated file to be compressed.
func (r *rotation) pack(path string, after time.Duration) {
	if r.settings.Compress {
		if r.toPack == nil {
			r.toPack = map[string]time.Time{}
		}
		r.toPack[path] = time.Now().Add(after)
	}
}

// find looks for what earlier keepers left: files to be compressed, and half of such.
func (r *rotation) find(dir string) {
	names, err := namesIn(dir)
	if err != nil {
		return
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, unpacked) {
			_ = os.Remove(path)
			continue
		}
		if at := strings.LastIndex(name, ".log."); at >= 0 {
			if _, err := turnTime(name[at+len(".log."):]); err == nil {
				r.pack(path, packAfter)
			}
		}
	}
}

// packDue compresses what has waited long enough, in a thread of its own of the lowest priority,
// and tells when to look again; zero for never.
func (r *rotation) packDue(now time.Time) (next time.Time) {
	var due []string
	for path, at := range r.toPack {
		if at.After(now) {
			if next.IsZero() || at.Before(next) {
				next = at
			}
			continue
		}
		due = append(due, path)
	}
	if len(due) == 0 {
		return next
	}
	if !r.busy.CompareAndSwap(false, true) {
		return now.Add(packAfter)
	}
	for _, path := range due {
		delete(r.toPack, path)
	}
	r.packing.Go(func() {
		defer r.busy.Store(false)
		runtime.LockOSThread() // for good: the thread ends with its low priority
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19)
		for _, path := range due {
			if err := packFile(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				fmt.Fprintf(os.Stderr, "cannot compress %s: %v\n", path, err)
			}
		}
		debug.FreeOSMemory()
	})
	return next
}

// forgetAll removes the old files of every log.
func (r *rotation) forgetAll(dir string, now time.Time) {
	names, err := namesIn(dir)
	if err != nil {
		return
	}
	logs := map[string]bool{}
	for _, name := range names {
		if at := strings.LastIndex(name, ".log."); at >= 0 {
			logs[name[:at+len(".log")]] = true
		}
	}
	for name := range logs {
		r.forget(filepath.Join(dir, name), now)
	}
}

// packFile puts path.gz in the place of path. Killed in between, a half one goes with the next
// keeper, and of two whole ones the packed counts.
func packFile(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	half := path + unpacked
	if _, err := os.Stat(path + packed); err == nil {
		return os.Remove(path)
	}
	to, err := os.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(to, gzip.DefaultCompression)
	if err == nil {
		_, err = io.Copy(z, from)
		err = errors.Join(err, z.Close(), to.Sync())
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return errors.Join(err, os.Remove(half))
	}
	if err := os.Rename(half, path+packed); err != nil {
		return err
	}
	return os.Remove(path)
}
