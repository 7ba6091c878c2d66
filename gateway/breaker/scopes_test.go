// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/ledger"
)

func claim(tenant, key string, tokens int64) ledger.Claim {
	return ledger.Claim{Call: ledger.Call{Tenant: tenant, Key: key}, Tokens: tokens, At: time.Now()}
}

// spend takes a call all the way, as the ledger does.
func (w *world) spend(c ledger.Claim) error {
	purse := w.Purse(nil)
	if err := w.Admit(c, judge.Burn{}); err != nil {
		return err
	}
	if err := purse.Reserve(c); err != nil {
		return err
	}
	purse.Settle(c, c, time.Now())
	w.Booked(c, judge.Burn{})
	return nil
}

func (w *world) own(t *testing.T, scope string, hour, day int64) {
	t.Helper()
	if _, err := w.setThresholds(t.Context(), thresholdsInput{Scope: scope, HardCapPerHour: &hour, HardCapPerDay: &day}); err != nil {
		t.Fatal(err)
	}
}

func TestATenantHaltsAlone(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	var cut []Flag
	w.OnHalt(func(f Flag) { cut = append(cut, f) })
	w.own(t, "tenant:acme", 1000, 0)
	w.own(t, "key:ci", 0, 700)
	if err := w.spend(claim("acme", "ci", 600)); err != nil {
		t.Fatal(err)
	}
	full, ok := errors.AsType[*Full](w.spend(claim("acme", "ci", 200)))
	if !ok || full.Scope != halt.Key("ci") || !strings.Contains(full.Error(), "key:ci") {
		t.Fatalf("the key's cap lets all pass: %v", full)
	}
	refusal := w.Reached(full)
	if refusal == nil || !strings.HasPrefix(refusal.Reason, Reason) || !strings.Contains(refusal.Remedy, "--scope key:ci") {
		t.Fatalf("refusal %+v", refusal)
	}
	if err := w.spend(claim("acme", "", 399)); err != nil {
		t.Errorf("the tenant pays for its key: %v", err)
	}
	if w.Refusal() != nil || w.flagged() {
		t.Fatal("a key halted the house")
	}
	w.Booked(claim("acme", "", 0), judge.Burn{})
	if err := w.spend(claim("acme", "", 1)); err != nil {
		t.Fatal(err) // at 1000 of 1000, which halts
	}
	if err := w.spend(claim("acme", "other", 1)); err == nil {
		t.Error("the tenant is over its cap and spends")
	}
	if err := w.spend(claim("globex", "ok", 1_000_000)); err != nil {
		t.Errorf("another tenant is halted: %v", err)
	}
	if len(cut) != 2 || cut[0].Scope != halt.Key("ci") || cut[1].Scope != halt.Tenant("acme") || !cut[1].Covers("acme", "x") ||
		cut[1].Covers("globex", "ci") || cut[1].Covers("", "") {
		t.Errorf("cut %+v", cut)
	}
	if alerts := w.haltAlerts(t.Context()); len(alerts) != 2 || alerts[0].Subject != "key:ci" || alerts[1].Subject != "tenant:acme" {
		t.Errorf("alerts %+v", alerts)
	}
	status, err := w.status(t.Context(), struct{}{})
	if err != nil || status.State != "armed" || len(status.Scopes) != 2 || status.Scopes[0].State != "halted" || status.Scopes[0].CapHour != 1000 {
		t.Errorf("%+v, %v", status.Scopes, err)
	}
}

func TestAScopesFlagIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := started(t, dir)
	w.own(t, "tenant:acme", 1000, 0)
	if err := w.spend(claim("acme", "", 1000)); err != nil {
		t.Fatal(err)
	}
	path := w.files.FlagPath(halt.Tenant("acme"))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.halts.look()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("a deleted flag is not written again: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	again := started(t, dir)
	if err := again.Admit(claim("acme", "", 1), judge.Burn{}); err == nil || !again.files.Stands(halt.Tenant("acme")) {
		t.Error("a restart forgot the tenant's HALT")
	}
	// Any program may halt a tenant by its file.
	if err := os.WriteFile(w.files.FlagPath(halt.Key("odd")), []byte("odd calls"), 0o600); err != nil {
		t.Fatal(err)
	}
	again.halts.look()
	if err := again.Admit(claim("", "odd", 1), judge.Burn{}); err == nil || !strings.Contains(err.Error(), "odd calls") {
		t.Errorf("a key's foreign flag: %v", err)
	}
}

