// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
)

const (
	someCalls = `"calls":2,"estimated":0,"input":10,"cached_read":1234567,"cache_write":0,"output":20,"total":1234597,"cost":"$0.64","cost_nano":642000000,"unpriced":0`
	noCalls   = `"calls":0,"estimated":0,"input":0,"cached_read":0,"cache_write":0,"output":0,"total":0,"cost":"$0","cost_nano":0,"unpriced":0`
)

func TestSumsAreTablesWithoutWhatSaysNothing(t *testing.T) {
	got := show(t, printSums("no calls"), 0, `{}`, `{"today":{`+someCalls+`},"last_hour":{`+noCalls+`},"by_agent":[{"name":"ada",`+someCalls+`}],
		"by_hour":[{"time":"09:00",`+noCalls+`},{"time":"10:00",`+someCalls+`}],"burn":{"hour":1},"now":"x"}`)
	want := `BURNED
NAME       CALLS  INPUT  CACHED READ  OUTPUT      TOTAL   COST
today          2     10    1,234,567      20  1,234,597  $0.64
last hour      0      0            0       0          0     $0

BY AGENT
NAME  CALLS  INPUT  CACHED READ  OUTPUT      TOTAL   COST
ada       2     10    1,234,567      20  1,234,597  $0.64

BY HOUR
TIME   CALLS  INPUT  CACHED READ  OUTPUT      TOTAL   COST
10:00      2     10    1,234,567      20  1,234,597  $0.64
`
	if got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

func TestWhatIsAddedUpStandsAboveItsSum(t *testing.T) {
	got := show(t, printSums("no calls"), 0, `{}`, `{"by":"model","sum":{`+someCalls+`},"rows":[{"name":"a/b",`+someCalls+`}]}`)
	want := `NAME  CALLS  INPUT  CACHED READ  OUTPUT      TOTAL   COST
a/b       2     10    1,234,567      20  1,234,597  $0.64
sum       2     10    1,234,567      20  1,234,597  $0.64
`
	if got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
	if got := show(t, printSums("no calls"), 0, `{}`, `{"by":"model","sum":{`+noCalls+`},"rows":[]}`); got != "no calls\n" {
		t.Errorf("without a call printed\n%s", got)
	}
}

func TestPricesHaveAUnitAndARemedy(t *testing.T) {
	got := show(t, printPrices, 0, `{}`, `{"dated":"2026-01-31","prices":[{"vendor":"v","model":"m","known":true,"input":1},{"vendor":"v","model":"m","known":false,"above":272000,"input":null}]}`)
	for _, want := range []string{"US dollars for a million tokens", "v       m                   1\n", "v       m      272,000         not known\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
	if got := show(t, printPrices, 0, `{}`, `{"model":"a/b","known":false,"prices":[]}`); !strings.Contains(got, "prices.models: a/b: {input: 1, output: 2}") {
		t.Errorf("no remedy:\n%s", got)
	}
}

func TestAChangeShowsWhatChanged(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"one field": {
			`{"old":{"cap":20000000,"pct":0.8},"new":{"cap":30000000,"pct":0.8}}`,
			"SETTING      BEFORE       AFTER\ncap      20,000,000  30,000,000\n",
		},
		"below it": {
			`{"old":{"cap":1},"new":{"cap":1,"tenants":{"acme":{"cap":5000}}}}`,
			"SETTING           BEFORE  AFTER\ntenants acme cap  –       5,000\n",
		},
		"away":    {`{"scope":"house","before":{"cap":1}}`, "scope  house\n\nCHANGES\nSETTING  BEFORE  AFTER\ncap           1  –\n"},
		"nothing": {`{"before":{"cap":1},"after":{"cap":1}}`, "nothing changed\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := show(t, printChange, 0, `{}`, c.answer); got != c.want {
				t.Errorf("printed\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestTheBreakerIsShownInWordsWithCapsOfTenants(t *testing.T) {
	thresholds := `{"hard_cap_per_hour":15000000,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"tenants":{"acme":{"hard_cap_per_day":5000000}}}`
	got := show(t, printBreaker, 0, `{}`, `{"state":"armed","burn_hour":1234567,"projected_minutes":0,"scopes":[{"scope":"tenant:acme","cap_day":5000000}],"thresholds":`+thresholds+`}`)
	for _, want := range []string{"burn hour  1,234,567\n", "no cap is near", "tenant:acme  5,000,000\n", "hard cap per hour  15,000,000\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
	if got := show(t, printBreaker, 0, `{}`, thresholds); !strings.Contains(got, "CAPS OF THEIR OWN\nSCOPE        HARD CAP PER DAY\ntenant:acme         5,000,000\n") {
		t.Errorf("printed\n%s", got)
	}
	history := `{"events":[{"event":"thresholds","detail":{"old":{"cap":1000},"new":{"cap":2000}}}]}`
	if got := show(t, printBreakerHistory, 0, `{}`, history); got != "EVENT       DETAIL\nthresholds  cap 1,000 → 2,000\n" {
		t.Errorf("printed\n%s", got)
	}
}

func TestModelsSayWhyAndWhatToCopyWhole(t *testing.T) {
	line := "balanced: {chat: [" + strings.Repeat("openrouter/some/model, ", 8) + "local/x]}"
	got := show(t, printModels, 80, `{}`, `{"profile":"balanced","aliases":[{"alias":"chat","configured":["a/b"],"effective":"","cooling":[{"model":"a/b","until":"12:00","reason":"is rate limited"}]}],
		"cooling":[{"model":"a/b","state":"cooling","told":false}],"warnings":[{"about":"a/b","message":"its price is not known","remedy":"say it"}],"proposed":[{"profile":"balanced","line":"`+line+`"}]}`)
	for _, want := range []string{"chat   a/b         none       a/b until 12:00: is rate limited\n", "MODEL  STATE\na/b    cooling\n", "a/b: its price is not known (say it)\n", "\n    " + line + "\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
}

func TestTheHouseTellsItsBurnInWords(t *testing.T) {
	got := show(t, printHouse, 0, `{}`, `{"house":"h","breaker":{"state":"halted","reason":"a test","burn_hour":1234,"burn_day":5,"cap_hour":15000000,"cap_day":100000000},"units":[]}`)
	if want := "house    h\nbreaker  halted: a test · 1,234 of 15,000,000 tokens in the last hour · 5 of 100,000,000 tokens in the last day\n"; got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

func TestAListOfTextsIsNotNothing(t *testing.T) {
	for answer, want := range map[string]string{`{"cleared":["a/b"]}`: "cleared  a/b\n", `{"cleared":[]}`: "no model cooled down\n"} {
		if got := show(t, sayingNone("no model cooled down"), 0, `{}`, answer); got != want {
			t.Errorf("%s: printed\n%s\nwant\n%s", answer, got, want)
		}
	}
}
