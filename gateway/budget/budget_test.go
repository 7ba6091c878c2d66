// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/journal/journaltest"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/gateway/ledger"
	"holdfast/gateway/price"
	"holdfast/holdfasttest/timing"
)

func schema() []store.Migration {
	return []store.Migration{{Package: "budget", FS: Migrations()}}
}

// rows is a ledger without a store: what was settled, and when.
type rows struct {
	mu  sync.Mutex
	all []row
}

type row struct {
	ledger.Claim
	at time.Time
}

func (r *rows) add(c ledger.Claim, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, row{c, at})
}

func (r *rows) Spent(_ context.Context, by string, since time.Time) (map[string]ledger.Spent, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sums := map[string]ledger.Spent{}
	for _, one := range r.all {
		if one.at.Before(since) {
			continue
		}
		name := map[string]string{"tenant": one.Tenant, "agent": one.Agent, "key": one.Key}[by]
		s, a := sums[name], claimed(one.Claim)
		s.Calls, s.Tokens, s.Nano, s.Unpriced = s.Calls+1, s.Tokens+a.Tokens, s.Nano+a.Nano, s.Unpriced+a.Unpriced
		sums[name] = s
	}
	return sums, nil
}

// fixture is the budgets of a house without a gateway.
type fixture struct {
	*Budgets
	t       *testing.T
	rows    *rows
	clock   *timing.Clock
	journal *journaltest.Journal
	calls   int
}

func open(t *testing.T, s *store.Store, c Config) *fixture {
	t.Helper()
	f := &fixture{t: t, rows: &rows{}, clock: timing.At(moment(t, "2026-11-21T07:00:00Z")), journal: &journaltest.Journal{}}
	f.restart(s, c, time.UTC)
	return f
}