func TestResumeOfAScope(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := started(t, dir)
		w.own(t, "tenant:acme", 1000, 0)
		if err := w.spend(claim("acme", "", 1000)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.resume(t.Context(), resumeInput{Scope: "tenant:acme"}); err == nil {
			t.Fatal("resumed over its cap")
		}
		if answer, err := w.resume(t.Context(), resumeInput{}); err != nil || answer.Message != "nothing was halted" {
			t.Fatalf("the house: %+v, %v", answer, err)
		}
		if answer, err := w.resume(t.Context(), resumeInput{Scope: "tenant:acme", Force: true}); err != nil || answer.SuspendedUntil.IsZero() {
			t.Fatalf("%+v, %v", answer, err)
		}
		w.Tick(t.Context())
		if err := w.spend(claim("acme", "", 500)); err != nil {
			t.Fatalf("judging does not rest: %v", err)
		}
		again := started(t, dir)
		if again.halts.rest("tenant:acme").IsZero() {
			t.Error("a restart forgot the rest")
		}
		if !w.halts.rest(halt.House).IsZero() {
			t.Error("the house rests too")
		}
		<-time.After(time.Hour)
		w.own(t, "tenant:acme", 100, 0)
		w.Tick(t.Context())
		if err := w.spend(claim("acme", "", 1)); err == nil {
			t.Error("judging never came back")
		}
		<-time.After(5 * time.Hour)
		w.Tick(t.Context())
		if err := w.spend(claim("acme", "", 1)); err != nil {
			t.Errorf("it never ended by itself: %v", err)
		}
		if wrong := halt.Scope("acme").Check(); len(wrong) == 0 {
			t.Error("a scope of no kind is accepted")
		}
	})
}

// TestCapsAreRestored reads what a tenant burned before the start out of the ledger, and what it
// burned before it had a cap.
func TestCapsAreRestored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := started(t, dir)
	w.own(t, "tenant:acme", 1000, 0)
	again := at(dir)
	now := judge.MinuteOf(time.Now())
	again.needs.Minutes = func(context.Context, time.Time) ([]judge.Minute, error) {
		return []judge.Minute{
			{At: now - 5, Tenant: "acme", Tokens: 400},
			{At: now - 5, Tenant: "acme", Key: "ci", Tokens: 500},
			{At: now - 90, Tenant: "acme", Tokens: 500},
			{At: now, Key: "new", Tokens: 77},
		}, nil
	}
	if err := again.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*Full](again.Admit(claim("acme", "", 101), judge.Burn{})); !ok {
		t.Error("a restart gave the tenant a fresh hour")
	}
	if err := again.Admit(claim("acme", "", 100), judge.Burn{}); err != nil {
		t.Error(err)
	}
	again.own(t, "key:new", 100, 0)
	if burn, _, _ := again.meters.one(halt.Key("new")); burn.Hour != 77 {
		t.Errorf("a new cap begins at %+v", burn)
	}
	if told := again.meters.burnt(0); len(told.Minutes) != 3 {
		t.Errorf("the house tells %+v", told)
	}
}

// TestCapsThatAreTakenAway leave no HALT for ever, and a person's stays.
func TestCapsThatAreTakenAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := started(t, dir)
		w.own(t, "key:ci", 100, 0)
		if err := w.spend(claim("", "ci", 100)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.halt(t.Context(), haltInput{Reason: "odd", Scope: "key:odd"}); err != nil {
			t.Fatal(err)
		}
		w.own(t, "key:ci", 0, 0)
		if err := w.spend(claim("", "ci", 1)); err == nil {
			t.Error("taking the cap away ended the HALT")
		}
		<-time.After(4*time.Hour + time.Minute)
		w.Tick(t.Context())
		if err := w.spend(claim("", "ci", 1)); err != nil {
			t.Errorf("it stands for ever: %v", err)
		}
		if err := w.spend(claim("", "odd", 1)); err == nil {
			t.Error("a person's HALT ended by itself")
		}
	})
}

// TestConcurrentCallsOfATenant: 64 at once against a cap for ten.
func TestConcurrentCallsOfATenant(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	w.own(t, "tenant:acme", 1000, 0)
	purse := w.Purse(nil)
	var ledgerLock, count sync.Mutex
	admitted := 0
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			c := claim("acme", "", 100)
			ledgerLock.Lock()
			err := w.Admit(c, judge.Burn{})
			if err == nil {
				err = purse.Reserve(c)
			}
			ledgerLock.Unlock()
			if err != nil {
				return
			}
			count.Lock()
			admitted++
			count.Unlock()
		})
	}
	wg.Wait()
	if admitted != 10 {
		t.Errorf("admitted %d", admitted)
	}
	for range 10 {
		purse.Settle(claim("acme", "", 100), claim("acme", "", 10), time.Now())
	}
	if burn, _, _ := w.meters.one(halt.Tenant("acme")); burn.Hour != 100 || burn.Reserved != 0 {
		t.Errorf("%+v", burn)
	}
}

