// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast"
	"holdfast/core/journal/journaltest"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/gateway/ledger"
	"holdfast/gateway/price"
	"holdfast/holdfasttest/timing"
)

// model drives budgets at random beside plain arithmetic over the rows.
type model struct {
	f     *fixture
	store *store.Store
	zone  *time.Location
	floor time.Time
	under []ledger.Claim
	// archived is what resets took out, by scope, period and its beginning.
	archived map[string]Amount
}

var modelScopes = []string{"house", "tenant:acme", "agent:companion", "agent:other", "key:laptop"}

func modelLimits() Config {
	c := limits()
	for i, scope := range modelScopes {
		n := int64(i)
		c.Limits[scope] = Limit{
			TokensPerDay: new(2000 - 300*n), TokensPerWeek: new(4000 - 300*n), TokensPerMonth: new(9000 - 300*n),
			USDPerDay: new(0.002), USDPerMonth: new(0.006),
		}
	}
	return c
}

// TestSumsReconcileWithTheRows: after any order of reservations, extensions, settlements, late rows,
// crashes, resets and clocks that are set, what counts against each budget is the sum of the
// ledger's rows in its period without what resets archived, what is reserved is the sum of the
// calls under way, and no admitted call passed a budget.
func TestSumsReconcileWithTheRows(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t, schema())
	zones := []*time.Location{time.UTC, zone(t, "Europe/Berlin"), zone(t, "America/Havana"), zone(t, "Asia/Kathmandu")}
	rapid.Check(t, func(rt *rapid.T) {
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM budget_events")
			return err
		})
		if err != nil {
			rt.Fatal(err)
		}
		f := &fixture{t: t, rows: &rows{}, clock: timing.At(moment(t, "2026-10-20T07:00:00Z")), journal: &journaltest.Journal{}}
		m := &model{f: f, store: s, zone: rapid.SampledFrom(zones).Draw(rt, "zone"), archived: map[string]Amount{}}
		m.restart()
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": m.reserve, "extend": m.extend, "settle": m.settle, "late": m.late, "crash": m.crash, "reset": m.reset,
			"later": m.later, "set back": m.setBack, "": m.check,
		})
	})
}

func (m *model) draw(t *rapid.T) ledger.Claim {
	c := m.f.claim(rapid.Int64Range(0, 600).Draw(t, "tokens"), price.Cost{Known: true})
	c.Cost.Nano = c.Tokens * 1000
	c.Tenant = rapid.SampledFrom([]string{"", "acme"}).Draw(t, "tenant")
	c.Agent = rapid.SampledFrom([]string{"", "companion", "other"}).Draw(t, "agent")
	c.Key = rapid.SampledFrom([]string{"", "laptop"}).Draw(t, "key")
	return c
}

func (m *model) reserve(t *rapid.T) {
	c := m.draw(t)
	if m.admit(t, c) {
		m.under = append(m.under, c)
	}
}

// admit reserves and compares with what the rows allow.
func (m *model) admit(t *rapid.T, c ledger.Claim) bool {
	fits := ""
	for _, scope := range scopesOf(c) {
		for _, l := range m.bounds(scope) {
			counted, reserved := m.counted(t, scope, l)
			if need := claimed(c).of(l.money); counted+reserved+need > l.quota {
				fits = scope + " " + l.name
			}
		}
	}
	err := m.f.Reserve(c)
	if (err == nil) != (fits == "") {
		t.Fatalf("%d tokens: %v, by the rows %q refuses", c.Tokens, err, fits)
	}
	return err == nil
}

func scopesOf(c ledger.Claim) []string {
	list := []string{"house"}
	for kind, name := range map[string]string{"tenant": c.Tenant, "agent": c.Agent, "key": c.Key} {
		if name != "" {
			list = append(list, kind+":"+name)
		}
	}
	return list
}

func (m *model) bounds(scope string) []bound {
	t, _, _ := m.f.book.scope(scope)
	return t.bounds
}

// counted is what the rows and the calls under way say.
func (m *model) counted(t *rapid.T, scope string, l bound) (counted, reserved int64) {
	cal := calendar{zone: m.zone}
	cal.turn(m.f.clock.Now())
	since := cal.now[l.period].since
	_, dimension, name := m.f.book.scope(scope)
	sums, err := m.f.rows.Spent(context.Background(), dimensions[dimension], since)
	if err != nil {
		t.Fatal(err)
	}
	spent := Amount{sums[name].Tokens, sums[name].Nano, 0}.minus(m.archived[archiveOf(scope, l.period, since)])
	for _, c := range m.under {
		for _, one := range scopesOf(c) {
			if one == scope {
				reserved += claimed(c).of(l.money)
			}
		}
	}
	return spent.of(l.money), reserved
}

func archiveOf(scope string, period int, since time.Time) string {
	return fmt.Sprint(scope, period, since.UnixNano())
}

