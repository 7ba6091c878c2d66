// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
)

func TestBudgetsFitThePage(t *testing.T) {
	t.Setenv("TZ", "UTC")
	row := func(scope, limit, quota, activity, archived, reserved, more string) string {
		return `{"scope":"` + scope + `","limit":"` + limit + `","quota":` + quota + `,"activity":` + activity + `,"archived":` + archived +
			`,"counted":` + activity + `,"reserved":` + reserved + `,"left":` + quota + `,"percent":99.5,"reconciled":true,` +
			`"since":"2026-11-21T00:00:00Z","until":"2026-11-22T00:00:00Z","at_limit":"refuse","setting":"` + limit + " of `budget set " + scope + "` by owner:terminal\"" + more + `}`
	}
	head := `{"now":"2026-11-21T11:14:29Z","zone":"UTC","reconciled":true,"parked":0,"budgets":[`
	small := head + row("house", "tokens_per_day", "2000000", "159", "0", "0", "") + "," + row("house", "usd_per_month", "50", "0.000026", "0", "0", "") + "," +
		row("agent:passthrough_agent", "tokens_per_week", "100000000", "98765432", "0", "0", "") + "]}"
	want := "LIMIT                        ACTIVITY  ARCHIVED     COUNTED         LEFT     %  UNTIL\n" +
		"house (`budget set house` by owner:terminal)\n" +
		"  2,000,000 tokens/day            159         0         159    2,000,000  99.5  2026-11-22\n" +
		"  $50/month                  0.000026         0    0.000026           50  99.5  2026-11-22\n" +
		"agent:passthrough_agent (`budget set agent:passthrough_agent` by owner:terminal)\n" +
		"  100,000,000 tokens/week  98,765,432         0  98,765,432  100,000,000  99.5  2026-11-22\n"
	got := show(t, printBudgets, 100, `{}`, small)
	if _, table, _ := strings.Cut(got, "\n\n"); table != want {
		t.Errorf("printed\n%s\nwant\n%s", table, want)
	}
	fits(t, got, 100)
	large := head + row("house", "tokens_per_month", "3000000000", "2987654321", "1234567890", "12345678", `,"unpriced":3`) + "]}"
	for _, width := range []int{60, 80, 100} {
		for _, answer := range []string{small, large} {
			got := show(t, printBudgets, width, `{}`, answer)
			fits(t, got, width)
			for _, needed := range []string{"LEFT", "%", "COUNTED", "reconciled  true"} {
				if !strings.Contains(got, needed) {
					t.Errorf("%d columns lack %s:\n%s", width, needed, got)
				}
			}
		}
	}
	if got := show(t, printBudgets, 80, `{}`, head+"]}"); !strings.Contains(got, "no budgets") {
		t.Errorf("printed\n%s", got)
	}
}