// broke refuses what passes it.
type broke struct{ settled int }

func (b *broke) Reserve(ledger.Claim) error { return errors.New("broke") }

func (b *broke) Settle(ledger.Claim, ledger.Claim, time.Time) { b.settled++ }

func TestThePurseBehindIsAsked(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	w.own(t, "tenant:acme", 1000, 0)
	behind := &broke{}
	purse := w.Purse(behind)
	if err := purse.Reserve(claim("acme", "", 5)); err == nil {
		t.Error("what the purse behind refuses passes")
	}
	if burn, _, _ := w.meters.one(halt.Tenant("acme")); burn.Reserved != 0 {
		t.Error("what was refused is held")
	}
	purse.Settle(claim("", "", 0), claim("acme", "", -5), time.Now())
	if behind.settled != 1 {
		t.Error("the purse behind heard of no settlement")
	}
}

// TestAHaltedKeyDispatchesNothing: its agents are refused as its model calls are.
func TestAHaltedKeyDispatchesNothing(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	if _, err := w.halt(t.Context(), haltInput{Reason: "odd", Scope: "key:ci"}); err != nil {
		t.Fatal(err)
	}
	dispatch := holdfast.Action{Name: "agent.run", Labels: []string{"dispatch"}}
	for bearer, refused := range map[string]bool{"ci": true, "laptop": false, "": false} {
		caller := holdfast.Caller{Kind: holdfast.CallerAgent, Name: "x", Tier: holdfast.TierTenantPeer, Key: bearer}
		if err := w.guard().Judge(t.Context(), holdfast.Request{Caller: caller, Action: dispatch}); (err != nil) != refused {
			t.Errorf("the key %q: %v", bearer, err)
		}
	}
}

// TestAdmissionAllocatesNothing keeps the hot path as it is.
func TestAdmissionAllocatesNothing(t *testing.T) {
	w := started(t, t.TempDir())
	w.own(t, "tenant:acme", 1<<40, 0)
	purse := w.Purse(nil)
	c := claim("globex", "ci", 10)
	if n := testing.AllocsPerRun(100, func() {
		if err := w.Admit(c, judge.Burn{}); err != nil {
			t.Fatal(err)
		}
		if err := purse.Reserve(c); err != nil {
			t.Fatal(err)
		}
		purse.Settle(c, c, c.At)
		w.Booked(c, judge.Burn{})
	}); n > 1 {
		t.Errorf("%v allocations a call", n)
	}
}

func TestBypass(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	if _, err := w.halt(t.Context(), haltInput{Reason: "enough"}); err != nil {
		t.Fatal(err)
	}
	owner := holdfast.Caller{Kind: holdfast.CallerOwner, Name: "terminal", Tier: holdfast.TierOwner, Surface: "cli"}
	agent := holdfast.Caller{Kind: holdfast.CallerAgent, Name: "notes", Unit: "notes", Tier: holdfast.TierTenantPeer, Surface: "cli"}
	operator, web := owner, owner
	operator.Kind, operator.Tier, web.Surface = holdfast.CallerOperator, holdfast.TierOperator, "http"
	asked := holdfast.WithBypass(t.Context())
	dispatch := holdfast.Action{Name: "worker.dispatch", Labels: []string{"dispatch"}}
	guard := w.guard()
	for name, c := range map[string]struct {
		ctx    context.Context
		caller holdfast.Caller
		action holdfast.Action
		passes bool
	}{
		"the owner asks":         {asked, owner, dispatch, true},
		"the owner does not":     {t.Context(), owner, dispatch, false},
		"an agent asks":          {asked, agent, dispatch, false},
		"an operator asks":       {asked, operator, dispatch, false},
		"from the web":           {asked, web, dispatch, false},
		"for a model call":       {asked, owner, holdfast.Action{Name: "model.ask", Labels: []string{"model"}}, false},
		"the schedule of nobody": {asked, holdfast.Nobody("cli"), dispatch, false},
	} {
		err := guard.Judge(c.ctx, holdfast.Request{Caller: c.caller, Action: c.action})
		if (err == nil) != c.passes {
			t.Errorf("%s: %v", name, err)
		}
	}
	if alerts := w.bypassAlerts(t.Context()); len(alerts) != 1 || !strings.Contains(alerts[0].Message, "owner:terminal") {
		t.Errorf("alerts %+v", alerts)
	}
	w.teller.drain(t.Context())
	if w.journaled("breaker.bypass") != 1 {
		t.Error("it is not journaled once")
	}
	if w.Refusal() == nil {
		t.Error("a bypass ended the HALT")
	}
}

