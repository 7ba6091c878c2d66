// SPDX-License-Identifier: Apache-2.0

package outside

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/core/home"
	"holdfast/gateway/telemetry/scan"
)

// A rig is a home whose last house read the logs of one coding agent.
type rig struct {
	*Sessions
	t    *testing.T
	log  string
	at   time.Time
	root scan.Root
}

func newRig(t *testing.T) *rig {
	t.Helper()
	h := home.At(t.TempDir())
	if err := os.MkdirAll(h.Var("telemetry"), 0o700); err != nil {
		t.Fatal(err)
	}
	logs := t.TempDir()
	r := &rig{
		Sessions: New(h), t: t, log: filepath.Join(logs, "project", "session.jsonl"), at: time.Now().Truncate(time.Second),
		root: scan.Root{Source: scan.Claude, Path: logs},
	}
	r.now = func() time.Time { return r.at }
	if err := os.MkdirAll(filepath.Dir(r.log), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Tell(h, Where{Roots: []scan.Root{r.root}, Relayed: []string{"holdfast"}}); err != nil {
		t.Fatal(err)
	}
	return r
}

// said appends one line of an answer.
func (r *rig) said(id string, output int) {
	r.t.Helper()
	file, err := os.OpenFile(r.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = fmt.Fprintf(file, `{"type":"assistant","timestamp":%q,"sessionId":"s","requestId":"req_%s","message":{"id":"msg_%s","model":"claude-x","role":"assistant","content":[],"usage":{"input_tokens":100,"output_tokens":%d,"cache_read_input_tokens":1000,"cache_creation_input_tokens":0}}}`+"\n",
		r.at.UTC().Format(time.RFC3339Nano), id, id, output)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// house reads all there is and writes down how far, as a house does.
func (r *rig) house() {
	r.t.Helper()
	s := scan.New(scan.Options{Roots: []scan.Root{r.root}})
	if _, err := s.Scan(context.Background(), func([]scan.Record) error { return nil }); err != nil {
		r.t.Fatal(err)
	}
	state, err := s.State()
	if err != nil {
		r.t.Fatal(err)
	}
	for name, text := range map[string][]byte{"seen": s.Fresh(), "state.json": state} {
		if err := os.WriteFile(r.home.Var("telemetry", name), text, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) burned(since time.Time) (tokens int64) {
	r.t.Helper()
	minutes, err := r.Burned(r.t.Context(), since)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, m := range minutes {
		tokens += m.Tokens
	}
	return tokens
}

func TestOnlyWhatNoHouseReadIsTold(t *testing.T) {
	r := newRig(t)
	r.said("before", 10)
	r.house()
	since := r.at.Add(-time.Minute)
	if got := r.burned(since); got != 0 {
		t.Errorf("what the house booked is told again: %d tokens", got)
	}
	r.said("after", 50)
	if got := r.burned(since); got != 1150 {
		t.Errorf("%d tokens, want 1150", got)
	}
	r.said("after", 80) // the same answer, grown
	if got := r.burned(since); got != 1180 {
		t.Errorf("%d tokens, want 1180: an answer that grew counts once", got)
	}
	r.Rest()
	if got := r.burned(since); r.calls == nil || got != 1180 {
		t.Errorf("%d tokens after a rest, want 1180", got)
	}
	r.at = r.at.Add(2 * time.Minute) // a house was there meanwhile
	r.house()
	if got := r.burned(r.at); got != 0 {
		t.Errorf("after another house %d tokens are told again", got)
	}
}

func TestWithoutAStateTheTimeDecides(t *testing.T) {
	r := newRig(t)
	r.at = r.at.Add(-time.Hour)
	r.said("long ago", 10)
	r.at = r.at.Add(time.Hour)
	r.said("now", 20)
	if err := os.WriteFile(r.home.Var("telemetry", "state.json"), []byte("{torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.burned(r.at.Add(-time.Minute)); got != 1120 {
		t.Errorf("%d tokens, want the 1120 of the last minute", got)
	}
}

// TestACallFromAheadSlidesOut: it counts when it is read, and not for ever after.
func TestACallFromAheadSlidesOut(t *testing.T) {
	r := newRig(t)
	r.house()
	now := r.at
	r.at = now.Add(1000 * time.Hour)
	r.said("from ahead", 10)
	r.at = now
	if got := r.burned(now.Add(-time.Minute)); got != 1110 {
		t.Errorf("%d tokens", got)
	}
	r.at = now.Add(15 * time.Second)
	if got := r.burned(now.Add(2 * time.Minute)); got != 0 {
		t.Errorf("%d tokens are still there", got)
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	r := newRig(t)
	if err := Tell(r.home, Where{Roots: []scan.Root{r.root, {Source: scan.Codex, Path: os.DevNull}}}); err != nil {
		t.Fatal(err)
	}
	r.said("call", 10)
	minutes, err := r.Burned(t.Context(), r.at.Add(-time.Minute))
	if err == nil || len(minutes) != 1 || minutes[0].Tokens != 1110 {
		t.Errorf("%+v, %v", minutes, err)
	}
}

func TestNobodyReads(t *testing.T) {
	r := newRig(t)
	r.said("call", 10)
	if err := Tell(r.home, Where{}); err != nil {
		t.Fatal(err)
	}
	if got := r.burned(r.at.Add(-time.Minute)); got != 0 {
		t.Errorf("%d tokens, though telemetry is off", got)
	}
	if err := os.WriteFile(whereFile(r.home), []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Burned(t.Context(), r.at); err == nil {
		t.Error("a file that tells nothing passes for one without folders")
	}
}
