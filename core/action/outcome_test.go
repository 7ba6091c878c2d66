// SPDX-License-Identifier: Apache-2.0

package action_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// shown is how a request stands for who looks at it.
func shown(t *testing.T, b *bench, id string) action.Approval {
	t.Helper()
	out, err := b.do(t, operator(), "approval.show", `{"id":"`+id+`"}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.(action.Approval)
}

// A house is killed in the midst of what was allowed: it counts neither as done nor as failed, for whoever
// looks at it without a house and for the next one, which says so in the journal and does not do it again.
func TestWhatAHouseDiedInTheMidstOfIsUnknown(t *testing.T) {
	storetest.Each(t, []store.Migration{{Package: "action", FS: action.Migrations()}}, func(t *testing.T, s *store.Store) {
		q := newQueue(t, s)
		if err := q.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		q.hold(t, "killed", "done", "failed", "waits")
		died := errors.New("killed")
		q.Carry(&action.Carrier{Carry: func(ctx context.Context, h action.Held) (json.RawMessage, error) {
			if shown(t, q.bench, h.ID).Outcome != "running" {
				t.Errorf("while it runs it stands as %+v", shown(t, q.bench, h.ID))
			}
			switch h.ID {
			case "done":
				return json.RawMessage(`1`), q.Finish(ctx, h.ID, holdfast.OutcomeDone, json.RawMessage(`1`))
			case "failed":
				return json.RawMessage(`2`), q.Finish(ctx, h.ID, holdfast.OutcomeFailed, json.RawMessage(`2`))
			}
			return nil, died
		}})
		for _, id := range []string{"killed", "done", "failed"} {
			if _, err := q.do(t, operator(), "approval.allow", `{"id":"`+id+`"}`, nil); err != nil && !errors.Is(err, died) {
				t.Fatal(err)
			}
		}
		unknown := func(b *bench, id string) {
			t.Helper()
			if a := shown(t, b, id); a.State != "allowed" || a.Outcome != "unknown" || !strings.Contains(a.Note, "may have been done, or not") {
				t.Errorf("it stands as %+v", a)
			}
		}
		next := newQueue(t, s)
		unknown(next.bench, "killed") // as the command line without a house sees it
		if next.journal.outcomes("approval.interrupted") != "" {
			t.Error("who only looks ended it")
		}
		if err := next.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		unknown(next.bench, "killed")
		told := next.journal.Of("approval.interrupted")
		if len(told) != 1 || told[0].Subject != "NOTES_delete" || !strings.Contains(string(told[0].Detail), `"approval":"killed"`) {
			t.Errorf("journaled is %+v", told)
		}
		for id, want := range map[string]string{"done": "done", "failed": "failed", "waits": ""} {
			if a := shown(t, next.bench, id); a.Outcome != want || a.Note != "" {
				t.Errorf("%s stands as %+v", id, a)
			}
		}
		if _, err := next.do(t, operator(), "approval.allow", `{"id":"killed"}`, nil); err == nil || next.carried.Load() != 0 {
			t.Errorf("it was carried out again: %v", err)
		}
		if held, ruling, err := next.Find(t.Context(), "killed"); err != nil || !ruling.Lost() || len(held.Payload) != 0 {
			t.Errorf("what it was made of is kept: %+v, %+v, %v", held, ruling, err)
		}
	})
}

// What destroys has an outcome too.
func TestAnAllowedDestructionHasAnOutcome(t *testing.T) {
	s := sqlite(t)
	b := newBench(t, s)
	id := pending(t, b, agent())
	input := `{"id":"` + id + `"}`
	_, err := b.do(t, operator(), "approval.allow", input, nil)
	asked, ok := errors.AsType[*holdfast.Unconfirmed](err)
	if !ok {
		t.Fatal(err)
	}
	b.amid = func() {
		next := newBench(t, s)
		if err := next.Recover(t.Context()); err != nil {
			t.Error(err)
		}
		if a := shown(t, next, id); a.Outcome != "unknown" || next.journal.outcomes("approval.interrupted") != "noted" {
			t.Errorf("in the midst of it, for another house, it stands as %+v", a)
		}
	}
	confirmed := &holdfast.Confirmation{Token: asked.Inventory.Token, Categories: []string{"files", "history"}}
	if _, err := b.do(t, operator(), "approval.allow", input, confirmed); err != nil {
		t.Fatal(err)
	}
	if a := shown(t, b, id); a.Outcome != "done" {
		t.Errorf("it stands as %+v", a)
	}
}

// Of several nodes with one store, none ends what another carries out.
func TestAHouseThatStartsLeavesWhatOtherNodesCarryOut(t *testing.T) {
	storetest.Each(t, []store.Migration{{Package: "action", FS: action.Migrations()}}, func(t *testing.T, s *store.Store) {
		other := newQueue(t, s)
		other.journal.node = "other"
		other.hold(t, "theirs")
		died := errors.New("killed")
		other.Carry(&action.Carrier{Carry: func(context.Context, action.Held) (json.RawMessage, error) { return nil, died }})
		if _, err := other.do(t, operator(), "approval.allow", `{"id":"theirs"}`, nil); !errors.Is(err, died) {
			t.Fatal(err)
		}
		one := newQueue(t, s)
		one.journal.node = "one"
		if err := one.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := "running"
		if s.Dialect() == store.SQLite { // is one node's, which was called otherwise before
			want = "unknown"
		}
		if a := shown(t, one.bench, "theirs"); a.Outcome != want {
			t.Errorf("it stands as %+v, want %s", a, want)
		}
	})
}
