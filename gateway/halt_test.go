// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/gateway/breaker"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/ledger"
)

// TestConcurrentCallsAgainstACap sends 64 calls at once, every way, against a cap for ten.
func TestConcurrentCallsAgainstACap(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"plain":                      request("chat", false),
		"stream":                     request("chat", true),
		"plain, without max_tokens":  strings.Replace(request("chat", false), `,"max_tokens":64`, "", 1),
		"stream, without max_tokens": strings.Replace(request("chat", true), `,"max_tokens":64`, "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			under := make(chan struct{}, 64)
			release := make(chan struct{})
			c := testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
				under <- struct{}{}
				<-release
				if strings.Contains(body, `"stream":true`) {
					say(chunkEvent("Good day"), stopEvent, usageEvent, doneEvent)(w, r)
					return
				}
				answers(200, jsonKind, answerBody)(w, r)
			}))
			h := newHouse(t, c)
			one, err := openai.Chat().Scan([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			output := one.MaxOutput
			if output == 0 {
				output = h.ledger.Expect("up", "model-x")
			}
			if err := h.breaker.SetCaps(t.Context(), 10*(one.Input+output), 1<<40); err != nil {
				t.Fatal(err)
			}
			admitted, refused := storm(t, h, body, func() {
				for range 10 {
					<-under
				}
				close(release)
			})
			if admitted != 10 || refused != 54 || len(under) != 0 {
				t.Errorf("admitted %d, refused %d, and %d more reached the upstream", admitted, refused, len(under))
			}
			if burn, _ := h.ledger.Burn(t.Context()); burn.Hour != 10*42 || burn.Reserved != 0 {
				t.Errorf("burn %+v", burn)
			}
		})
	}
}

// storm sends a body 64 times at once; letGo runs once 54 were refused.
func storm(t *testing.T, h *testHouse, body string, letGo func()) (admitted, refused int64) {
	t.Helper()
	var yes, no atomic.Int64
	full := make(chan struct{})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			resp, err := h.send(t.Context(), body)
			if err != nil {
				t.Error(err)
				return
			}
			answer, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			switch {
			case resp.StatusCode == http.StatusOK:
				yes.Add(1)
			case resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(answer), "breaker_cap") && resp.Header.Get("Retry-After") != "":
				if no.Add(1) == 54 {
					close(full)
				}
			default:
				t.Errorf("status %d: %s", resp.StatusCode, answer)
			}
		})
	}
	select {
	case <-full:
	case <-time.After(time.Minute):
		t.Errorf("only %d were refused", no.Load())
	}
	letGo()
	wg.Wait()
	return yes.Load(), no.Load()
}

func TestHaltRefusesAndCuts(t *testing.T) {
	t.Parallel()
	cancelled := make(chan struct{})
	c := testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
		say(chunkEvent("Good day"))(w, r)
		<-r.Context().Done()
		close(cancelled)
	}))
	h := newHouse(t, c)
	resp, err := h.send(t.Context(), request("chat", true))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	seen := readUntil(t, resp.Body, "Good day")
	halt(t, h, "a runaway")
	rest, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	whole := seen + string(rest)
	checkError(t, strings.TrimPrefix(strings.TrimSpace(whole[strings.LastIndex(whole, "data: "):]), "data: "), breaker.Reason)
	if strings.Contains(whole, "[DONE]") || !strings.Contains(whole, "a runaway") {
		t.Errorf("the cut stream ends in %q", rest)
	}
	<-cancelled
	if got := h.settled(); got.status != ledger.StatusHalted || got.output == 0 {
		t.Errorf("booked %+v", got)
	}
	again, answer := h.post(request("chat", false))
	if again.StatusCode != http.StatusServiceUnavailable || again.Header.Get("Retry-After") == "" || again.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("status %d, headers %v", again.StatusCode, again.Header)
	}
	if !strings.Contains(answer, `"reason":"breaker_halt"`) || !strings.Contains(answer, "a runaway") {
		t.Errorf("answer %s", answer)
	}
}

// halt runs the action, as an operator would.
func halt(t *testing.T, h *testHouse, reason string) {
	t.Helper()
	act(t, h, "breaker.halt", fmt.Sprintf(`{"reason":%q}`, reason))
}

