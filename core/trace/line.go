// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// bounds are how much waits and for how long.
type bounds struct {
	queue, batch int
	// gather is how long the first span of a batch waits for others.
	gather time.Duration
	// answer bounds one request to the collector, firstPause and longestPause the time before it is
	// asked again, and attempts how often a batch is tried.
	answer, firstPause, longestPause time.Duration
	attempts                         int
}

func defaultBounds() bounds {
	return bounds{
		queue: 2048, batch: 512, gather: time.Second,
		answer: 10 * time.Second, firstPause: time.Second, longestPause: 30 * time.Second, attempts: 5,
	}
}

// The ways in which a span ends.
const (
	sent     = "sent"
	dropped  = "dropped"  // the queue was full, or the house ended
	failed   = "failed"   // the collector was not there, or did not take the batch
	rejected = "rejected" // the collector took the batch and not this one
)

// A line takes spans that have ended to the collector. Nobody who ends a span ever waits for it: what
// does not fit into the queue is dropped and counted.
//
//	ended spans ─▶ queue (bounded) ─▶ batch ─▶ collector
//	                  └─ full: dropped          └─ not taken, after some attempts: failed
type line struct {
	traces *Traces
	bounds bounds
	post   poster
	count  func(n float64, values ...string)

	once    sync.Once
	queue   chan sdk.ReadOnlySpan
	news    chan struct{}   // another configuration
	over    chan struct{}   // the house ends
	life    context.Context //nolint:containedctx // of the one goroutine, ended by end
	cut     context.CancelFunc
	done    chan struct{}
	closed  atomic.Bool
	running atomic.Bool
}

func newLine(t *Traces, b bounds) *line {
	life, cut := context.WithCancel(context.Background())
	l := &line{
		traces: t, bounds: b, post: newPoster(t.needs), count: func(float64, ...string) {},
		news: make(chan struct{}, 1), over: make(chan struct{}), done: make(chan struct{}), life: life, cut: cut,
	}
	if m := t.needs.Meter; m != nil {
		add, err := m.Counter("holdfast_trace_spans_total", "Spans by what became of them: sent, dropped (the queue was full), failed (the collector did not take the batch), rejected.", "outcome")
		if err == nil {
			l.count = add
			err = m.Gauge("holdfast_trace_queue_spans", "Spans that wait for the collector.", func() float64 { return float64(t.line.waiting()) })
		}
		if err != nil {
			t.needs.Log.Error("cannot count spans", "error", err)
		}
	}
	return l
}

// begin starts the line, once.
func (l *line) begin() {
	l.once.Do(func() {
		l.queue = make(chan sdk.ReadOnlySpan, l.bounds.queue)
		l.running.Store(true)
		go l.run()
	})
}

func (l *line) waiting() int {
	if !l.running.Load() {
		return 0
	}
	return len(l.queue)
}

// changed has a batch that waits to be tried again try now.
func (l *line) changed() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// end sends what waits, within a bound, and drops the rest.
func (l *line) end(ctx context.Context) {
	if l.closed.Swap(true) || !l.running.Load() {
		return
	}
	close(l.over)
	patience := time.AfterFunc(flushWithin, l.cut)
	defer patience.Stop()
	unwatch := context.AfterFunc(ctx, l.cut)
	defer unwatch()
	<-l.done
	l.cut()
}

// OnStart has nothing to do.
func (*line) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd takes a span that has ended.
func (l *line) OnEnd(span sdk.ReadOnlySpan) {
	if l.closed.Load() {
		l.count(1, dropped)
		return
	}
	select {
	case l.queue <- span:
	default:
		l.count(1, dropped)
	}
}

// Shutdown and ForceFlush have nothing to do: a line outlives the configurations whose spans it takes.
func (*line) Shutdown(context.Context) error { return nil }

// ForceFlush has nothing to do.
func (*line) ForceFlush(context.Context) error { return nil }

func (l *line) run() {
	defer close(l.done)
	defer l.post.close()
	batch := make([]sdk.ReadOnlySpan, 0, l.bounds.batch)
	for {
		batch = l.gather(batch[:0])
		if len(batch) == 0 {
			return
		}
		l.send(batch)
		clear(batch) // so that nothing of them is kept
	}
}

// gather waits for the first span and a moment for others; none are left when it gives none.
func (l *line) gather(batch []sdk.ReadOnlySpan) []sdk.ReadOnlySpan {
	select {
	case span := <-l.queue:
		batch = append(batch, span)
	case <-l.over:
		return l.rest(batch)
	}
	moment := time.NewTimer(l.bounds.gather)
	defer moment.Stop()
	for len(batch) < l.bounds.batch {
		select {
		case span := <-l.queue:
			batch = append(batch, span)
		case <-moment.C:
			return batch
		case <-l.over:
			return l.rest(batch)
		}
	}
	return batch
}

// rest takes what is there.
func (l *line) rest(batch []sdk.ReadOnlySpan) []sdk.ReadOnlySpan {
	for len(batch) < l.bounds.batch {
		select {
		case span := <-l.queue:
			batch = append(batch, span)
		default:
			return batch
		}
	}
	return batch
}

// send tries a batch until the collector takes it, or will not.
func (l *line) send(batch []sdk.ReadOnlySpan) {
	body, err := encode(batch)
	if err != nil {
		l.count(float64(len(batch)), failed)
		l.post.log(&postError{message: err.Error()})
		return
	}
	for attempt := 0; ; attempt++ {
		now := l.traces.live.Load()
		if now == nil { // switched off meanwhile
			l.count(float64(len(batch)), dropped)
			return
		}
		refused, err := l.post.send(l.life, now.target, body, l.bounds.answer)
		l.post.log(err)
		if err == nil {
			refused = min(max(refused, 0), int64(len(batch)))
			l.count(float64(int64(len(batch))-refused), sent)
			if refused > 0 {
				l.count(float64(refused), rejected)
			}
			return
		}
		if !err.again || attempt+1 >= l.bounds.attempts || !l.pause(attempt, err) {
			l.count(float64(len(batch)), failed)
			return
		}
	}
}

// pause waits before a batch is tried again; false when the house ends, which does not wait.
func (l *line) pause(attempt int, err *postError) bool {
	pause := l.bounds.firstPause << attempt
	if err.after > 0 {
		pause = err.after
	}
	timer := time.NewTimer(min(pause, l.bounds.longestPause))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.news:
	case <-l.over:
		return false
	}
	return true
}
