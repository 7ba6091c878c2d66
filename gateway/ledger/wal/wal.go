// SPDX-License-Identifier: Apache-2.0

// Package wal is an append-only log of records in files that have their room before they are written.
//
// It is for what must outlive the process the moment it happens, and the machine soon after, until a
// database has it. It is not for what the records mean, and nobody searches it. What Append took,
// SIGKILL cannot lose; what Wait waited for, no loss of power can. A record is whole or not there; one
// that cannot be read is told of, and those behind it are read all the same. Room that was held is
// there, however full the disk is. One process appends at a time. Callers: gateway/ledger.
package wal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/core/home/disk"
)

const (
	// DefaultSegment is the size of a file of the log.
	DefaultSegment = 1 << 20
	// ahead is how many files are ready before they are needed.
	ahead = 1
	// SyncEvery is how long after a sync the next one begins, unless somebody waits for it.
	SyncEvery = 5 * time.Millisecond
	// syncAgain is how long after a sync that failed another is tried.
	syncAgain = time.Second
)

// Options say where a log lies.
type Options struct {
	Dir string
	// Base is where the log begins: not below the end of any log that was in the folder before.
	Base int64
	// Segment is the size of a file; 0 means DefaultSegment.
	Segment int64
	Log     *slog.Logger
	// Disk does what is done to names; a test may watch it.
	Disk disk.Disk
	// Create makes or opens a file; nil for the disk's own.
	Create func(path string) (File, error)
}

// A Log is appended to by many, one at a time, and brings itself to the disk in the background.
type Log struct {
	opt Options

	mu     sync.Mutex
	files  []*segment // oldest first; those behind current have room
	at     int        // the current one's place; there may be none
	end    int64
	held   int64
	frame  []byte
	floor  int64
	failed error // why nothing can be synced
	closed bool

	dirty []*segment // of the syncer alone

	making sync.Mutex // while files are made ready

	synced  atomic.Int64
	waiting sync.Mutex
	turn    chan struct{} // closed at the next sync; nil: nobody waits

	wake, hurry, tidy chan struct{}
	stop              chan struct{}
	gone              sync.WaitGroup
}

// segment is one file, which has the positions from base to base+size.
type segment struct {
	base int64
	size int64
	path string
	file File
}

func (s *segment) limit() int64 { return s.base + s.size }

// lost is what may be left over at the end of a file, where the next record does not fit.
func (s *segment) lost() int64 { return min(4096, s.size/8) }

