// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"sync"
	"testing"
	"time"

	"holdfast"
)

// tally counts by outcome.
type tally struct {
	mu      sync.Mutex
	counts  map[string]float64
	waiting func() float64
}

func (m *tally) Counter(string, string, ...string) (func(float64, ...string), error) {
	return func(n float64, values ...string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.counts == nil {
			m.counts = map[string]float64{}
		}
		m.counts[values[0]] += n
	}, nil
}

func (m *tally) Gauge(_, _ string, read func() float64) error { m.waiting = read; return nil }

func (m *tally) of(outcome string) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[outcome]
}

func (m *tally) total() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := 0.0
	for _, n := range m.counts {
		sum += n
	}
	return sum
}

type pocket map[string]string

func (p pocket) Get(name string) (holdfast.Secret, bool) {
	value, ok := p[name]
	return holdfast.NewSecret(value), ok
}

// quick bounds a line so that a test need not wait.
func quick() bounds {
	return bounds{
		queue: 64, batch: 16, gather: time.Millisecond, answer: 10 * time.Second, firstPause: time.Millisecond,
		longestPause: 5 * time.Millisecond, attempts: 3,
	}
}

// begin makes traces that send to an address.
func begin(t *testing.T, address string, change func(*Config), b bounds) (*Traces, *tally) {
	t.Helper()
	c := Defaults()
	c.Endpoint = address
	if change != nil {
		change(&c)
	}
	if problems := c.Check(); len(problems) > 0 {
		t.Fatalf("the configuration is wrong: %v", problems)
	}
	counts := &tally{}
	traces := New(Needs{Config: &c, Meter: counts, Version: "1.2.3", Node: func() string { return "node-a" }, Keys: pocket{"OTLP_TOKEN": "s3cret-of-the-collector"}})
	traces.line = newLine(traces, b)
	if err := traces.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, traces) })
	return traces, counts
}

// stop ends traces, and waits no longer than a moment for a collector.
func stop(t *testing.T, traces *Traces) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 200*time.Millisecond)
	defer cancel()
	if err := traces.Stop(ctx); err != nil {
		t.Error(err)
	}
}
