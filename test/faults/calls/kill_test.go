// SPDX-License-Identifier: Apache-2.0

//go:build linux

package calls

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/core/store/storetest"
)

// allowance is what a round adds to the budgets: less than a round would spend, so that each binds
// in its turn.
const (
	allowedTokens = 3000
	allowedNano   = 8_000_000
)

// TestKilledWhileItCalls kills the house under load, again and again, and starts it again. Clients,
// upstream and ledger must agree on every call, and no budget is ever passed.
func TestKilledWhileItCalls(t *testing.T) {
	rounds := 5
	if long() {
		rounds = 200
	}
	killed(t, "", rounds)
}

// TestKilledWhileItCallsWithPostgres is the same with the books in PostgreSQL.
func TestKilledWhileItCallsWithPostgres(t *testing.T) {
	rounds := 4
	if long() {
		rounds = 60
	}
	killed(t, storetest.Postgres(t), rounds)
}

func killed(t *testing.T, database string, rounds int) {
	t.Helper()
	a := newAccounts()
	h := buildOn(t, database, filepath.Join(t.TempDir(), "home"), upstream(t, a), nil)
	for _, name := range []string{"tokens", "money", "free"} {
		h.key(name)
	}
	rng := rand.New(rand.NewPCG(7, 30))
	known := map[string]bool{} // settled before a kill
	orphans := 0
	for round := range rounds {
		quotas := h.allow()
		callers := h.load(a, fmt.Sprintf("r%d", round), 4)
		span := time.Duration(100+rng.IntN(900)) * time.Millisecond
		<-time.After(span)
		if quiet := round%4 == 2; quiet {
			h.until(time.Minute, "both budgets have refused", func() bool {
				return a.of(http.StatusTooManyRequests) > 0 && a.of(http.StatusPaymentRequired) > 0
			})
			callers.stop()
			callers.wait()
			h.until(time.Minute, "all is settled", h.settled)
			for name := range a.complete {
				known[name] = known[name] || strings.HasPrefix(name, fmt.Sprintf("r%d-", round))
			}
		}
		h.kill()
		callers.stop()
		callers.wait()
		h.up()
		if !h.settled() {
			t.Errorf("round %d: reservations are left after the start", round)
		}
		b := h.read()
		wrong := append(b.agree(a, func(name string) bool { return known[name] }), quotas.passed(b)...)
		if wrong = append(wrong, h.reconciled(b)...); len(wrong) > 0 {
			t.Fatalf("round %d, killed after %s: %d things are wrong:\n%s", round, span, len(wrong), strings.Join(wrong[:min(len(wrong), 20)], "\n"))
		}
		orphans = b.orphans()
	}
	t.Logf("%d rounds: %d calls whole, %d broken, %d orphans, refused %d for tokens and %d for money; the upstream was asked %d times",
		rounds, a.whole(), a.broken, orphans, a.of(http.StatusTooManyRequests), a.of(http.StatusPaymentRequired), len(a.asked))
	if a.broken == 0 || orphans == 0 || a.of(http.StatusTooManyRequests) == 0 || a.of(http.StatusPaymentRequired) == 0 ||
		!slices.Contains(slices.Collect(maps.Values(known)), true) {
		t.Error("the rounds did not show what they are for")
	}
	if _, err := h.run("journal", "verify"); err != nil {
		t.Error(err)
	}
	if _, err := h.run("down"); err != nil {
		t.Error(err)
	}
}

func (b books) orphans() (n int) {
	for _, r := range b.rows {
		if r.status == "orphan" {
			n++
		}
	}
	return n
}

// quotas are the budgets in force.
type quotas struct{ house, tokens, nano int64 }

// allow gives each budget something more than it has spent.
func (h *house) allow() quotas {
	h.t.Helper()
	b := h.read()
	q := quotas{house: b.total + 4*allowedTokens, tokens: b.tokens["tokens"] + allowedTokens, nano: b.nano["money"] + allowedNano}
	h.must(nil, "budget", "set", "house", "--tokens-per-month", fmt.Sprint(q.house))
	h.must(nil, "budget", "set", "key:tokens", "--tokens-per-month", fmt.Sprint(q.tokens))
	h.must(nil, "budget", "set", "key:money", "--usd-per-month", fmt.Sprintf("%.9f", float64(q.nano)/1e9))
	return q
}

// passed lists the budgets that were.
func (q quotas) passed(b books) (wrong []string) {
	if b.total > q.house {
		wrong = append(wrong, fmt.Sprintf("the house spent %d of %d tokens", b.total, q.house))
	}
	if b.tokens["tokens"] > q.tokens {
		wrong = append(wrong, fmt.Sprintf("the key tokens spent %d of %d tokens", b.tokens["tokens"], q.tokens))
	}
	if b.nano["money"] > q.nano {
		wrong = append(wrong, fmt.Sprintf("the key money spent %d of %d nano-dollars", b.nano["money"], q.nano))
	}
	return wrong
}

// reconciled compares what the house says, while nobody calls, with the rows.
func (h *house) reconciled(b books) (wrong []string) {
	h.t.Helper()
	var burn struct {
		Day      int64 `json:"burn_day"`
		Reserved int64
		State    string
	}
	h.must(&burn, "breaker", "status")
	if burn.Day != b.total || burn.Reserved != 0 || burn.State != "armed" {
		wrong = append(wrong, fmt.Sprintf("the breaker says %+v, and the rows have %d tokens", burn, b.total))
	}
	return append(wrong, h.budgets(b)...)
}

// budgets compares the report of the budgets with the rows.
func (h *house) budgets(b books) (wrong []string) {
	h.t.Helper()
	var report struct {
		Reconciled bool
		Budgets    []struct {
			Scope             string
			Counted, Reserved float64 // tokens or dollars
		}
	}
	h.must(&report, "budget", "report")
	want := map[string]float64{"house": float64(b.total), "key:tokens": float64(b.tokens["tokens"]), "key:money": float64(b.nano["money"]) / 1e9}
	if !report.Reconciled {
		wrong = append(wrong, "the budgets are not reconciled")
	}
	for _, line := range report.Budgets {
		if line.Reserved != 0 || math.Abs(line.Counted-want[line.Scope]) > 1e-6 {
			wrong = append(wrong, fmt.Sprintf("the budget of %s says %+v, want %v", line.Scope, line, want[line.Scope]))
		}
	}
	return wrong
}
