// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/gateway/key"
	"holdfast/gateway/ledger"
)

// deaf is a client who takes the head of an answer, and not one byte of it before it may.
type deaf struct {
	*httptest.ResponseRecorder
	reads chan struct{}
}

func (d deaf) Write(p []byte) (int, error) {
	<-d.reads
	return d.ResponseRecorder.Write(p)
}

// TestTheUpstreamEndsBeforeTheLastWords: who is cut, by the house or by its own nonsense, does not run
// on until a slow client was told.
func TestTheUpstreamEndsBeforeTheLastWords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 900)
	for name, c := range map[string]struct {
		says   string
		tokens int64
		ends   string
	}{
		"garbage":   {chunkEvent("Good day") + "data: {]\n\n", 1e9, "upstream_invalid"},
		"its error": {chunkEvent("Good day") + `data: {"error":{"message":"overloaded"}}` + "\n\n", 1e9, "overloaded"},
		"refusal":   {chunkEvent("Good day") + chunkEvent(long), ledger.DefaultOutput + 500, "wallet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cancelled := make(chan struct{})
			up := serveUp(t, func(w http.ResponseWriter, r *http.Request) {
				say(c.says)(w, r)
				<-r.Context().Done()
				close(cancelled)
			})
			h := newHouseWith(t, testConfig(up), func(_ *Needs, l *ledger.Needs) { l.Purse = &wallet{tokens: c.tokens, money: 1e15} })
			client := deaf{httptest.NewRecorder(), make(chan struct{})}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				open := strings.Replace(request("chat", true), `,"max_tokens":64`, "", 1)
				h.chat(client, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(open)))
			}()
			select {
			case <-cancelled:
			case <-time.After(time.Minute):
				t.Fatal("the upstream runs on")
			}
			close(client.reads)
			<-ended
			if got := client.Body.String(); !strings.Contains(got, "Good day") || !strings.Contains(got, c.ends) || strings.Contains(got, "[DONE]") {
				t.Errorf("the client got %.300s … %s", got, got[max(0, len(got)-200):])
			}
		})
	}
}

// TestACountIsARequest of its key, and of no tokens.
func TestACountIsARequest(t *testing.T) {
	t.Parallel()
	b := &bounds{}
	h := newHouseWith(t, testConfig("http://127.0.0.1:1/v1"), func(n *Needs, _ *ledger.Needs) { n.Limits = b })
	count := `{"model":"chat","messages":[{"role":"user","content":"x"}]}`
	resp, answer := h.withKey("/v1/messages/count_tokens", count)
	if asked, _ := b.asked.Load().(string); resp.StatusCode != http.StatusOK || asked != "chat" || b.allowed.Load() != 0 {
		t.Errorf("status %d, asked for %q, %d tokens: %s", resp.StatusCode, asked, b.allowed.Load(), answer)
	}
	b.err = &key.Limited{Key: "lab", Setting: "rpm", Most: 1, Wait: 7 * time.Second}
	resp, answer = h.withKey("/v1/messages/count_tokens", count)
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "7" || !strings.Contains(answer, "rate_limit_error") {
		t.Errorf("status %d, %v: %s", resp.StatusCode, resp.Header, answer)
	}
}

// TestStreamsNearACapAreBound: to what was reserved, for what a model thinks may be told by the last
// event alone; far from every cap, or with a limit of the client's, they are not.
func TestStreamsNearACapAreBound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tokens, asked, want int64
	}{
		"far from every cap":   {spare*mostRoom + 1000, 0, 0},
		"in sight of one":      {spare*mostRoom/4 + 1000, 0, mostRoom / 4},
		"near one":             {2 * ledger.DefaultOutput, 0, ledger.DefaultOutput},
		"the client's counts":  {2 * ledger.DefaultOutput, 64, 64},
		"and one that is tiny": {2 * ledger.DefaultOutput, 5, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := noted{limits: make(chan int64, 8)}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				limits.ServeHTTP(httptest.NewRecorder(), r)
				say(chunkEvent("Good day"), stopEvent, usageEvent, doneEvent)(w, r)
			}))
			t.Cleanup(server.Close)
			w := &wallet{tokens: c.tokens, money: 1e15}
			h := newHouseWith(t, testConfig(server.URL+"/v1"), func(_ *Needs, l *ledger.Needs) { l.Purse = w })
			body := strings.Replace(request("chat", true), `,"max_tokens":64`, "", 1)
			if c.asked > 0 {
				body = strings.Replace(request("chat", true), ":64", fmt.Sprintf(":%d", c.asked), 1)
			}
			resp, answer := h.post(body)
			said := ""
			if c.want > 0 && c.asked == 0 {
				said = fmt.Sprint(c.want)
			}
			if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Holdfast-Limit") != said || !strings.HasSuffix(answer, doneEvent) {
				t.Errorf("status %d, limit %q: %s", resp.StatusCode, resp.Header.Get("X-Holdfast-Limit"), answer)
			}
			if got := limits.got(); len(got) != 1 || got[0] != c.want || w.refused != 0 {
				t.Errorf("limits %v, want %d; refused %d times", got, c.want, w.refused)
			}
		})
	}
}

