// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/home"
	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/ledger"
)

// world is a breaker with everything around it in the test's hands.
type world struct {
	board
	dir  string
	mu   sync.Mutex
	burn judge.Burn
	fail error // of the journal

	entries []holdfast.Entry
	cuts    int
}

func (w *world) Append(_ context.Context, e holdfast.Entry) (holdfast.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries = append(w.entries, e)
	return e, w.fail
}

func (w *world) set(b judge.Burn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.burn = b
}

func (w *world) journaled(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.entries {
		if e.Action == name {
			n++
		}
	}
	return n
}

// at makes a breaker in a home folder; the same folder again is the next start.
func at(dir string) *world {
	w := &world{dir: dir}
	w.board = board{New(Needs{
		Home: home.At(dir), Journal: w,
		Burn: func(context.Context) (judge.Burn, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.burn, nil
		},
	})}
	w.OnHalt(func(Flag) { w.cuts++ })
	return w
}

func started(t *testing.T, dir string) *world {
	t.Helper()
	w := at(dir)
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// runs has the breaker judge by itself until what it returns is called.
func (w *world) runs(t *testing.T) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func (w *world) flagged() bool {
	_, err := os.Lstat(w.files.FlagPath(halt.House))
	return err == nil
}

func (w *world) caps(t *testing.T, hour, day int64) {
	t.Helper()
	if err := w.SetCaps(t.Context(), hour, day); err != nil {
		t.Fatal(err)
	}
}

// raw reads what another program would read of the flag.
func (w *world) raw(t *testing.T) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, "var", "breaker", "HALT_FLAG"))
	if err != nil {
		t.Fatal(err)
	}
	var flag map[string]any
	if err := json.Unmarshal(data, &flag); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return flag
}

func TestHaltByTheBurn(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	w.caps(t, 1000, 5000)
	if err := w.Admit(ledger.Claim{Tokens: 500}, judge.Burn{Hour: 500}); err != nil {
		t.Fatalf("what fits is refused: %v", err)
	}
	w.Booked(ledger.Claim{}, judge.Burn{Hour: 999, Day: 999})
	if w.Refusal() != nil || w.flagged() {
		t.Fatal("halted below the cap")
	}
	w.Booked(ledger.Claim{}, judge.Burn{Hour: 1000, Day: 1000})
	refusal := w.Refusal()
	if refusal == nil || !strings.HasPrefix(refusal.Reason, Reason) || refusal.Guard != "breaker" || refusal.RetryAfter < 3*time.Hour {
		t.Fatalf("refusal %+v", refusal)
	}
	flag := w.raw(t)
	if flag["burn"] != 1000.0 || flag["cooldown_until"] == nil || flag["reason"] == "" {
		t.Errorf("flag %v", flag)
	}
	if w.cuts != 1 {
		t.Errorf("calls under way were cut %d times", w.cuts)
	}
	if _, ok := errors.AsType[*holdfast.Refusal](w.Admit(ledger.Claim{Tokens: 1}, judge.Burn{})); !ok {
		t.Error("a call is admitted while HALT stands")
	}
	if alerts := w.haltAlerts(t.Context()); len(alerts) != 1 || !strings.Contains(alerts[0].Message, "1000") {
		t.Errorf("alerts %+v", alerts)
	}
}

