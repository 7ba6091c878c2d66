// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
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
	ending sync.Once
}

func (p *pipes) over() <-chan struct{} { return p.child.Done() }

func (p *pipes) pid() int { return p.child.Identity().PID }

// end ends the whole tree of the process: input closed, a little patience, TERM, KILL. It returns
// when nothing is left.
func (p *pipes) end(session func()) {
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

// reason is why a server ended by itself.
func (p *pipes) reason() error {
	if fault := p.reader.fault.Load(); fault != nil {
		return p.because(*fault)
	}
	select {
	case <-p.child.Done():
		p.stderr.drain(lastWords)
		return p.because(p.child.Exit().String())
	default:
		return p.because("it broke the protocol")
	}
}

// because adds what the server last wrote to its log, for that mostly says why.
func (p *pipes) because(what string) error {
	if last := p.stderr.last(); last != "" {
		return fmt.Errorf("%w: %s; it last wrote: %s", errEnded, what, last)
	}
	return fmt.Errorf("%w: %s", errEnded, what)
}

// explain says why a request failed: out of time, or the process ended, or what the session says.
func (p *pipes) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return told{cause.Error(), errors.Join(cause, err)}
	}
	if p.reader.fault.Load() != nil {
		return p.reason()
	}
	// A process that dies closes its pipe just before it can be waited for.
	wait := time.NewTimer(lastWords)
	defer wait.Stop()
	select {
	case <-p.child.Done():
		return p.reason()
	case <-wait.C:
		return p.because(inWords(err).Error())
	}
}