// TestAnAnswerThatWasShortenedSaysSo: one that came to the limit that the house gave it.
func TestAnAnswerThatWasShortenedSaysSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		output int64
		says   string
	}{
		"at the house's limit":  {open(), ledger.DefaultOutput, fmt.Sprint(ledger.DefaultOutput)},
		"below it":              {open(), ledger.DefaultOutput - 1, ""},
		"at the client's limit": {request("chat", false), 64, ""},
	} {
		body := strings.Replace(answerBody, `"completion_tokens":12`, fmt.Sprintf(`"completion_tokens":%d`, c.output), 1)
		h := newHouseWith(t, testConfig(serveUp(t, answers(200, jsonKind, body))), func(_ *Needs, l *ledger.Needs) {
			l.Purse = &wallet{tokens: spare * ledger.DefaultOutput, money: 1e15}
		})
		if resp, answer := h.post(c.body); resp.StatusCode != http.StatusOK || resp.Header.Get("X-Holdfast-Limit") != c.says {
			t.Errorf("%s: status %d, limit %q: %s", name, resp.StatusCode, resp.Header.Get("X-Holdfast-Limit"), answer)
		}
	}
}

// TestTheLeastIsReserved: a provider of Responses takes no limit below 16, so that much is reserved.
func TestTheLeastIsReserved(t *testing.T) {
	t.Parallel()
	for tokens, want := range map[int64]int{leastRoom + 200: 200, leastRoom: 429} {
		h := newHouseWith(t, testConfig(serveUp(t, answers(200, jsonKind, answerBody))), func(_ *Needs, l *ledger.Needs) {
			l.Purse = &wallet{tokens: tokens, money: 1e15}
		})
		if resp, answer := h.post(strings.Replace(request("chat", false), ":64", ":1", 1)); resp.StatusCode != want {
			t.Errorf("%d tokens are left: status %d: %s", tokens, resp.StatusCode, answer)
		}
	}
}

// TestEscapedTextIsNoLonger: a server that escapes every letter beyond ASCII is not cut for it.
func TestEscapedTextIsNoLonger(t *testing.T) {
	t.Parallel()
	world := strings.Repeat(`\u4e16\u754c`, 30) // 180 bytes, written as 360
	chat := strings.Replace(chunkEvent("WORLD"), "WORLD", world, 1)
	claude := claudeStart + claudeOpen + strings.Replace(claudeSays("WORLD"), "WORLD", world, 1) + claudeClose + claudeEnd
	for name, says := range map[string]string{"chat": chat + stopEvent + usageEvent + doneEvent, "messages": claude} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := testConfig(serveUp(t, say(says)))
			if name == "messages" {
				config.Providers["up"] = Provider{Kind: kindAnthropic, URL: serveClaude(t, say(says)), Key: "UP_KEY"}
			}
			h := newHouseWith(t, config, func(_ *Needs, l *ledger.Needs) { l.Purse = &wallet{tokens: 64 + 100, money: 1e15} })
			if resp, answer := h.post(request("chat", true)); resp.StatusCode != http.StatusOK || !strings.HasSuffix(answer, doneEvent) {
				t.Errorf("status %d: %s", resp.StatusCode, answer)
			}
			if got := h.settled(); got.status != ledger.StatusOK {
				t.Errorf("booked %+v", got)
			}
		})
	}
}
