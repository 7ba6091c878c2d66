// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/ledger"
	"holdfast/gateway/price"
)

// open gate and fixed prices: what the ledger needs beside budgets.
type openGate struct{}

func (openGate) Admit(ledger.Claim, judge.Burn) error { return nil }
func (openGate) Booked(ledger.Claim, judge.Burn)      {}

// fixedPrices are a thousand nano-dollars a token, twice and ten times that for dear models, and none
// for the unknown one.
type fixedPrices struct{}

func (fixedPrices) Cost(_, model string, u holdfast.Usage) price.Cost {
	factor := map[string]int64{"dear": 2, "dearest": 10}[model]
	return price.Cost{Nano: u.Total() * 1000 * max(factor, 1), Known: model != "unknown"}
}

func (f fixedPrices) Most(provider, model string, input, output int64) price.Cost {
	return f.Cost(provider, model, holdfast.Usage{Input: input, Output: output})
}

func whole() []store.Migration {
	return append(schema(), store.Migration{Package: "ledger", FS: ledger.Migrations()})
}

// books is a ledger with budgets, as the house has them.
type books struct {
	*Budgets
	ledger *ledger.Ledger
}

func keep(ctx context.Context, s *store.Store, dir string, c Config) (*books, error) {
	b := &books{}
	b.Budgets = New(Needs{Config: &c, Store: s, Spent: func(ctx context.Context, by string, since time.Time) (map[string]ledger.Spent, error) {
		return b.ledger.Spent(ctx, by, since)
	}})
	b.ledger = ledger.New(ledger.Needs{Store: s, Dir: dir, Node: "here", Gate: openGate{}, Purse: b.Budgets, Prices: fixedPrices{}})
	return b, errors.Join(b.ledger.Start(ctx), b.Start(ctx))
}

func (b *books) stop(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if err := errors.Join(b.Stop(ctx), b.ledger.Stop(ctx)); err != nil {
		t.Error(err)
	}
}

func opened(t *testing.T, s *store.Store, c Config) *books {
	t.Helper()
	return openedIn(t, s, t.TempDir(), c)
}

func openedIn(t *testing.T, s *store.Store, dir string, c Config) *books {
	t.Helper()
	b, err := keep(t.Context(), s, dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.stop(t) })
	return b
}

func callOf(agent, id string) ledger.Call {
	return ledger.Call{Caller: "agent:" + agent, Agent: agent, Key: "laptop", Tenant: "acme", Alias: "chat", Provider: "p", Model: "m", RequestID: id}
}

func answered(output int64) ledger.Result {
	return ledger.Result{Provider: "p", Model: "m", Status: ledger.StatusOK, Usage: holdfast.Usage{Output: output}}
}

// TestSixtyFourCallsAgainstTen is the promise that others break, with a limit, without one, and for
// streams that reserve more as they go; by tokens and by money.
func TestSixtyFourCallsAgainstTen(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]Limit{
		"tokens": {TokensPerDay: new(int64(ledger.DefaultOutput * 10))}, "money": {USDPerMonth: new(ledger.DefaultOutput * 10 * 1000 / nano)},
	} {
		for _, kind := range []string{"with a limit", "without a limit", "streaming"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				storetest.Each(t, whole(), func(t *testing.T, s *store.Store) {
					b := opened(t, s, limits("agent:a", limit))
					var whole, cut atomic.Int64
					rush(t, b, kind, &whole, &cut)
					if kind != "streaming" && whole.Load() != 10 {
						t.Errorf("%d were admitted", whole.Load())
					}
					holds(t, b, ledger.DefaultOutput*10)
					if kind == "streaming" && (cut.Load() == 0 || whole.Load() > 10) {
						t.Errorf("%d streams ended well and %d were cut", whole.Load(), cut.Load())
					}
				})
			})
		}
	}
}

// rush makes 64 calls at once of DefaultOutput tokens each; a stream begins with an eighth.
func rush(t *testing.T, b *books, kind string, whole, cut *atomic.Int64) {
	var wg, begun sync.WaitGroup
	begun.Add(64)
	for i := range 64 {
		wg.Go(func() {
			room := int64(ledger.DefaultOutput)
			switch kind {
			case "without a limit":
				room = b.ledger.Expect("p", "m")
			case "streaming":
				room /= 8
			}
			r, err := b.ledger.Reserve(t.Context(), callOf("a", fmt.Sprint(i)), 0, room)
			begun.Done()
			if err != nil {
				exceeded(t, err)
				return
			}
			begun.Wait() // so that every stream has begun before the first one grows
			for r.Held() < ledger.DefaultOutput {
				if err := r.Extend(ledger.DefaultOutput / 8); err != nil {
					exceeded(t, err)
					cut.Add(1)
					r.Settle(answered(r.Held()))
					return
				}
			}
			whole.Add(1)
			if kind == "streaming" {
				r.Settle(answered(r.Held()))
			}
		})
	}
	wg.Wait()
}

