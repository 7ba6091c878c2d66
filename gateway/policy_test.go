// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/journal/journaltest"
	"holdfast/gateway/price"
	"holdfast/gateway/route"
)

// tariff prices models by name: "" costs an unknown amount.
type tariff map[string]int64

func (t tariff) Most(provider, model string, _, _ int64) price.Cost {
	nano, known := t[provider+"/"+model]
	return price.Cost{Nano: nano, Known: known}
}

// Cost is as much a token.
func (t tariff) Cost(provider, model string, u holdfast.Usage) price.Cost {
	nano, known := t[provider+"/"+model]
	return price.Cost{Nano: nano * u.Total(), Known: known}
}

func (h *testHouse) policy() Policy {
	h.t.Helper()
	p, err := (routing{h.Gateway}).policy(h.t.Context(), action.Nothing{})
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (p Policy) alias(name string) Alias {
	for _, a := range p.Aliases {
		if a.Alias == name {
			return a
		}
	}
	return Alias{}
}

// TestWarnings: what is to be minded about a configuration, a case a line.
func TestWarnings(t *testing.T) {
	t.Parallel()
	known := tariff{"up/model-x": 5, "up/y:free": 0, "up/dear": 9, "spare/understudy": 0, "rehearsal/default": 0}
	for name, c := range map[string]struct {
		chat    []string
		bounded bool
		want    string // of the about and message of a warning; "" for none
	}{
		"all is well":                    {[]string{"up/model-x", "spare/understudy"}, false, ""},
		"a free tier behind":             {[]string{"up/model-x", "up/y:free"}, true, "up/y:free is on a free tier, with few calls a day and little privacy; a fallback of chat, compaction, fast"},
		"a free tier in front":           {[]string{"up/y:free", "up/model-x"}, true, ""},
		"a paid fallback with no budget": {[]string{"up/model-x", "up/dear"}, false, "up/dear costs money, and no budget stands behind it; a fallback of chat, compaction, fast"},
		"a paid fallback with one":       {[]string{"up/model-x", "up/dear"}, true, ""},
		"an unknown price":               {[]string{"up/odd"}, true, "up/odd its price is not known"},
	} {
		config := testConfig("http://127.0.0.1:1/v1")
		config.Aliases = map[string][]string{"chat": c.chat}
		h := newHouse(t, config)
		h.needs.Prices, h.needs.Bounded = known, func() bool { return c.bounded }
		var said []string
		for _, w := range h.policy().Warnings {
			said = append(said, w.About+" "+w.Message)
		}
		all := strings.Join(said, "; ")
		if c.want == "" && all != "" || !strings.Contains(all, c.want) {
			t.Errorf("%s: %q", name, all)
		}
		if alerts := (routing{h.Gateway}).policyAlerts(t.Context()); len(alerts) != len(said) {
			t.Errorf("%s: alerts %v", name, alerts)
		}
	}
}

// TestCompactionFollowsChat: its fallback included, and it is said when that one is paid; not so when
// it is pinned.
func TestCompactionFollowsChat(t *testing.T) {
	t.Parallel()
	c := testConfig(serveUp(t, answers(500, jsonKind, "{}")))
	c.Aliases = map[string][]string{"chat": {"up/model-x", "spare/understudy"}}
	h := newHouse(t, c)
	h.needs.Prices, h.needs.Bounded = tariff{"up/model-x": 5, "spare/understudy": 7, "rehearsal/default": 0}, func() bool { return true }
	if resp, answer := h.post(request("chat", false)); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	p := h.policy()
	if a := p.alias("compaction"); a.Effective != "spare/understudy" || len(p.Warnings) != 1 || p.Warnings[0].About != "compaction" || !strings.Contains(p.Warnings[0].Message, "runs on a paid fallback") {
		t.Errorf("%+v, %v", a, p.Warnings)
	}
	if report, err := (routing{h.Gateway}).report(t.Context()); err != nil || len(report.Interpretation) != 1 || len(report.Observed) < 4 {
		t.Errorf("%+v %v", report, err)
	}
	c.Aliases["compaction"] = []string{"rehearsal/default"}
	if err := h.Apply(c); err != nil {
		t.Fatal(err)
	}
	if p := h.policy(); p.alias("compaction").Effective != "rehearsal/default" || len(p.Warnings) != 0 {
		t.Errorf("pinned: %+v %v", p.alias("compaction"), p.Warnings)
	}
}

// TestAProposalChangesNothing: a profile that this version would pin otherwise is shown, as a line to
// take over, and what is pinned counts.
func TestAProposalChangesNothing(t *testing.T) {
	t.Parallel()
	c := Defaults()
	c.Providers["mine"] = Provider{Kind: kindAnthropic, URL: "https://api.anthropic.com"}
	h := newHouse(t, c)
	p := h.policy()
	if len(p.Proposed) != 3 || !strings.HasPrefix(p.Proposed[1].Line, "balanced: {chat: [mine/claude-") || p.alias("chat").Effective != "rehearsal/default" {
		t.Errorf("%+v, chat is %+v", p.Proposed, p.alias("chat"))
	}
	c.Profiles = route.Propose([]route.Source{{Name: "mine", Vendor: "anthropic"}})
	c.Profile = route.Quality
	if err := h.Apply(c); err != nil || len(c.Check()) > 0 {
		t.Fatal(err, c.Check())
	}
	if p := h.policy(); len(p.Proposed) != 0 || !strings.HasPrefix(p.alias("chat").Effective, "mine/claude-opus") {
		t.Errorf("%+v, chat is %+v", p.Proposed, p.alias("chat"))
	}
}

// TestRehearseInTheLiveHouse rehearses every fault in front of a provider that is well: clients get
// what they would get, the provider is not asked and nothing stays when it ends.
func TestRehearseInTheLiveHouse(t *testing.T) {
	t.Parallel()
	for fault, alone := range map[string]struct {
		status int
		code   string
	}{
		"429": {429, `"code":"429"`}, "500": {500, `"code":"500"`}, "timeout": {504, "upstream_timeout"}, "empty": {502, "upstream_empty"}, "cut": {502, "upstream_invalid"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			h := newHouse(t, impatient(testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				answers(200, jsonKind, answerBody)(w, r)
			}))))
			book := &journaltest.Journal{}
			h.needs.Journal = book
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- (routing{h.Gateway}).run(ctx) }()
			act(t, h, "gateway.rehearse", `{"fault":"`+fault+`","alias":"safe","for":"1h"}`)
			if resp, answer := h.post(request("safe", false)); resp.StatusCode != http.StatusOK || resp.Header.Get("X-Holdfast-Provider") != "spare" {
				t.Errorf("safe: %d %s", resp.StatusCode, answer)
			}
			act(t, h, "cooldown.clear", `{"name":"safe"}`)
			if resp, answer := h.post(request("chat", false)); resp.StatusCode != alone.status || !strings.Contains(answer, alone.code) {
				t.Errorf("alone: %d %s", resp.StatusCode, answer)
			}
			p := h.policy()
			if len(p.Rehearsals) != 1 || len(p.Cooling) != 1 || !p.Cooling[0].Rehearsed || asked.Load() != 0 {
				t.Errorf("%+v, asked %d", p, asked.Load())
			}
			if alerts := (routing{h.Gateway}).rehearsalAlerts(t.Context()); len(alerts) != 1 || !strings.Contains(alerts[0].Message, fault) {
				t.Errorf("alerts %+v", alerts)
			}
			act(t, h, "gateway.end_rehearsal", `{"name":"up/model-x"}`)
			if resp, _ := h.post(request("chat", false)); resp.StatusCode != http.StatusOK || asked.Load() != 1 || len(h.policy().Cooling) != 0 {
				t.Errorf("afterwards: %d, asked %d, %+v", resp.StatusCode, asked.Load(), h.policy().Cooling)
			}
			if got := book.Entries(); len(got) != 1 || got[0].Action != "gateway.rehearsal_ended" {
				t.Errorf("journaled %v", got)
			}
			act(t, h, "gateway.rehearse", `{"fault":"`+fault+`","for":"1h"}`)
			cancel() // a house that ends ends it
			if err := <-ended; err != nil || len(h.policy().Rehearsals) != 0 || len(book.Entries()) != 2 {
				t.Errorf("%v, %v", err, book.Entries())
			}
		})
	}
}

