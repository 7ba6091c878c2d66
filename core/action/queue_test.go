// SPDX-License-Identifier: Apache-2.0

package action_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// a queue is one of tool calls, whose carrier counts.
type queue struct {
	*action.Queue
	*bench
	carried atomic.Int64
}

func newQueue(t *testing.T, s *store.Store) *queue {
	t.Helper()
	b := newBench(t, s)
	q := &queue{bench: b, Queue: b.Queue("tool")}
	q.Carry(&action.Carrier{Carry: func(ctx context.Context, h action.Held) (json.RawMessage, error) {
		q.carried.Add(1)
		result := json.RawMessage(`"did ` + h.What + ` for ` + h.Asker.String() + `"`)
		return result, q.Finish(ctx, h.ID, holdfast.OutcomeDone, result)
	}})
	return q
}

func (q *queue) hold(t *testing.T, ids ...string) {
	t.Helper()
	var list []action.Held
	for _, id := range ids {
		list = append(list, action.Held{
			ID: id, What: "NOTES_delete", Subject: "passthrough_agent", Input: json.RawMessage(`{"id":1}`),
			Payload: json.RawMessage(`{"secret":"x"}`), Expires: q.now.Add(time.Hour),
		})
	}
	if err := q.Hold(t.Context(), agent(), nil, list...); err != nil {
		t.Fatal(err)
	}
}

func (q *queue) state(t *testing.T, id string) action.Ruling {
	t.Helper()
	_, ruling, err := q.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return ruling
}

func TestAHeldCallIsCarriedOutOnce(t *testing.T) {
	storetest.Each(t, []store.Migration{{Package: "action", FS: action.Migrations()}}, func(t *testing.T, s *store.Store) {
		q := newQueue(t, s)
		q.hold(t, "one")
		changed := q.Changed()
		if _, err := q.do(t, agent(), "approval.allow", `{"id":"one"}`, nil); err == nil {
			t.Fatal("an agent allowed its own call")
		}
		machine := holdfast.Caller{Kind: holdfast.CallerAgent, Name: "key", Tier: holdfast.TierOwner}
		if _, err := q.do(t, machine, "approval.allow", `{"id":"one"}`, nil); err == nil || q.state(t, "one").State != "pending" {
			t.Fatalf("an agent with the owner's tier allowed a call: %v", err)
		}
		answers := make(chan error, 8)
		for i := range cap(answers) {
			go func() {
				name := "approval.allow"
				if i%2 == 1 {
					name = "approval.deny"
				}
				_, err := q.Dispatch(t.Context(), operator(), name, json.RawMessage(`{"id":"one"}`), nil)
				answers <- err
			}()
		}
		won := 0
		for range cap(answers) {
			if err := <-answers; err == nil {
				won++
			} else if known, ok := errors.AsType[*holdfast.Error](err); !ok || known.Code != holdfast.CodeConflict {
				t.Errorf("who came second is told %v", err)
			}
		}
		ruling := q.state(t, "one")
		if want := map[string]int64{"allowed": 1, "denied": 0}[ruling.State]; won != 1 || q.carried.Load() != want {
			t.Errorf("%d won, carried out %d times, it stands as %+v", won, q.carried.Load(), ruling)
		}
		select {
		case <-changed:
		default:
			t.Error("nobody was told of the decision")
		}
	})
}