// holds compares memory with the ledger's rows; nothing may have passed the quota.
func holds(t *testing.T, b *books, quota int64) {
	t.Helper()
	page, err := board{b.Budgets}.report(t.Context(), reportInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range page.Budgets {
		if !line.Reconciled || line.Left < 0 || line.Counted+line.Reserved > line.Quota {
			t.Errorf("%+v", line)
		}
		if line.Limit == "tokens_per_day" && line.Quota != float64(quota) {
			t.Errorf("%+v", line)
		}
	}
}

func TestAModelWithoutAPriceIsNotCalledOnABudgetOfMoney(t *testing.T) {
	t.Parallel()
	b := opened(t, storetest.SQLite(t, whole()), limits("key:laptop", Limit{TokensPerDay: new(int64(100)), USDPerDay: new(1.0)}))
	unknown := callOf("a", "1")
	unknown.Model = "unknown"
	_, err := b.ledger.Reserve(t.Context(), unknown, 1, 1)
	if e := exceeded(t, err); e.Unpriced != "p/unknown" {
		t.Errorf("%+v", e)
	}
	r, err := b.ledger.Reserve(t.Context(), callOf("a", "2"), 10, 10)
	if err != nil {
		t.Fatal(err)
	}
	if e := exceeded(t, r.Turn("p", "unknown", math.MaxInt64)); e.Unpriced != "p/unknown" { // nor as a fallback
		t.Errorf("%+v", e)
	}
	// What was called all the same, elsewhere, is counted in tokens.
	result := answered(15)
	result.Model = "unknown"
	r.Settle(result)
	holds(t, b, 100)
	if got := b.book.named[3]["laptop"]; got.reserved != (Amount{}) || got.sums[day] != (Amount{Tokens: 15, Unpriced: 1}) {
		t.Errorf("%+v", got)
	}
}

// TestWhatFitsIsNotTaken: asking takes nothing and tells nobody, and answers as Reserve would.
func TestWhatFitsIsNotTaken(t *testing.T) {
	t.Parallel()
	b := opened(t, storetest.SQLite(t, whole()), limits("house", Limit{TokensPerDay: new(int64(100)), USDPerDay: new(60 * 1000 / nano)}))
	for range 2 {
		if !b.ledger.Fits(callOf("a", "1"), 30, 30) {
			t.Error("60 do not fit into 60")
		}
	}
	for why, does := range map[string]bool{
		"tokens": b.ledger.Fits(callOf("a", "1"), 50, 51), "money": b.ledger.Fits(callOf("a", "1"), 30, 31), "nonsense": b.ledger.Fits(callOf("a", "1"), -1, 0),
	} {
		if does {
			t.Errorf("%s: fits", why)
		}
	}
	if got, news := b.book.house.reserved, len(b.news); got != (Amount{}) || news != 0 {
		t.Errorf("%+v is taken, %d events are told", got, news)
	}
	if _, err := b.ledger.Reserve(t.Context(), callOf("a", "1"), 30, 30); err != nil || b.ledger.Fits(callOf("a", "2"), 1, 0) {
		t.Errorf("%v, or more fits than is left", err)
	}
}

// TestAFallbackThatCostsMoreIsReserved: the money of a dearer model is reserved before it is called,
// none is given back for a cheaper one before the end, and all of it is at the end.
func TestAFallbackThatCostsMoreIsReserved(t *testing.T) {
	t.Parallel()
	b := opened(t, storetest.SQLite(t, whole()), limits("house", Limit{USDPerDay: new(100 * 1000 / nano)}))
	r, err := b.ledger.Reserve(t.Context(), callOf("a", "1"), 10, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Turn("p", "dear", math.MaxInt64); err != nil { // twice as much: 40 of 100
		t.Fatal(err)
	}
	if err := r.Turn("p", "m", math.MaxInt64); err != nil {
		t.Fatal(err)
	}
	if got := b.book.house.reserved; got != (Amount{Tokens: 20, Nano: 40_000}) {
		t.Errorf("%+v", got)
	}
	if err := r.Extend(30); err != nil { // 50 of the cheaper
		t.Fatal(err)
	}
	if e := exceeded(t, r.Turn("p", "dearest", math.MaxInt64)); !e.Money || e.Need != 450_000 {
		t.Errorf("%+v", e)
	}
	if got := b.book.house.reserved; got != (Amount{Tokens: 50, Nano: 50_000}) {
		t.Errorf("%+v", got)
	}
	if err := r.Turn("p", "dear", 20); err != nil { // 30 tokens at 2 are all that will be asked for
		t.Error(err)
	}
	if got := b.book.house.reserved; got != (Amount{Tokens: 50, Nano: 60_000}) {
		t.Errorf("%+v", got)
	}
	r.Settle(answered(7))
	holds(t, b, 0)
	if got := b.book.house; got.reserved != (Amount{}) || got.sums[day] != (Amount{Tokens: 7, Nano: 7000}) {
		t.Errorf("%+v", got)
	}
}

const (
	killRole  = "HOLDFAST_BUDGET_KILL_TEST"
	killQuota = 9000
)

func killLimits() Config {
	return limits("agent:w", Limit{TokensPerMonth: new(int64(killQuota))}, "house", Limit{USDPerMonth: new(killQuota * 1000 / nano)})
}

func TestMain(m *testing.M) {
	if path := os.Getenv(killRole); path != "" {
		if err := spendForever(path); err != nil {
			fmt.Println("failed:", err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// spendForever makes calls from several goroutines until the budget is spent, and then waits to be
// killed.
func spendForever(path string) error {
	ctx := context.Background()
	s := store.New(path)
	if err := s.Open(ctx, store.Options{Migrations: whole()}); err != nil {
		return err
	}
	b, err := keep(ctx, s, path+".log", killLimits())
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				r, err := b.ledger.Reserve(ctx, callOf("w", fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, i)), 10, 5)
				if err != nil {
					fmt.Println("refused", err)
					continue
				}
				_ = r.Extend(3)
				fmt.Println("reserved")
				r.Settle(ledger.Result{Provider: "p", Model: "m", Status: ledger.StatusOK, Usage: holdfast.Usage{Input: 3, Output: 4}})
			}
		})
	}
	wg.Wait()
	return nil
}

// TestKilledUnderLoadPassesNoBudget kills the process that spends, again and again: what is settled,
// and what the kill left reserved, never passes a budget.
func TestKilledUnderLoadPassesNoBudget(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/ledger.db"
	refused := false
	for round := range 5 {
		refused = spendAndKill(t, path, 120*(round+1)) || refused
	}
	options := storetest.Options(t, store.SQLite, whole())
	options.Path = path
	b := openedIn(t, storetest.Open(t, options), path+".log", killLimits())
	page, err := board{b.Budgets}.report(t.Context(), reportInput{})
	if err != nil || len(page.Budgets) != 2 || !page.Reconciled || !refused {
		t.Fatalf("%+v, %v; refused %v", page, err, refused)
	}
	for _, line := range page.Budgets {
		if line.Counted > line.Quota || line.Counted < line.Quota/2 || line.Reserved != 0 {
			t.Errorf("%+v", line)
		}
	}
}

func spendAndKill(t *testing.T, path string, lines int) (refused bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), killRole+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	for n := 0; scan.Scan(); n++ {
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		switch word, rest, _ := strings.Cut(scan.Text(), " "); word {
		case "reserved":
		case "refused":
			refused = true
		default:
			t.Fatal(word, rest)
		}
	}
	_ = cmd.Wait() // it was killed
	return refused
}

func BenchmarkReserveAndSettle(b *testing.B) {
	c := limits("house", Limit{TokensPerDay: new(int64(1e15)), USDPerMonth: new(1e8)}, "agent:a", Limit{TokensPerDay: new(int64(1e15))},
		"key:laptop", Limit{TokensPerMonth: new(int64(1e15))})
	budgets := New(Needs{Config: &c})
	budgets.book, budgets.started = *newBook(c, nil, time.UTC, time.Now()), true
	budgets.book.bind()
	claim := ledger.Claim{Call: callOf("a", "hf-1"), Tokens: 100, Cost: price.Cost{Nano: 1000, Known: true}, At: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		if err := budgets.Reserve(claim); err != nil {
			b.Fatal(err)
		}
		budgets.Settle(claim, claim, claim.At)
	}
}
