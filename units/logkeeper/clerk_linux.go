// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
)

const (
	// stageMost is how long the stage may grow before it is cut back.
	stageMost = 1 << 20
	// wordsMost bounds how many bytes of records are made of one batch.
	wordsMost = 256 << 10
)

// A clerk moves batches of bytes from pipes into logs, each byte exactly once.
//
// The stage is a file. One splice takes a batch out of its pipe and puts it at the stage's end,
// within one system call, so that the length of the stage tells a successor whether that was
// done. A batch goes:
//
//	intent   which log, where in the stage, the stamp, how long the log is; then phase 1
//	splice   pipe → stage
//	append   the batch's records → log
//	phase 0  the batch is done; its bytes in the stage mean nothing any more
//
// Killed before the splice, nothing happened. Killed after it, the successor (settle) words the
// batch again, byte for byte the same, sees how much of that the log holds, and appends the rest.
type clerk struct {
	home  home.Home
	mark  []byte
	state *state
	stage *os.File
	// staged is the length of the stage.
	staged int64
	books  map[string]*book
	out    []byte
	now    func() time.Time
	// stuck is since when settle has failed, patience how long it may before the batch is given up.
	stuck    time.Time
	patience time.Duration
	rotation
}

// newClerk settles what the keeper before left unfinished, unless the disk does not let it; then
// settle is to be called again.
func newClerk(h home.Home, now func() time.Time) (*clerk, error) {
	state, err := openState(stateFile(h))
	if err != nil {
		return nil, err
	}
	stage, err := os.OpenFile(stageFile(h), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open stage: %w", err), state.close())
	}
	c := &clerk{home: h, mark: endMark(h), state: state, stage: stage, books: map[string]*book{}, now: now, patience: patience}
	c.settings = DefaultSettings()
	if state.head().phase.Load() == 0 {
		err = c.cut()
	}
	return c, err
}

func (c *clerk) close() error {
	for _, b := range c.books {
		b.close()
	}
	c.packing.Wait()
	return errors.Join(c.stage.Close(), c.state.close())
}

// book gives the log of a name.
func (c *clerk) book(name string) (*book, error) {
	if b, ok := c.books[name]; ok {
		return b, nil
	}
	i, err := c.state.find(name)
	if err != nil {
		return nil, err
	}
	b := &book{name: name, path: logFile(c.home, name), slot: i}
	c.books[name] = b
	return b, nil
}

// drop forgets a log whose pipes are gone.
func (c *clerk) drop(name string) {
	if b, ok := c.books[name]; ok {
		b.close()
		c.state.free(b.slot)
		delete(c.books, name)
	}
}

// errBehind says that another log is the one that cannot be written.
var errBehind = errors.New("an earlier batch comes first")

// take moves raw, which is what the pipe begins with, into the log. It tells how many bytes left
// the pipe; with an error after that, settle goes on.
func (c *clerk) take(pipe int, b *book, stream int, raw []byte) (int, error) {
	if err := c.settleFirst(); err != nil {
		return 0, err
	}
	if err := c.ready(b, len(raw)); err != nil {
		return 0, err
	}
	if err := c.confess(b); err != nil {
		return 0, err
	}
	c.intend(b, stream, len(raw))
	moved, err := c.move(pipe, len(raw))
	if moved == 0 {
		c.state.head().phase.Store(0)
		return 0, fmt.Errorf("cannot take from a pipe: %w", err)
	}
	return moved, c.finish(b, raw[:moved], 0)
}

// intend says in the state what is about to be done.
func (c *clerk) intend(b *book, stream, length int) {
	h, s := c.state.head(), c.state.slot(b.slot)
	h.stream, h.slot, h.open = uint32(stream), uint32(b.slot), s.streams[stream].open
	h.base, h.length = c.staged, int64(length)
	h.stamp = max(c.now().UnixNano(), s.last)
	h.size, h.dev, h.ino = b.size, b.dev, b.ino
	h.phase.Store(1)
}

// move takes n bytes out of a pipe and puts them at the stage's end.
func (c *clerk) move(pipe, n int) (int, error) {
	moved := 0
	for moved < n {
		at := c.staged
		got, err := unix.Splice(pipe, nil, int(c.stage.Fd()), &at, n-moved, unix.SPLICE_F_NONBLOCK)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || got == 0 {
			return moved, err
		}
		moved += int(got)
		c.staged += got
	}
	return moved, nil
}

