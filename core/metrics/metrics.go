// SPDX-License-Identifier: Apache-2.0

// Package metrics counts what passes the waist and serves it in the OpenMetrics format.
//
// It is for numbers that a monitoring system scrapes; it is not the ledger, which counts what
// costs money, nor the journal. Every name begins with holdfast_. There is no global registry:
// app makes one Metrics and hands it to who counts.
package metrics

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"holdfast"
)

// Metrics is a registry of the house's own.
type Metrics struct {
	registry  *prometheus.Registry
	actions   *prometheus.CounterVec
	durations *prometheus.HistogramVec
	refusals  *prometheus.CounterVec
	uses      *prometheus.CounterVec
	useTimes  *prometheus.HistogramVec
	process   func()
}

// New makes a registry with the counters of the waist.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_actions_total",
			Help: "Actions by name and outcome.",
		}, []string{"action", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "holdfast_action_duration_seconds",
			Help:    "How long actions took.",
			Buckets: []float64{.0005, .002, .01, .05, .2, 1, 5, 30, 120},
		}, []string{"action"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_refusals_total",
			Help: "Refusals by guard.",
		}, []string{"guard"}),
		uses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_tool_uses_total",
			Help: "Calls of tools, prompts, resources and completions by their source and outcome.",
		}, []string{"kind", "source", "outcome"}),
		useTimes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "holdfast_tool_use_duration_seconds",
			Help:    "How long tools, prompts, resources and completions took.",
			Buckets: []float64{.002, .01, .05, .2, 1, 5, 30, 120},
		}, []string{"kind"}),
	}
	m.registry.MustRegister(m.actions, m.durations, m.refusals, m.uses, m.useTimes)
	m.process = sync.OnceFunc(func() {
		m.registry.MustRegister(collectors.NewGoCollector(),
			collectors.NewProcessCollector(collectors.ProcessCollectorOpts{Namespace: "holdfast"}))
	})
	return m
}

// Action counts one run of an action. Names come from the registry of actions, so they are few.
func (m *Metrics) Action(name string, outcome holdfast.Outcome, took time.Duration) {
	m.actions.WithLabelValues(name, string(outcome)).Inc()
	m.durations.WithLabelValues(name).Observe(took.Seconds())
}

// Use counts one use of what the catalogue of tools holds. Sources are extensions, remote servers and
// the house, so they are few.
func (m *Metrics) Use(kind, source string, outcome holdfast.Outcome, took time.Duration) {
	m.uses.WithLabelValues(kind, strings.ToValidUTF8(source, "\uFFFD"), string(outcome)).Inc()
	m.useTimes.WithLabelValues(kind).Observe(took.Seconds())
}

// Refusal counts one refusal of a guard.
func (m *Metrics) Refusal(guard string) { m.refusals.WithLabelValues(guard).Inc() }

// Count serves a number that only grows, read when it is asked for: "holdfast_journal_appends_total".
// Two of one name are an error.
func (m *Metrics) Count(name, help string, read func() float64) error {
	return m.registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

// Gauge serves a number that goes up and down, read when it is asked for.
func (m *Metrics) Gauge(name, help string, read func() float64) error {
	return m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Gauges serves numbers that go up and down, with labels, read when they are asked for: read gives each
// with its labels' values, none twice.
func (m *Metrics) Gauges(name, help string, read func(give func(v float64, values ...string)), labels ...string) error {
	return m.registry.Register(gauges{prometheus.NewDesc(name, help, labels, nil), read})
}

// gauges reads what it serves.
type gauges struct {
	desc *prometheus.Desc
	read func(give func(v float64, values ...string))
}

// Describe tells what is served.
func (g gauges) Describe(to chan<- *prometheus.Desc) { to <- g.desc }

// Collect reads it.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	g.read(func(v float64, values ...string) {
		for i := range values {
			values[i] = strings.ToValidUTF8(values[i], "\uFFFD")
		}
		to <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, v, values...)
	})
}

// Counter returns a function that adds to a counter with the given labels. Label values must come
// from a small known set, never from a request.
func (m *Metrics) Counter(name, help string, labels ...string) (add func(n float64, values ...string), err error) {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	if err := m.registry.Register(vec); err != nil {
		return nil, err
	}
	return func(n float64, values ...string) { vec.WithLabelValues(values...).Add(n) }, nil
}

// Histogram returns a function that observes values in buckets, with labels as Counter has them.
func (m *Metrics) Histogram(name, help string, buckets []float64, labels ...string) (observe func(v float64, values ...string), err error) {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	if err := m.registry.Register(vec); err != nil {
		return nil, err
	}
	return func(v float64, values ...string) { vec.WithLabelValues(values...).Observe(v) }, nil
}

// Handler answers a scrape, in OpenMetrics or the older text format as asked. The figures of the
// process itself are gathered from the first Handler on, since their collectors cost start-up time.
func (m *Metrics) Handler() http.Handler {
	m.process()
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: m.registry})
}
