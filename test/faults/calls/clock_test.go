// SPDX-License-Identifier: Apache-2.0

//go:build linux

package calls

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/test/outside"
)

// perDay is the budget of a day: some dozen calls.
const perDay = 600

// TestClockJumpsWhileItCalls sets the clock of the house while budgets and the breaker's windows run.
// A budget counts from the beginning of the day that the clock tells, and what lies ahead of it too.
func TestClockJumpsWhileItCalls(t *testing.T) {
	a := newAccounts()
	h := build(t, filepath.Join(t.TempDir(), "home"), upstream(t, a), &outside.Clock{})
	h.key("tokens")
	h.key("free")
	h.must(nil, "budget", "set", "key:tokens", "--tokens-per-day", fmt.Sprint(perDay))
	for i, jump := range []struct {
		by    time.Duration
		fresh bool // a day on which nothing was spent
	}{{0, true}, {24 * time.Hour, true}, {0, false}, {-24 * time.Hour, false}, {-time.Minute, false}, {0, false}, {24 * time.Hour, false}, {0, false}} {
		h.clock.Set(jump.by)
		if n := h.spend(a, fmt.Sprintf("day%d", i)); (n > 0) != jump.fresh {
			t.Errorf("jump %d, by %s: %d calls fitted into the budget of the day", i, jump.by, n)
		}
		h.sound(a, fmt.Sprintf("jump %d", i))
	}
	jumps := []time.Duration{90 * time.Second, -time.Hour, 40 * time.Hour, -20 * time.Hour, time.Hour, -90 * time.Second, 0}
	for round := range 2 {
		callers := h.load(a, fmt.Sprintf("c%d", round), 3)
		for _, by := range jumps {
			h.clock.Set(by)
			whole := a.whole()
			h.until(time.Minute, "calls are answered after a jump", func() bool { return a.whole() > whole+20 })
		}
		if round == 1 {
			h.clock.Set(24 * time.Hour)
			h.kill()
			h.clock.Set(0)
		}
		callers.stop()
		callers.wait()
		if round == 1 {
			h.up()
		}
		h.sound(a, fmt.Sprintf("round %d", round))
	}
	if n := h.spend(a, "last"); n > 0 {
		t.Errorf("%d calls fitted into a budget that was spent before the house was killed", n)
	}
	if burn, rows := h.burned(), h.lately(); burn != rows {
		t.Errorf("the breaker says that %d tokens burned in a day, and the rows say %d", burn, rows)
	}
	if n := a.of(http.StatusServiceUnavailable); n > 0 {
		t.Errorf("%d calls were refused with 503: %v", n, a.codes)
	}
	t.Logf("%d calls whole, %d broken, refused %v; the clock was asked %d times", a.whole(), a.broken, a.codes, h.clock.Asked())
	if h.clock.Asked() == 0 {
		t.Error("the house never asked for the time")
	}
	if _, err := h.run("down"); err != nil {
		t.Error(err)
	}
}

// spend makes calls with the key tokens until one is refused, and counts those that were not.
func (h *house) spend(a *accounts, what string) (fitted int) {
	h.t.Helper()
	for i := range 2 * perDay {
		if !h.call(http.DefaultClient, a, h.keys["tokens"], fmt.Sprintf("%s-%d", what, i), 2) {
			return fitted
		}
		fitted++
	}
	h.t.Fatalf("%s: no budget refused", what)
	return 0
}

// sound waits until all is settled, and compares all accounts.
func (h *house) sound(a *accounts, what string) {
	h.t.Helper()
	h.until(time.Minute, "all is settled", h.settled)
	b := h.read()
	delete(b.sums, "ledger_minutes") // which keep no more than the days before the clock
	wrong := b.agree(a, func(string) bool { return false })
	for day, tokens := range b.days {
		if tokens > perDay {
			wrong = append(wrong, fmt.Sprintf("the key spent %d of %d tokens on %s", tokens, perDay, time.Unix(day*24*60*60, 0).UTC().Format(time.DateOnly)))
		}
	}
	var report struct{ Reconciled bool }
	if h.must(&report, "budget", "report"); !report.Reconciled {
		wrong = append(wrong, "the budgets are not reconciled")
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		h.t.Fatalf("%s: %d things are wrong:\n%s", what, len(wrong), strings.Join(wrong[:min(len(wrong), 20)], "\n"))
	}
}

// burned is what the breaker says of the sliding day.
func (h *house) burned() int64 {
	h.t.Helper()
	var burn struct {
		Day int64 `json:"burn_day"`
	}
	h.must(&burn, "breaker", "status")
	return burn.Day
}

// lately is what the rows say of it: all but what is older, so also what lies ahead of the clock.
func (h *house) lately() (sum int64) {
	h.t.Helper()
	b := h.read()
	for minute, tokens := range b.minutes {
		if minute >= time.Now().Unix()/60-24*60 {
			sum += tokens
		}
	}
	return sum
}