// finish appends the records of a batch that lies in the stage, but for the first done bytes of
// them, which the log holds already.
func (c *clerk) finish(b *book, raw []byte, done int) error {
	h := c.state.head()
	s := scribe{stamp: h.stamp, stream: int(h.stream), open: h.open != 0, mark: c.mark}
	open := false
	c.out, open = s.words(c.out[:0], raw)
	if err := b.append(c.out, done); err != nil {
		return err
	}
	slot := c.state.slot(b.slot)
	slot.last = max(slot.last, h.stamp)
	slot.streams[h.stream].open = 0
	if open {
		slot.streams[h.stream].open = 1
	}
	h.phase.Store(0)
	if c.staged > stageMost {
		return c.cut()
	}
	return nil
}

// cut empties the stage, which holds nothing that is needed while phase is 0. Its blocks are taken
// again at once where that can be, so that a disk that fills up does not cut batches short.
func (c *clerk) cut() error {
	if err := c.stage.Truncate(0); err != nil {
		return fmt.Errorf("cannot cut back the stage: %w", err)
	}
	c.staged = 0
	_ = unix.Fallocate(int(c.stage.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, stageMost+rawMost)
	return nil
}

func (c *clerk) settleFirst() error {
	if err := c.settle(); err != nil {
		return fmt.Errorf("%w: %w", errBehind, err)
	}
	return nil
}

// settle finishes the batch that is under way: of this keeper, when the log could not be written,
// or of the one before. A batch that cannot be written for another reason than a full disk is
// given up after a while, since all others wait behind it.
func (c *clerk) settle() error {
	if c.state.head().phase.Load() == 0 {
		return nil
	}
	err := c.resume()
	if err == nil {
		c.stuck = time.Time{}
		return nil
	}
	if c.stuck.IsZero() {
		c.stuck = time.Now()
	}
	if isFull(err) || time.Since(c.stuck) < c.patience {
		return err
	}
	c.stuck = time.Time{}
	return c.abandon()
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

func (c *clerk) resume() error {
	h := c.state.head()
	info, err := c.stage.Stat()
	if err != nil {
		return fmt.Errorf("cannot look at the stage: %w", err)
	}
	c.staged = info.Size()
	if c.staged <= h.base || int(h.slot) >= c.state.count() {
		h.phase.Store(0) // nothing was taken
		return nil
	}
	raw := make([]byte, c.staged-h.base)
	if _, err := c.stage.ReadAt(raw, h.base); err != nil {
		return fmt.Errorf("cannot read the stage: %w", err)
	}
	b, err := c.book(c.state.slot(int(h.slot)).log())
	if err == nil {
		err = b.open()
	}
	if err != nil {
		return err
	}
	s := scribe{stamp: h.stamp, stream: int(h.stream), open: h.open != 0, mark: c.mark}
	words, _ := s.words(nil, raw)
	return c.finish(b, raw, b.holds(h, words))
}

// abandon gives up the batch that is under way and remembers how much that was.
func (c *clerk) abandon() error {
	h := c.state.head()
	raw := make([]byte, max(c.staged-h.base, 0))
	if _, err := c.stage.ReadAt(raw, h.base); err != nil {
		return fmt.Errorf("cannot read the stage: %w", err)
	}
	c.lose(int(h.slot), int(h.stream), raw)
	h.phase.Store(0)
	return nil
}

// lose remembers that bytes of a stream were given up.
func (c *clerk) lose(slot, stream int, raw []byte) {
	s := &c.state.slot(slot).streams[stream]
	s.lostBytes += uint64(len(raw))
	s.lostLines += uint64(bytes.Count(raw, []byte{'\n'}))
	s.skipping = 0
	if len(raw) > 0 && raw[len(raw)-1] != '\n' {
		s.skipping = 1
	}
}

// confess writes into the log what was given up of it. Killed in between, it says so twice.
func (c *clerk) confess(b *book) error {
	slot := c.state.slot(b.slot)
	for i := range slot.streams {
		s := &slot.streams[i]
		if s.lostBytes == 0 {
			continue
		}
		text := fmt.Sprintf("[holdfast: %d lines of %s (%d bytes) were given up, because the log could not be written]",
			max(s.lostLines, 1), streamNames[i].record, s.lostBytes)
		stamp := max(c.now().UnixNano(), slot.last)
		// It ends a line that was open, for the rest of that was given up too.
		words, _ := scribe{stamp: stamp, stream: i, open: s.open != 0}.words(nil, []byte(text+"\n"))
		if err := b.append(words, 0); err != nil {
			return err
		}
		slot.last, s.open, s.lostLines, s.lostBytes = stamp, 0, 0, 0
	}
	return nil
}
