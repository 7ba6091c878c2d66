// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"
)

// A porter takes what pipes hold to the clerk.
type porter struct {
	log    *slog.Logger
	clerk  *clerk
	peeker *peeker

	pipes   map[int]*pipe
	queue   []*pipe
	partial map[*pipe]bool
	stuck   map[*pipe]bool
	// full tells that the disk was found full in this round.
	full     bool
	retryAt  time.Time
	complain time.Time
	patience time.Duration
	largest  int // batch of this round
	// ill is what the house is to be told, told what it was; sick is the pipe that it is about.
	ill, told Trouble
	sick      *pipe
}

func newPorter(log *slog.Logger) *porter {
	return &porter{log: log, patience: patience, pipes: map[int]*pipe{}, partial: map[*pipe]bool{}, stuck: map[*pipe]bool{}}
}

func (r *porter) push(p *pipe) {
	if !p.queued {
		p.queued = true
		r.queue = append(r.queue, p)
	}
}

// serve takes from each pipe that has something, in turns.
func (r *porter) serve() {
	for round := 0; len(r.queue) > 0 && round < 8; round++ {
		turn := r.queue
		r.queue = nil
		for _, p := range turn {
			p.queued = false
			if r.pipes[p.fd] == p && r.take(p) {
				r.push(p)
			}
		}
	}
	r.tell()
}

// tell says in the state what is wrong, or that all is well, when that is new.
func (r *porter) tell() {
	switch {
	case len(r.stuck) == 0:
		r.ill, r.sick = Trouble{}, nil
	case !r.stuck[r.sick]:
		r.sick = nil // the next that is tried takes its place
	}
	if r.ill != r.told {
		r.told = r.ill
		r.clerk.state.head().trouble.tell(r.ill)
	}
}

// take moves what can be taken from a pipe into its log; true when there is likely more.
func (r *porter) take(p *pipe) (more bool) {
	raw, err := r.peeker.look(p.fd)
	if err != nil {
		r.trouble(p, err)
		return false
	}
	if len(raw) == 0 {
		if err := r.behind(); err != nil { // what was in it lies in the stage
			r.trouble(p, err)
			return false
		}
		r.calm(p)
		if p.gone && deserted(p.fd) {
			r.letGo(p)
		}
		return false
	}
	b, err := r.clerk.book(p.log)
	if err != nil {
		r.trouble(p, err)
		return false
	}
	if r.clerk.state.slot(b.slot).streams[p.stream].skipping != 0 {
		return r.skip(p, b, raw)
	}
	n := whole(raw)
	if n == 0 && (len(raw) == rawMost || pipeFull(p.fd)) {
		// Its writer waits, or it was widened, so that this look sees the whole line, or that there is none.
		if raw, err = r.peeker.look(p.fd); err != nil {
			r.trouble(p, err)
			return false
		}
		if n = whole(raw); n == 0 {
			n = part(raw)
		}
	}
	if n == 0 {
		if !r.ripe(p, len(raw)) {
			return false
		}
		n = part(raw)
	}
	if r.full {
		r.trouble(p, unix.ENOSPC)
		return false
	}
	moved, err := r.clerk.take(p.fd, b, p.stream, raw[:n])
	if err != nil {
		r.trouble(p, err)
		return false
	}
	r.calm(p)
	r.largest = max(r.largest, moved)
	return true // until it is seen empty: only then the kernel tells when something comes
}

// behind finishes the batch that is under way, if any, and tells what keeps it from that.
func (r *porter) behind() error {
	if r.full && r.clerk.state.head().phase.Load() != 0 {
		return fmt.Errorf("%w: %w", errBehind, unix.ENOSPC)
	}
	return r.clerk.settleFirst()
}

// ripe tells whether an unfinished line is written as a part, because it stood still for a while.
func (r *porter) ripe(p *pipe, n int) bool {
	now := time.Now()
	if p.gone || p.waiting == n && now.Sub(p.since) >= idleLine {
		return true
	}
	if p.waiting != n {
		p.waiting, p.since, p.looks = n, now, 0
	}
	p.lookAt = now.Add(lookAgain(p.looks))
	p.looks++
	r.partial[p] = true
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
func (r *porter) calm(p *pipe) {
	p.waiting, p.troubled = 0, time.Time{}
	delete(r.partial, p)
	delete(r.stuck, p)
}

// skip gives up the rest of a line whose beginning was given up.
func (r *porter) skip(p *pipe, b *book, raw []byte) bool {
	n := 0
	for n < len(raw) {
		n++
		if raw[n-1] == '\n' {
			break
		}
	}
	r.discard(p, b, raw[:n])
	return true
}

func (r *porter) discard(p *pipe, b *book, raw []byte) {
	r.clerk.lose(b.slot, p.stream, raw)
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
func (r *porter) trouble(p *pipe, err error) {
	now := time.Now()
	r.stuck[p] = true
	if p.troubled.IsZero() {
		p.troubled = now
	}
	if !r.full && (r.sick == nil || r.sick == p && !errors.Is(err, errBehind)) { // the first error of a round says most
		r.sick, r.ill = p, Trouble{Since: p.troubled, Log: p.log, Why: reason(err)}
	}
	r.full = r.full || isFull(err)
	if now.Sub(r.complain) > chores {
		r.complain = now
		whose := "log"
		if errors.Is(err, errBehind) {
			whose = "behind_it" // the error names the log that cannot be written
		}
		r.log.Error("cannot write a log; its lines wait", slog.String(whose, p.log), slog.Any("error", err))
	}
	if now.Sub(p.troubled) < r.patience || !pipeFull(p.fd) {
		return
	}
	b, err := r.clerk.book(p.log)
	if err != nil {
		return
	}
	if raw, err := r.peeker.look(p.fd); err == nil && len(raw) > 0 {
		n := whole(raw)
		if n == 0 {
			n = len(raw)
		}
		r.discard(p, b, raw[:n])
	}
}

// reason words an error with what the system said first, for the rest is long.
func reason(err error) string {
	if said, ok := errors.AsType[unix.Errno](err); ok && error(said) != err { //nolint:errorlint // whether it is all
		return fmt.Sprintf("%v (%v)", said, err)
	}
	return err.Error()
}

// letGo closes a pipe whose name is gone, that is empty and that nobody can write to.
func (r *porter) letGo(p *pipe) {
	delete(r.pipes, p.fd)
	delete(r.partial, p)
	delete(r.stuck, p)
	_ = unix.Close(p.fd)
	for _, other := range r.pipes {
		if other.log == p.log {
			return
		}
	}
	r.clerk.drop(p.log)
}

// next is when a pipe is to be looked at again, zero for never.
func (r *porter) next() time.Time {
	var next time.Time
	if len(r.stuck) > 0 {
		next = r.retryAt
	}
	for p := range r.partial {
		if next.IsZero() || p.lookAt.Before(next) {
			next = p.lookAt
		}
	}
	return next
}

// again looks at the pipes whose time has come.
func (r *porter) again(now time.Time) {
	for p := range r.partial {
		if !now.Before(p.lookAt) {
			r.push(p)
		}
	}
	if len(r.stuck) > 0 && !now.Before(r.retryAt) {
		r.retryAt, r.full = now.Add(retryAfter), false
		for p := range r.stuck {
			r.push(p)
		}
	}
}