func TestAHeldCallShowsWhoWouldDoWhat(t *testing.T) {
	q := newQueue(t, sqlite(t))
	q.hold(t, "one")
	q.hold(t, "two")
	pending(t, q.bench, agent())
	list := func(filter string) []action.Approval {
		out, err := q.do(t, operator(), "approval.list", filter, nil)
		raw, _ := json.Marshal(out)
		var shown struct{ Approvals []action.Approval }
		if err != nil || json.Unmarshal(raw, &shown) != nil || strings.Contains(string(raw), "secret") {
			t.Fatalf("%v: %s", err, raw)
		}
		return shown.Approvals
	}
	if all := list(`{}`); len(all) != 3 || all[0].Kind != "action" {
		t.Errorf("listed are %+v", all)
	}
	tools := list(`{"kind":"tool"}`)
	if len(tools) != 2 || tools[0].Action != "NOTES_delete" || tools[0].Subject != "passthrough_agent" || tools[0].Caller != agent().String() || string(tools[0].Input) != `{"id":1}` {
		t.Errorf("listed are %+v", tools)
	}
	if _, err := q.do(t, operator(), "approval.deny", `{"id":"two","reason":"keep it"}`, nil); err != nil {
		t.Fatal(err)
	}
	if r := q.state(t, "two"); r.State != "denied" || r.Reason != "keep it" || r.Answerer != operator().String() {
		t.Errorf("it stands as %+v", r)
	}
	out, err := q.do(t, operator(), "approval.allow", `{"id":"one"}`, nil)
	if raw, _ := json.Marshal(out); err != nil || !strings.Contains(string(raw), "did NOTES_delete for "+agent().String()) {
		t.Errorf("allowed: %s, %v", raw, err)
	}
	held, ruling, err := q.Find(t.Context(), "one")
	if err != nil || len(held.Payload) != 0 || len(ruling.Result) == 0 {
		t.Errorf("afterwards there is %+v %+v, %v", held, ruling, err)
	}
	if _, _, err := q.Find(t.Context(), "none"); !action.Missing(err) {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestHeldCallsAndTheClock(t *testing.T) {
	q := newQueue(t, sqlite(t))
	jump := func(by time.Duration) {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.now = q.now.Add(by)
	}
	q.hold(t, "one", "two")
	destroying := pending(t, q.bench, agent())
	// Set back a day: the age of what was asked is not known, so nothing is allowed; denying is safe.
	jump(-24 * time.Hour)
	for _, id := range []string{"one", destroying} {
		_, err := q.do(t, operator(), "approval.allow", `{"id":"`+id+`"}`, nil)
		if known, ok := errors.AsType[*holdfast.Error](err); !ok || known.Code != holdfast.CodeConflict || !strings.Contains(err.Error(), "clock") {
			t.Errorf("before its time it is answered %v", err)
		}
	}
	if _, err := q.do(t, operator(), "approval.deny", `{"id":"two"}`, nil); err != nil {
		t.Errorf("it could not be denied: %v", err)
	}
	jump(24*time.Hour + 2*time.Hour)
	if _, err := q.do(t, operator(), "approval.allow", `{"id":"one"}`, nil); err == nil || q.state(t, "one").State != "expired" {
		t.Errorf("after its time it was allowed: %v", err)
	}
	if won, err := q.Decide(t.Context(), operator(), "one", true, ""); won || err != nil {
		t.Errorf("after its time it was decided: %v, %v", won, err)
	}
	if q.carried.Load() != 0 {
		t.Error("it was carried out")
	}
	jump(8 * 24 * time.Hour)
	q.hold(t, "three")
	if _, _, err := q.Find(t.Context(), "one"); !action.Missing(err) {
		t.Errorf("a week later it is still kept: %v", err)
	}
}

func TestARunawayAgentsCallsBuryNobodys(t *testing.T) {
	q := newQueue(t, sqlite(t))
	destroying := pending(t, q.bench, agent())
	one := func(id, subject string) action.Held {
		return action.Held{ID: id, What: "NOTES_delete", Subject: subject, Input: json.RawMessage(`{}`), Expires: q.now.Add(time.Hour)}
	}
	full := func(err error, whose string) {
		t.Helper()
		if no, ok := errors.AsType[*holdfast.Refusal](err); !ok || !strings.Contains(no.Reason, whose) || !strings.Contains(no.Remedy, "approval list --kind tool") {
			t.Errorf("beyond the bound it is answered %v", err)
		}
	}
	for i := range 50 {
		q.hold(t, fmt.Sprint("call", i))
	}
	full(q.Hold(t.Context(), agent(), nil, one("more", "passthrough_agent")), "passthrough_agent for "+agent().String())
	if !strings.Contains(q.journal.outcomes("approval.pending"), "refused") {
		t.Error("the refusal is not journaled")
	}
	// Another agent of the same asker has room, all its calls or none; and so has another asker.
	var many []action.Held
	for i := range 50 {
		many = append(many, one(fmt.Sprint("other", i), "notes_agent"))
	}
	full(q.Hold(t.Context(), agent(), nil, append(many, one("fifty-first", "third_agent"))...), agent().String())
	if _, _, err := q.Find(t.Context(), "other0"); !action.Missing(err) {
		t.Errorf("a part of them was held: %v", err)
	}
	if err := q.Hold(t.Context(), agent(), nil, many...); err != nil {
		t.Fatal(err)
	}
	full(q.Hold(t.Context(), agent(), nil, one("more", "third_agent")), agent().String()+" has 100")
	if got, err := q.Room(t.Context(), agent(), "third_agent"); err != nil || got != (action.Room{Waiting: 100, Most: 100}) {
		t.Errorf("there is room for %+v, %v", got, err)
	}
	if got, err := q.Room(t.Context(), operator(), "third_agent"); err != nil || got != (action.Room{Most: 50, Free: 50}) {
		t.Errorf("another asker has room for %+v, %v", got, err)
	}
	if err := q.Hold(t.Context(), operator(), nil, one("his", "passthrough_agent")); err != nil {
		t.Errorf("another asker: %v", err)
	}
	if q.state(t, "call0").State != "pending" {
		t.Error("what waited was pressed out")
	}
	out, err := q.do(t, operator(), "approval.list", "", nil)
	raw, _ := json.Marshal(out)
	if n := strings.Count(string(raw), `"id":"`); err != nil || n != 102 || !strings.Contains(string(raw), destroying) {
		t.Errorf("%d requests are listed, %v", n, err)
	}
	// What is answered or has expired makes room.
	if _, err := q.do(t, operator(), "approval.deny", `{"id":"call0"}`, nil); err != nil {
		t.Fatal(err)
	}
	if err := q.Hold(t.Context(), agent(), nil, one("again", "passthrough_agent")); err != nil {
		t.Error(err)
	}
	q.now = q.now.Add(2 * time.Hour)
	if err := q.Hold(t.Context(), agent(), nil, one("later", "passthrough_agent")); err != nil {
		t.Error(err)
	}
}

func TestWhatNobodyCouldJudgeIsNotHeld(t *testing.T) {
	q := newQueue(t, sqlite(t))
	huge, _ := json.Marshal(strings.Repeat("x", 1<<20))
	for _, h := range []action.Held{{ID: "a", What: "NOTES_delete", Payload: huge}, {ID: "b", What: "NOTES_delete", Input: huge}} {
		h.Expires = q.now.Add(time.Hour)
		if _, refused := errors.AsType[*holdfast.Refusal](q.Hold(t.Context(), agent(), nil, h)); !refused {
			t.Errorf("%s is held", h.ID)
		}
	}
	_, err := q.Dispatch(t.Context(), agent(), "test.delete", json.RawMessage(`{"name":`+string(huge)+`}`), nil)
	if _, refused := errors.AsType[*holdfast.Refusal](err); !refused {
		t.Errorf("an action waits: %.200v", err)
	}
}

// However many requests there are, those of a kind or a state can be found.
func TestRequestsOfOthersHideNone(t *testing.T) {
	storetest.Each(t, []store.Migration{{Package: "action", FS: action.Migrations()}}, func(t *testing.T, s *store.Store) {
		q := newQueue(t, s)
		q.hold(t, "mine")
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			for i := range 600 {
				if _, err := tx.Exec(ctx, `INSERT INTO approvals (id, kind, created, expires, asker, caller, action, subject, input, state) VALUES (?, 'action', ?, ?, '{}', 'agent:x', 'x', '', '{}', 'pending')`,
					fmt.Sprint("flood", i), q.now.UnixNano(), q.now.Add(time.Minute).UnixNano()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		listed := func(filter string) string {
			out, err := q.do(t, operator(), "approval.list", filter, nil)
			raw, _ := json.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		}
		if text := listed(`{"kind":"tool"}`); !strings.Contains(text, `"mine"`) || strings.Contains(text, "flood") {
			t.Errorf("listed is %.300s", text)
		}
		q.now = q.now.Add(2 * time.Minute)
		if text := listed(`{}`); !strings.Contains(text, `"mine"`) || strings.Contains(text, "flood") {
			t.Errorf("listed is %.300s", text)
		}
		if n := strings.Count(listed(`{"state":"expired","kind":"action"}`), `"flood`); n != 500 {
			t.Errorf("%d expired are listed", n)
		}
		if n := strings.Count(listed(`{"state":"all","kind":"all"}`), `"id":"`); n != 500 {
			t.Errorf("%d are listed", n)
		}
	})
}

func TestACallIsNotAllowedWhereNobodyCanMakeIt(t *testing.T) {
	s := sqlite(t)
	q := newQueue(t, s)
	q.hold(t, "one")
	again := newBench(t, s) // as the command line without a house
	later := again.Queue("tool")
	_, err := again.do(t, operator(), "approval.allow", `{"id":"one"}`, nil)
	if known, ok := errors.AsType[*holdfast.Error](err); !ok || known.Code != holdfast.CodeUnavailable {
		t.Errorf("answered %v", err)
	}
	if _, ruling, err := later.Find(t.Context(), "one"); err != nil || !ruling.Pending() {
		t.Errorf("it stands as %+v, %v", ruling, err)
	}
	if _, err := again.do(t, operator(), "approval.deny", `{"id":"one"}`, nil); err != nil {
		t.Errorf("it could not be denied: %v", err)
	}
	_ = s.Close()
	if err := q.Hold(t.Context(), agent(), nil, action.Held{ID: "x"}); err == nil {
		t.Error("what could not be kept was held")
	}
}
