// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
)

// firing is the house's alerts of logs, by subject below the user's folder.
func (w *world) firing() map[string]string {
	w.t.Helper()
	now := map[string]string{}
	for _, rule := range w.tm.Capability().Alerts {
		for _, a := range rule.Firing(w.t.Context()) {
			now[strings.TrimPrefix(a.Subject, w.user+"/")] = a.Message
		}
	}
	return now
}

func (w *world) replace(name, text string) {
	w.t.Helper()
	_ = os.Remove(filepath.Join(w.user, name))
	w.add(name, text)
	old := time.Now().Add(-time.Minute) // it is not being written
	if err := os.Chtimes(filepath.Join(w.user, name), old, old); err != nil {
		w.t.Fatal(err)
	}
}

// TestWhatCannotBeReadIsAnAlert once, with file and reason, until it can.
func TestWhatCannotBeReadIsAnAlert(t *testing.T) {
	at := time.Now().UTC().Format(time.RFC3339Nano)
	open := func(tokens string) string {
		return fmt.Sprintf(`{"id":"m","role":"assistant","modelID":"m","providerID":"p","time":{"created":%d},"tokens":%s}`, time.Now().UnixMilli(), tokens)
	}
	codex := func(info string) string {
		return fmt.Sprintf(`{"timestamp":"%s","type":"event_msg","payload":{"type":"token_count","info":%s}}`, at, info) + "\n"
	}
	gemini := func(tokens string) string {
		return fmt.Sprintf(`{"id":"1","timestamp":"%s","type":"gemini","model":"m","tokens":%s}`, at, tokens) + "\n"
	}
	for name, c := range map[string]struct{ path, bad, want, good string }{
		"garbage":                    {talk, "\x00\x01\x02\n\xff\xfe\n\x00", "holds no line of JSON", answer(1, 10, time.Now())},
		"a version that is none":     {talk, strings.Replace(answer(1, 10, time.Now()), `{"sess`, `{"version":"next","sess`, 1), "newer version", answer(1, 10, time.Now())},
		"Claude Code's in new words": {talk, strings.ReplaceAll(answer(1, 10, time.Now()), "_tokens", "Tokens"), "none of its 1 answers", answer(1, 10, time.Now())},
		"Codex in new words":         {".codex/sessions/a.jsonl", codex(`{"usage":{"in":1}}`) + codex(`{"usage":{"in":2}}`), "none of its 2 answers", codex(`{"last_token_usage":{"input_tokens":10}}`)},
		"Gemini CLI in new words":    {".gemini/tmp/p/chats/s.jsonl", gemini(`{"in":1}`), "none of its 1 answers", gemini(`{"input":10,"total":10}`)},
		"a chat that is no JSON":     {".gemini/tmp/p/chats/s.json", "PK\x03\x04", "not one JSON object", `{"sessionId":"s","messages":[` + gemini(`{"input":10,"total":10}`) + `]}`},
		"OpenCode in new words":      {".local/share/opencode/storage/message/s/m.json", open(`{"in":1}`), "none of its 1 answers", open(`{"input":10}`)},
		"a list for a message":       {".local/share/opencode/storage/message/s/m.json", "[]", "not one JSON object", open(`{"input":10}`)},
		"a database that is none":    {".local/share/opencode/opencode.db", strings.Repeat("no database ", 500), "not a database", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.replace(c.path, c.bad)
			for range 3 {
				if s := w.scan(); s.Unread != 1 || len(s.Problems) != 1 || !strings.Contains(s.Problems[0], c.path) || !strings.Contains(s.Problems[0], c.want) {
					t.Errorf("%+v", s)
				}
				if now := w.firing(); len(now) != 1 || !strings.Contains(now[c.path], c.want) {
					t.Errorf("alerts %v", now)
				}
			}
			if n := strings.Count(w.log.String(), "level=WARN"); n != 1 {
				t.Errorf("said %d times: %s", n, w.log.String())
			}
			w.tm.save(time.Now().Add(time.Hour))
			w.restart()
			w.scan()
			if now := w.firing(); len(now) != 1 {
				t.Errorf("after a restart, where the file is not read again: %v", now)
			}
			if c.good == "" {
				_ = os.Remove(filepath.Join(w.user, c.path))
			} else {
				w.replace(c.path, c.good)
			}
			if s := w.scan(); s.Unread != 0 || len(s.Problems) != 0 || len(w.firing()) != 0 {
				t.Errorf("it is readable, and %+v, %v", s, w.firing())
			}
			if c.good != "" {
				w.want(1, 10)
			}
		})
	}
}

