// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// serve takes from each pipe that has something, in turns.
func (k *keeper) serve() {
	for round := 0; len(k.queue) > 0 && round < 8; round++ {
		turn := k.queue
		k.queue = nil
		for _, p := range turn {
			p.queued = false
			if k.pipes[p.fd] == p && k.take(p) {
				k.push(p)
			}
		}
	}
}

// take moves what can be taken from a pipe into its log; true when there is likely more.
func (k *keeper) take(p *pipe) (more bool) {
	raw, err := k.peeker.look(p.fd)
	if err != nil {
		k.trouble(p, err)
		return false
	}
	if len(raw) == 0 {
		k.calm(p)
		if p.gone {
			k.letGo(p)
		}
		return false
	}
	b, err := k.clerk.book(p.log)
	if err != nil {
		k.trouble(p, err)
		return false
	}
	if k.clerk.state.slot(b.slot).streams[p.stream].skipping != 0 {
		return k.skip(p, b, raw)
	}
	n := whole(raw)
	if n == 0 && pipeFull(p.fd) {
		// Its writer waits, so that this look sees the whole line, or that there is none.
		if raw, err = k.peeker.look(p.fd); err != nil {
			k.trouble(p, err)
			return false
		}
		if n = whole(raw); n == 0 {
			n = part(raw)
		}
	}
	if n == 0 {
		if !k.ripe(p, len(raw)) {
			return false
		}
		n = part(raw)
	}
	if k.full {
		k.trouble(p, unix.ENOSPC)
		return false
	}
	moved, err := k.clerk.take(p.fd, b, p.stream, raw[:n])
	if err != nil {
		k.trouble(p, err)
		return false
	}
	k.calm(p)
	k.largest = max(k.largest, moved)
	return true // until it is seen empty: only then the kernel tells when something comes
}

// ripe tells whether an unfinished line is written as a part, because it stood still for a while.
func (k *keeper) ripe(p *pipe, n int) bool {
	now := time.Now()
	if p.gone || p.waiting == n && now.Sub(p.since) >= idleLine {
		return true
	}
	if p.waiting != n {
		p.waiting, p.since, p.looks = n, now, 0
	}
	p.lookAt = now.Add(lookAgain(p.looks))
	p.looks++
	k.partial[p] = true
	return false
}

// lookAgain is when a pipe that holds an unfinished line is looked at again. It has to be, for the
// kernel does not tell that a writer whose long write has begun goes on with it.
func lookAgain(looks int) time.Duration {
	if looks < 4 {
		return 50 * time.Microsecond << looks
	}
	return min(time.Millisecond<<(looks-4), idleLine/8)
}

// calm notes that nothing waits and nothing is wrong.
func (k *keeper) calm(p *pipe) {
	p.waiting, p.troubled = 0, time.Time{}
	delete(k.partial, p)
	delete(k.stuck, p)
}

// skip gives up the rest of a line whose beginning was given up.
func (k *keeper) skip(p *pipe, b *book, raw []byte) bool {
	n := 0
	for n < len(raw) {
		n++
		if raw[n-1] == '\n' {
			break
		}
	}
	k.discard(p, b, raw[:n])
	return true
}

func (k *keeper) discard(p *pipe, b *book, raw []byte) {
	k.clerk.lose(b.slot, p.stream, raw)
	for n := len(raw); n > 0; {
		got, err := unix.Read(p.fd, make([]byte, n))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || got == 0 {
			return
		}
		n -= got
	}
}

