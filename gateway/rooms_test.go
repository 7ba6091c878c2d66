// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/gateway/budget"
	"holdfast/gateway/key"
	"holdfast/gateway/ledger"
	"holdfast/gateway/price"
)

// wallet holds what all calls under way may have together, in tokens or in money.
type wallet struct {
	mu            sync.Mutex
	tokens, money int64
	refused       int
}

func (w *wallet) Fits(c ledger.Claim) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return c.Tokens <= w.tokens && c.Cost.Nano <= w.money
}

func (w *wallet) Reserve(c ledger.Claim) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Tokens > w.tokens || c.Cost.Nano > w.money {
		w.refused++
		return &budget.Exceeded{Setting: "wallet", Scope: "house", Period: "day"}
	}
	w.tokens, w.money = w.tokens-c.Tokens, w.money-c.Cost.Nano
	return nil
}

func (w *wallet) Settle(reserved, _ ledger.Claim, _ time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens, w.money = w.tokens+reserved.Tokens, w.money+reserved.Cost.Nano
}

// noted is an upstream that notes the limit of each call, and takes none above most.
type noted struct {
	limits chan int64
	most   int64
	says   string
}

func (n noted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Max int64 `json:"max_completion_tokens"`
		Old int64 `json:"max_tokens"`
	}
	_ = json.NewDecoder(r.Body).Decode(&asked)
	asked.Max = max(asked.Max, asked.Old)
	n.limits <- asked.Max
	if n.most > 0 && asked.Max > n.most {
		answers(http.StatusBadRequest, jsonKind, fmt.Sprintf(n.says, asked.Max, n.most))(w, r)
		return
	}
	answers(200, jsonKind, answerBody)(w, r)
}

func (n noted) serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	return server.URL + "/v1"
}

func (n noted) got() []int64 {
	var list []int64
	for len(n.limits) > 0 {
		list = append(list, <-n.limits)
	}
	return list
}

// open is a request without a limit.
func open() string { return strings.Replace(request("chat", false), `,"max_tokens":64`, "", 1) }

// TestPlainAnswersGetRoom: as much as leaves room for others, and near a cap no more than expected;
// nobody is told of a refusal, for none was.
func TestPlainAnswersGetRoom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tokens int64
		want   int64
	}{
		"far from every cap": {100_000_000, generous},
		"in sight of one":    {spare*generous/2 + 1000, generous / 2},
		"near one":           {spare * ledger.DefaultOutput, ledger.DefaultOutput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up, w := noted{limits: make(chan int64, 8)}, &wallet{tokens: c.tokens, money: 1e15}
			h := newHouseWith(t, testConfig(up.serve(t)), func(_ *Needs, l *ledger.Needs) { l.Purse = w })
			if resp, answer := h.post(open()); resp.StatusCode != http.StatusOK {
				t.Fatalf("status %d: %s", resp.StatusCode, answer)
			}
			if got := up.got(); len(got) != 1 || got[0] != c.want || w.refused != 0 || w.tokens != c.tokens {
				t.Errorf("limits %v, want %d; refused %d times, %d of %d tokens are there", got, c.want, w.refused, w.tokens, c.tokens)
			}
		})
	}
}

// rated is a key that may spend few tokens a minute.
type rated struct {
	bounds
	left int64
}

func (s *rated) Left(context.Context, holdfast.Caller) int64 { return s.left }

func (s *rated) Allow(ctx context.Context, caller holdfast.Caller, model string, tokens int64) error {
	if tokens > s.left {
		return &key.Limited{Key: "lab", Setting: "tpm", Most: s.left}
	}
	return s.bounds.Allow(ctx, caller, model, tokens)
}

func TestRoomKeepsToTheKeysRate(t *testing.T) {
	t.Parallel()
	for left, want := range map[int64]int64{spare*4096 + 100: 4096, 2000: ledger.DefaultOutput} {
		up, s := noted{limits: make(chan int64, 8)}, &rated{left: left}
		h := newHouseWith(t, testConfig(up.serve(t)), func(n *Needs, _ *ledger.Needs) { n.Limits = s })
		if resp, answer := h.withKey("/v1/chat/completions", open()); resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d: %s", resp.StatusCode, answer)
		}
		if got := up.got(); len(got) != 1 || got[0] != want || s.allowed.Load() != 0 || s.spent.Load() != 42 {
			t.Errorf("limits %v, want %d; %d tokens are counted beside %d", got, want, s.allowed.Load(), s.spent.Load())
		}
	}
}

// TestATargetThatTakesLess is asked again with what it takes, and knows no surprise the next time.
func TestATargetThatTakesLess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says string
		most int64
		want []int64
	}{
		"it says how much": {`{"error":{"message":"max_tokens is too large: %d. This model supports at most %d completion tokens.","type":"invalid_request_error"}}`, 4096, []int64{generous, 4096, 4096}},
		"it names both": {
			`{"error":{"message":"This model's maximum context length is 8192 tokens, you asked for %d, and %d would do","type":"x"}}`, 2000,
			[]int64{generous, 8192, 2000, 2000},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := noted{limits: make(chan int64, 8), most: c.most, says: c.says}
			h := newHouse(t, testConfig(up.serve(t)))
			for range 2 {
				if resp, answer := h.post(open()); resp.StatusCode != http.StatusOK {
					t.Fatalf("status %d: %s", resp.StatusCode, answer)
				}
			}
			if got := up.got(); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("limits %v, want %v", got, c.want)
			}
			if rows := h.rows(); len(rows) != 2 || rows[0].status != ledger.StatusOK || rows[1].status != ledger.StatusOK {
				t.Errorf("booked %+v", rows)
			}
		})
	}
}

// TestALongPromptIsNotALimit: what no smaller limit helps goes back to the client, soon, and the next
// call has its room.
func TestALongPromptIsNotALimit(t *testing.T) {
	t.Parallel()
	up := noted{limits: make(chan int64, 16), most: 1, says: `{"error":{"message":"maximum context length exceeded%.0d%.0d","type":"invalid_request_error"}}`}
	h := newHouse(t, testConfig(up.serve(t)))
	for range 2 {
		if resp, _ := h.post(open()); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d", resp.StatusCode)
		}
		if got := up.got(); len(got) < 2 || len(got) > mostFittings+1 || got[0] != generous {
			t.Errorf("limits %v", got)
		}
	}
	if resp, _ := h.post(request("chat", false)); resp.StatusCode != http.StatusBadRequest || len(up.got()) != 1 {
		t.Error("the client's own limit was lowered")
	}
}

// dear tells one price for a million tokens of up, and ten times as much for spare.
type dear struct{}

func (d dear) Cost(provider, model string, u holdfast.Usage) price.Cost {
	return d.Most(provider, model, u.Input, u.Output)
}

func (dear) Most(provider, _ string, input, output int64) price.Cost {
	each := int64(1000)
	if provider == "spare" {
		each = 10_000
	}
	return price.Cost{Nano: (input + output) * each, Known: true}
}

// TestADearFallbackGetsLessRoom instead of being refused.
func TestADearFallbackGetsLessRoom(t *testing.T) {
	t.Parallel()
	w := &wallet{tokens: 1e9, money: spare*generous*1000 + 1e6}
	h := newHouseWith(t, testConfig(serveUp(t, answers(500, jsonKind, "oops"))), func(_ *Needs, l *ledger.Needs) { l.Purse, l.Prices = w, dear{} })
	resp, answer := h.post(strings.Replace(open(), `"chat"`, `"safe"`, 1))
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Holdfast-Provider") != "spare" {
		t.Errorf("status %d: %s", resp.StatusCode, answer)
	}
}
