// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/core/home"
	"holdfast/gateway/ledger"
	"holdfast/gateway/telemetry/scan"
)

func shown(t *testing.T, place home.Home, in io.Reader, now time.Time) string {
	t.Helper()
	var out strings.Builder
	if err := Statusline(place, in, &out, now); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestStatusline(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.add(talk, answer(1, 1_234_567, now))
	w.scan()
	b := w.tm.eyes.board
	said := `{"session_id":"s1","model":{"id":"claude-x","display_name":"X\u001b[31m 9"},"cost":{"total_cost_usd":1.5},"unknown":[]}`
	got := shown(t, w.home, strings.NewReader(said), now)
	for _, want := range []string{"X[31m 9 · ", "session 1.2M $1.50", "today 1.2M", "1.2M/h", "block "} {
		if !strings.Contains(got, want) {
			t.Errorf("%q has no %q", got, want)
		}
	}
	if strings.Contains(got, "as of") || strings.Count(got, "\n") != 1 {
		t.Errorf("%q", got)
	}
	if got := shown(t, w.home, nil, b.Before.Add(time.Hour)); !strings.Contains(got, "today 0") || !strings.Contains(got, "as of") {
		t.Errorf("the next day, with no house: %q", got)
	}
	if err := os.MkdirAll(w.home.Var("breaker"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.home.Var("breaker", "HALT_FLAG"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := shown(t, w.home, strings.NewReader("no JSON"), now); !strings.HasPrefix(got, "HALT · ") {
		t.Errorf("halted, and %q", got)
	}
}

func TestStatuslineWithoutAHouse(t *testing.T) {
	place, folder := home.At(t.TempDir()), t.TempDir()
	log := filepath.Join(folder, "s9.jsonl")
	if err := os.WriteFile(log, []byte(answer(1, 4200, time.Now())), 0o600); err != nil {
		t.Fatal(err)
	}
	got := shown(t, place, strings.NewReader(`{"session_id":"s9","transcript_path":"`+log+`","model":{"id":"m"}}`), time.Now())
	if !strings.HasPrefix(got, "m · session 4.2k · today 0 · 0/h") {
		t.Errorf("%q", got)
	}
	if err := os.MkdirAll(place.Var("telemetry"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{"", "{", `{"version":1,"minutes":null,"sessions":null}`, `{"version":2}`, `{"version":1,"sessions":{"s9":null}}`} {
		if err := os.WriteFile(place.Var("telemetry", "board.json"), []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		shown(t, place, strings.NewReader(`{"session_id":"s9"}`), time.Now())
	}
	silent, hold := io.Pipe() // an input that neither says anything nor ends
	defer func() { _ = hold.Close() }()
	shown(t, place, silent, time.Now())
}

func TestBlocks(t *testing.T) {
	at := func(text string) time.Time {
		m, err := time.Parse("02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return m.AddDate(2026, 10, 0)
	}
	for _, c := range []struct {
		calls []string
		now   string
		end   string
	}{
		{nil, "02 10:00", ""},
		{[]string{"02 10:20"}, "02 10:21", "02 15:00"},
		{[]string{"02 14:59", "02 10:20"}, "02 15:00", ""},
		{[]string{"02 10:20", "02 14:59", "02 15:01"}, "02 16:00", "02 20:00"},
		{[]string{"01 23:50"}, "02 03:59", "02 04:00"},
		{[]string{"02 10:20", "02 11:00"}, "02 15:30", ""},
	} {
		var minutes []int64
		for _, text := range c.calls {
			minutes = append(minutes, minuteOf(at(text)))
		}
		end, ok := blockEnd(minutes, at(c.now))
		if ok != (c.end != "") || ok && !end.Equal(at(c.end)) {
			t.Errorf("%v at %s: %s %v, want %s", c.calls, c.now, end, ok, c.end)
		}
	}
}

func TestTheBoardForgets(t *testing.T) {
	b := newBoard()
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for n := range 5000 {
		at := start.Add(time.Duration(n) * 10 * time.Minute)
		r := scan.Record{Key: at.String(), Source: scan.Claude, Time: at, Session: at.Format("0215"), Model: "m"}
		r.Usage.Input = 10
		b.take([]scan.Record{r, r}, at)
		b.settle(at, at.Truncate(24*time.Hour), ledger.Spent{})
		if b.hour(at) > 60 {
			t.Fatalf("an hour has %d", b.hour(at))
		}
	}
	if len(b.Minutes) > 300 || len(b.Claude) > 300 || len(b.Sessions) > 50 || len(b.Recent) > 3 {
		t.Errorf("%d minutes, %d sessions, %d calls are kept", len(b.Minutes), len(b.Sessions), len(b.Recent))
	}
}
