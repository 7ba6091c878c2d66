// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/metrics"
	"holdfast/gateway/budget"
	"holdfast/gateway/key"
	"holdfast/gateway/ledger"
)

func TestCountTokens(t *testing.T) {
	t.Parallel()
	const body = `{"model":%q,"messages":[{"role":"user","content":"how long is this?"}]}`
	var status atomic.Int64
	var asked atomic.Pointer[string]
	h := claudeHouse(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		text := r.URL.Path + " " + string(got)
		asked.Store(&text)
		answers(int(status.Load()), jsonKind, map[int64]string{
			200: `{"input_tokens":77}`, 400: `{"type":"error","error":{"type":"invalid_request_error","message":"too strange"}}`,
		}[status.Load()])(w, r)
	})
	for _, c := range []struct {
		model  string
		status int64
		want   int
		says   string
	}{
		{"chat", 200, 200, `{"input_tokens":77}`},
		{"chat", 400, 400, "too strange"},
		{"chat", 500, 200, `{"input_tokens":`},
		{"chat", 404, 200, `{"input_tokens":`},
		{"rehearsal/default", 200, 200, `{"input_tokens":`},
		{"nobody", 200, 404, `"type":"error"`},
	} {
		status.Store(c.status)
		resp, answer := h.at(t.Context(), "/v1/messages/count_tokens", fmt.Sprintf(body, c.model))
		if resp.StatusCode != c.want || !strings.Contains(answer, c.says) {
			t.Errorf("%s, %d: status %d: %s", c.model, c.status, resp.StatusCode, answer)
		}
		estimated := c.want == 200 && !strings.Contains(answer, "77")
		if got := resp.Header.Get("X-Holdfast-Estimated") != ""; got != estimated {
			t.Errorf("%s, %d: estimated %v: %s", c.model, c.status, got, answer)
		}
	}
	if got, want := *asked.Load(), "/v1/messages/count_tokens "+fmt.Sprintf(body, "model-x"); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	if rows := h.rows(); len(rows) > 0 {
		t.Errorf("booked %+v", rows)
	}
	halt(t, h, "stop it")
	if resp, answer := h.at(t.Context(), "/v1/messages/count_tokens", fmt.Sprintf(body, "chat")); resp.StatusCode != 503 || !strings.Contains(answer, "stop it") {
		t.Errorf("status %d: %s", resp.StatusCode, answer)
	}
}

func TestEmbeddings(t *testing.T) {
	t.Parallel()
	const answer = `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10,-0.2]}],"model":"e","usage":{"prompt_tokens":5,"total_tokens":5}}`
	bodies := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		bodies <- r.URL.Path + " " + string(got)
		answers(200, jsonKind, answer)(w, r)
	}))
	t.Cleanup(server.Close)
	c := testConfig(server.URL + "/v1")
	c.Providers["talker"] = Provider{Kind: kindAnthropic, URL: server.URL} // speaks, and embeds nothing
	c.Aliases["embed"] = []string{"talker/x", "up/model-x"}
	h := newHouse(t, c)
	resp, got := h.at(t.Context(), "/v1/embeddings", `{"model":"embed","input":["one","two"],"dimensions":2}`)
	if resp.StatusCode != 200 || got != answer || resp.Header.Get("X-Holdfast-Provider") != "up" {
		t.Errorf("status %d: %s", resp.StatusCode, got)
	}
	if asked, want := <-bodies, `/v1/embeddings {"model":"model-x","input":["one","two"],"dimensions":2}`; asked != want {
		t.Errorf("asked %s", asked)
	}
	if row := h.settled(); row.input != 5 || row.output != 0 || row.estimated || row.status != ledger.StatusOK {
		t.Errorf("booked %+v", row)
	}
	resp, got = h.at(t.Context(), "/v1/embeddings", `{"model":"talker/x","input":"x"}`)
	if resp.StatusCode != 400 || !strings.Contains(got, `"model: does not speak openai.embeddings (talker/x)"`) {
		t.Errorf("status %d: %s", resp.StatusCode, got)
	}
	if burn, _ := h.ledger.Burn(t.Context()); burn.Reserved != 0 {
		t.Errorf("burn %+v", burn)
	}
}

func TestModelsInBothForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig("http://127.0.0.1:1/v1"))
	for path, want := range map[string][2]string{
		"/v1/models":             {`"object":"list"`, `"has_more":false`},
		"/v1/models/chat":        {`"owned_by":"holdfast"`, `"display_name":"chat"`},
		"/v1/models/up/model-x":  {`"id":"up/model-x"`, `"created_at":`},
		"/v1/models/nobody/x":    {`"code":"model_not_found"`, `"type":"not_found_error"`},
		"/api/agent/v1/models":   {`"object":"list"`, `"first_id":"chat"`},
		"/v1/models/rehearsal/x": {`model_not_found`, `"type":"error"`},
	} {
		for i, version := range []string{"", "2023-06-01"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if version != "" {
				req.Header.Set("Anthropic-Version", version)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if !strings.Contains(string(body), want[i]) {
				t.Errorf("%s %s: %s", path, version, body)
			}
		}
	}
}

// TestAskedAgainOnlyWhereItMayHelp counts how often a lone upstream is asked.
func TestAskedAgainOnlyWhereItMayHelp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve  http.HandlerFunc
		stream bool
		want   int64
	}{
		"status 500":                     {answers(500, jsonKind, "oops"), false, 3},
		"status 503, a stream":           {answers(503, jsonKind, "oops"), true, 3},
		"status 503 that says when":      {answers(503, jsonKind, "oops", "Retry-After", "9"), false, 1},
		"status 501":                     {answers(501, jsonKind, "oops"), false, 1},
		"a rate limit":                   {answers(429, jsonKind, limitBody), false, 1},
		"the client's mistake":           {answers(400, jsonKind, ownFault), false, 1},
		"an empty answer":                {answers(200, jsonKind, `{"choices":[]}`), false, 1},
		"broke off before the head":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, 3},
		"broke off after the first word": {breakOff(chunkEvent("Good day")), true, 1},
		"an error in the first event":    {say(`data: {"error":{"message":"overloaded"}}` + "\n\n"), true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			config := testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				c.serve(w, r)
			}))
			config.Retries = 2
			h := newHouse(t, config)
			h.post(request("chat", c.stream))
			if got := asked.Load(); got != c.want {
				t.Errorf("asked %d times, want %d", got, c.want)
			}
			asked.Store(0)
			newHouse(t, config).post(request("safe", c.stream)) // somebody else is there
			if got := asked.Load(); got != 1 {
				t.Errorf("with a spare, asked %d times", got)
			}
		})
	}
}

// TestAMomentHelps: the second time goes well, and the client notices nothing.
func TestAMomentHelps(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	h := newHouse(t, testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		say(chunkEvent("Good day"), stopEvent, usageEvent, doneEvent)(w, r)
	})))
	resp, answer := h.post(request("chat", true))
	if resp.StatusCode != 200 || !strings.HasSuffix(answer, doneEvent) {
		t.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	if rows := h.rows(); len(rows) != 1 || rows[0].status != ledger.StatusOK {
		t.Errorf("booked %+v", rows)
	}
}

// TestWhatIsReservedBoundsTheAnswer where the client set no bound: amply, and one that came to it gets
// more room next time.
func TestWhatIsReservedBoundsTheAnswer(t *testing.T) {
	t.Parallel()
	limits := make(chan int64, 8)
	h := newHouse(t, testConfig(serveUp(t, func(http.ResponseWriter, *http.Request) {})))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Max int64 `json:"max_completion_tokens"`
			Old int64 `json:"max_tokens"`
		}
		_ = json.NewDecoder(r.Body).Decode(&asked)
		limits <- max(asked.Max, asked.Old)
		answers(200, jsonKind, strings.Replace(answerBody, `"completion_tokens":12`, fmt.Sprintf(`"completion_tokens":%d`, max(asked.Max, asked.Old)), 1))(w, r)
	}))
	t.Cleanup(server.Close)
	if err := h.Apply(testConfig(server.URL + "/v1")); err != nil {
		t.Fatal(err)
	}
	open := strings.Replace(request("chat", false), `,"max_tokens":64`, "", 1)
	for i, want := range []int64{generous, 2 * generous, 4 * generous, mostRoom} {
		h.post(open)
		if got := <-limits; got != want {
			t.Errorf("call %d: the upstream may say %d tokens, want %d", i, got, want)
		}
	}
	h.post(request("chat", false))
	if got := <-limits; got != 64 {
		t.Errorf("the client's own limit became %d", got)
	}
	stream := strings.Replace(request("chat", true), `,"max_tokens":64`, "", 1)
	h.post(stream)
	if got := <-limits; got != 0 {
		t.Errorf("a stream, which can be cut, is bound to %d", got)
	}
}