func (m *model) extend(t *rapid.T) {
	if len(m.under) == 0 {
		t.Skip("nothing under way")
	}
	i := rapid.IntRange(0, len(m.under)-1).Draw(t, "which")
	more := m.under[i]
	more.Tokens, more.At = rapid.Int64Range(1, 200).Draw(t, "more"), m.f.clock.Now()
	more.Cost.Nano = more.Tokens * 1000
	if m.admit(t, more) {
		m.under[i].Tokens += more.Tokens
		m.under[i].Cost.Nano += more.Cost.Nano
	}
}

func (m *model) settle(t *rapid.T) {
	if len(m.under) == 0 {
		t.Skip("nothing under way")
	}
	i := rapid.IntRange(0, len(m.under)-1).Draw(t, "which")
	held := m.under[i]
	spent := held
	spent.Tokens = rapid.Int64Range(0, held.Tokens).Draw(t, "spent")
	spent.Cost = price.Cost{Nano: spent.Tokens * 1000, Known: rapid.Bool().Draw(t, "priced")}
	if !spent.Cost.Known {
		spent.Cost.Nano = 0
	}
	m.under = append(m.under[:i], m.under[i+1:]...)
	m.f.settle(held, spent)
}

// late is a row of long ago, or one that is taken back.
func (m *model) late(t *rapid.T) {
	spent := m.draw(t)
	spent.RequestID = ""
	at := m.f.clock.Now().Add(-time.Duration(rapid.Int64Range(0, int64(20*24*time.Hour)).Draw(t, "ago")))
	m.f.Settle(ledger.Claim{}, spent, at)
	m.f.rows.add(spent, at)
	if rapid.Bool().Draw(t, "taken back") {
		spent.Tokens, spent.Cost.Nano = -spent.Tokens, -spent.Cost.Nano
		m.f.Settle(ledger.Claim{}, spent, at)
		m.f.rows.add(spent, at)
	}
}

// crash ends the house in the middle: the next start settles what was under way as estimates.
func (m *model) crash(*rapid.T) {
	for _, c := range m.under {
		m.f.rows.add(c, c.At)
	}
	m.under = nil
	m.restart()
}

func (m *model) reset(t *rapid.T) {
	scope := rapid.SampledFrom(modelScopes).Draw(t, "scope")
	p := rapid.IntRange(0, periodCount-1).Draw(t, "period")
	cal := calendar{zone: m.zone}
	cal.turn(m.f.clock.Now())
	since := cal.now[p].since
	_, dimension, name := m.f.book.scope(scope)
	sums, err := m.f.rows.Spent(context.Background(), dimensions[dimension], since)
	if err != nil {
		t.Fatal(err)
	}
	ctx := holdfast.WithCaller(context.Background(), holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ada", Tier: holdfast.TierOperator})
	if _, err := (board{m.f.Budgets}).reset(ctx, resetInput{scope, string(periods[p])}); err != nil {
		t.Fatal(err)
	}
	m.archived[archiveOf(scope, p, since)] = Amount{sums[name].Tokens, sums[name].Nano, 0}
}

func (m *model) later(t *rapid.T) {
	m.f.clock.Set(m.f.clock.Now().Add(time.Duration(rapid.Int64Range(0, int64(12*24*time.Hour)).Draw(t, "later"))))
}

// setBack sets the clock back, as far as the day before that of the last start: of the days before
// that, those that no period ends with are loaded together, and may count for too much.
func (m *model) setBack(t *rapid.T) {
	back := m.f.clock.Now().Add(-time.Duration(rapid.Int64Range(0, int64(40*time.Hour)).Draw(t, "back")))
	if back.Before(m.floor) {
		back = m.floor
	}
	m.f.clock.Set(back)
}

// restart starts the house again.
func (m *model) restart() {
	m.f.restart(m.store, modelLimits(), m.zone)
	cal := calendar{zone: m.zone}
	m.floor = cal.begins(cal.local(m.f.clock.Now()) - 1)
}

func (m *model) check(t *rapid.T) {
	page, err := board{m.f.Budgets}.report(context.Background(), reportInput{})
	if err != nil {
		t.Fatal(err)
	}
	if !page.Reconciled || len(page.Budgets) != 5*len(modelScopes) {
		t.Fatalf("not reconciled: %+v", page.Budgets)
	}
	for _, line := range page.Budgets {
		for _, l := range m.bounds(line.Scope) {
			if l.name != line.Limit {
				continue
			}
			counted, reserved := m.counted(t, line.Scope, l)
			if line.Counted != measured(counted, l.money) || line.Reserved != measured(reserved, l.money) {
				t.Fatalf("%s %s: counted %v and reserved %v, want %v and %v", line.Scope, line.Limit, line.Counted, line.Reserved,
					measured(counted, l.money), measured(reserved, l.money))
			}
		}
	}
}
