// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a scanner is made of.
type Options struct {
	Roots []Root
	// Workers read at the same time; at most this many, by default as many as there are processors,
	// up to 4.
	Workers int
	// Since passes over files that were last written before it; the zero time passes over none.
	Since time.Time
}

// A Scanner reads logs from where it last ended. It is used by one goroutine at a time.
type Scanner struct {
	options  Options
	trees    []*tree
	folders  []*folder // with files
	files    []*file
	seen     seen
	restored map[string]*file
	tick     *Tick
	parents  *parents
}

// A Tick is what one look at the logs found.
type Tick struct {
	Files   int // that may hold calls
	Read    int // of these, that had changed
	Bytes   int64
	Records int
	// Passed counts lines too long to be read.
	Passed int
	// Problems are the first of what cannot be read; Unread is how many there are.
	Problems []Problem
	Unread   int
}

// New makes a scanner. Nothing is read before Scan.
func New(options Options) *Scanner {
	if options.Workers <= 0 {
		options.Workers = min(runtime.GOMAXPROCS(0), 4)
	}
	s := &Scanner{options: options, seen: seen{calls: map[uint64]uint64{}}, restored: map[string]*file{}}
	for _, r := range options.Roots {
		s.trees = append(s.trees, &tree{Root: r, top: &folder{path: r.Path}})
	}
	return s
}

// batch is how many bytes are read before what they hold is told.
const batch = 192 << 20

// Scan looks for what is new and hands it to tell, in one or several lists. What tell refuses is read
// again next time. The error is tell's, or the context's.
func (s *Scanner) Scan(ctx context.Context, tell func([]Record) error) (Tick, error) {
	s.tick, s.parents = &Tick{}, nil
	s.files, s.folders = s.files[:0], s.folders[:0]
	seen := map[place]bool{}
	for _, t := range s.trees {
		s.walk(t.top, t, 0, seen)
	}
	s.tick.Files = len(s.files)
	changed := s.changed()
	if len(changed) > 0 {
		s.parents = newParents(s.files)
		s.parents.add(changed)
	}
	for len(changed) > 0 {
		n, size := 0, int64(0)
		for n < len(changed) && (n == 0 || size < batch) {
			size += changed[n].stamp.Size - changed[n].offset
			n++
		}
		if err := s.take(ctx, changed[:n], tell); err != nil {
			return *s.tick, err
		}
		changed = changed[n:]
	}
	s.parents = nil
	s.malformed()
	return *s.tick, nil
}

// changed stamps every file and returns those that are not as they were read, in order of their
// paths, by which it is decided who was first.
func (s *Scanner) changed() []*file {
	lists, hidden := make([][]*file, len(s.folders)), make([]error, len(s.folders))
	since := int64(math.MinInt64)
	if !s.options.Since.IsZero() {
		since = s.options.Since.UnixNano()
	}
	s.share(len(s.folders), 1, func(_, i int) {
		lookAll(s.folders[i], func(f *file, now stamp, err error) {
			if err == nil && !now.folder {
				f.stamp = now
				if now != f.read && now.Written >= since {
					lists[i] = append(lists[i], f)
				}
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNoFile) {
				hidden[i] = err
			}
		})
	})
	for i, err := range hidden {
		if err != nil {
			s.problem(s.folders[i].path, err)
		}
	}
	list := slices.Concat(lists...)
	slices.SortFunc(list, func(a, b *file) int { return cmp.Compare(a.path, b.path) })
	return list
}

// share calls work for each index below n, steps of them at a time in each of several goroutines,
// and waits for all.
func (s *Scanner) share(n, step int, work func(worker, i int)) {
	var next atomic.Int64
	run := func(worker int) {
		for {
			from := int(next.Add(int64(step))) - step
			if from >= n {
				return
			}
			for i := from; i < min(from+step, n); i++ {
				work(worker, i)
			}
		}
	}
	var group sync.WaitGroup
	for w := 1; w < min(s.options.Workers, (n+step-1)/step); w++ {
		group.Go(func() { run(w) })
	}
	run(0)
	group.Wait()
}

// take reads the files of one batch, tells what they hold, and then remembers how far they were
// read.
func (s *Scanner) take(ctx context.Context, files []*file, tell func([]Record) error) error {
	order := make([]int, len(files)) // the largest first, so that no worker is left with it at the end
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(files[b].stamp.Size, files[a].stamp.Size) })
	lists, next, failed := make([][]found, len(files)), make([]file, len(files)), make([]error, len(files))
	workers := make([]worker, s.options.Workers)
	s.share(len(files), 1, func(n, i int) {
		if ctx.Err() == nil {
			i = order[i]
			next[i] = *files[i]
			lists[i], failed[i] = workers[n].read(&next[i], s.parents)
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	records := s.seen.gather(lists)
	if err := tell(records); err != nil {
		return err
	}
	for i, f := range files {
		if failed[i] == nil {
			s.tick.Read++
			s.tick.Bytes += max(next[i].offset-f.offset, 0)
			*f = next[i]
		} else if !errors.Is(failed[i], fs.ErrNotExist) {
			s.problem(f.path, failed[i])
		}
	}
	for i := range workers {
		s.tick.Passed += workers[i].lines.passed
	}
	s.tick.Records += len(records)
	return nil
}

// File reads one log whole.
func File(source Source, path string) ([]Record, error) {
	s := New(Options{})
	f := &file{path: path}
	f.place(&tree{Root: Root{source, filepath.Dir(filepath.Dir(path))}})
	now, err := look(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	f.stamp = now
	var w worker
	list, err := w.read(f, newParents(nil))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return s.seen.gather([][]found{list}), nil
}