// trouble notes that a pipe's lines cannot be written now. They wait in the pipe; when that is
// full and the trouble lasts, they are given up and counted, so that no unit is blocked for ever.
func (k *keeper) trouble(p *pipe, err error) {
	now := time.Now()
	k.full = k.full || isFull(err)
	k.stuck[p] = true
	if p.troubled.IsZero() {
		p.troubled = now
	}
	if now.Sub(k.complain) > chores {
		k.complain = now
		k.log.Error("cannot write a log; its lines wait", slog.String("log", p.log), slog.Any("error", err))
	}
	if now.Sub(p.troubled) < k.patience || !pipeFull(p.fd) {
		return
	}
	b, err := k.clerk.book(p.log)
	if err != nil {
		return
	}
	if raw, err := k.peeker.look(p.fd); err == nil && len(raw) > 0 {
		n := whole(raw)
		if n == 0 {
			n = len(raw)
		}
		k.discard(p, b, raw[:n])
	}
}

// letGo closes a pipe whose name is gone and that is empty.
func (k *keeper) letGo(p *pipe) {
	delete(k.pipes, p.fd)
	delete(k.partial, p)
	delete(k.stuck, p)
	_ = unix.Close(p.fd)
	for _, other := range k.pipes {
		if other.log == p.log {
			return
		}
	}
	k.clerk.drop(p.log)
}

// timeout is how long the loop may wait.
func (k *keeper) timeout() time.Duration {
	if len(k.queue) > 0 {
		return 0
	}
	next := k.choresAt
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	for p := range k.partial {
		earlier(p.lookAt)
	}
	if len(k.stuck) > 0 {
		earlier(k.retryAt)
	}
	earlier(k.packAt)
	earlier(k.morgue.lookAt)
	return max(time.Until(next), time.Microsecond)
}

// wait waits for what happens, at most so long.
func (k *keeper) wait(events []unix.EpollEvent, most time.Duration) ([]unix.EpollEvent, error) {
	if most > 0 && most < time.Millisecond {
		nap(most)
		most = 0
	}
	n, err := unix.EpollWait(k.epoll, events, int((most+time.Millisecond-1)/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return nil, fmt.Errorf("cannot wait for pipes: %w", err)
	}
	return events[:max(n, 0)], nil
}

func nap(d time.Duration) {
	span := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&span, nil)
}

// clock does what is due.
func (k *keeper) clock(now time.Time) {
	for p := range k.partial {
		if !now.Before(p.lookAt) {
			k.push(p)
		}
	}
	if len(k.stuck) > 0 && !now.Before(k.retryAt) {
		k.retryAt, k.full = now.Add(retryAfter), false
		for p := range k.stuck {
			k.push(p)
		}
	}
	if !k.packAt.IsZero() && !now.Before(k.packAt) || k.packAt.IsZero() && len(k.clerk.toPack) > 0 {
		k.packAt = k.clerk.packDue(now)
	}
	if k.morgue.lookAt.Before(now) {
		k.morgue.look(now)
	}
	if now.Before(k.choresAt) {
		return
	}
	k.choresAt = now.Add(chores)
	k.doChores(now)
}

// doChores closes logs that nobody writes to, removes what is too old, and ends a keeper that
// nobody needs any more.
func (k *keeper) doChores(now time.Time) {
	if k.homeGone() {
		k.end = stops
		return
	}
	for _, b := range k.clerk.books {
		if k.clerk.now().Sub(b.used).Abs() > chores {
			b.close()
		}
	}
	k.clerk.forgetAll(logsDir(k.home), k.clerk.now())
	switch {
	case k.morgue.peopled():
		k.alone = time.Time{}
	case k.alone.IsZero():
		k.alone = now
	case now.Sub(k.alone) >= chores && len(k.stuck)+len(k.partial) == 0:
		k.end = stops
	}
}

// finish takes what is left in the pipes and removes those that are empty.
func (k *keeper) finish() {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		for _, p := range k.pipes {
			k.push(p)
		}
		k.serve()
		if len(k.queue) == 0 {
			break
		}
	}
	for _, p := range k.pipes {
		if raw, err := k.peeker.look(p.fd); err == nil && len(raw) == 0 && !p.gone {
			_ = os.Remove(k.home.Var("run", "pipes", p.name))
		}
	}
}
