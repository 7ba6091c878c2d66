// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
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

// TestStatuslineOfEachForm is what agents hand over: Claude Code's of today and of its first versions,
// Cursor's, and what none should.
func TestStatuslineOfEachForm(t *testing.T) {
	t.Setenv("COLUMNS", "")
	w := newWorld(t)
	now := time.Now()
	w.add(talk, answer(1, 1_234_567, now))
	w.scan()
	resets := now.Add(3*time.Hour + 23*time.Minute).Unix()
	for name, c := range map[string]struct {
		said string
		want []string
	}{
		"Claude Code": {
			fmt.Sprintf(`{"cwd":"/p","session_id":"s1","session_name":"x","transcript_path":"/gone.jsonl","model":{"id":"claude-opus-5[1m]","display_name":"Opus 5 (1M context)"},
"workspace":{"current_dir":"/p","project_dir":"/p","added_dirs":[]},"version":"2.1.284","output_style":{"name":"default"},"effort":{"level":"high"},
"cost":{"total_cost_usd":0.01234,"total_duration_ms":45000,"total_api_duration_ms":2300,"total_lines_added":156,"total_lines_removed":23},
"context_window":{"total_input_tokens":15234,"total_output_tokens":4521,"context_window_size":1000000,"used_percentage":8,"remaining_percentage":92,"current_usage":{"input_tokens":8500,"output_tokens":1200,"cache_creation_input_tokens":5000,"cache_read_input_tokens":2000}},
"exceeds_200k_tokens":false,"rate_limits":{"five_hour":{"used_percentage":23.5,"resets_at":%d},"seven_day":{"used_percentage":41.2,"resets_at":%d}},"vim":{"mode":"NORMAL"},"agent":{"name":"reviewer"}}`, resets, resets),
			[]string{"Opus 5 (1M context) · session 1.2M $0.01 · today 1.2M", "block 24%, 3h23m left"},
		},
		"before its first answer": {`{"session_id":"new","model":{"id":"m","display_name":"Opus"},"context_window":{"used_percentage":null,"current_usage":null},"cost":{"total_cost_usd":0}}`, []string{"Opus · session 0 $0.00 · today 1.2M", "block "}},
		"its first versions":      {`{"hook_event_name":"Status","session_id":"s1","transcript_path":"/t","cwd":"/","model":{"id":"claude-opus-4-1","display_name":"Opus"},"version":"1.0.80"}`, []string{"Opus · session 1.2M · today 1.2M"}},
		"Cursor":                  {`{"session_id":"c9","model":{"id":"gpt-5","display_name":"GPT-5"},"workspace":{"current_dir":"/p"},"transcript_path":null}`, []string{"GPT-5 · session 0 · today 1.2M"}},
		"no name of the model":    {`{"session_id":"s1","model":{"id":"claude-x"}}`, []string{"claude-x · session 1.2M"}},
		"a past reset":            {`{"session_id":"s1","rate_limits":{"five_hour":{"resets_at":1}}}`, []string{"block "}},
		"other types":             {`{"session_id":7,"model":"x","cost":[],"rate_limits":{"five_hour":{"used_percentage":"x","resets_at":"2026-01-01"}}}`, []string{"today 1.2M", "block "}},
		"numbers that are none":   {`{"session_id":"s1","rate_limits":{"five_hour":{"used_percentage":1e300,"resets_at":1e300}},"cost":{"total_cost_usd":1e308}}`, []string{"session 1.2M"}},
		"nothing":                 {``, []string{"today 1.2M"}},
		"null":                    {`null`, []string{"today 1.2M"}},
		"commands":                {`{"session_id":"s1","model":{"display_name":"\u001b]0;x\u0007\u001b[31mRed\n\u009b2J\u202e\u2028"}}`, []string{"Red"}},
	} {
		got := shown(t, w.home, strings.NewReader(c.said), now)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q has no %q", name, got, want)
			}
		}
		if strings.ContainsFunc(strings.TrimSuffix(got, "\n"), func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0x2028 }) ||
			strings.Count(got, "\n") != 1 || len(got) > 600 {
			t.Errorf("%s: %q is no plain line", name, got)
		}
	}
}

// TestStatuslineNarrow keeps what comes first: HALT, the model, the conversation.
func TestStatuslineNarrow(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.add(talk, answer(1, 1_234_567, now))
	w.scan()
	said := `{"session_id":"s1","model":{"display_name":"Größe 5"},"cost":{"total_cost_usd":1.5}}`
	for columns, want := range map[string]string{
		"80": "Größe 5 · session 1.2M $1.50 · today 1.2M · 1.2M/h", "28": "Größe 5 · session 1.2M $1.50", "27": "Größe 5", "7": "Größe 5", "4": "Grö…", "1": "…",
	} {
		t.Setenv("COLUMNS", columns)
		got := strings.TrimSuffix(shown(t, w.home, strings.NewReader(said), now), "\n")
		if !strings.HasPrefix(got, want) || columns != "80" && got != want {
			t.Errorf("%s columns: %q, want %q", columns, got, want)
		}
	}
	for _, columns := range []string{"", "0", "-5", "x", "99999999999999999999"} {
		t.Setenv("COLUMNS", columns)
		if got := shown(t, w.home, strings.NewReader(said), now); !strings.Contains(got, "block ") {
			t.Errorf("%q columns: %q", columns, got)
		}
	}
	if err := os.MkdirAll(w.home.Var("breaker"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.home.Var("breaker", "HALT_FLAG"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("COLUMNS", "12")
	if got := shown(t, w.home, strings.NewReader(said), now); got != "HALT\n" {
		t.Errorf("halted: %q", got)
	}
}

// TestTheBoardStaysSmall however many conversations there are, and whatever they are called.
func TestTheBoardStaysSmall(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	var log strings.Builder
	for n := range 8000 {
		at := now.Add(-time.Duration(n) * time.Second)
		log.WriteString(strings.Replace(answer(n, 1, at), `"sessionId":"s1"`, fmt.Sprintf(`"sessionId":"%d%s"`, n, strings.Repeat("x", 2000)), 1))
	}
	log.WriteString(answer(9000, 5, now))
	w.add(talk, log.String())
	w.scan()
	w.want(8001, 8005)
	info, err := os.Stat(w.tm.folder("board.json"))
	if err != nil || info.Size() > 2<<20 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	if got := shown(t, w.home, strings.NewReader(`{"session_id":"s1"}`), now); !strings.Contains(got, "session 5 · ") {
		t.Errorf("the newest is forgotten: %q", got)
	}
}