func TestFullIsNotHalt(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	w.caps(t, 1000, 5000)
	full, ok := errors.AsType[*Full](w.Admit(ledger.Claim{Tokens: 200}, judge.Burn{Reserved: 900}))
	if !ok {
		t.Fatal("what does not fit is admitted")
	}
	w.Reached(full)
	if w.Refusal() != nil {
		t.Fatal("calls under way that fill the cap halted the house")
	}
	if full, ok = errors.AsType[*Full](w.Admit(ledger.Claim{Tokens: 200}, judge.Burn{Hour: 900})); !ok {
		t.Fatal("what does not fit is admitted")
	}
	w.Reached(full)
	if w.Refusal() == nil || !w.flagged() {
		t.Error("the cap is reached and nothing halted")
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	w.caps(t, 1000, 5000)
	w.set(judge.Burn{Hour: 1200, Day: 1200})
	w.Tick(t.Context())
	_, err := w.resume(t.Context(), resumeInput{})
	refusal, ok := errors.AsType[*holdfast.Refusal](err)
	if !ok || !strings.Contains(refusal.Reason, "1200 of 1000") || !w.flagged() {
		t.Fatalf("resumed over the cap: %v", err)
	}
	w.caps(t, 100_000, 500_000) // the owner lifts the cap
	if w.Refusal() == nil {
		t.Fatal("lifting the cap alone resumed")
	}
	answer, err := w.resume(t.Context(), resumeInput{})
	if err != nil || answer.State != "armed" || w.Refusal() != nil || w.flagged() {
		t.Fatalf("%+v, %v", answer, err)
	}
	w.Booked(ledger.Claim{}, judge.Burn{Hour: 100_000})
	if w.Refusal() == nil {
		t.Error("the breaker sleeps after a resume")
	}
}

func TestForcedResumeRestsForAnHour(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := started(t, dir)
		w.caps(t, 1000, 5000)
		w.set(judge.Burn{Hour: 1200, Day: 1200})
		w.Tick(t.Context())
		answer, err := w.resume(t.Context(), resumeInput{Force: true})
		if err != nil || !strings.Contains(answer.Message, "suspended") || time.Until(answer.SuspendedUntil) != time.Hour {
			t.Fatalf("%+v, %v", answer, err)
		}
		w.Tick(t.Context())
		if w.Refusal() != nil || w.Admit(ledger.Claim{Tokens: 500}, judge.Burn{Hour: 1200}) != nil {
			t.Fatal("judging was not suspended")
		}
		if alerts := w.warnAlerts(t.Context()); len(alerts) != 2 {
			t.Errorf("a WARN and the suspension should be told: %+v", alerts)
		}
		again := started(t, dir) // a new start remembers
		again.set(judge.Burn{Hour: 1200, Day: 1200})
		again.Tick(t.Context())
		if again.Refusal() != nil {
			t.Fatal("a restart forgot the suspension")
		}
		<-time.After(time.Hour + time.Second) // the bubble's clock
		w.Tick(t.Context())
		if w.Refusal() == nil {
			t.Error("judging never came back")
		}
	})
}

func TestEndsByItselfOnlyWhenCooledAndLow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := started(t, dir)
		w.caps(t, 1000, 5000)
		w.set(judge.Burn{Hour: 1000, Day: 1000})
		w.Tick(t.Context())
		w.set(judge.Burn{Hour: 0, Day: 1000})
		<-time.After(3 * time.Hour)
		w.Tick(t.Context())
		if w.Refusal() == nil {
			t.Fatal("it ended before its cooldown")
		}
		w.set(judge.Burn{Hour: 600, Day: 1000})
		<-time.After(2 * time.Hour)
		w.Tick(t.Context())
		if w.Refusal() == nil {
			t.Fatal("it ended with the burn above half of a cap")
		}
		w.set(judge.Burn{Hour: 499, Day: 1499})
		w.Tick(t.Context())
		if w.Refusal() != nil || w.flagged() {
			t.Fatal("it did not end by itself")
		}
	})
}

func TestAPersonsHaltStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := started(t, dir)
		ctx := holdfast.WithCaller(t.Context(), holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ada", Tier: holdfast.TierOperator})
		if _, err := w.halt(ctx, haltInput{Reason: "runaway agent"}); err != nil {
			t.Fatal(err)
		}
		<-time.After(1000 * time.Hour)
		w.Tick(t.Context())
		if refusal := w.Refusal(); refusal == nil || !strings.Contains(refusal.Reason, "runaway agent") {
			t.Fatalf("refusal %+v", refusal)
		}
		if flag := w.raw(t); flag["by"] != "operator:ada" || flag["cooldown_until"] != nil {
			t.Errorf("flag %v", flag)
		}
	})
}

func TestRunJudgesAndTells(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := started(t, dir)
		w.caps(t, 1000, 5000)
		end := w.runs(t)
		w.set(judge.Burn{Hour: 850, Day: 850})
		<-time.After(16 * time.Second)
		if alerts := w.warnAlerts(t.Context()); len(alerts) != 1 || w.journaled("breaker.warn") != 1 {
			t.Errorf("WARN was not told: %+v", alerts)
		}
		w.set(judge.Burn{Hour: 1000, Day: 1000})
		<-time.After(16 * time.Second)
		if !w.flagged() || w.journaled("breaker.halt") != 1 {
			t.Error("HALT was not raised and journaled within its 15 s")
		}
		if err := os.Remove(w.files.FlagPath(halt.House)); err != nil {
			t.Fatal(err)
		}
		if w.Refusal() == nil {
			t.Error("deleting the flag opened the house")
		}
		<-time.After(2 * time.Second)
		if !w.flagged() || w.journaled("breaker.flag-rewritten") != 1 {
			t.Error("a flag deleted by hand was not written again")
		}
		if alerts := w.haltAlerts(t.Context()); len(alerts) != 1 || !strings.Contains(alerts[0].Message, "deleted by hand") {
			t.Errorf("alerts %+v", alerts)
		}
		end()
	})
	events, err := at(dir).files.Diary().History(10)
	if err != nil || len(events) != 4 || events[0].Event != "flag-rewritten" || events[3].Event != "thresholds" {
		t.Errorf("history %+v, %v", events, err)
	}
}

