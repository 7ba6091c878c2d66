// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"errors"
	"math"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/gateway/price"
)

func (f *fixture) report(t *testing.T, scope string) map[string]Line {
	t.Helper()
	var r Report
	f.must("budget.report", `{"scope":"`+scope+`"}`, &r)
	lines := map[string]Line{}
	for _, line := range r.Budgets {
		lines[line.Limit] = line
		if !line.Reconciled || !same(line.Counted, line.Activity-line.Archived) || !same(line.Left, line.Quota-line.Counted-line.Reserved) {
			t.Errorf("does not add up: %+v", line)
		}
	}
	return lines
}

// same compares in nano-dollars, for dollars are no whole numbers.
func same(a, b float64) bool { return math.Round(a*nano) == math.Round(b*nano) }

func TestResetArchivesWhatWasSpent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, schema(), func(t *testing.T, s *store.Store) {
		c := limits("agent:companion", Limit{TokensPerDay: new(int64(100)), TokensPerMonth: new(int64(1000)), USDPerDay: new(2.0)})
		f := open(t, s, c)
		f.mustSpend(80, dollars(0.5))
		under := f.claim(15, dollars(0.1))
		if err := f.Reserve(under); err != nil {
			t.Fatal(err)
		}
		if f.spend(10, dollars(0)) == nil {
			t.Fatal("it fits")
		}
		var out resetOutput
		f.must("budget.reset", `{"scope":"agent:companion","period":"day"}`, &out)
		if before, after := out.Before[0], out.After[0]; before.Counted != 80 || before.Left != 5 || after.Archived != 80 ||
			after.Counted != 0 || after.Reserved != 15 || after.Left != 85 {
			t.Errorf("%+v\n%+v", before, after)
		}
		f.settle(under, under)
		f.mustSpend(10, dollars(0))
		want := func(when string) {
			t.Helper()
			lines := f.report(t, "agent:companion")
			if l := lines["tokens_per_day"]; l.Activity != 105 || l.Archived != 80 || l.Counted != 25 || l.Percent != 25 {
				t.Errorf("%s: %+v", when, l)
			}
			if l := lines["tokens_per_month"]; l.Activity != 105 || l.Archived != 0 || l.Counted != 105 {
				t.Errorf("%s: %+v", when, l)
			}
			if l := lines["usd_per_day"]; l.Activity != 0.6 || l.Archived != 0.5 || l.Counted != 0.1 {
				t.Errorf("%s: %+v", when, l)
			}
		}
		want("at once")
		f.restart(s, c, time.UTC)
		want("after a restart")
		stopped := &fixture{t: t, rows: f.rows, clock: f.clock, Budgets: New(Needs{Config: &c, Store: s, Spent: f.rows.Spent, Now: f.clock.Now})}
		f.Budgets = stopped.Budgets
		want("in a process of its own")
		var h historyOutput
		f.must("budget.history", `{"scope":"agent:companion"}`, &h)
		if last := h.Events[len(h.Events)-1]; len(h.Events) == 0 || last.Event != eventReset || last.Tokens != 80 || last.USD != 0.5 || last.By != "operator:ada" {
			t.Errorf("%+v", h.Events)
		}
		// The next day has nothing to archive from this one.
		f.restart(s, c, time.UTC)
		f.clock.Set(moment(t, "2026-11-22T12:00:00Z"))
		if l := f.report(t, "agent:companion")["tokens_per_day"]; l.Activity != 0 || l.Archived != 0 {
			t.Errorf("%+v", l)
		}
	})
}

