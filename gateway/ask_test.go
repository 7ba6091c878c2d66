// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast"
	flags "holdfast/gateway/breaker/halt"
	"holdfast/gateway/ledger"
	"holdfast/gateway/price"
)

// asks judges and runs model.ask as the waist does.
func (h *testHouse) asks(t *testing.T, bypass bool, input string) (Answer, error) {
	t.Helper()
	caller := holdfast.Caller{Kind: holdfast.CallerOwner, Name: "terminal", Tier: holdfast.TierOwner, Surface: "cli"}
	ctx := holdfast.WithCaller(t.Context(), caller)
	if bypass {
		ctx = holdfast.WithBypass(ctx)
	}
	ask := asker{h.Gateway}.action()
	in, err := ask.Decode(json.RawMessage(input))
	if err != nil {
		return Answer{}, err
	}
	for _, g := range h.breaker.Capability().Guards {
		if g.Judges(ask) {
			if err := g.Judge(ctx, holdfast.Request{Action: ask, Caller: caller, Input: in}); err != nil {
				return Answer{}, err
			}
		}
	}
	out, err := ask.Run(ctx, in)
	if err != nil {
		return Answer{}, err
	}
	return out.(Answer), nil
}

// TestAsk: a question passes the gateway like any call, under the name of who asks.
func TestAsk(t *testing.T) {
	t.Parallel()
	h := newHouseWith(t, testConfig("http://127.0.0.1:1"), func(n *Needs, _ *ledger.Needs) { n.Prices = pricing{} })
	a, err := h.asks(t, false, `{"prompt": "What is a heron?", "model": "safe", "system": "Be brief."}`)
	if err != nil || !strings.Contains(a.Text, "heron") || a.Provider != "spare" || a.Model != "understudy" || a.Fallback != 1 || a.Usage.Output == 0 || a.Cost != "$1.00" || a.Bypassed {
		t.Fatalf("%+v, %v", a, err)
	}
	booked := h.settled()
	if booked.status != ledger.StatusOK || booked.output != a.Usage.Output || booked.input != a.Usage.Input {
		t.Errorf("booked %+v, told %+v", booked, a.Usage)
	}
	for input, says := range map[string]string{
		`{"prompt": "x", "model": "nobody"}`: "no such alias",
		`{"prompt": "x", "model": "chat"}`:   "no model answered",
	} {
		if _, err := h.asks(t, false, input); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", input, err)
		}
	}
}

type pricing struct{}

func (pricing) Cost(string, string, holdfast.Usage) price.Cost {
	return price.Cost{Nano: 1e9, Known: true}
}

func (pricing) Most(string, string, int64, int64) price.Cost {
	return price.Cost{Nano: 1e9, Known: true}
}

// TestAskPastAHalt: the owner's bypass is good for one model call.
func TestAskPastAHalt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig("http://127.0.0.1:1"))
	flag := flags.In(h.needs.Home).FlagPath(flags.House)
	if err := os.MkdirAll(filepath.Dir(flag), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(flag, []byte(`{"reason": "an evening off", "cause": "person"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	question := `{"prompt": "What is a heron?", "model": "safe"}`
	refused := func(when string, bypass bool) {
		t.Helper()
		_, err := h.asks(t, bypass, question)
		if r, ok := errors.AsType[*holdfast.Refusal](err); !ok || !strings.HasPrefix(r.Reason, "breaker_halt") {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("while HALT stands", false)
	if a, err := h.asks(t, true, question); err != nil || !a.Bypassed || a.Text == "" {
		t.Errorf("past it: %+v, %v", a, err)
	}
	refused("once more without asking for it", false)
	if r := h.breaker.Refusal(); r == nil {
		t.Error("the HALT is over")
	}
	// A dispatch that makes no call leaves nothing behind for another.
	if _, err := h.asks(t, true, `{"prompt": "x", "model": "nobody"}`); err == nil {
		t.Error("a model that is not there answers")
	}
	owner := holdfast.WithCaller(t.Context(), holdfast.Caller{Kind: holdfast.CallerOwner, Name: "terminal", Tier: holdfast.TierOwner, Surface: "cli"})
	if a, err := (asker{h.Gateway}).ask(holdfast.WithBypass(owner), askInput{Prompt: "x", Model: "safe"}); err == nil {
		t.Errorf("a pass is left over: %+v", a)
	}
	// What the guard did not let past is not, whatever the context says.
	caller := holdfast.Caller{Kind: holdfast.CallerAgent, Name: "notes", Tier: holdfast.TierTenantPeer}
	ctx := holdfast.WithBypass(holdfast.WithCaller(t.Context(), caller))
	if _, err := (asker{h.Gateway}).ask(ctx, askInput{Prompt: "x", Model: "safe"}); err == nil {
		t.Error("an agent asks past a HALT")
	}
}

// TestTheJournalHasNoPrompt: it tells of a question as the journal writes it, which is for good.
func TestTheJournalHasNoPrompt(t *testing.T) {
	t.Parallel()
	ask := asker{newHouse(t, testConfig("http://127.0.0.1:1")).Gateway}.action()
	in, err := ask.Decode(json.RawMessage(`{"prompt": "the password is hunter2", "system": "a secret", "model": "safe", "max_tokens": 7}`))
	if err != nil {
		t.Fatal(err)
	}
	said, err := json.Marshal(map[string]any{"input": in})
	if want := `{"input":{"model":"safe","max_tokens":7,"prompt_bytes":23,"system_bytes":8}}`; err != nil || string(said) != want {
		t.Errorf("%s, %v", said, err)
	}
}
