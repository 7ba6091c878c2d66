// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/journal"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

type quiet struct{}

func (quiet) Action(string, holdfast.Outcome, time.Duration) {}
func (quiet) Refusal(string)                                 {}

type askers struct{}

func (askers) Required() []Requirement {
	return []Requirement{{Key: "TOKEN", Source: "extension notes"}, {Key: "ABSENT", Source: "unit companion"}}
}

func (askers) UnitsUsing(key string) []string {
	if key == "TOKEN" {
		return []string{"notes.ui", "companion"}
	}
	return nil
}

type rig struct {
	keys     *Keys
	registry *action.Registry
	journal  *journal.Journal
	caller   holdfast.Caller
}

func newRig(t *testing.T, text string) *rig {
	t.Helper()
	k := newKeys(t, text)
	k.Use(Needs{Required: askers{}, Units: askers{}})
	s := storetest.SQLite(t, []store.Migration{
		{Package: "journal", FS: journal.Migrations()}, {Package: "action", FS: action.Migrations()},
	})
	book := journal.New(s, "node")
	r, err := action.NewRegistry(action.Needs{Journal: book, Store: s, Meter: quiet{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(k.Capability().Actions...); err != nil {
		t.Fatal(err)
	}
	return &rig{keys: k, registry: r, journal: book, caller: holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ann", Tier: holdfast.TierOperator}}
}

func (r *rig) call(t *testing.T, name string, input any) (string, error) {
	t.Helper()
	raw, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.registry.Dispatch(context.WithoutCancel(t.Context()), r.caller, name, raw, nil)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), nil
}

// TestActions calls every action the way a surface does, and finds no value in any answer nor in
// the journal.
func TestActions(t *testing.T) {
	const secret = "sk-very-secret-value-0123456789"
	r := newRig(t, "")
	for _, step := range []struct {
		action string
		input  any
		want   string
	}{
		{"keys.set", map[string]string{"key": "TOKEN", "value": secret}, `"restart":["companion","notes.ui"]`},
		{"keys.list", nil, `{"TOKEN":"sk-••••89"}`},
		{"keys.required", nil, `{"required_secrets":[{"key":"ABSENT","source":"unit companion","set":false},{"key":"TOKEN","source":"extension notes","set":true}]}`},
		{"keys.upload", map[string]string{"file": "OTHER=" + secret + "x\nTOKEN=" + secret + "\n"}, `"changed":["OTHER"]`},
		{"keys.delete", map[string]string{"key": "OTHER"}, `"status":"success"`},
		{"keys.restore", map[string]string{"key": "OTHER"}, `"changed":["OTHER"]`},
	} {
		out, err := r.call(t, step.action, step.input)
		if err != nil || !strings.Contains(out, step.want) || strings.Contains(out, "very-secret") {
			t.Errorf("%s answered %s, %v", step.action, out, err)
		}
	}
	for _, bad := range []struct {
		action string
		input  any
	}{
		{"keys.upload", map[string]string{"file": secret}},
		{"keys.upload", map[string]string{"file": "A='" + secret}},
		{"keys.upload", map[string]string{"file": "# nothing"}},
		{"keys.set", map[string]string{"key": "BAD NAME", "value": secret}},
		{"keys.set", map[string]string{"key": "HARD", "value": secret + "\n'\""}},
		{"keys.delete", map[string]string{"key": "NOT_THERE"}},
	} {
		if _, err := r.call(t, bad.action, bad.input); err == nil || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s of %v: %v", bad.action, bad.input, err)
		}
	}
	entries, err := r.journal.Show(t.Context(), journal.Query{Limit: 1000})
	if err != nil || len(entries) < 8 {
		t.Fatal(len(entries), err)
	}
	for _, e := range entries {
		raw, _ := json.Marshal(e)
		if strings.Contains(string(raw), "very-secret") {
			t.Errorf("the journal holds %s", raw)
		}
	}
}

func TestAlertTellsBadLines(t *testing.T) {
	k := newKeys(t, "good=1\nbad line\n")
	alerts := k.Capability().Alerts[0].Firing(t.Context())
	if len(alerts) != 1 || !strings.Contains(alerts[0].Message, ".env:2") {
		t.Errorf("got %v", alerts)
	}
}

func TestUseWhileNothingIsKnown(t *testing.T) {
	k := newKeys(t, "")
	out, err := answers{k}.required(t.Context(), action.Nothing{})
	if err != nil || len(out.Secrets) != 0 {
		t.Error(out, err)
	}
	if got := (answers{k}).answer("done", "A"); len(got.Restart) != 0 {
		t.Error(got)
	}
}
