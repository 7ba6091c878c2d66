// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"maps"
	"testing"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

func (f *fixture) gauges() map[string]string {
	all := map[string]string{}
	f.Gauge(func(scope, limit string, used, quota float64) { all[scope+" "+limit] = fmt.Sprint(used, " of ", quota) })
	return all
}

func TestGaugesSayWhatTheReportSays(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, schema()))
	f := open(t, s, limits("house", Limit{TokensPerDay: new(int64(1000)), USDPerDay: new(2.5)}, "key:laptop", Limit{TokensPerDay: new(int64(400))}))
	f.mustSpend(150, dollars(0.5))
	held := f.claim(50, dollars(0.25))
	if err := f.Reserve(held); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"house tokens_per_day": "200 of 1000", "house usd_per_day": "0.75 of 2.5", "key:laptop tokens_per_day": "200 of 400"}
	if got := f.gauges(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	f.settle(held, held)
	f.must("budget.reset", `{"scope":"house"}`, nil)
	if got := f.gauges()["house tokens_per_day"]; got != "0 of 1000" {
		t.Errorf("after a reset %s", got)
	}
	if err := f.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.gauges(); len(got) != 0 {
		t.Errorf("after the end %v", got)
	}
}

func TestGaugesAreBounded(t *testing.T) {
	t.Parallel()
	var pairs []any
	for i := range 2 * mostGauges {
		pairs = append(pairs, fmt.Sprintf("agent:a%d", i), Limit{TokensPerDay: new(int64(1))})
	}
	f := open(t, storetest.Open(t, storetest.Options(t, store.SQLite, schema())), limits(pairs...))
	if n := len(f.gauges()); n > mostGauges {
		t.Errorf("%d budgets are served", n)
	}
}