func TestStreamsMayFinish(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	off := false
	if _, err := w.setThresholds(t.Context(), thresholdsInput{CutStreams: &off}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.halt(t.Context(), haltInput{Reason: "enough"}); err != nil || w.cuts != 0 || w.Refusal() == nil {
		t.Errorf("%v: cut %d times", err, w.cuts)
	}
}

func BenchmarkCall(b *testing.B) {
	w := at(b.TempDir())
	if err := w.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	purse, c, burn := w.Purse(nil), claim("acme", "ci", 10), judge.Burn{Hour: 1000, Day: 1000}
	b.ReportAllocs()
	for b.Loop() {
		if w.Refusal() != nil || w.Admit(c, burn) != nil || purse.Reserve(c) != nil {
			b.Fatal("refused")
		}
		purse.Settle(c, c, c.At)
		w.Booked(c, burn)
	}
}

// TestHaltWhileTheLockIsHeld: a HALT stands at once, and is remembered as soon as it can be.
func TestHaltWhileTheLockIsHeld(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	w.own(t, "tenant:acme", 1000, 0)
	held, let := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- w.files.Change(halt.Patiently, func(*halt.State) {}, func() error { close(held); <-let; return nil })
	}()
	<-held
	if err := w.spend(claim("acme", "", 1000)); err != nil {
		t.Fatal(err)
	}
	if !w.files.Stands(halt.Tenant("acme")) || w.Admit(claim("acme", "", 1), judge.Burn{}) == nil {
		t.Error("a HALT waits for the lock")
	}
	if err := w.halts.end(announcement{}, halt.Tenant("acme"), time.Time{}); err == nil || w.Admit(claim("acme", "", 1), judge.Burn{}) == nil {
		t.Errorf("it was ended without the lock: %v", err)
	}
	close(let)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	w.halts.look()
	if state, err := w.files.State(); err != nil || state.Of(halt.Tenant("acme")) == nil {
		t.Errorf("%+v, %v", state, err)
	}
}

// TestACapThatIsSetWhileCallsRun counts what they hold, and lets go of it as they end.
func TestACapThatIsSetWhileCallsRun(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	purse := w.Purse(nil)
	long, short := claim("acme", "ci", 500_000), claim("acme", "other", 200_000)
	for _, c := range []ledger.Claim{long, short} {
		if err := purse.Reserve(c); err != nil {
			t.Fatal(err)
		}
	}
	w.own(t, "tenant:acme", 1_000_000, 0)
	w.own(t, "key:ci", 600_000, 0)
	for i, c := range []struct {
		key    string
		tokens int64
		fits   bool
	}{{"other", 300_000, true}, {"other", 300_001, false}, {"ci", 100_000, true}, {"ci", 100_001, false}} {
		if err := w.Admit(claim("acme", c.key, c.tokens), judge.Burn{}); (err == nil) != c.fits {
			t.Errorf("%d: %v", i, err)
		}
	}
	spent := long
	spent.Tokens = 100
	purse.Settle(long, spent, time.Now())
	purse.Settle(short, ledger.Claim{Call: short.Call}, time.Now())
	if err := w.Admit(claim("acme", "ci", 599_900), judge.Burn{}); err != nil {
		t.Errorf("what ended is held: %v", err)
	}
	if n := len(w.meters.held); n != 0 {
		t.Errorf("%d bearers are remembered though nothing is under way", n)
	}
}

// TestACapBelowACall refuses what does not fit alone, and halts once what was burned nears the cap.
func TestACapBelowACall(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	w.own(t, "key:ci", 10_000, 0)
	for _, c := range []struct {
		tokens int64
		says   string
	}{{150_000, "larger than the whole cap of the hour of key:ci, 10000 tokens"}, {6_000, ""}, {6_000, "does not fit"}, {1_500, ""}} {
		err := w.spend(claim("", "ci", c.tokens))
		if full, ok := errors.AsType[*Full](err); c.says == "" && err != nil ||
			c.says != "" && (!ok || !strings.Contains(err.Error(), c.says) || w.Reached(full) != nil) {
			t.Errorf("%d tokens: %v", c.tokens, err)
		}
	}
	if len(w.halts.scoped()) > 0 {
		t.Error("it is halted at three quarters of its cap")
	}
	if err := w.spend(claim("", "ci", 1_000)); err != nil {
		t.Fatal(err)
	}
	if full, ok := errors.AsType[*Full](w.spend(claim("", "ci", 2_000))); !ok || w.Reached(full) == nil {
		t.Error("from the soft line on the cap is not reached")
	}
}