// purse refuses every call.
type purse struct{ refusal error }

func (p purse) Reserve(ledger.Claim) error                        { return p.refusal }
func (p purse) Settle(_, _ ledger.Claim, _ time.Time)             {}
func (p purse) Patiently(_ context.Context, _ func() error) error { return p.refusal }

func TestBudgetsRefuse(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		over   *budget.Exceeded
		status int
	}{
		"tokens": {&budget.Exceeded{Setting: "budgets.lab", Scope: "agent:tester", Period: "day", Quota: 10, Need: 99, Until: until}, 429},
		"money":  {&budget.Exceeded{Setting: "budgets.lab", Scope: "house", Period: "month", Money: true, Quota: 10, Need: 99, Until: until}, 402},
		"parked": {&budget.Exceeded{Setting: "budgets.lab", Scope: "house", Period: "day", Quota: 10, Park: true, Verdict: "denied", Until: until}, 429},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			config := testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
				asked++
				answers(200, jsonKind, answerBody)(w, r)
			}))
			h := newHouseWith(t, config, func(n *Needs, l *ledger.Needs) { l.Purse, n.Budgets = purse{c.over}, purse{c.over} })
			for name, client := range clients() {
				resp, answer := h.at(t.Context(), client.path, fmt.Sprintf(client.plain, "chat", false))
				if resp.StatusCode != c.status || !strings.Contains(answer, "budgets.lab") || !strings.Contains(answer, client.wrong) || resp.Header.Get("Retry-After") == "" {
					t.Errorf("%s: status %d, %v: %s", name, resp.StatusCode, resp.Header, answer)
				}
			}
			if asked > 0 || len(h.rows()) > 0 {
				t.Errorf("asked %d times, booked %+v", asked, h.rows())
			}
		})
	}
}

// bounds are the limits of one key.
type bounds struct {
	err            error
	allowed, spent atomic.Int64
	asked          atomic.Value
}

func (b *bounds) Allow(_ context.Context, _ holdfast.Caller, model string, tokens int64) error {
	b.asked.Store(model)
	b.allowed.Add(tokens)
	return b.err
}

func (b *bounds) Settle(_ holdfast.Caller, _ time.Time, counted, spent int64) {
	b.allowed.Add(-counted)
	b.spent.Add(spent)
}

func (b *bounds) Left(context.Context, holdfast.Caller) int64 { return math.MaxInt64 }

func (b *bounds) May(_ context.Context, caller holdfast.Caller, model string) bool {
	return caller.Key == "" || model == "chat"
}

func (h *testHouse) withKey(path, body string) (*http.Response, string) {
	h.t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("X-Test-Key", "lab")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp, string(answer)
}

func TestKeysLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"too fast":     {&key.Limited{Key: "lab", Setting: "rpm", Most: 1, Wait: 7 * time.Second}, 429, "key_rate_limited"},
		"not for it":   {&key.NotAllowed{Key: "lab", Model: "chat", Models: []string{"fast"}}, 403, "key_not_allowed"},
		"cannot tell":  {errors.New("the disk is gone"), 503, "ledger_unavailable"},
		"is for it":    {nil, 200, ""},
		"and may wait": {nil, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bounds{err: c.err}
			h := newHouseWith(t, testConfig(serveUp(t, answers(200, jsonKind, answerBody))), func(n *Needs, _ *ledger.Needs) { n.Limits = b })
			resp, answer := h.withKey("/v1/chat/completions", request("chat", false))
			if resp.StatusCode != c.status || !strings.Contains(answer, c.code) {
				t.Errorf("status %d: %s", resp.StatusCode, answer)
			}
			if c.err == nil && (b.allowed.Load() != 0 || b.spent.Load() != 42) {
				t.Errorf("%d tokens are counted beside the %d that were spent", b.allowed.Load(), b.spent.Load())
			}
			if _, list := h.withKey("/v1/models", ""); strings.Contains(list, "safe") || !strings.Contains(list, `"chat"`) {
				t.Errorf("the key sees %s", list)
			}
		})
	}
}

// TestKeysOfAgents: a key is for an agent by its name, and what the agent asks is the agent's.
func TestKeysOfAgents(t *testing.T) {
	t.Parallel()
	b := &bounds{}
	h := newHouseWith(t, testConfig(serveUp(t, answers(200, jsonKind, answerBody))), func(n *Needs, _ *ledger.Needs) { n.Limits = b })
	h.SetAgents(crew{})
	if resp, answer := h.withKey("/v1/chat/completions", request("companion", false)); resp.StatusCode != http.StatusForbidden {
		t.Errorf("an agent that the key is not for: status %d: %s", resp.StatusCode, answer)
	}
	if resp, answer := h.withKey("/v1/messages/count_tokens", `{"model":"safe","messages":[{"role":"user","content":"x"}]}`); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a count for a model that the key is not for: status %d: %s", resp.StatusCode, answer)
	}
	ctx := holdfast.WithAgent(holdfast.WithCaller(t.Context(), holdfast.Caller{Kind: holdfast.CallerAgent, Name: "lab", Key: "lab"}), "companion")
	w := httptest.NewRecorder()
	h.Inner().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(request("safe", false))))
	if asked, _ := b.asked.Load().(string); w.Code != http.StatusOK || asked != "companion" {
		t.Errorf("status %d: the key was asked for %q", w.Code, asked)
	}
}

// TestTheBetterReasonIsTold: that the one behind could not even be asked says less.
func TestTheBetterReasonIsTold(t *testing.T) {
	t.Parallel()
	claude := serveClaude(t, answers(200, jsonKind, claudeAnswer))
	config := testConfig(serveUp(t, answers(429, jsonKind, limitBody, "Retry-After", "7")))
	config.Providers["claude"] = Provider{Kind: kindAnthropic, URL: claude, Key: "UP_KEY"}
	config.Aliases["pair"] = []string{"up/model-x", "claude/model-x"}
	h := newHouse(t, config)
	resp, answer := h.at(t.Context(), "/v1/chat/completions", `{"model":"pair","messages":[{"role":"user","content":"x"}],"logit_bias":{"5":1}}`)
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("X-Holdfast-Provider") != "up" || !strings.Contains(answer, "Rate limit reached") {
		t.Errorf("status %d, %v: %s", resp.StatusCode, resp.Header, answer)
	}
}

func TestCapture(t *testing.T) {
	t.Parallel()
	config := testConfig(serveUp(t, say(chunkEvent("Good day"), chunkEvent("AKIA1234567890ABCDEF"), stopEvent, doneEvent)))
	h := newHouse(t, config)
	path := h.needs.Home.Var("gateway", "capture.jsonl")
	h.post(request("chat", true))
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a capture that nobody asked for")
	}
	config.Capture = Capture{On: true, MaxMB: 1, MaxBodyKB: 2}
	if err := h.Apply(config); err != nil {
		t.Fatal(err)
	}
	const body = `{"model":"chat","stream":true,"messages":[{"role":"user","content":"mine is sk-proj-abcdefgh12345678, {\"password\":\"hunter22\"}"}],"x":"%s"}`
	h.post(fmt.Sprintf(body, ""))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"abcdefgh12345678", "hunter22", "AKIA1234567890ABCDEF", secretKey} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%s is in the capture: %s", secret, text)
		}
	}
	var line captured
	if err := json.Unmarshal(text, &line); err != nil || !strings.Contains(line.Request, "mine is") ||
		!strings.Contains(line.Response, "Good day") || line.Status != 200 || line.Provider != "up" {
		t.Errorf("captured %+v, %v", line, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for range 400 {
		h.post(fmt.Sprintf(body, strings.Repeat("x", 4000)))
	}
	size := int64(0)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "capture*"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			size += info.Size()
		}
	}
	if err != nil || size > 1<<20 || len(files) != 2 {
		t.Errorf("%d bytes in %v, %v", size, files, err)
	}
}

