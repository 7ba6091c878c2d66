// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	past "holdfast/core/journal"
)

// Show lets the ledger be read as a journal is.
func (l *ledger) Show(_ context.Context, q past.Query) ([]holdfast.Entry, error) {
	var out []holdfast.Entry
	for _, e := range l.Entries() {
		if q.Matches(e) || e.Sequence == 0 && e.Subject == q.Subject && e.Action == q.Action {
			out = append(out, e)
		}
	}
	return out[max(len(out)-q.Limit, 0):], nil
}

func remembering(o *Options) { o.History, _ = o.Journal.(history) }

func TestHistory(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("a"), plain("b"))
		begun := time.Now()
		pass(11 * time.Second)
		r.last("a").Quit(3)
		r.is("a", holdfast.UnitRunning)
		if err := r.Stop(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		text, err := do(t, r.Supervisor, "unit.history", `{"unit":"a"}`)
		if err != nil {
			t.Fatal(err)
		}
		var out historyOut
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatal(err)
		}
		var path []string
		for _, c := range out.Changes {
			path = append(path, string(c.To))
		}
		if got := strings.Join(path, " "); got != "starting running starting running stopping held" {
			t.Errorf("history = %s", got)
		}
		fell := out.Changes[2]
		if fell.Detail != "exited with status 3" || !fell.At.Equal(begun.Add(11*time.Second)) || out.Changes[1].PID == 0 || out.Changes[1].Launch == "" {
			t.Errorf("changes = %+v", out.Changes)
		}
		if text, err := do(t, r.Supervisor, "unit.history", `{"unit":"a","limit":1}`); err != nil || strings.Contains(text, "running") {
			t.Errorf("the last change: %s %v", text, err)
		}
		if _, err := do(t, r.Supervisor, "unit.history", `{"unit":"nobody"}`); err == nil || !strings.Contains(err.Error(), "there is no unit") {
			t.Errorf("of nobody: %v", err)
		}
		if _, err := do(t, r.Supervisor, "unit.history", `{"unit":"a","since":"soon"}`); err == nil || !strings.Contains(err.Error(), "since") {
			t.Errorf("since soon: %v", err)
		}
		r.set(plain("b"))
		if text, err := do(t, r.Supervisor, "unit.history", `{"unit":"a"}`); err != nil || !strings.Contains(text, "held") {
			t.Errorf("of a unit that is no more: %s %v", text, err)
		}
	}, remembering)
}

func TestHistoryWithoutAJournal(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("a"))
		if _, err := do(t, r.Supervisor, "unit.history", `{"unit":"a"}`); err == nil || !strings.Contains(err.Error(), "no journal is kept") {
			t.Errorf("history = %v", err)
		}
	})
}

func TestUsageAction(t *testing.T) {
	g := newGauge()
	g.set('S', 250*time.Millisecond)
	bubble(t, func(t *testing.T, r *rig) {
		held := plain("held")
		held.Disabled = true
		r.set(plain("a"), held)
		ctx, cancel := context.WithCancel(t.Context())
		r.roster.attend(r.book.Keep)
		pass(31 * time.Second)
		var seen []usageOut
		done := make(chan error, 1)
		go func() {
			done <- desk{r.Supervisor}.streamUsage(ctx, usageIn{Series: "20s"}, func(event any) error {
				seen = append(seen, event.(usageOut))
				return nil
			})
		}()
		pass(5 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(seen) != 3 {
			t.Fatalf("%d events in 5 s", len(seen))
		}
		first, second := seen[0], seen[1]
		if len(first.Units) != 2 || first.Units[0].CPU != 0.25 || first.Units[0].Memory != 1<<20 || first.Units[0].Processes != 1 || first.Units[0].PID == 0 {
			t.Errorf("units = %+v", first.Units)
		}
		if u := first.Units[1]; u.State != holdfast.UnitStopped || u.CPU != 0 || u.PID != 0 {
			t.Errorf("a unit that does not run uses %+v", u)
		}
		if s := first.Units[0].Series; s == nil || len(s.At) != 2 || s.CPU[1] != 0.25 {
			t.Errorf("series = %+v", s)
		}
		if second.Units[0].Series != nil || second.House.Series != nil || second.At.Sub(first.At) < usagePace-time.Second {
			t.Errorf("second event = %+v", second)
		}
		if text, err := do(t, r.Supervisor, "unit.usage", `{"unit":"a"}`); err != nil || strings.Contains(text, "held") || strings.Contains(text, "series") {
			t.Errorf("usage of one: %s %v", text, err)
		}
		if text, err := do(t, r.Supervisor, "unit.usage", `{"series":"1h"}`); err != nil || strings.Count(text, `"series"`) != 3 {
			t.Errorf("usage with the last hour: %s %v", text, err)
		}
		if _, err := do(t, r.Supervisor, "unit.usage", `{"series":"long"}`); err == nil || !strings.Contains(err.Error(), "series") {
			t.Errorf("over no span: %v", err)
		}
		if _, err := do(t, r.Supervisor, "unit.usage", `{"unit":"nobody"}`); err == nil {
			t.Error("usage of nobody")
		}
	}, g.option)
}

func TestUsageWhereNobodyCanTell(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("a"))
		text, err := do(t, r.Supervisor, "unit.usage", `{}`)
		if err != nil || !strings.Contains(text, `"name":"a"`) || !strings.Contains(text, "nothing measures what units use here") {
			t.Errorf("usage = %s %v", text, err)
		}
	})
}

// A restart is done when the new launch itself gave a sign, not by what the one before left.
func TestRestartWaitsForAFreshSign(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/beat"
	bubble(t, func(t *testing.T, r *rig) {
		r.set(beating(path))
		beat(t, path)
		pass(time.Second)
		proof := make(chan error, 1)
		go func() { proof <- r.Restart(t.Context(), "a") }()
		pass(5 * time.Second)
		select {
		case err := <-proof:
			t.Fatalf("the restart is done by an old heartbeat: %v", err)
		default:
		}
		beat(t, path)
		pass(3 * time.Second)
		select {
		case err := <-proof:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("the restart is not done by a fresh heartbeat")
		}
	})
}