// New is a log that begins empty at its base. The room for the first records is made in the
// background: on a full disk that fails, and is tried again with each record.
func New(o Options) *Log {
	if o.Segment == 0 {
		o.Segment = DefaultSegment
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Create == nil {
		o.Create = create
	}
	l := &Log{
		opt: o, end: o.Base, floor: o.Base, at: -1, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		tidy: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	l.synced.Store(o.Base)
	l.gone.Go(l.syncer)
	l.gone.Go(l.keeper)
	signal(l.tidy)
	return l
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

var (
	// ErrClosed is the answer of a log that was closed.
	ErrClosed = errors.New("the log is closed")
	errHuge   = errors.New("the record is larger than 64 KiB")
)

// Append writes a record and tells from where to where it stands. With hold it keeps that much more
// room for later records, and is refused where that is not there; with a negative hold it may use what
// was kept, and gives the rest back.
func (l *Log) Append(record []byte, hold int64) (from, to int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if hold < 0 {
		l.held = max(0, l.held+hold)
	}
	switch {
	case l.closed:
		return 0, 0, ErrClosed
	case len(record) > mostRecord:
		return 0, 0, errHuge
	}
	size := int64(headSize + len(record))
	if hold >= 0 {
		if l.failed != nil {
			return 0, 0, l.failed
		}
		for l.room(size) < size+l.held+hold {
			if err := l.grow(); err != nil {
				return 0, 0, err
			}
		}
	}
	if err := l.fit(size); err != nil {
		return 0, 0, err
	}
	now := l.files[l.at]
	l.frame = appendFrame(l.frame[:0], l.end, record)
	if _, err := now.file.WriteAt(l.frame, l.end-now.base); err != nil {
		return 0, 0, disk.Explain("write", now.path, err) // the next one is written over it
	}
	from = l.end
	l.end += size
	l.held += max(hold, 0)
	return from, l.end, nil
}

// room is how much can be written however the records of at most that size fall.
func (l *Log) room(size int64) (room int64) {
	for i, s := range l.files {
		switch {
		case i == l.at:
			room += s.limit() - l.end - max(size, s.lost())
		case i > l.at:
			room += s.size - max(size, s.lost())
		}
	}
	return room
}

// fit makes the current file one that has room for so much.
func (l *Log) fit(size int64) error {
	if l.at >= 0 && l.end+size <= l.files[l.at].limit() {
		return nil
	}
	for l.at+1 >= len(l.files) {
		if err := l.grow(); err != nil {
			return err
		}
	}
	if l.at >= 0 {
		now := l.files[l.at]
		if l.end+headSize <= now.limit() { // its reader knows that this is all
			l.frame = appendFrame(l.frame[:0], l.end, nil)
			if _, err := now.file.WriteAt(l.frame, l.end-now.base); err != nil {
				return disk.Explain("write", now.path, err)
			}
		}
	}
	l.at++
	l.end = l.files[l.at].base
	signal(l.tidy)
	return nil
}

// grow makes one more file, with the lock held but while that takes time.
func (l *Log) grow() error {
	before := len(l.files)
	l.mu.Unlock()
	l.making.Lock()
	l.mu.Lock()
	if len(l.files) > before || l.closed { // somebody was quicker
		l.making.Unlock()
		if l.closed {
			return ErrClosed
		}
		return nil
	}
	base := l.next()
	l.mu.Unlock()
	s, err := l.make(base)
	l.mu.Lock()
	if err == nil {
		l.files = append(l.files, s)
	}
	l.making.Unlock()
	return err
}

// next is where the next file begins.
func (l *Log) next() int64 {
	if n := len(l.files); n > 0 {
		return l.files[n-1].limit()
	}
	return l.opt.Base
}

// make makes a file with all its room, durably. Only one at a time does.
func (l *Log) make(base int64) (*segment, error) {
	if err := l.opt.Disk.MkdirAll(l.opt.Dir, 0o700); err != nil {
		return nil, err
	}
	s := &segment{base: base, size: l.opt.Segment, path: l.path(base)}
	file, err := l.opt.Create(s.path)
	if err != nil {
		return nil, disk.Explain("create", s.path, err)
	}
	s.file = file
	err = fill(file, s.size)
	if err == nil {
		err = file.Datasync()
	}
	if err != nil {
		_ = file.Close()
		_ = l.opt.Disk.Remove(s.path)
		return nil, disk.Explain("make room in", s.path, err)
	}
	if err := l.opt.Disk.SyncDir(l.opt.Dir); err != nil {
		_ = file.Close()
		return nil, err
	}
	return s, nil
}

func (l *Log) path(base int64) string {
	return filepath.Join(l.opt.Dir, fmt.Sprintf("%016x%s", base, suffix))
}

// End is where the next record goes, or would if it fitted there.
func (l *Log) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// Sync has everything appended until now brought to the disk within SyncEvery and the time of a sync.
func (l *Log) Sync() { signal(l.wake) }

// Durable tells whether everything before a position would outlive a loss of power.
func (l *Log) Durable(to int64) bool { return l.synced.Load() >= to }

// Wait returns once everything before a position would outlive a loss of power, as soon as it can.
func (l *Log) Wait(ctx context.Context, to int64) error {
	for !l.Durable(to) {
		turn := l.nextTurn()
		if l.Durable(to) {
			return nil
		}
		l.mu.Lock()
		failed, closed := l.failed, l.closed
		l.mu.Unlock()
		switch {
		case failed != nil:
			return failed
		case closed:
			return ErrClosed
		}
		signal(l.hurry)
		signal(l.wake)
		select {
		case <-turn:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (l *Log) nextTurn() chan struct{} {
	l.waiting.Lock()
	defer l.waiting.Unlock()
	if l.turn == nil {
		l.turn = make(chan struct{})
	}
	return l.turn
}

// told wakes all who wait.
func (l *Log) told() {
	l.waiting.Lock()
	defer l.waiting.Unlock()
	if l.turn != nil {
		close(l.turn)
		l.turn = nil
	}
}

// Release lets go of everything before a position.
func (l *Log) Release(floor int64) {
	l.mu.Lock()
	l.floor = max(l.floor, floor)
	due := l.at > 0 && l.files[0].limit() <= l.floor
	l.mu.Unlock()
	if due {
		signal(l.tidy)
	}
}

// Close ends the log. With empty, its files are removed: nobody needs them any more.
func (l *Log) Close(empty bool) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	close(l.stop)
	l.gone.Wait()
	l.told()
	l.making.Lock()
	defer l.making.Unlock()
	var errs []error
	for _, s := range l.files {
		if !empty {
			errs = append(errs, s.file.Datasync())
		}
		errs = append(errs, s.file.Close())
		if empty {
			errs = append(errs, l.opt.Disk.Remove(s.path))
		}
	}
	return errors.Join(errs...)
}

// syncer brings what was appended to the disk, all that came meanwhile at once.
func (l *Log) syncer() {
	again, pause := time.NewTimer(time.Hour), time.NewTimer(0)
	defer again.Stop()
	defer pause.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-l.wake:
		case <-again.C:
		}
		select { // so that many records are one sync
		case <-l.stop:
			return
		case <-l.hurry:
		case <-pause.C:
		}
		err := l.sync()
		pause.Reset(SyncEvery)
		l.told()
		if err == nil {
			continue
		}
		l.opt.Log.Error("the ledger's log cannot be synced, no call is made until it can", "error", err)
		again.Reset(syncAgain)
	}
}

func (l *Log) sync() error {
	l.mu.Lock()
	end, from, was := l.end, l.synced.Load(), l.failed
	dirty := l.dirty[:0]
	for i, s := range l.files {
		if i <= l.at && s.limit() > from {
			dirty = append(dirty, s)
		}
	}
	l.dirty = dirty
	if was != nil { // the kernel forgets after a failure what it did not write
		was = l.rewrite(dirty, from, end)
	}
	l.mu.Unlock()
	for _, s := range dirty {
		if was == nil {
			was = disk.Explain("sync", s.path, s.file.Datasync())
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = was
	if was == nil {
		l.synced.Store(end)
	}
	return was
}

// rewrite writes what stands between two positions once more.
func (l *Log) rewrite(dirty []*segment, from, end int64) error {
	for _, s := range dirty {
		first, last := max(from, s.base), min(end, s.limit())
		if first >= last {
			continue
		}
		text := make([]byte, last-first)
		if _, err := s.file.ReadAt(text, first-s.base); err != nil {
			return disk.Explain("read", s.path, err)
		}
		if _, err := s.file.WriteAt(text, first-s.base); err != nil {
			return disk.Explain("write", s.path, err)
		}
	}
	return nil
}

// keeper has files ready before they are needed, and lets go of those that are not any more.
func (l *Log) keeper() {
	for {
		select {
		case <-l.stop:
			return
		case <-l.tidy:
		}
		if err := l.keep(); err != nil {
			l.opt.Log.Warn("there is no room ahead in the ledger's log", "error", err)
		}
	}
}

func (l *Log) keep() error {
	l.making.Lock()
	defer l.making.Unlock()
	for {
		l.mu.Lock()
		base, enough := l.next(), len(l.files)-l.at > ahead
		free := l.free()
		closed := l.closed
		l.mu.Unlock()
		if closed || free == nil && enough {
			return nil
		}
		s, err := l.reuse(free, base, enough)
		if err != nil {
			return err
		}
		if s != nil {
			l.mu.Lock()
			l.files = append(l.files, s)
			l.mu.Unlock()
		}
	}
}

// free takes out the oldest file when nobody needs it any more.
func (l *Log) free() *segment {
	if l.at <= 0 || l.files[0].limit() > l.floor {
		return nil
	}
	s := l.files[0]
	if s.limit() > l.synced.Load() {
		signal(l.wake) // it may be synced right now
		return nil
	}
	l.files = slices.Delete(l.files, 0, 1)
	l.at--
	return s
}

// reuse gives a file another place in the log, or removes it where there are enough. Without one it
// makes one.
func (l *Log) reuse(s *segment, base int64, enough bool) (*segment, error) {
	switch {
	case s == nil:
		return l.make(base)
	case enough:
		return nil, errors.Join(s.file.Close(), l.opt.Disk.Remove(s.path))
	}
	to := l.path(base)
	if err := l.opt.Disk.Rename(s.path, to); err != nil {
		_ = s.file.Close()
		return nil, err
	}
	return &segment{base: base, size: s.size, path: to, file: s.file}, nil
}
