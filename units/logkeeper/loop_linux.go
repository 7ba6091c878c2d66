// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

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
	earlier(k.next())
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
	k.again(now)
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

// finishWithin is how long the rest of the pipes is taken for, beyond waiting for room on the disk.
const finishWithin = 5 * time.Second

// finish takes what is left in the pipes and removes those that are empty. Lines that cannot be
// written wait as long as they do otherwise, then they are given up and counted. It stops halfway
// when the next house takes this keeper over.
func (k *keeper) finish() {
	begun := time.Now()
	events := make([]unix.EpollEvent, 16)
	for k.end == finishes {
		for _, p := range k.pipes {
			k.push(p)
		}
		k.serve()
		stuck := len(k.stuck) > 0 || k.clerk.settle() != nil
		if len(k.queue) == 0 && !stuck || time.Since(begun) > finishWithin && !stuck {
			break
		}
		if time.Since(begun) > finishWithin+k.patience {
			k.giveUp()
			break
		}
		if stuck {
			k.stand(events)
		}
	}
	if k.end == finishes {
		k.removeEmpty()
	}
}

// stand waits a moment for room on the disk, and hears meanwhile what a house asks.
func (k *keeper) stand(events []unix.EpollEvent) {
	k.queue, k.full = nil, false
	for _, p := range k.pipes {
		p.queued = false
	}
	happened, err := k.wait(events, retryAfter)
	if err != nil {
		nap(retryAfter)
	}
	k.clerk.state.head().beat.Add(1)
	for _, e := range happened {
		k.happened(int(e.Fd), e.Events)
	}
}

// giveUp counts what is left in the pipes, for the next keeper to say so, and lets go of it.
func (k *keeper) giveUp() {
	for _, p := range k.pipes {
		b, err := k.clerk.book(p.log)
		if err != nil {
			continue
		}
		for {
			raw, err := k.peeker.look(p.fd)
			if err != nil || len(raw) == 0 {
				break
			}
			k.discard(p, b, raw)
		}
	}
}

func (k *keeper) removeEmpty() {
	for _, p := range k.pipes {
		if raw, err := k.peeker.look(p.fd); err == nil && len(raw) == 0 && !p.gone {
			_ = os.Remove(k.home.Var("run", "pipes", p.name))
		}
	}
}