func TestRequestLogAndMetrics(t *testing.T) {
	t.Parallel()
	config := testConfig(serveUp(t, answers(500, jsonKind, "oops")))
	config.RequestLog = true
	meter := metrics.New()
	h := newHouseWith(t, config, func(n *Needs, _ *ledger.Needs) {
		n.Meter, n.Prices = meter, tariff{"spare/understudy": 1000}
	})
	h.post(request("safe", true))
	text, err := os.ReadFile(h.needs.Home.Var("gateway", "requests.jsonl"))
	if err != nil || strings.Contains(string(text), secretText) {
		t.Errorf("%v: %s", err, text)
	}
	var line logged
	if err := json.Unmarshal(text, &line); err != nil || line.Provider != "spare" || line.Status != 200 || line.Fallback != 1 || !line.Stream || line.Usage.Output == 0 {
		t.Errorf("%v: %s", err, text)
	}
	for i := range 20 {
		h.post(request(fmt.Sprintf("spare/hostile-\n{%d}", i), false))
	}
	halt(t, h, "enough")
	h.post(request("safe", false))
	w := httptest.NewRecorder()
	meter.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	for _, want := range []string{
		`holdfast_gateway_requests_total{dialect="openai.chat",provider="spare",status="200"} 21`,
		`holdfast_gateway_fallbacks_total{provider="spare"} 1`,
		`holdfast_gateway_tokens_total{class="output",model="understudy",provider="spare"}`,
		`holdfast_gateway_first_token_seconds_count{model="understudy",provider="spare"} 1`,
		`holdfast_gateway_duration_seconds_count{model="understudy",provider="spare"} 1`,
		`holdfast_gateway_attempt_failures_total{model="model-x",provider="up",reason="upstream_error"} 1`,
		`holdfast_gateway_cost_usd_total{model="understudy",provider="spare"} `,
		`holdfast_gateway_cooldown{model="model-x",provider="up",state="cooling"} 1`,
		`holdfast_gateway_calls_open{stream="true"} 0`,
		`holdfast_gateway_refusals_total{reason="breaker_halt"} 1`,
		`holdfast_gateway_tokens_total{class="output",model="other",provider="spare"}`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), "hostile") {
		t.Errorf("a client named a series: %s", w.Body)
	}
}

// TestBodiesThatAreNone for each way in.
func TestBodiesThatAreNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig("http://127.0.0.1:1/v1"))
	for _, path := range []string{"/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/messages/count_tokens"} {
		for name, c := range map[string]struct {
			body   string
			status int
		}{
			"nothing": {"", 400}, "torn": {`{"model":`, 400}, "bad UTF-8": {"{\"model\":\"\xff\"}", 400}, "a list": {`[]`, 400},
			"deep": {`{"model":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, 400}, "10 MB": {`{"x":"` + strings.Repeat("x", 10<<20) + `"}`, 413},
		} {
			resp, answer := h.at(t.Context(), path, c.body)
			if resp.StatusCode != c.status || !json.Valid([]byte(answer)) || strings.Contains(path, "messages") != strings.Contains(answer, `"type":"error"`) {
				t.Errorf("%s, %s: status %d: %.200s", path, name, resp.StatusCode, answer)
			}
		}
	}
	if n := len(h.rows()); n != 0 {
		t.Errorf("%d rows are booked for requests that were refused", n)
	}
}