// TestARehearsalEndsInTime lets a short one pass.
func TestARehearsalEndsInTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig(serveUp(t, answers(200, jsonKind, answerBody))))
	book := &journaltest.Journal{}
	h.needs.Journal = book
	go func() { _ = (routing{h.Gateway}).run(t.Context()) }()
	act(t, h, "gateway.rehearse", `{"fault":"500","for":"1s"}`)
	h.post(request("chat", false))
	eventually(t, func() bool { return len(book.Entries()) == 1 })
	if resp, _ := h.post(request("chat", false)); resp.StatusCode != http.StatusOK {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestADeadPrimaryAmong64 sends 200 calls, 64 at a time, through the house.
func TestADeadPrimaryAmong64(t *testing.T) {
	t.Parallel()
	var wasted, wrong, left atomic.Int64
	left.Store(200)
	h := newHouse(t, testConfig(serveUp(t, func(w http.ResponseWriter, _ *http.Request) {
		wasted.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	})))
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				resp, err := h.send(t.Context(), request("safe", false))
				if err != nil || resp.StatusCode != http.StatusOK {
					wrong.Add(1)
				}
				if err == nil {
					_ = resp.Body.Close()
				}
			}
		})
	}
	wg.Wait()
	if wasted.Load() > 5 || wrong.Load() > 0 {
		t.Errorf("%d of 200 were wasted on a dead primary, %d got no answer", wasted.Load(), wrong.Load())
	}
}