func (f *fixture) restart(s *store.Store, c Config, in *time.Location) {
	f.t.Helper()
	f.Budgets = New(Needs{
		Config: &c, Store: s, Spent: f.rows.Spent, Journal: f.journal, Now: f.clock.Now,
		Location: func() *time.Location { return in },
	})
	if err := f.Start(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// claim is a call of companion with the key laptop, of tenant acme.
func (f *fixture) claim(tokens int64, cost price.Cost) ledger.Claim {
	f.calls++
	return ledger.Claim{
		Call: ledger.Call{
			Caller: "agent:companion", Key: "laptop", Tenant: "acme", Agent: "companion", Provider: "p", Model: "m",
			RequestID: fmt.Sprint("hf-", f.calls),
		},
		Tokens: tokens, Cost: cost, At: f.clock.Now(),
	}
}

func dollars(amount float64) price.Cost { return price.Cost{Nano: int64(amount * nano), Known: true} }

// spend reserves and settles, as the ledger does.
func (f *fixture) spend(tokens int64, cost price.Cost) error {
	c := f.claim(tokens, cost)
	if err := f.Reserve(c); err != nil {
		return err
	}
	f.settle(c, c)
	return nil
}

func (f *fixture) settle(held, spent ledger.Claim) {
	f.Settle(held, spent, f.clock.Now())
	f.rows.add(spent, f.clock.Now())
}

func (f *fixture) mustSpend(tokens int64, cost price.Cost) {
	f.t.Helper()
	if err := f.spend(tokens, cost); err != nil {
		f.t.Fatal(err)
	}
}

// do runs an action as the surfaces do.
func (f *fixture) do(name, input string, out any) error {
	f.t.Helper()
	for _, a := range f.Capability().Actions {
		if a.Name != name {
			continue
		}
		in, err := a.Decode(json.RawMessage(input))
		if err != nil {
			return err
		}
		ctx := holdfast.WithCaller(f.t.Context(), holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ada", Tier: holdfast.TierOperator})
		got, err := a.Run(ctx, in)
		if err != nil || out == nil {
			return err
		}
		text, err := json.Marshal(got)
		if err != nil {
			f.t.Fatal(err)
		}
		return json.Unmarshal(text, out)
	}
	f.t.Fatalf("no action %s", name)
	return nil
}

func (f *fixture) must(name, input string, out any) {
	f.t.Helper()
	if err := f.do(name, input, out); err != nil {
		f.t.Fatalf("%s: %v", name, err)
	}
}

func exceeded(t *testing.T, err error) *Exceeded {
	t.Helper()
	e, ok := errors.AsType[*Exceeded](err)
	if !ok {
		t.Fatalf("%v is no *Exceeded", err)
	}
	return e
}

func limits(pairs ...any) Config {
	c := Defaults()
	c.Limits = map[string]Limit{}
	for i := 0; i < len(pairs); i += 2 {
		c.Limits[pairs[i].(string)] = pairs[i+1].(Limit)
	}
	return c
}

func TestARefusalTakesFromNoneAndNamesTheSetting(t *testing.T) {
	t.Parallel()
	storetest.Each(t, schema(), func(t *testing.T, s *store.Store) {
		f := open(t, s, limits("house", Limit{TokensPerDay: new(int64(1000))}, "agent:companion", Limit{TokensPerWeek: new(int64(300))},
			"key:laptop", Limit{TokensPerMonth: new(int64(200))}))
		f.mustSpend(150, price.Cost{})
		e := exceeded(t, f.spend(60, price.Cost{}))
		if e.Scope != "key:laptop" || e.Period != Month || e.Quota != 200 || e.Spent != 150 || e.Need != 60 || e.Money || e.Park {
			t.Errorf("%+v", e)
		}
		if want := "the budget of key:laptop for the month does not allow this call: 150 of 200 tokens are spent, 0 more are reserved, " +
			"and the call may need 60; decided by budgets.limits.key:laptop.tokens_per_month in holdfast.yaml, until 2026-12-01T00:00:00Z"; e.Error() != want {
			t.Errorf("%s", e)
		}
		var r Report
		f.must("budget.report", `{}`, &r)
		for _, line := range r.Budgets {
			if line.Counted != 150 || line.Reserved != 0 || !line.Reconciled {
				t.Errorf("%+v", line)
			}
		}
		// Of two that refuse, the one that refuses longer decides.
		f.must("budget.set", `{"scope":"house","tokens_per_day":100}`, nil)
		if e := exceeded(t, f.spend(60, price.Cost{})); e.Scope != "key:laptop" {
			t.Errorf("%+v", e)
		}
		f.must("budget.set", `{"scope":"key:laptop","tokens_per_month":1000}`, nil)
		if e := exceeded(t, f.spend(60, price.Cost{})); e.Scope != "house" || e.Setting != "tokens_per_day of `budget set house` by operator:ada" {
			t.Errorf("%+v", e)
		}
	})
}

func TestMoneyFailsClosedOnAnUnknownPrice(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, schema()), limits("tenant:acme", Limit{USDPerDay: new(1.0)}))
	f.mustSpend(10, dollars(0)) // an explicit zero is a price
	f.mustSpend(10, dollars(0.75))
	e := exceeded(t, f.spend(10, price.Cost{}))
	if !e.Money || e.Unpriced != "p/m" || e.Park {
		t.Errorf("%+v", e)
	}
	if e := exceeded(t, f.spend(10, dollars(0.5))); !e.Money || e.Spent != 75e7 || e.Unpriced != "" {
		t.Errorf("%+v", e)
	}
	// A fallback without a price that was called all the same is shown.
	c := f.claim(10, dollars(0.2))
	if err := f.Reserve(c); err != nil {
		t.Fatal(err)
	}
	spent := c
	spent.Cost = price.Cost{}
	f.settle(c, spent)
	var r Report
	f.must("budget.report", `{}`, &r)
	if len(r.Budgets) != 1 || r.Budgets[0].Unpriced != 1 || r.Budgets[0].Counted != 0.75 || !r.Reconciled {
		t.Errorf("%+v", r)
	}
	// Approval cannot give a model a price either.
	f.must("budget.set", `{"scope":"tenant:acme","at_limit":"park"}`, nil)
	if e := exceeded(t, f.spend(10, price.Cost{})); e.Park {
		t.Errorf("%+v", e)
	}
}

func TestZeroAllowsNothing(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, schema()), limits("house", Limit{TokensPerDay: new(int64(0))}))
	if e := exceeded(t, f.spend(1, price.Cost{})); e.Quota != 0 {
		t.Errorf("%+v", e)
	}
	for _, absurd := range []int64{-1, 1 << 62} {
		if f.spend(absurd, price.Cost{}) == nil {
			t.Errorf("%d tokens were reserved", absurd)
		}
	}
}

