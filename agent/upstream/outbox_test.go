// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/holdfasttest/timing"
)

// send signals the process that serves.
func (b *bench) send(signal syscall.Signal) {
	b.t.Helper()
	running := b.Status().Running
	if len(running) == 0 || running[0].PID <= 0 { // pid 0 would be this test's own group
		b.t.Fatal("nothing runs")
	}
	if err := syscall.Kill(running[0].PID, signal); err != nil {
		b.t.Fatal(err)
	}
}

// large is a call that no pipe takes whole.
func large() Request {
	return Request{Name: "echo", Arguments: json.RawMessage(fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 200<<10)))}
}

func TestACallOfAServerThatReadsNothingEndsInTime(t *testing.T) {
	b := started(t, "good", nil)
	b.echo("x")
	b.send(syscall.SIGSTOP)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		over := make(chan error, 1)
		go func() {
			_, err := b.Call(ctx, large())
			over <- err
		}()
		select {
		case err := <-over:
			if err == nil {
				t.Error("it was answered")
			}
		case <-time.After(20 * time.Second):
			t.Error("the call outlived its time")
			b.send(syscall.SIGCONT)
			<-over
		}
		cancel()
	}
	if held := len(b.round.slots); held != 0 {
		t.Errorf("%d slots are held", held)
	}
	b.send(syscall.SIGCONT)
	b.echo("again")
	if s := b.Status(); s.Starts != 1 {
		t.Errorf("it stands as %+v", s)
	}
}

func TestAServerThatReadsNothingIsStartedAnew(t *testing.T) {
	b := started(t, "good", func(n *Needs) {
		n.Settings = func() Settings {
			s := usual()
			s.Call = 200 * time.Millisecond
			return s
		}
	})
	b.echo("x")
	b.old()
	b.send(syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const why = "it does not read what it is sent: "
	if _, err := b.Call(ctx, large()); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), " KiB have waited for ") {
		t.Fatalf("the call: %v", err)
	}
	timing.Until(t, "a new process", func() bool { s := b.Status(); return s.Starts == 2 && s.State == StateServing })
	if s := b.Status(); !strings.Contains(s.Error, why) {
		t.Errorf("it stands as %+v", s)
	}
	b.echo("again")
}

// boxed is an outbox whose other end is read, and why it gave up.
func boxed(t *testing.T, over chan struct{}) (o *outbox, read *os.File, why chan string) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	why = make(chan string, 1)
	o = newOutbox(write, func() time.Duration { return time.Minute }, over, func(s string) error {
		why <- s
		return errors.New(s)
	})
	t.Cleanup(func() {
		_ = read.Close()
		o.drop()
	})
	return o, read, why
}

func TestWhatWaitsIsWrittenInOrderAlsoAfterClose(t *testing.T) {
	o, read, _ := boxed(t, nil)
	var want bytes.Buffer
	for i := range 5000 {
		line := fmt.Appendf(nil, "%d %s\n", i, strings.Repeat("y", 100))
		want.Write(line)
		if _, err := o.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	_ = o.Close()
	if _, err := o.Write([]byte("late")); err == nil {
		t.Error("it takes more after it was closed")
	}
	if got, err := io.ReadAll(read); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d bytes of %d came: %v", len(got), want.Len(), err)
	}
}

func TestMoreThanMayWaitEndsTheSession(t *testing.T) {
	o, _, why := boxed(t, nil)
	for part := make([]byte, 16<<20); ; {
		if _, err := o.Write(part); err != nil {
			break
		}
	}
	if got := <-why; !strings.Contains(got, "does not read what it is sent") {
		t.Errorf("it says %q", got)
	}
}

func TestABrokenPipeIsToldUnlessTheProcessEnded(t *testing.T) {
	for _, ended := range []bool{false, true} {
		over := make(chan struct{})
		if ended {
			close(over)
		}
		o, read, why := boxed(t, over)
		_ = read.Close()
		_, _ = o.Write([]byte("x"))
		<-o.done
		if told := len(why) > 0; told == ended {
			t.Errorf("the process ended %v, told %v", ended, told)
		}
		if _, err := o.Write([]byte("x")); err == nil {
			t.Error("a broken pipe takes more")
		}
	}
}
