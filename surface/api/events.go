// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"holdfast/surface/problem"
)

// an eventWriter writes server-sent events. The headers go out with the first write, so that an
// error before it is an ordinary problem answer.
type eventWriter struct {
	mu    sync.Mutex
	w     http.ResponseWriter
	flush *http.ResponseController
	open  bool
}

func (e *eventWriter) begin() {
	if e.open {
		return
	}
	e.open = true
	header := e.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
}

func (e *eventWriter) write(text string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.begin()
	if _, err := e.w.Write([]byte(text)); err != nil {
		return errGone
	}
	return e.flush.Flush()
}

func (e *eventWriter) send(event any) error {
	raw, err := json.Marshal(event)
	if err != nil {
		return err
	}
	return e.write("data: " + string(raw) + "\n\n")
}

// fail tells the reader why the stream ended: as a problem answer when nothing was sent yet.
func (e *eventWriter) fail(err error) {
	e.mu.Lock()
	open := e.open
	e.mu.Unlock()
	if !open {
		problem.Write(e.w, err)
		return
	}
	raw, _ := json.Marshal(problem.Of(err)) // a Document always marshals
	_ = e.write("event: problem\ndata: " + string(raw) + "\n\n")
}

// keepAlive opens the stream soon, even when nothing happens, and sends a comment now and then. A
// refusal comes within the first moment, so the opening waits for it.
func (e *eventWriter) keepAlive(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		wait := time.NewTimer(250 * time.Millisecond)
		defer wait.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-wait.C:
				if e.write(": alive\n\n") != nil {
					return
				}
				wait.Reset(heartbeat)
			}
		}
	})
	return func() { cancel(); done.Wait() }
}