func TestHaltStandsThoughTheJournalFails(t *testing.T) {
	t.Parallel()
	w := at(t.TempDir())
	w.fail = errors.New("disk full")
	if _, err := w.halt(t.Context(), haltInput{Reason: "stop"}); err != nil || !w.flagged() {
		t.Errorf("halt: %v", err)
	}
}

// TestHaltStandsThoughTheDiskFails lets the flag itself be impossible: the house halts all the
// same, says so, and writes the flag when it can.
func TestHaltStandsThoughTheDiskFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := started(t, dir)
	w.caps(t, 1000, 5000)
	folder := filepath.Join(dir, "var", "breaker")
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // nothing can be made below a file
		t.Fatal(err)
	}
	w.Booked(ledger.Claim{}, judge.Burn{Hour: 1000})
	if w.Refusal() == nil || w.cuts != 1 {
		t.Fatal("a disk that fails kept the house from halting")
	}
	if alerts := w.warnAlerts(t.Context()); len(alerts) != 1 || !strings.Contains(alerts[0].Message, "in this house alone") {
		t.Errorf("alerts %+v", alerts)
	}
	if err := errors.Join(os.Remove(folder), os.Rename(folder+".away", folder)); err != nil {
		t.Fatal(err)
	}
	w.halts.look()
	if !w.flagged() {
		t.Error("the flag was not written when it could be")
	}
}

func TestStartTakesUpAHalt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := started(t, dir)
	w.caps(t, 1000, 5000)
	w.Booked(ledger.Claim{}, judge.Burn{Hour: 1000})
	if again := started(t, dir); again.Refusal() == nil {
		t.Error("a restart forgot the HALT")
	}
	if err := os.Remove(w.files.FlagPath(halt.House)); err != nil { // while no house runs
		t.Fatal(err)
	}
	again := started(t, dir)
	if again.Refusal() == nil || !again.flagged() {
		t.Error("a flag deleted while no house ran ended the HALT")
	}
}

func TestFlagsOfOtherPrograms(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"JSON": `{"reason":"the watch says so","burn":5}`, "a sentence": "the watch says so", "nothing": "", "garbage": "{\"reason\":",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := started(t, t.TempDir())
			w.caps(t, 1000, 5000)
			if err := os.WriteFile(w.files.FlagPath(halt.House), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			w.looked.Store(0)
			refusal := w.Refusal()
			if refusal == nil || strings.Contains(content, "the watch") && !strings.Contains(refusal.Reason, "the watch says so") {
				t.Fatalf("refusal %+v", refusal)
			}
			if w.cuts != 1 {
				t.Error("calls under way went on")
			}
			if _, err := w.resume(t.Context(), resumeInput{}); err != nil || w.flagged() {
				t.Errorf("resume: %v", err)
			}
		})
	}
}

func TestNotifyOnly(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	only, cap := true, int64(1000)
	if _, err := w.setThresholds(t.Context(), thresholdsInput{NotifyOnly: &only, HardCapPerHour: &cap}); err != nil {
		t.Fatal(err)
	}
	w.set(judge.Burn{Hour: 5000})
	w.Tick(t.Context())
	if w.Refusal() != nil || w.Admit(ledger.Claim{Tokens: 10}, judge.Burn{Hour: 5000}) != nil {
		t.Error("notify_only halts")
	}
	if alerts := w.warnAlerts(t.Context()); len(alerts) != 1 || !strings.Contains(alerts[0].Message, "notify_only") {
		t.Errorf("alerts %+v", alerts)
	}
}