// TestBadRequestsOpenNothing: what is the client's mistake puts nobody out of a chain.
func TestBadRequestsOpenNothing(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 413, 422} {
		h := newHouse(t, testConfig(serveUp(t, answers(status, jsonKind, `{"error":{"message":"no"}}`))))
		for range 3 {
			h.post(request("safe", false))
		}
		if c := h.router.Cooldowns(); len(c) != 0 {
			t.Errorf("status %d: %+v", status, c)
		}
	}
}

// TestAllRest: a chain of which everybody rests refuses at once when waiting is in vain, with
// Retry-After, and answers after a wait that is worth it.
func TestAllRest(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	c := testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
		if well.Load() {
			answers(200, jsonKind, answerBody)(w, r)
			return
		}
		answers(429, jsonKind, `{"error":{"message":"slow down"}}`, "Retry-After", "2")(w, r)
	}))
	c.Wait = config.Duration(time.Second)
	h := newHouse(t, c)
	h.post(request("chat", false))
	resp, answer := h.post(request("chat", false))
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "2" || !strings.Contains(answer, "cooling_down") {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, answer)
	}
	if alerts := (routing{h.Gateway}).restingAlerts(t.Context()); len(alerts) == 0 {
		t.Error("no alert")
	}
	well.Store(true)
	fixed := c
	fixed.Providers = map[string]Provider{"up": {Kind: kindOpenAI, URL: "http://127.0.0.1:2/v1"}, "spare": c.Providers["spare"], "rehearsal": c.Providers["rehearsal"]}
	c.Wait = config.Duration(30 * time.Second)
	if err := h.Apply(c); err != nil {
		t.Fatal(err)
	}
	if resp, answer := h.post(request("chat", false)); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	well.Store(false)
	h.post(request("chat", false))
	if err := h.Apply(c); err != nil || len(h.router.Cooldowns()) != 1 {
		t.Errorf("%v, %+v", err, h.router.Cooldowns())
	}
	if err := h.Apply(fixed); err != nil || len(h.router.Cooldowns()) != 0 {
		t.Errorf("a provider with another address rests: %v, %+v", err, h.router.Cooldowns())
	}
}

// TestCooldownsOutliveTheHouse starts another gateway on the same home.
func TestCooldownsOutliveTheHouse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig(serveUp(t, answers(429, jsonKind, "{}", "Retry-After", "600"))))
	h.post(request("safe", false))
	if err := h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.needs.Home.Var("gateway", "cooldowns.json")); err != nil {
		t.Fatal(err)
	}
	again := New(h.needs)
	if err := again.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := again.router.Cooldowns()
	if len(got) != 1 || got[0].Target.String() != "up/model-x" || !got[0].Told || time.Until(got[0].Until) < 9*time.Minute {
		t.Errorf("%+v", got)
	}
	if last, ok := again.router.Last("safe"); !ok || last.String() != "spare/understudy" {
		t.Errorf("%v", last)
	}
}