func TestSetAndRemove(t *testing.T) {
	t.Parallel()
	storetest.Each(t, schema(), func(t *testing.T, s *store.Store) {
		c := limits("house", Limit{TokensPerDay: new(int64(100)), USDPerMonth: new(5.0)})
		f := open(t, s, c)
		var out changed
		f.must("budget.set", `{"scope":"house","tokens_per_day":40,"at_limit":"park"}`, &out)
		if *out.Before.TokensPerDay != 100 || *out.After.TokensPerDay != 40 || *out.After.USDPerMonth != 5 || out.After.AtLimit != atLimitPark {
			t.Errorf("%+v", out)
		}
		f.must("budget.set", `{"scope":"house","tokens_per_week":60}`, nil)
		f.restart(s, c, time.UTC)
		if l := f.report(t, "house"); l["tokens_per_day"].Quota != 40 || l["tokens_per_day"].AtLimit != atLimitPark || l["tokens_per_week"].Quota != 60 || l["usd_per_month"].Quota != 5 {
			t.Errorf("%+v", l)
		}
		f.must("budget.remove", `{"scope":"house","limit":"tokens_per_day"}`, nil)
		if l := f.report(t, "house"); l["tokens_per_day"].Quota != 100 || l["tokens_per_week"].Quota != 60 {
			t.Errorf("%+v", l)
		}
		f.must("budget.remove", `{"scope":"house"}`, nil)
		if l := f.report(t, "house"); len(l) != 2 || l["tokens_per_day"].AtLimit != atLimitRefuse {
			t.Errorf("%+v", l)
		}
		for action, code := range map[string]holdfast.Code{
			`budget.remove {"scope":"house"}`:                                                  holdfast.CodeNotFound,
			`budget.remove {"scope":"agent:x","limit":"usd_per_day"}`:                          holdfast.CodeNotFound,
			`budget.report {"scope":"agent:x"}`:                                                holdfast.CodeNotFound,
			`budget.reset {"scope":"agent:x"}`:                                                 holdfast.CodeNotFound,
			`budget.approve {"id":"hf-none"}`:                                                  holdfast.CodeNotFound,
			`budget.deny {"id":"hf-none"}`:                                                     holdfast.CodeNotFound,
			`budget.set {"scope":"house"}`:                                                     holdfast.CodeBadInput,
			`budget.set {"scope":"robot:x","tokens_per_day":1}`:                                holdfast.CodeBadInput,
			`budget.set {"scope":"agent:","tokens_per_day":1}`:                                 holdfast.CodeBadInput,
			`budget.set {"scope":"house:x","tokens_per_day":1}`:                                holdfast.CodeBadInput,
			`budget.set {"scope":"house","tokens_per_day":-1}`:                                 holdfast.CodeBadInput,
			`budget.set {"scope":"house","tokens_per_day":9000000000000000000}`:                holdfast.CodeBadInput,
			`budget.set {"scope":"house","usd_per_day":1e18}`:                                  holdfast.CodeBadInput,
			`budget.set {"scope":"house","at_limit":"later"}`:                                  holdfast.CodeBadInput,
			`budget.reset {"scope":"house","period":"year"}`:                                   holdfast.CodeBadInput,
			`budget.history {"since":"yesterday"}`:                                             holdfast.CodeBadInput,
			`budget.report {"scope":"nobody"}`:                                                 holdfast.CodeBadInput,
			`budget.set {"scope":"agent:` + string(make([]byte, 220)) + `","at_limit":"park"}`: holdfast.CodeBadInput,
		} {
			name, input, _ := cutAt(action)
			err := f.do(name, input, nil)
			if wrong, ok := errors.AsType[*holdfast.Error](err); !ok || wrong.Code != code {
				t.Errorf("%s: %v", action, err)
			}
		}
	})
}

func cutAt(action string) (name, input string, ok bool) {
	for i := range len(action) {
		if action[i] == ' ' {
			return action[:i], action[i+1:], true
		}
	}
	return action, "", false
}

// TestAnotherTimeZone: after a restart with another zone the day is another one, and a reset counts
// for what lies before it in that day.
func TestAnotherTimeZone(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t, schema())
	c := limits("house", Limit{TokensPerDay: new(int64(1000))})
	f := open(t, s, c)
	tokyo := zone(t, "Asia/Tokyo")
	f.clock.Set(moment(t, "2026-11-21T14:30:00Z"))
	f.mustSpend(100, price.Cost{})
	f.clock.Set(moment(t, "2026-11-21T15:30:00Z")) // past midnight in Tokyo
	f.mustSpend(20, price.Cost{})
	if l := f.report(t, "house")["tokens_per_day"]; l.Counted != 120 {
		t.Errorf("%+v", l)
	}
	f.restart(s, c, tokyo)
	if l := f.report(t, "house")["tokens_per_day"]; l.Counted != 20 || !l.Until.Equal(moment(t, "2026-11-22T15:00:00Z")) {
		t.Errorf("%+v", l)
	}
	f.restart(s, c, time.UTC)
	f.clock.Set(moment(t, "2026-11-21T16:00:00Z"))
	f.must("budget.reset", `{"scope":"house"}`, nil)
	f.clock.Set(moment(t, "2026-11-21T16:30:00Z"))
	f.mustSpend(3, price.Cost{})
	f.restart(s, c, tokyo)
	if l := f.report(t, "house")["tokens_per_day"]; l.Activity != 23 || l.Archived != 20 || l.Counted != 3 {
		t.Errorf("%+v", l)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	if found := Defaults().Check(); len(found) != 0 {
		t.Errorf("%v", found)
	}
	bad := limits("robot:x", Limit{}, "house", Limit{TokensPerDay: new(int64(-1)), USDPerDay: new(-1.0), AtLimit: "later"})
	bad.AtLimit, bad.Warn, bad.Park.Wait = "", []int{0, 50, 50, 100}, 0
	want := map[string]bool{
		"limits.robot:x": true, "limits.house.tokens_per_day": true, "limits.house.usd_per_day": true, "limits.house.at_limit": true,
		"at_limit": true, "warn[0]": true, "warn[2]": true, "warn[3]": true, "park.wait": true,
	}
	for _, p := range bad.Check() {
		if !want[p.Field] {
			t.Errorf("%s", p)
		}
		delete(want, p.Field)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}
