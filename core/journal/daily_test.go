// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

func (a *aged) told() string {
	a.t.Helper()
	entries, err := a.Show(a.t.Context(), Query{Action: archiveAction})
	if err != nil {
		a.t.Fatal(err)
	}
	var lines []string
	for _, e := range entries {
		file, _ := strings.CutPrefix(strings.TrimSuffix(e.Subject, suffix), "var/journal/")
		lines = append(lines, strings.TrimSpace(string(e.Outcome)+" "+file))
		if e.Caller != "schedule:journal" || e.Tier != holdfast.TierInternal {
			a.t.Errorf("by %s, %s", e.Caller, e.Tier)
		}
	}
	return strings.Join(lines, ", ")
}

func TestTheDailyRunIsJournaledAndItsFailureAnAlert(t *testing.T) {
	eachAged(t, func(t *testing.T, _ *store.Store, a *aged) {
		firing := a.Capability().Alerts[0].Firing
		a.live("2025-03-15", "2026-03-15")
		a.archive.daily(t.Context())
		if got := a.told(); got != "" {
			t.Errorf("nothing was due: %s", got)
		}
		a.live("2026-04-15", "2026-05-15")
		a.archive.trace = func(step string) error {
			if step == "anchored" {
				return errors.New("the disk is full")
			}
			return nil
		}
		a.archive.daily(t.Context())
		if got := a.told(); got != "started, failed" {
			t.Errorf("journal: %s", got)
		}
		if alerts := firing(t.Context()); len(alerts) != 1 || !strings.Contains(alerts[0].Message, "disk is full") || alerts[0].Since.IsZero() {
			t.Errorf("alerts: %+v", alerts)
		}
		a.archive.trace = func(string) error { return nil }
		a.archive.daily(t.Context())
		if got := a.told(); got != "started, failed, started, noted alpha-2025-03, done" {
			t.Errorf("journal: %s", got)
		}
		if alerts := firing(t.Context()); len(alerts) != 0 {
			t.Errorf("alerts: %+v", alerts)
		}
		a.holds()
	})
}

// TestOnceADay: at the start, and then every day, whatever came of it.
func TestOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAged(t, storetest.SQLite(t, tables()), "alpha", home.At(t.TempDir()))
		a.live("2024-12-15", "2026-03-15")
		var tries atomic.Int64
		a.archive.trace = func(string) error {
			tries.Add(1)
			return errors.New("no")
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Capability().Run(ctx) }()
		synctest.Wait()
		if n := tries.Load(); n != 1 {
			t.Errorf("tried %d times at the start", n)
		}
		<-time.After(3*24*time.Hour + time.Minute)
		synctest.Wait()
		if n := tries.Load(); n != 4 {
			t.Errorf("tried %d times in three days", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the house ends with %v", err)
		}
	})
}

func (a *aged) run(name, input string) (any, error) {
	for _, one := range a.Capability().Actions {
		if one.Name == name {
			decoded, err := one.Decode(json.RawMessage(input))
			if err != nil {
				return nil, err
			}
			return one.Run(a.t.Context(), decoded)
		}
	}
	return nil, errors.New("no such action")
}

func TestTheActionsTellOfArchives(t *testing.T) {
	eachAged(t, func(t *testing.T, _ *store.Store, a *aged) {
		a.live("2024-12-15", "2026-03-15")
		done, err := a.run(archiveAction, `{}`)
		if out, ok := done.(archiveOutput); err != nil || !ok || len(out.Archived) != 2 {
			t.Fatalf("archived %+v, %v", done, err)
		}
		if done, err = a.run(archiveAction, `{}`); err != nil || done.(archiveOutput).Archived == nil || len(done.(archiveOutput).Archived) != 0 {
			t.Errorf("archived again %+v, %v", done, err)
		}
		for _, c := range []struct{ input, want string }{
			{`{"limit":1000}`, "2024-12 2025-01"},
			{`{"limit":10}`, ""}, // the newest ten are in the table
			{`{"since":"2025-01-01T00:00:00Z","limit":1000}`, "2025-01"},
			{`{"since":"2025-02-01T00:00:00Z","limit":1000}`, ""},
			{`{"action":"agent","limit":10}`, "2024-12 2025-01"},
			{`{"node":"beta"}`, ""},
		} {
			shown, err := a.run("journal.show", c.input)
			if err != nil {
				t.Fatal(err)
			}
			var months []string
			for _, one := range shown.(showOutput).Archived {
				months = append(months, one.Month)
			}
			if got := strings.Join(months, " "); got != c.want {
				t.Errorf("%s: %s, want %s", c.input, got, c.want)
			}
		}
		path := filepath.Join(t.TempDir(), "all.jsonl")
		exported, err := a.run("journal.export", `{"path":"`+path+`"}`)
		if out, ok := exported.(exportOutput); err != nil || !ok || len(out.Archived) != 2 || out.Entries != 14*5+2 {
			t.Errorf("exported %+v, %v", exported, err)
		}
		if _, err := a.run("journal.verify", `{}`); err != nil {
			t.Error(err)
		}
		if err := os.Remove(a.home.Var(folder, "alpha-2025-01.jsonl.gz")); err != nil {
			t.Fatal(err)
		}
		_, err = a.run("journal.verify", `{}`)
		if told, ok := errors.AsType[*holdfast.Error](err); !ok || told.Code != holdfast.CodeFailed || !strings.Contains(err.Error(), "var/journal/alpha-2025-01.jsonl.gz") {
			t.Errorf("verify: %v", err)
		}
	})
}

func TestKeepIsChecked(t *testing.T) {
	for text, fine := range map[string]bool{"31d": true, "400d": true, "30d": false, "0": false} {
		keep, err := config.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		if problems := (&Config{Keep: keep}).Check(); fine != (len(problems) == 0) {
			t.Errorf("%s: %v", text, problems)
		}
	}
	if months := monthsIn(New(store.New(""), "a").archive.config.Keep.Std()); months < 12 {
		t.Errorf("the default keeps %d months", months)
	}
}

func TestABackupTakesTheArchives(t *testing.T) {
	a := newAged(t, storetest.SQLite(t, tables()), "alpha", home.At(t.TempDir()))
	archivedTwo(a)
	found, err := filepath.Glob(a.home.Path(a.Capability().Keep[0].Patterns[0]))
	if err != nil || len(found) != 2 || !slices.IsSorted(found) {
		t.Errorf("%v, %v", found, err)
	}
}
