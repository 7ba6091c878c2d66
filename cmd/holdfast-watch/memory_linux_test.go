// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/core/home"
	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
	"holdfast/holdfasttest/need"
)

const (
	mostMemory = 20 << 10 // kB
	callsTold  = 100_000  // by coding agents, ever
)

// TestMemory: a watch that judges a full day of burn, with all the history that there may be, keeps
// below 20 MB, while a house tells the burn and while it judges alone.
func TestMemory(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]time.Duration{"a house tells the burn": 0, "no house does": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := home.At(t.TempDir())
			if err := h.Ensure(); err != nil {
				t.Fatal(err)
			}
			held, err := h.Lock("") // as a house that starts: the watch waits for it
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = held.Unlock() }()
			fullDay(t, h, told)
			program, err := need.Watch() // as it is published: the race detector has a memory of its own
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), program, "watch", "--home", h.Dir())
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			j := judged(t, h)
			if j.Burn.Day < judge.DayMinutes*1000-2000 || j.House != (told == 0) || j.Fault != "" {
				t.Errorf("it judged %+v", j)
			}
			most := status(t, cmd.Process.Pid, "VmHWM")
			t.Logf("at most %d kB resident, %d kB of its own", most, status(t, cmd.Process.Pid, "RssAnon"))
			if most == 0 || most > mostMemory {
				t.Errorf("%d kB", most)
			}
		})
	}
}

// fullDay is what a house leaves after a day that burned in each minute, and years of history.
func fullDay(t *testing.T, h home.Home, ago time.Duration) {
	t.Helper()
	f, now := halt.In(h), time.Now().Add(-ago)
	b := halt.Burnt{At: now, Revision: 7, House: os.Getpid(), Boot: halt.Boot()}
	if ago > 0 {
		b.Boot = nil
	}
	for m := range int64(judge.DayMinutes) {
		b.Minutes = append(b.Minutes, [2]int64{judge.MinuteOf(now) - judge.DayMinutes + 1 + m, 1000})
	}
	if err := f.TellBurn(b); err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(halt.Event{Time: now, Event: halt.EventWarn, Reason: strings.Repeat("x", 400)})
	if err != nil {
		t.Fatal(err)
	}
	history := []byte(strings.Repeat(string(line)+"\n", (1<<20)/len(line)))
	seen := make([]byte, 0, 16*callsTold)
	for range callsTold {
		seen = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(seen, rand.Uint64()), 1)
	}
	logs := t.TempDir()
	session := strings.Builder{}
	for i := range 2_000 { // that no house read
		fmt.Fprintf(&session, `{"type":"assistant","timestamp":%q,"sessionId":"s","requestId":"r%d","message":{"id":"m%d","model":"claude-x","role":"assistant","content":[],"usage":{"input_tokens":1,"output_tokens":1,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}}}`+"\n",
			time.Now().UTC().Format(time.RFC3339Nano), i, i)
	}
	if err := os.MkdirAll(h.Var("telemetry"), 0o700); err != nil {
		t.Fatal(err)
	}
	where := fmt.Sprintf(`{"roots": [{"Source": "claude", "Path": %q}], "relayed": []}`, logs)
	for path, text := range map[string][]byte{
		h.Var("telemetry", "where.json"):     []byte(where),
		h.Var("telemetry", "state.json"):     []byte(`{"version": 2, "files": []}`), // scan's, of which none is read yet
		h.Var("breaker", "history.jsonl"):    history,
		h.Var("breaker", "history.jsonl.1"):  history,
		h.Var("telemetry", "seen"):           seen,
		filepath.Join(logs, "session.jsonl"): []byte(session.String()),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// judged is what the watch says of itself once it judged.
func judged(t *testing.T, h home.Home) halt.Judgement {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if j, known := halt.In(h).Judgement(); known {
			return j
		}
	}
	t.Fatal("it never judged")
	return halt.Judgement{}
}

// status is a number of kB that the kernel tells of a process.
func status(t *testing.T, pid int, field string) (kB int) {
	t.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), field+":"); found {
			_, _ = fmt.Sscan(rest, &kB)
		}
	}
	return kB
}