func act(t *testing.T, h *testHouse, name, input string) any {
	t.Helper()
	for _, a := range append(h.breaker.Capability().Actions, h.Capability().Actions...) {
		if a.Name != name {
			continue
		}
		in, err := a.Decode(json.RawMessage(input))
		if err != nil {
			t.Fatal(err)
		}
		out, err := a.Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	t.Fatalf("no action %s", name)
	return nil
}

// TestHaltCutsAPlainCall at every stage, and asks nobody else in its place.
func TestHaltCutsAPlainCall(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]string{"before the head": "", "in the body": answerBody[:50]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrived, cancelled := make(chan struct{}), make(chan struct{})
			h := newHouse(t, testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
				if said != "" {
					say(said)(w, r)
				}
				close(arrived)
				<-r.Context().Done()
				close(cancelled)
			})))
			var halting sync.WaitGroup
			halting.Go(func() {
				<-arrived
				halt(t, h, "a runaway")
			})
			resp, answer := h.post(request("safe", false))
			halting.Wait()
			if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(answer, "a runaway") {
				t.Errorf("status %d: %s", resp.StatusCode, answer)
			}
			<-cancelled
			if got := h.settled(); got.status != ledger.StatusHalted || got.provider != "up" || got.input == 0 {
				t.Errorf("booked %+v", got)
			}
			if h.rests("up/model-x") {
				t.Error("a HALT put the model out of its chain")
			}
		})
	}
}

// TestHaltByBurnAndBack: a cap set low halts, the next call is refused, a lifted cap and a resume
// restore service.
func TestHaltByBurnAndBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig(serveUp(t, answers(200, jsonKind, answerBody))))
	ask := func() int {
		resp, _ := h.post(request("chat", false))
		return resp.StatusCode
	}
	if got := ask(); got != http.StatusOK {
		t.Fatal(got)
	}
	act(t, h, "breaker.set_thresholds", `{"hard_cap_per_hour":50}`)
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("over the cap: %d", got)
	}
	if h.breaker.Refusal() == nil {
		t.Error("an ordinary call that does not fit under the cap raised no HALT")
	}
	act(t, h, "breaker.set_thresholds", `{"hard_cap_per_hour":1000000}`)
	act(t, h, "breaker.resume", `{}`)
	if got := ask(); got != http.StatusOK {
		t.Errorf("after the resume: %d", got)
	}
}

// TestStreamOutgrowsItsReservation: more is reserved while it fits, and the stream is cut when
// not.
func TestStreamOutgrowsItsReservation(t *testing.T) {
	t.Parallel()
	c := testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
		for range 1000 {
			say(chunkEvent(strings.Repeat("word ", 40)))(w, r) // some 50 tokens
		}
		say(stopEvent, doneEvent)(w, r)
	}))
	h := newHouse(t, c)
	if err := h.breaker.SetCaps(t.Context(), 5000, 1<<40); err != nil {
		t.Fatal(err)
	}
	_, answer := h.post(request("chat", true))
	if strings.Contains(answer, "[DONE]") || !strings.Contains(answer, "breaker_cap") {
		t.Errorf("the stream ends in %q", answer[max(0, len(answer)-300):])
	}
	got := h.settled()
	if got.status != ledger.StatusHalted || got.output < 3000 || got.input+got.output > 5050 {
		t.Errorf("booked %+v", got)
	}
}

// TestClientThatDoesNotRead: a HALT ends a stream whose client reads nothing.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	c := testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			say(chunkEvent(strings.Repeat("word ", 20_000)))(w, r)
		}
	}))
	h := newHouse(t, c)
	resp, err := h.send(t.Context(), request("chat", true))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	eventually(t, func() bool { // it waits for its client once nothing grows any more
		before, _ := h.ledger.Burn(t.Context())
		<-time.After(100 * time.Millisecond)
		after, _ := h.ledger.Burn(t.Context())
		return before.Reserved > 1000 && before == after
	})
	halt(t, h, "enough")
	if got := h.settled(); got.status != ledger.StatusHalted && got.status != ledger.StatusCancelled || got.output == 0 {
		t.Errorf("booked %+v", got)
	}
}
