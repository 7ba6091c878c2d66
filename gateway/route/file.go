// SPDX-License-Identifier: Apache-2.0

package route

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/core/home/disk"
)

const (
	fileVersion = 1
	// A cooldown is written as it begins; gather is how long other changes are gathered before, and
	// tryAgain the pause after a write that failed.
	gather   = 200 * time.Millisecond
	tryAgain = 5 * time.Second
	// mostKeeping bounds how long a call waits for a write.
	mostKeeping = time.Second
	mostFile    = 4 << 20
	// asideSuffix ends the name of a file that could not be read.
	asideSuffix = ".unreadable"
)

// stored is the file's content.
type stored struct {
	Version   int               `json:"version"`
	Cooldowns []storedCooldown  `json:"cooldowns"`
	Answered  map[string]Target `json:"answered,omitempty"`
}

type storedCooldown struct {
	Target
	Until time.Time `json:"until"`
	Since time.Time `json:"since"`
	// Span is how long the cooldown was when it began: however the clock jumps, no more of it can
	// be left.
	Span     time.Duration `json:"span_ns"`
	Failures int           `json:"failures"`
	Told     bool          `json:"told,omitempty"`
	Limited  bool          `json:"limited,omitempty"`
	Reason   string        `json:"reason,omitempty"`
}

// file keeps the cooldowns on the disk.
type file struct {
	path string
	once sync.Once
	disk disk.Disk

	mu    sync.Mutex
	aside string // what was set aside at Load
	fault string // why the last write failed
	last  []byte // what the file holds
}

// Load takes up what an earlier process knew. A file that cannot be read is set aside and told of
// by Fault; the house goes on without it.
func (r *Router) Load() { r.file.once.Do(r.load) }

func (r *Router) load() {
	if r.file.path == "" {
		return
	}
	data, err := read(r.file.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var was stored
	if err == nil {
		was, err = parse(data)
	}
	if err != nil {
		r.file.setAside(err, r.log)
		return
	}
	r.file.last = bytes.TrimSpace(data)
	r.take(was)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err == nil && len(data) > mostFile {
		err = errors.New("it is larger than 4 MiB")
	}
	return data, err
}

func parse(data []byte) (stored, error) {
	var s stored
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&s); err != nil {
		return stored{}, fmt.Errorf("it is not whole: %w", err)
	}
	if s.Version != fileVersion {
		return stored{}, fmt.Errorf("it is of version %d, want %d", s.Version, fileVersion)
	}
	return s, nil
}

func (f *file) setAside(why error, log *slog.Logger) {
	aside := f.path + asideSuffix
	said := fmt.Sprintf("cannot read %s: %v; it is kept as %s, and cooldowns begin anew", filepath.Base(f.path), why, filepath.Base(aside))
	if err := os.Rename(f.path, aside); err != nil { // an older one is worth less
		said = fmt.Sprintf("cannot read %s: %v; nor set it aside: %v", filepath.Base(f.path), why, err)
	}
	log.Warn(said)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aside = said
}

// take sets the circuits as they were. What is left of a cooldown is told by the wall clock, for a
// process that ended knows no other, and is between nothing and what it was when it began.
func (r *Router) take(was stored) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range was.Cooldowns {
		if s.Provider == "" || s.Model == "" || s.Failures <= 0 || s.Until.IsZero() || len(r.circuits) >= mostKept {
			continue
		}
		span := min(max(s.Span, 0), MostTold)
		left := min(s.Until.Sub(now.Round(0)), span)
		if left < -forgetAfter {
			continue
		}
		since := s.Since
		if since.After(now) {
			since = now
		}
		r.circuits[s.Target] = &circuit{
			until: now.Add(left), since: now.Add(since.Sub(now.Round(0))), span: span, failures: min(s.Failures, 64), turn: 1,
			told: s.Told, limited: s.Limited, reason: clip(s.Reason),
		}
	}
	for alias, t := range was.Answered {
		if len(r.last) < mostKept && t.Provider != "" {
			r.last[alias] = t
		}
	}
}

// snapshot is what is to be stored.
func (r *Router) snapshot() stored {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := stored{Version: fileVersion, Cooldowns: []storedCooldown{}, Answered: maps.Clone(r.last)}
	for t, c := range r.circuits {
		if c.until.IsZero() || now.Sub(c.until) > forgetAfter {
			continue
		}
		s.Cooldowns = append(s.Cooldowns, storedCooldown{
			Target: t, Until: wall(c.until, now), Since: wall(c.since, now), Span: c.span,
			Failures: c.failures, Told: c.told, Limited: c.limited, Reason: c.reason,
		})
	}
	slices.SortFunc(s.Cooldowns, func(a, b storedCooldown) int { return strings.Compare(a.String(), b.String()) })
	return s
}

// Run writes changes down until the context ends: cooldowns as they begin, other changes gathered.
// However many begin at once, they are one write or two; and it writes half of the time at most.
func (r *Router) Run(ctx context.Context) error {
	r.mu.Lock()
	r.running = true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.running = false
		r.mu.Unlock()
		_ = r.write() // what is left, so that nobody waits any more; Fault tells
	}()
	for {
		select {
		case <-r.hurry:
		case <-r.dirty:
			if !sleep(ctx, gather, r.hurry) {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
		began := time.Now()
		err := r.write()
		rest := time.Since(began)
		for err != nil {
			if !sleep(ctx, tryAgain, nil) {
				return nil
			}
			err = r.write()
		}
		if !sleep(ctx, rest, nil) {
			return nil
		}
	}
}

// sleep waits, at most until early; false when the context ended.
func sleep(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-ctx.Done():
		return false
	}
	return true
}

// write is Flush, of which those are told who wait for it.
func (r *Router) write() error {
	r.mu.Lock()
	kept := r.kept
	r.kept = nil
	r.mu.Unlock()
	err := r.Flush()
	r.mu.Lock()
	r.sick = err != nil
	r.mu.Unlock()
	if kept != nil {
		close(kept)
	}
	return err
}

// Flush writes the cooldowns down now, if they are not what the file holds.
func (r *Router) Flush() error {
	f := &r.file
	if f.path == "" {
		return nil
	}
	f.mu.Lock() // before the snapshot, so that no older one is written over a newer one
	defer f.mu.Unlock()
	now := r.snapshot()
	data, err := json.MarshalIndent(now, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot write the cooldowns: %w", err)
	}
	return f.write(data, len(now.Cooldowns)+len(now.Answered) == 0, r.log)
}

// write puts the file in place, unless it holds that already. The lock is held.
func (f *file) write(data []byte, empty bool, log *slog.Logger) error {
	if bytes.Equal(data, f.last) || empty && f.last == nil {
		return nil
	}
	err := f.disk.MkdirAll(filepath.Dir(f.path), 0o700)
	if err == nil {
		err = f.disk.WriteFile(f.path, append(data, '\n'), 0o600)
	}
	if err != nil {
		said := "cannot write the cooldowns down, so a restart would forget them: " + err.Error()
		if f.fault != said {
			log.Warn(said)
		}
		f.fault = said
		return err
	}
	f.last, f.fault = data, ""
	return nil
}

// Fault tells what is wrong with the file; "" when nothing is.
func (r *Router) Fault() string {
	r.file.mu.Lock()
	defer r.file.mu.Unlock()
	return cmp.Or(r.file.fault, r.file.aside)
}