func TestClosedBudgetsRefuse(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t, schema())
	f := open(t, s, Defaults())
	if err := f.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Reserve(f.claim(1, price.Cost{})); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	if err := New(Needs{Config: &Config{}, Store: s, Spent: f.rows.Spent}).Reserve(f.claim(1, price.Cost{})); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}

func TestConcurrentCallsAgainstABudget(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, schema()), limits("agent:companion", Limit{TokensPerDay: new(int64(1500))}))
	claims := make(chan ledger.Claim, 64)
	for range 64 {
		claims <- f.claim(150, price.Cost{})
	}
	close(claims)
	var wg sync.WaitGroup
	var mu sync.Mutex
	admitted := 0
	for range 64 {
		wg.Go(func() {
			if f.Reserve(<-claims) == nil {
				mu.Lock()
				admitted++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if admitted != 10 {
		t.Errorf("%d were admitted", admitted)
	}
}

func TestWarningsOnceAPeriodEach(t *testing.T) {
	t.Parallel()
	storetest.Each(t, schema(), func(t *testing.T, s *store.Store) {
		c := limits("house", Limit{TokensPerDay: new(int64(1000))})
		f := open(t, s, c)
		told := func() string {
			f.tell(t.Context())
			text := ""
			for _, e := range f.journal.Entries() {
				var event Event
				if err := json.Unmarshal(e.Detail, &event); err != nil {
					t.Fatal(err)
				}
				text += fmt.Sprintf("%s %d;", e.Action, event.Percent)
			}
			return text
		}
		f.mustSpend(499, price.Cost{})
		if got := told(); got != "" || len(f.firing(t)) != 0 {
			t.Errorf("%s %v", got, f.firing(t))
		}
		f.mustSpend(1, price.Cost{})
		f.mustSpend(1, price.Cost{})
		if got := told(); got != "budget.warned 50;" || len(f.firing(t)) != 1 || f.firing(t)[0].Severity != holdfast.SeverityInfo {
			t.Errorf("%s %v", got, f.firing(t))
		}
		f.restart(s, c, time.UTC)
		f.mustSpend(420, price.Cost{})
		if got := told(); got != "budget.warned 50;budget.warned 75;budget.warned 90;" {
			t.Errorf("%s", got)
		}
		for range 2 {
			if f.spend(100, price.Cost{}) == nil {
				t.Error("it fits")
			}
		}
		f.restart(s, c, time.UTC)
		f.mustSpend(79, price.Cost{})
		if f.spend(1, price.Cost{}) == nil {
			t.Error("it fits")
		}
		want := "budget.warned 50;budget.warned 75;budget.warned 90;budget.refused 100;"
		if got := told(); got != want {
			t.Errorf("%s", got)
		}
		if got := f.firing(t); len(got) != 1 || got[0].Subject != "house tokens_per_day" || got[0].Severity != holdfast.SeverityWarning {
			t.Errorf("%v", got)
		}
		f.clock.Set(moment(t, "2026-11-22T00:00:00Z"))
		if got := f.firing(t); len(got) != 0 {
			t.Errorf("%v", got)
		}
		f.mustSpend(600, price.Cost{})
		if got := told(); got != want+"budget.warned 50;" {
			t.Errorf("%s", got)
		}
	})
}

func (f *fixture) firing(t *testing.T) []holdfast.Alert {
	var all []holdfast.Alert
	for _, rule := range f.Capability().Alerts {
		all = append(all, rule.Firing(t.Context())...)
	}
	return all
}