func TestThresholdsFile(t *testing.T) {
	t.Parallel()
	w := started(t, t.TempDir())
	w.caps(t, 1000, 5000)
	if err := os.WriteFile(w.files.ThresholdsPath(), []byte(`{"hard_cap_per_hour": 2000}`), 0o644); err != nil {
		t.Fatal(err)
	}
	w.Tick(t.Context())
	if got := w.limits.get(); got.HardCapPerHour != 2000 || got.HardCapPerDay != judge.Defaults().HardCapPerDay {
		t.Errorf("thresholds %+v", got)
	}
	for _, bad := range []string{`{"hard_cap_per_hour": -1}`, `{"hard_cap_per_hourr": 5}`, `nonsense`} {
		if err := os.WriteFile(w.files.ThresholdsPath(), []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		w.Tick(t.Context())
		if got := w.limits.get(); got.HardCapPerHour != 2000 {
			t.Errorf("%s changed the caps to %+v", bad, got)
		}
		if alerts := w.warnAlerts(t.Context()); len(alerts) != 1 || !strings.Contains(alerts[0].Message, "thresholds") {
			t.Errorf("%s is not told: %+v", bad, alerts)
		}
	}
	zero := int64(0)
	if _, err := w.setThresholds(t.Context(), thresholdsInput{Scope: "tenant:acme"}); err == nil || !strings.Contains(err.Error(), "changes nothing") {
		t.Errorf("set nothing: %v", err)
	}
	if _, err := w.setThresholds(t.Context(), thresholdsInput{HardCapPerDay: &zero}); err == nil {
		t.Error("a cap of nothing is accepted")
	}
}

// TestActions drives every action through the declarations that the surfaces use, with no house
// running.
func TestActions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	do := func(name, input string) (string, error) {
		for _, a := range at(dir).Capability().Actions {
			if a.Name != "breaker."+name {
				continue
			}
			if !a.Offline {
				t.Errorf("%s does not work without a house", name)
			}
			in, err := a.Decode(json.RawMessage(input))
			if err != nil {
				return "", err
			}
			out, err := a.Run(t.Context(), in)
			text, _ := json.Marshal(out)
			return string(text), err
		}
		t.Fatalf("there is no action %s", name)
		return "", nil
	}
	steps := []struct{ name, input, want string }{
		{"status", `{}`, `"state":"armed"`},
		{"check", `{}`, `clear`},
		{"thresholds", `{}`, `"hard_cap_per_hour":15000000`},
		{"set_thresholds", `{"hard_cap_per_hour":10}`, `"old":{"hard_cap_per_hour":15000000`},
		{"thresholds", `{}`, `"hard_cap_per_hour":10`},
		{"tick", `{}`, `"level":"calm"`},
		{"halt", `{"reason":"enough"}`, `enough`},
		{"halt", `{"reason":"again"}`, `enough`},
		{"status", `{}`, `"state":"halted"`},
		{"history", `{"limit":1}`, `"event":"halt"`},
		{"resume", `{"force":false}`, `"state":"armed"`},
		{"resume", `{}`, `nothing was halted`},
		{"check", `{}`, `clear`},
	}
	for _, s := range steps {
		out, err := do(s.name, s.input)
		if err != nil || !strings.Contains(out, s.want) {
			t.Errorf("%s %s: %s, %v; want %s", s.name, s.input, out, err, s.want)
		}
	}
	if _, err := do("halt", `{}`); err == nil {
		t.Error("a HALT without a reason is accepted")
	}
	if _, err := do("halt", `{"reason":"x"}`); err != nil {
		t.Fatal(err)
	}
	if _, err := do("check", ``); err == nil {
		t.Error("check passes while HALT stands")
	} else if _, ok := errors.AsType[*holdfast.Refusal](err); !ok {
		t.Errorf("check answers %v, want a refusal", err)
	}
}

func TestDeclarations(t *testing.T) {
	t.Parallel()
	tiers := map[string]holdfast.Tier{"breaker.resume": holdfast.TierOwner, "breaker.set_thresholds": holdfast.TierOwner}
	b := at(t.TempDir())
	for _, a := range b.actions() {
		if want, ok := tiers[a.Name]; ok && a.Tier != want {
			t.Errorf("%s needs tier %s", a.Name, a.Tier)
		}
		if a.Safer != (a.Name == "breaker.halt") {
			t.Errorf("%s: safer %v", a.Name, a.Safer)
		}
		_ = a.Output.Schema()
	}
	guard := b.guard()
	for _, label := range []string{"dispatch", "model"} {
		if !guard.Judges(holdfast.Action{Labels: []string{label}}) {
			t.Errorf("the guard does not judge %s", label)
		}
	}
	if guard.Judges(action.NewAction(holdfast.Action{Name: "a.b"}, b.check)) {
		t.Error("the guard judges everything")
	}
	if err := guard.Judge(t.Context(), holdfast.Request{}); err != nil {
		t.Error(err)
	}
	if _, err := b.halt(t.Context(), haltInput{Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := guard.Judge(t.Context(), holdfast.Request{}); err == nil {
		t.Error("the guard allows while HALT stands")
	}
}
