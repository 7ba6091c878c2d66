// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/metrics"
)

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, request)
	if kind := answer.Header().Get("Content-Type"); !strings.HasPrefix(kind, "application/openmetrics-text") {
		t.Errorf("Content-Type = %q", kind)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestScrapeShowsWhatWasCounted(t *testing.T) {
	m := metrics.New()
	m.Action("backup.create", holdfast.OutcomeDone, 30*time.Millisecond)
	m.Action("backup.create", holdfast.OutcomeFailed, time.Second)
	m.Refusal("busy")
	if err := m.Count("holdfast_journal_appends_total", "Journal entries.", func() float64 { return 7 }); err != nil {
		t.Fatal(err)
	}
	add, err := m.Counter("holdfast_tokens_total", "Tokens.", "direction")
	if err != nil {
		t.Fatal(err)
	}
	add(12, "in")
	text := scrape(t, m)
	for _, want := range []string{
		`holdfast_actions_total{action="backup.create",outcome="done"} 1.0`,
		`holdfast_actions_total{action="backup.create",outcome="failed"} 1.0`,
		`holdfast_action_duration_seconds_bucket{action="backup.create",le="0.05"} 1`,
		`holdfast_refusals_total{guard="busy"} 1.0`,
		`holdfast_journal_appends_total 7.0`,
		`holdfast_tokens_total{direction="in"} 12.0`,
		"# EOF",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("scrape lacks %s\n%s", want, text)
		}
	}
}

func TestTwoOfOneNameAreAnError(t *testing.T) {
	m := metrics.New()
	read := func() float64 { return 1 }
	if err := m.Gauge("holdfast_units", "Units.", read); err != nil {
		t.Fatal(err)
	}
	if err := m.Gauge("holdfast_units", "Units.", read); err == nil {
		t.Error("the second of one name is no error")
	}
}

func TestGaugesAreReadWhenTheyAreAskedFor(t *testing.T) {
	m := metrics.New()
	n := 0.0
	err := m.Gauges("holdfast_rooms", "Rooms.", func(give func(float64, ...string)) {
		n++
		give(n, "a\xff", "x")
		give(-1, "b", "x\"y")
	}, "name", "kind")
	if err != nil {
		t.Fatal(err)
	}
	scrape(t, m)
	text := scrape(t, m)
	for _, want := range []string{"holdfast_rooms{kind=\"x\",name=\"a\uFFFD\"} 2.0", `holdfast_rooms{kind="x\"y",name="b"} -1.0`} {
		if !strings.Contains(text, want) {
			t.Errorf("scrape lacks %s\n%s", want, text)
		}
	}
	if err := m.Gauges("holdfast_rooms", "Rooms.", func(func(float64, ...string)) {}, "name", "kind"); err == nil {
		t.Error("the second of one name is no error")
	}
}
