// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/holdfasttest/timing"
)

// calling is the setting of how long a call may take.
func calling(limit time.Duration) func(*Needs) {
	return func(n *Needs) {
		s := usual()
		s.Call = limit
		n.Settings = func() Settings { return s }
	}
}

// unanswered makes a call that ends for a reason: again, if need be, for a process stops a little after its
// signal.
func (b *bench) unanswered(r Request, why error) {
	b.t.Helper()
	timing.Until(b.t, "a call without an answer", func() bool {
		ctx, cancel := context.WithCancelCause(b.t.Context())
		defer cancel(nil)
		defer time.AfterFunc(100*time.Millisecond, func() { cancel(why) }).Stop()
		_, err := b.Call(ctx, r)
		return err != nil
	})
}

// stays watches for a while whether the first process goes on to serve.
func (b *bench) stays(during time.Duration) {
	b.t.Helper()
	if timing.Within(during, func() bool { s := b.Status(); return s.Starts != 1 || s.State != StateServing }) {
		b.t.Errorf("it stands as %+v", b.Status())
	}
}

func say(lines ...string) Request {
	arguments, _ := json.Marshal(map[string][]string{"lines": lines}) // strings can be written
	return Request{Name: "say", Arguments: arguments}
}

const done = `{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}`

func TestAFrozenServerIsStartedAnew(t *testing.T) {
	for _, kind := range []string{"legacy", "modern"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := started(t, kind, calling(200*time.Millisecond))
			b.must("can", "")
			b.old()
			b.send(syscall.SIGSTOP)
			b.unanswered(Request{Name: "can"}, ErrTimeout)
			timing.Until(t, "a new process", func() bool { s := b.Status(); return s.Starts == 2 && s.State == StateServing })
			if s := b.Status(); !strings.Contains(s.Error, "it answers nothing: it was asked, and silent for 300ms") {
				t.Errorf("it stands as %+v", s)
			}
			b.must("can", "")
		})
	}
}

// This server does one call at a time, and answers no ping at all.
func TestAServerThatSaysAnythingInTimeIsNotFrozen(t *testing.T) {
	for name, line := range map[string]string{"an answer": done, "noise": "still at it", "a line of its log": "!still at it"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := started(t, "raw", calling(2*time.Second))
			b.must("say", string(say(done).Arguments))
			b.send(syscall.SIGSTOP)
			b.unanswered(say(line), ErrTimeout)
			b.send(syscall.SIGCONT)
			b.stays(4 * time.Second)
			b.must("say", string(say(done).Arguments))
		})
	}
}

func TestNotEveryCallWithoutAnAnswerPutsItsServerInDoubt(t *testing.T) {
	given := func(cause error) func(*bench) {
		return func(b *bench) {
			b.send(syscall.SIGSTOP)
			b.unanswered(say(done), cause)
		}
	}
	for name, call := range map[string]func(*bench){
		"its client gave it up":     given(context.Canceled),
		"its client's time is over": given(context.DeadlineExceeded),
		"something came meanwhile": func(b *bench) {
			peer, over := &client{era: Legacy}, make(chan struct{})
			ctx, cancel := context.WithCancelCause(WithPeer(b.t.Context(), peer))
			go func() {
				defer close(over)
				_, _ = b.Call(ctx, say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}`))
			}()
			timing.Until(b.t, "the line", func() bool {
				peer.mu.Lock()
				defer peer.mu.Unlock()
				return len(peer.lines) == 1
			})
			b.send(syscall.SIGSTOP)
			cancel(ErrTimeout)
			<-over
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := started(t, "raw", calling(200*time.Millisecond))
			b.must("say", string(say(done).Arguments))
			call(b)
			b.stays(time.Second)
			b.send(syscall.SIGCONT)
			b.must("say", string(say(done).Arguments))
		})
	}
}

func TestAServerThatWaitsForAnAnswerIsNotFrozen(t *testing.T) {
	t.Parallel()
	b := started(t, "legacy", calling(200*time.Millisecond))
	answer, ended := b.asking()
	b.send(syscall.SIGSTOP)
	b.unanswered(Request{Name: "can"}, ErrTimeout)
	b.stays(time.Second)
	b.send(syscall.SIGCONT)
	answer()
	if got := <-ended; got != "accept Ada" {
		t.Errorf("the one that was asked: %s", got)
	}
}
