// SPDX-License-Identifier: Apache-2.0

package action_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/journal/journaltest"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// a record is a journal that tests ask about outcomes.
type record struct {
	journaltest.Journal
	node string
}

func (r *record) Node() string { return r.node }

func (r *record) outcomes(name string) string {
	var list []string
	for _, e := range r.Of(name) {
		list = append(list, string(e.Outcome))
	}
	return strings.Join(list, " ")
}

type noMeter struct{}

func (noMeter) Action(string, holdfast.Outcome, time.Duration) {}
func (noMeter) Refusal(string)                                 {}

// a bench is a registry with a world of files that one action destroys.
type bench struct {
	*action.Registry
	journal *record
	mu      sync.Mutex
	files   []string
	now     time.Time
	runs    int
	amid    func() // in the midst of a destruction
}

type named struct {
	Name  string          `json:"name" pos:"1" help:"whose"`
	Token holdfast.Secret `json:"token"`
}

type answer struct {
	Said string `json:"said"`
}

func operator() holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerOperator, Name: "terminal", Tier: holdfast.TierOperator}
}

func agent() holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerAgent, Name: "notes", Tier: holdfast.TierTenantPeer, Unit: "notes.backend"}
}

func newBench(t *testing.T, s *store.Store) *bench {
	t.Helper()
	b := &bench{journal: &record{}, files: []string{"a", "b"}, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	registry, err := action.NewRegistry(action.Needs{
		Journal: b.journal, Store: s, Meter: noMeter{}, Log: slog.New(slog.DiscardHandler),
		Seal: func() ([]byte, error) { return []byte("0123456789abcdef0123456789abcdef"), nil },
		Now:  func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Registry = registry
	say := func(_ context.Context, in named) (answer, error) { b.ran(); return answer{"hello " + in.Name}, nil }
	decl := func(name string, effect holdfast.Effect) holdfast.Action {
		return holdfast.Action{Name: name, Summary: "test", Tier: holdfast.TierOperator, Effect: effect}
	}
	safer := decl("test.halt", holdfast.EffectChange)
	safer.Safer = true
	crash := action.NewAction(decl("test.crash", holdfast.EffectChange), func(context.Context, named) (answer, error) { panic("boom") })
	destroyer := decl("test.delete", "")
	destroyer.Categories = []holdfast.Category{
		{Name: "files", Summary: "its files", Returns: holdfast.ReturnsFromTrash},
		{Name: "history", Summary: "its history", Returns: holdfast.ReturnsNever, Production: true},
	}
	err = registry.Add(
		action.NewAction(decl("test.read", holdfast.EffectRead), say),
		action.NewAction(decl("test.change", holdfast.EffectChange), say),
		action.NewAction(safer, say), crash,
		action.NewDestroyer(destroyer, b.inventory, b.destroy),
	)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) ran() { b.mu.Lock(); b.runs++; b.mu.Unlock() }

func (b *bench) inventory(context.Context, named) ([]holdfast.Category, error) {
	journaled := len(b.journal.Entries())
	b.mu.Lock()
	defer b.mu.Unlock()
	files := holdfast.Category{Name: "files"}
	for i, f := range b.files {
		// The bytes differ at each look, as those of living files do.
		files.Items = append(files.Items, holdfast.Item{ID: f, Kind: "file", Bytes: int64(b.runs + i + journaled)})
	}
	return []holdfast.Category{files, {Name: "history", Items: []holdfast.Item{{ID: "log", Kind: "table", Rows: 7}}}}, nil
}

func (b *bench) destroy(context.Context, named) (answer, error) {
	b.ran()
	if b.amid != nil {
		b.amid()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files = nil
	return answer{"gone"}, nil
}

func (b *bench) do(t *testing.T, c holdfast.Caller, name, input string, confirm *holdfast.Confirmation) (any, error) {
	t.Helper()
	return b.Dispatch(t.Context(), c, name, json.RawMessage(input), confirm)
}

func sqlite(t *testing.T) *store.Store {
	return storetest.SQLite(t, []store.Migration{{Package: "action", FS: action.Migrations()}})
}

func TestReadIsNotJournaledButARefusedOneIs(t *testing.T) {
	b := newBench(t, sqlite(t))
	if _, err := b.do(t, operator(), "test.read", `{"name":"x"}`, nil); err != nil {
		t.Fatal(err)
	}
	if got := b.journal.outcomes("test.read"); got != "" {
		t.Fatalf("a read was journaled: %s", got)
	}
	_, err := b.do(t, agent(), "test.read", `{"nonsense":1}`, nil)
	refusal, ok := errors.AsType[*holdfast.Refusal](err)
	if !ok || refusal.Guard != "tier" {
		t.Fatalf("want a refusal by tier before the input is looked at, got %v", err)
	}
	if got := b.journal.outcomes("test.read"); got != "refused" {
		t.Fatalf("journal has %q, want refused", got)
	}
}

func TestChangeIsJournaledBeforeAndAfter(t *testing.T) {
	b := newBench(t, sqlite(t))
	if _, err := b.do(t, operator(), "test.change", `{"name":"x","token":"sk-very-secret-value"}`, nil); err != nil {
		t.Fatal(err)
	}
	if got := b.journal.outcomes("test.change"); got != "started done" {
		t.Fatalf("journal has %q", got)
	}
	for _, e := range b.journal.Entries() {
		if strings.Contains(string(e.Detail), "very-secret") {
			t.Fatalf("the secret stands in the journal: %s", e.Detail)
		}
	}
}

func TestNoLineOfAFileIsJournaled(t *testing.T) {
	b := newBench(t, sqlite(t))
	err := b.Add(action.NewAction(holdfast.Action{Name: "test.read_file", Summary: "test", Tier: holdfast.TierOperator, Effect: holdfast.EffectChange},
		func(context.Context, action.Nothing) (answer, error) {
			wrong := holdfast.Problem{File: "holdfast.yaml", Line: 3, Column: 1, Message: "is wrong", Excerpt: ">    3 | token: sk-planted"}
			return answer{}, fmt.Errorf("cannot read: %w", holdfast.BadInput("the file has 1 problem", wrong))
		}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.do(t, operator(), "test.read_file", "", nil); err == nil || !strings.Contains(err.Error(), "sk-planted") {
		t.Fatalf("the asker is not shown the line: %v", err)
	}
	entries := b.journal.Entries()
	last := entries[len(entries)-1]
	if text := string(last.Detail); strings.Contains(text, "sk-planted") || !strings.Contains(text, "holdfast.yaml:3:1: is wrong") {
		t.Errorf("journaled %s", text)
	}
}

func TestWhatCannotBeJournaledIsNotDone(t *testing.T) {
	b := newBench(t, sqlite(t))
	b.journal.Refuse(errors.New("no space left on device"))
	if _, err := b.do(t, operator(), "test.change", `{}`, nil); err == nil || b.runs != 0 {
		t.Fatalf("it ran %d times, error %v; want no run and an error", b.runs, err)
	}
	if _, err := b.do(t, operator(), "test.halt", `{}`, nil); err != nil || b.runs != 1 {
		t.Fatalf("a safer action must act although the journal is full: %d runs, error %v", b.runs, err)
	}
}

func TestGuards(t *testing.T) {
	for name, judge := range map[string]func(context.Context, holdfast.Request) error{
		"refuses":     func(context.Context, holdfast.Request) error { return &holdfast.Refusal{Guard: "g", Reason: "no"} },
		"cannot tell": func(context.Context, holdfast.Request) error { return errors.New("database is gone") },
		"panics":      func(context.Context, holdfast.Request) error { panic("nil map") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, sqlite(t))
			b.AddGuards(holdfast.Guard{Name: "g", Judges: func(a holdfast.Action) bool { return a.Effect != holdfast.EffectRead }, Judge: judge})
			_, err := b.do(t, operator(), "test.change", `{}`, nil)
			if refusal, ok := errors.AsType[*holdfast.Refusal](err); !ok || refusal.Guard != "g" {
				t.Errorf("want a refusal by g, got %v", err)
			}
			if _, err := b.do(t, operator(), "test.halt", `{}`, nil); err != nil {
				t.Errorf("no guard but tier may refuse a safer action: %v", err)
			}
			if _, err := b.do(t, operator(), "test.read", `{}`, nil); err != nil {
				t.Errorf("the guard does not judge reads: %v", err)
			}
		})
	}
}

func TestOnlyRunsItsOneAction(t *testing.T) {
	b := newBench(t, sqlite(t))
	schedule := holdfast.Internal("sweep", "test.change")
	if _, err := b.do(t, schedule, "test.change", `{}`, nil); err != nil {
		t.Error(err)
	}
	if _, err := b.do(t, schedule, "test.read", `{}`, nil); err == nil {
		t.Error("a schedule ran what it was not set up for")
	}
}

func TestPanicIsAFailureAndJournaled(t *testing.T) {
	b := newBench(t, sqlite(t))
	if _, err := b.do(t, operator(), "test.crash", `{}`, nil); err == nil {
		t.Fatal("want an error")
	}
	if got := b.journal.outcomes("test.crash"); got != "started failed" {
		t.Fatalf("journal has %q", got)
	}
}

func unconfirmed(t *testing.T, err error) holdfast.Inventory {
	t.Helper()
	need, ok := errors.AsType[*holdfast.Unconfirmed](err)
	if !ok {
		t.Fatalf("want an inventory, got %v", err)
	}
	return need.Inventory
}

func TestDestroyNeedsEveryCategoryOfExactlyItsInventory(t *testing.T) {
	b := newBench(t, sqlite(t))
	both := []string{"files", "history"}
	_, err := b.do(t, operator(), "test.delete", `{"name":"x"}`, nil)
	first := unconfirmed(t, err)
	if names := []string{first.Categories[0].Name, first.Categories[1].Name}; !slices.Equal(names, both) || first.Categories[1].Returns != holdfast.ReturnsNever {
		t.Fatalf("inventory %+v", first)
	}
	bad := map[string]*holdfast.Confirmation{
		"one category of two": {Token: first.Token, Categories: both[:1]},
		"no token":            {Categories: both},
		"a forged token":      {Token: strings.Repeat("A", len(first.Token)), Categories: both},
		"garbage":             {Token: "%%%", Categories: both},
	}
	for name, confirm := range bad {
		_, err := b.do(t, operator(), "test.delete", `{"name":"x"}`, confirm)
		unconfirmed(t, err)
		if b.runs != 0 {
			t.Fatalf("%s destroyed", name)
		}
	}
	good := &holdfast.Confirmation{Token: first.Token, Categories: both}
	_, err = b.do(t, operator(), "test.delete", `{"name":"y"}`, good)
	unconfirmed(t, err)
	other := operator()
	other.Name = "somebody"
	_, err = b.do(t, other, "test.delete", `{"name":"x"}`, good)
	unconfirmed(t, err)
	if out, err := b.do(t, operator(), "test.delete", `{"name":"x"}`, good); err != nil || out.(answer).Said != "gone" {
		t.Fatalf("%v %v", out, err)
	}
	_, err = b.do(t, operator(), "test.delete", `{"name":"x"}`, good)
	unconfirmed(t, err) // the world has changed, so the token is spent
}

func TestTokenExpires(t *testing.T) {
	b := newBench(t, sqlite(t))
	_, err := b.do(t, operator(), "test.delete", `{}`, nil)
	token := unconfirmed(t, err).Token
	b.mu.Lock()
	b.now = b.now.Add(11 * time.Minute)
	b.mu.Unlock()
	_, err = b.do(t, operator(), "test.delete", `{}`, &holdfast.Confirmation{Token: token, Categories: []string{"files", "history"}})
	if need, ok := errors.AsType[*holdfast.Unconfirmed](err); !ok || !strings.Contains(need.Reason, "10 minutes") {
		t.Fatalf("got %v", err)
	}
}

func TestAnAgentsDestructionWaitsForAPerson(t *testing.T) {
	storetest.Each(t, []store.Migration{{Package: "action", FS: action.Migrations()}}, func(t *testing.T, s *store.Store) {
		b := newBench(t, s)
		id := pending(t, b, agent())
		if again := pending(t, b, agent()); again != id || b.runs != 0 {
			t.Fatalf("the same request waits twice: %s and %s, %d runs", id, again, b.runs)
		}
		allow := `{"id":"` + id + `"}`
		if _, err := b.do(t, agent(), "approval.allow", allow, nil); err == nil {
			t.Fatal("an agent allowed its own request")
		}
		_, err := b.do(t, operator(), "approval.allow", allow, nil)
		confirm := &holdfast.Confirmation{Token: unconfirmed(t, err).Token, Categories: []string{"files", "history"}}
		errs := make(chan error, 8)
		for range cap(errs) {
			go func() {
				_, err := b.Dispatch(t.Context(), operator(), "approval.allow", json.RawMessage(allow), confirm)
				errs <- err
			}()
		}
		done := 0
		for range cap(errs) {
			if err := <-errs; err == nil {
				done++
			}
		}
		if done != 1 || b.runs != 1 {
			t.Fatalf("%d answers succeeded and it ran %d times, want once", done, b.runs)
		}
		if got := b.journal.outcomes("test.delete"); !strings.HasPrefix(got, "noted") || !strings.HasSuffix(got, "started done") {
			t.Errorf("journal has %q", got)
		}
	})
}

func pending(t *testing.T, b *bench, c holdfast.Caller) string {
	t.Helper()
	_, err := b.do(t, c, "test.delete", `{"name":"x"}`, nil)
	p, ok := errors.AsType[*holdfast.Pending](err)
	if !ok {
		t.Fatalf("want a pending approval, got %v", err)
	}
	return p.ID
}

func TestDenyAndExpire(t *testing.T) {
	b := newBench(t, sqlite(t))
	id := pending(t, b, agent())
	if _, err := b.do(t, operator(), "approval.deny", `{"id":"`+id+`","reason":"no"}`, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.do(t, operator(), "approval.allow", `{"id":"`+id+`"}`, nil); err == nil {
		t.Error("a denied request was allowed")
	}
	late := pending(t, b, agent())
	b.mu.Lock()
	b.now = b.now.Add(25 * time.Hour)
	b.mu.Unlock()
	if _, err := b.do(t, operator(), "approval.allow", `{"id":"`+late+`"}`, nil); err == nil {
		t.Error("an expired request was allowed")
	}
	if b.runs != 0 {
		t.Error("it ran")
	}
}

func TestARunawayAgentCannotBuryTheApprovals(t *testing.T) {
	b := newBench(t, sqlite(t))
	var last error
	for i := range 30 {
		_, last = b.do(t, agent(), "test.delete", `{"name":"`+strings.Repeat("x", i+1)+`"}`, nil)
	}
	if _, ok := errors.AsType[*holdfast.Refusal](last); !ok {
		t.Fatalf("the thirtieth request answered %v, want a refusal", last)
	}
}

func TestNoNumberOfAnswersHidesARequest(t *testing.T) {
	s := sqlite(t)
	b := newBench(t, s)
	id := pending(t, b, agent())
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		for i := range 600 {
			_, err := tx.Exec(ctx, `INSERT INTO approvals (id, created, expires, asker, caller, action, subject, input, state, answered, answerer, reason)
				SELECT ?, created + 1, expires, asker, caller, action, subject, input, 'denied', created, 'owner:terminal', '' FROM approvals WHERE id = ?`, fmt.Sprint("answered", i), id)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.do(t, operator(), "approval.list", "", nil)
	if raw, _ := json.Marshal(out); err != nil || !strings.Contains(string(raw), id) {
		t.Errorf("%v: the request is not listed: %.200s", err, raw)
	}
}

func TestNobodyAndWebhooksMayNotAskForDestruction(t *testing.T) {
	b := newBench(t, sqlite(t))
	for _, c := range []holdfast.Caller{holdfast.Nobody("http"), {Kind: holdfast.CallerTenant, Name: "t", Tier: holdfast.TierTenantOwner}} {
		if _, err := b.do(t, c, "test.delete", `{}`, nil); errors.As(err, new(*holdfast.Pending)) || err == nil {
			t.Errorf("%s: got %v, want a refusal", c, err)
		}
	}
}