// TestAFileThatTheSystemWillNotRead stands for one without permission, which root always has.
func TestAFileThatTheSystemWillNotRead(t *testing.T) {
	w := newWorld(t)
	w.add(talk, answer(1, 10, time.Now()))
	other := ".claude/projects/-p/s2.jsonl"
	if os.Geteuid() == 0 {
		if err := os.Symlink("/proc/self/mem", filepath.Join(w.user, other)); err != nil {
			t.Fatal(err)
		}
	} else {
		w.add(other, answer(2, 5, time.Now()))
		if err := os.Chmod(filepath.Join(w.user, other), 0); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		w.scan()
		if now := w.firing(); len(now) != 1 || !strings.HasPrefix(now[other], "cannot read "+filepath.Join(w.user, other)) {
			t.Errorf("alerts %v", now)
		}
	}
	w.want(1, 10)
	w.replace(other, answer(2, 5, time.Now()))
	w.scan()
	if now := w.firing(); len(now) != 0 {
		t.Errorf("alerts %v", now)
	}
	w.want(2, 15)
}

// TestASessionOfErrorsIsNoAlert: Claude Code tells an error of the API as an answer with nulls.
func TestASessionOfErrorsIsNoAlert(t *testing.T) {
	w := newWorld(t)
	w.add(talk, `{"isSidechain":false,"type":"assistant","timestamp":"2026-11-21T10:24:19.508Z","message":{"id":"8f3d","model":"<synthetic>","role":"assistant","usage":{"input_tokens":0,"output_tokens":0,"cache_creation":{"ephemeral_1h_input_tokens":0},"iterations":null,"speed":null}},"isApiErrorMessage":true,"sessionId":"s","version":"2.1.330"}`+"\n")
	if s := w.scan(); s.Unread != 0 || len(w.firing()) != 0 {
		t.Errorf("%+v", s)
	}
	w.want(0, 0)
}

// TestManyThatCannotBeRead are a few alerts and a number.
func TestManyThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	for n := range 300 {
		w.add(fmt.Sprintf(".claude/projects/-p/%d.jsonl", n), "garbage\n")
	}
	s := w.scan()
	if now := w.firing(); s.Unread != 300 || len(s.Problems) != 100 || len(now) != mostAlerts+1 || !strings.Contains(now["more"], "280 more") {
		t.Errorf("%d unread, %d told, alerts %v", s.Unread, len(s.Problems), now)
	}
}

// TestOffIsSaid: nothing is read, at nobody's word, and no alert stands.
func TestOffIsSaid(t *testing.T) {
	w := newWorld(t)
	w.add(talk, "garbage\n")
	w.scan()
	settings := Defaults()
	settings.Enabled = false
	w.tm.Apply(settings)
	w.replace(talk, answer(1, 10, time.Now()))
	if _, err := w.tm.scanNow(t.Context(), action.Nothing{}); err == nil || !strings.Contains(err.Error(), "telemetry.enabled") {
		t.Errorf("%v", err)
	}
	w.want(0, 0)
	s, err := w.tm.state(t.Context(), action.Nothing{})
	if err != nil || s.State != "off" || !strings.Contains(s.Note, "telemetry.enabled") || len(s.Problems) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if now := w.firing(); len(now) != 0 {
		t.Errorf("alerts %v", now)
	}
	w.tm.Apply(Defaults())
	w.scan()
	w.want(1, 10)
	if s, _ := w.tm.state(t.Context(), action.Nothing{}); s.State != "on" || s.Note != "" {
		t.Errorf("%+v", s)
	}
	if w.tm.Capability().Alerts[0].Severity != holdfast.SeverityWarning {
		t.Error("an alert that would wake somebody")
	}
}
