// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"holdfast/core/process"
)

const (
	// politeness is how long a server may take to end after its input was closed, then after TERM.
	politeness = 500 * time.Millisecond
	grace      = 2 * time.Second
	// lastWords is how long after a session broke its process, or the connection, may take to be known as
	// ended, for only then it can be told how: a busy machine takes its time.
	lastWords = 2 * time.Second
)

// pipes are a process and the pipes to it.
type pipes struct {
	child  process.Child
	stdin  *outbox
	stdout *os.File
	reader *messages
	stderr *logPipe
	heard  atomic.Uint64 // how often something came from it
	ending sync.Once

	settling sync.Once
	settled  error
}

func (p *pipes) over() <-chan struct{} { return p.child.Done() }

func (p *pipes) pid() int { return p.child.Identity().PID }

// end ends the whole tree of the process: input closed, a little patience, TERM, KILL. It returns
// when nothing is left.
func (p *pipes) end(_ bool, session func()) {
	p.ending.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = p.stdin.Close()
		wait := time.NewTimer(politeness)
		defer wait.Stop()
		select {
		case <-p.child.Done():
		case <-wait.C:
		}
		// Also after its end: what it started may live on.
		if err := p.child.End(ctx, syscall.SIGTERM, grace); err != nil {
			p.stderr.note("cannot end all of the tool server: " + err.Error())
		}
		p.stdin.drop()
		_ = p.stdout.Close()
		session()
		p.stderr.close()
	})
}

// reason is why a server ended by itself, or broke the session. It is settled once, for then the house
// ends what still runs, which is no reason.
func (p *pipes) reason() error {
	p.settling.Do(func() { p.settled = p.settle() })
	return p.settled
}

func (p *pipes) settle() error {
	if fault := p.reader.fault.Load(); fault != nil {
		return p.did(*fault)
	}
	if !p.died() {
		return p.did("the session with it broke off")
	}
	p.stderr.drain(lastWords)
	return p.because(p.child.Exit().String())
}

// died waits a moment for the end of the process: one that dies closes its pipe just before it can be
// waited for.
func (p *pipes) died() bool {
	wait := time.NewTimer(lastWords)
	defer wait.Stop()
	select {
	case <-p.child.Done():
		return true
	case <-wait.C:
		return false
	}
}

// because is how a process ended.
func (p *pipes) because(what string) error {
	return fmt.Errorf("%w: %s", errEnded, p.lastly(what))
}

// did is what a process did that the session could not go on with.
func (p *pipes) did(what string) error { return told{p.lastly(what), errEnded} }

// lastly adds what the server last wrote to its log, for that mostly says why.
func (p *pipes) lastly(what string) string {
	if last := p.stderr.last(); last != "" {
		return what + "; it last wrote: " + last
	}
	return what
}

// explain says why a request failed: out of time, or the process ended, or what the session says.
func (p *pipes) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		text := cause.Error()
		if stray := p.reader.stray.Load(); stray != nil {
			text += "; it sent " + *stray
		}
		return told{text, errors.Join(cause, err)}
	}
	if spoilt(err) != "" {
		return inWords(err)
	}
	if p.reader.fault.Load() != nil || p.died() {
		return p.reason()
	}
	return p.because(inWords(err).Error())
}
