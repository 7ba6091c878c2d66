// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/gateway/ledger"
)

// behaviour is one way of an upstream, and what a client, the ledger and a fallback make of it.
type behaviour struct {
	stream bool
	serve  http.HandlerFunc // or
	url    func(t *testing.T) string
	// What the client gets when nobody else can answer: a status and an error code, or, with
	// status 200, text that the answer has and the code of its last event.
	status int
	code   string
	text   string
	event  string
	// What is booked: a status, "" for no tokens at all; and whether it is an estimate.
	booked    string
	estimated bool
	// silent: only our patience ends it.
	silent bool
	// passes: it is the client's own mistake, or too late, so nobody else is asked.
	passes bool
}

func say(pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range pieces {
			_, _ = io.WriteString(w, p)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// breakOff says its pieces and then breaks the connection.
func breakOff(pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		say(pieces...)(w, r)
		panic(http.ErrAbortHandler)
	}
}

// fallSilent says its pieces and then nothing until its caller gives up.
func fallSilent(pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		say(pieces...)(w, r)
		<-r.Context().Done()
	}
}

func answers(status int, kind, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// drip sends one byte at a time.
func drip(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range len(body) {
			_, _ = io.WriteString(w, body[i:i+1])
			_ = http.NewResponseController(w).Flush()
		}
	}
}

const (
	jsonKind  = "application/json"
	ownFault  = `{"error":{"message":"messages[0].content is too strange","type":"invalid_request_error","param":"messages","code":"strange"}}`
	limitBody = `{"error":{"message":"Rate limit reached","type":"requests","param":null,"code":"rate_limit_exceeded"}}`
)

// unanswered are the ways to give no answer at all.
func unanswered() map[string]behaviour {
	whole := roleEvent + chunkEvent("Good ") + chunkEvent("day.") + stopEvent
	refused := func(stream bool, code string, serve http.HandlerFunc) behaviour {
		return behaviour{stream: stream, serve: serve, status: 502, code: code, booked: ledger.StatusFailed, estimated: true}
	}
	return map[string]behaviour{
		"refuses the connection": {url: func(t *testing.T) string { return "http://127.0.0.1:1/v1" }, status: 502, code: "upstream_unreachable"},
		"closes without a word":  {url: func(t *testing.T) string { return raw(t, "") }, status: 502, code: "upstream_unreachable"},
		"speaks no HTTP":         {url: func(t *testing.T) string { return raw(t, "SSH-2.0-OpenSSH_9.9\r\n\r\n") }, status: 502, code: "upstream_unreachable"},
		"hangs before the head, plain": {
			silent: true,
			serve:  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, status: 504, code: "upstream_timeout",
			booked: ledger.StatusFailed, estimated: true,
		},
		"hangs before the head, stream": {
			silent: true,
			stream: true, serve: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, status: 504, code: "upstream_timeout",
			booked: ledger.StatusFailed, estimated: true,
		},
		"hangs after the head":          {silent: true, stream: true, serve: fallSilent(": thinking\n\n"), status: 504, code: "upstream_timeout", booked: ledger.StatusFailed, estimated: true},
		"hangs after the role":          {silent: true, stream: true, serve: fallSilent(roleEvent), status: 504, code: "upstream_timeout", booked: ledger.StatusFailed, estimated: true},
		"hangs in a plain body":         {silent: true, serve: fallSilent(answerBody[:40]), status: 504, code: "upstream_timeout", booked: ledger.StatusFailed, estimated: true},
		"breaks off a plain body":       refused(false, "upstream_invalid", breakOff(answerBody[:40])),
		"breaks off before an event":    refused(true, "upstream_empty", say("")),
		"breaks off in the first event": refused(true, "upstream_invalid", breakOff(chunkEvent("Good")[:50])),
		"ends in the first event":       refused(true, "upstream_invalid", say(chunkEvent("Good")[:50])),
		"garbage for events":            refused(true, "upstream_invalid", say("data: <html>no</html>\n\n")),
		"a page for a stream":           refused(true, "upstream_invalid", answers(200, "text/html", "<html></html>")),
		"a plain answer for a stream":   refused(true, "upstream_invalid", answers(200, jsonKind, answerBody)),
		"a page for an answer":          refused(false, "upstream_invalid", answers(200, "text/html", "<html></html>")),
		"a stream for an answer":        refused(false, "upstream_invalid", say(whole+doneEvent)),
		"some other JSON":               refused(false, "upstream_invalid", answers(200, jsonKind, `{"status":"ok"}`)),
		"torn JSON":                     refused(false, "upstream_invalid", answers(200, jsonKind, answerBody[:100])),
		"an encoding nobody asked for":  refused(false, "upstream_invalid", answers(200, jsonKind, "\x1f\x8b", "Content-Encoding", "gzip")),
		"an empty answer":               refused(false, "upstream_empty", answers(200, jsonKind, `{"choices":[{"message":{"role":"assistant","content":""},"finish_reason":"stop"}]}`)),
		"no choices":                    refused(false, "upstream_empty", answers(200, jsonKind, `{"choices":[]}`)),
		"an empty stream":               refused(true, "upstream_empty", say(roleEvent, stopEvent, doneEvent)),
		"nothing but done":              refused(true, "upstream_empty", say(doneEvent)),
		"an error for an answer":        {serve: answers(200, jsonKind, ownFault), status: 502, code: "strange"},
		"an error for a stream":         {stream: true, serve: answers(200, jsonKind, limitBody), status: 502, code: "rate_limit_exceeded"},
		"an error for the first event":  {stream: true, serve: say(`data: {"error":{"message":"overloaded"}}` + "\n\n"), status: 502, code: "upstream_error"},
	}
}

// refusing are the ways to say no.
func refusing() map[string]behaviour {
	return map[string]behaviour{
		"a redirect":                    {serve: answers(302, "text/html", "", "Location", "http://127.0.0.1:1/"), status: 502, code: "upstream_invalid"},
		"status 500":                    {serve: answers(500, "text/plain", "oops"), status: 500, code: "upstream_error"},
		"status 503 with its own error": {stream: true, serve: answers(503, jsonKind, `{"error":{"message":"full","code":"full"}}`), status: 503, code: "full"},
		"status 408":                    {serve: answers(408, "text/plain", ""), status: 408, code: "upstream_error"},
		"rate limit":                    {serve: answers(429, jsonKind, limitBody, "Retry-After", "7"), status: 429, code: "rate_limit_exceeded"},
		"an empty account":              {serve: answers(402, jsonKind, `{"error":{"message":"Insufficient credits","code":402}}`), status: 402, code: ""},
		"rate limit without words":      {stream: true, serve: answers(429, "text/plain", "", "Retry-After-Ms", "7000"), status: 429, code: "rate_limited"},
		"the client's own mistake":      {serve: answers(400, jsonKind, ownFault), status: 400, code: "strange", passes: true},
		"an unknown model":              {stream: true, serve: answers(404, "text/html", "<html>"), status: 404, code: "upstream_error", passes: true},
		"the house's key is refused":    {serve: answers(401, jsonKind, `{"error":{"message":"bad key `+secretKey+`"}}`), status: 502, code: "upstream_unauthorized", passes: true},
	}
}

// breaking are the ways to break in the middle of an answer.
func breaking() map[string]behaviour {
	tooHuge := chunkEvent(strings.Repeat("word ", 4_000_000))
	cut := func(b behaviour) behaviour {
		b.stream, b.status, b.booked, b.estimated, b.passes = true, 200, ledger.StatusCut, true, true
		return b
	}
	return map[string]behaviour{
		"breaks off in an event":      cut(behaviour{serve: breakOff(roleEvent, chunkEvent("Good day"), chunkEvent("to you")[:60]), text: "Good day", event: "upstream_cut"}),
		"breaks off between events":   cut(behaviour{serve: breakOff(chunkEvent("Good day")), text: "Good day", event: "upstream_cut"}),
		"ends without an ending":      cut(behaviour{serve: say(chunkEvent("Good day")), text: "Good day", event: "upstream_cut"}),
		"ends in an event":            cut(behaviour{serve: say(chunkEvent("Good day"), stopEvent, "data: {"), text: "Good day", event: "upstream_cut"}),
		"falls silent":                cut(behaviour{silent: true, serve: fallSilent(chunkEvent("Good day")), text: "Good day", event: "upstream_stalled"}),
		"garbage after a while":       cut(behaviour{serve: say(chunkEvent("Good day"), "data: oops\n\n"), text: "Good day", event: "upstream_invalid"}),
		"an event too huge":           cut(behaviour{serve: say(chunkEvent("Good day"), tooHuge), text: "Good day", event: "upstream_invalid"}),
		"its own error after a while": cut(behaviour{serve: say(chunkEvent("Good day"), `data: {"error":{"message":"m","code":"theirs"}}`+"\n\n", doneEvent), text: "Good day", event: "theirs"}),
	}
}

// odd are the ways to answer well, but oddly.
func odd() map[string]behaviour {
	huge := chunkEvent(strings.Repeat("word ", 400_000))
	whole := roleEvent + chunkEvent("Good ") + chunkEvent("day.") + stopEvent
	zero := strings.NewReplacer("30", "0", "12", "0", "42", "0").Replace
	return map[string]behaviour{
		"drips":                          {stream: true, serve: drip(whole + usageEvent + doneEvent), status: 200, text: "day.", booked: ledger.StatusOK, passes: true},
		"huge events":                    {stream: true, serve: say(huge, stopEvent, usageEvent, doneEvent), status: 200, text: "word word", booked: ledger.StatusOK, passes: true},
		"usage missing, stream":          {stream: true, serve: say(whole, doneEvent), status: 200, text: "day.", booked: ledger.StatusOK, estimated: true, passes: true},
		"usage zero, stream":             {stream: true, serve: say(whole, zero(usageEvent), doneEvent), status: 200, text: "day.", booked: ledger.StatusOK, estimated: true, passes: true},
		"no done after its ending":       {stream: true, serve: say(whole, usageEvent), status: 200, text: "day.", booked: ledger.StatusOK, passes: true},
		"signs of life before it speaks": {stream: true, serve: say(": PROCESSING\n\n", ": PROCESSING\n\n", whole, usageEvent, doneEvent), status: 200, text: "PROCESSING", booked: ledger.StatusOK, passes: true},
		"usage missing, plain":           {serve: answers(200, jsonKind, `{"choices":[{"message":{"content":"Good day"},"finish_reason":"stop"}]}`), status: 200, text: "Good day", booked: ledger.StatusOK, estimated: true, passes: true},
		"usage zero, plain":              {serve: answers(200, jsonKind, zero(answerBody)), status: 200, text: "Good day", booked: ledger.StatusOK, estimated: true, passes: true},
		"usage absurd, plain":            {serve: answers(200, jsonKind, `{"choices":[{"message":{"content":"Good day"}}],"usage":{"prompt_tokens":-5,"completion_tokens":1e18}}`), status: 200, text: "Good day", booked: ledger.StatusOK, estimated: true, passes: true},
		"a plain answer":                 {serve: answers(200, jsonKind, answerBody), status: 200, text: "Good day to you.", booked: ledger.StatusOK, passes: true},
		"a plain answer of another type": {serve: answers(200, "text/plain", answerBody), status: 200, text: "Good day to you.", booked: ledger.StatusOK, passes: true},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	all := map[string]behaviour{}
	for _, some := range []map[string]behaviour{unanswered(), refusing(), breaking(), odd()} {
		maps.Copy(all, some)
	}
	for name, b := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var url string
			if b.url != nil {
				url = b.url(t)
			} else {
				url = serveUp(t, b.serve)
			}
			config := testConfig(url)
			if b.silent {
				config = impatient(config)
			}
			h := newHouse(t, config)
			b.alone(t, h)
			b.withSpare(t, newHouse(t, config))
			for _, secret := range []string{secretKey, secretText} {
				if strings.Contains(h.log.String(), secret) {
					t.Errorf("a secret is in the log: %s", h.log)
				}
			}
		})
	}
}

// alone asks an alias with nobody behind the upstream.
func (b behaviour) alone(t *testing.T, h *testHouse) {
	t.Helper()
	resp, answer := h.post(request("chat", b.stream))
	if resp.StatusCode != b.status {
		t.Fatalf("status %d, want %d: %.300s", resp.StatusCode, b.status, answer)
	}
	if strings.Contains(answer, secretKey) {
		t.Errorf("the house's key is shown: %s", answer)
	}
	if b.status != http.StatusOK {
		checkError(t, answer, b.code)
	} else {
		b.checkAnswer(t, resp, answer)
	}
	if resp.Header.Get("X-Holdfast-Provider") != "up" || resp.Header.Get("X-Holdfast-Model") != "model-x" || resp.Header.Get("X-Holdfast-Fallback") != "0" {
		t.Errorf("headers %v", resp.Header)
	}
	got := h.settled()
	if b.booked == "" {
		if got.input+got.output != 0 {
			t.Errorf("booked %+v for nothing", got)
		}
		return
	}
	if got.status != b.booked || got.estimated != b.estimated || got.input == 0 || got.agent != "tester" {
		t.Errorf("booked %+v", got)
	}
	if b.status == http.StatusOK && got.output == 0 || !b.estimated && (got.input != 30 || got.output != 12) {
		t.Errorf("booked %+v", got)
	}
}

func (b behaviour) checkAnswer(t *testing.T, resp *http.Response, answer string) {
	t.Helper()
	if !strings.Contains(answer, b.text) {
		t.Errorf("no %q in %.300s", b.text, answer)
	}
	if strings.Contains(answer, "completion_tokens") && b.stream {
		t.Errorf("usage that the client did not ask for is in its stream")
	}
	if b.event == "" {
		return
	}
	last := strings.TrimSpace(answer[strings.LastIndex(strings.TrimSpace(answer), "\n\n")+2:])
	checkError(t, strings.TrimPrefix(last, "data: "), b.event)
	if strings.Contains(answer, "[DONE]") {
		t.Errorf("a broken stream looks like an end: %.300s", answer)
	}
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		t.Errorf("content type %q", kind)
	}
}

// checkError holds an error against OpenAI's form.
func checkError(t *testing.T, body, code string) {
	t.Helper()
	var form struct {
		Error struct {
			Message string
			Code    any
		}
	}
	if err := json.Unmarshal([]byte(body), &form); err != nil || form.Error.Message == "" {
		t.Fatalf("no error in OpenAI's form (%v): %.300s", err, body)
	}
	if got, _ := form.Error.Code.(string); got != code && code != "" {
		if code == "upstream_error" && form.Error.Code == nil { // passed on as it was
			return
		}
		t.Errorf("code %v, want %s: %s", form.Error.Code, code, body)
	}
}

// withSpare asks an alias with a model behind the upstream that always answers.
func (b behaviour) withSpare(t *testing.T, h *testHouse) {
	t.Helper()
	resp, answer := h.post(request("deep", b.stream))
	if b.passes {
		if resp.Header.Get("X-Holdfast-Provider") != "up" {
			t.Errorf("somebody else was asked: %.300s", answer)
		}
		return
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Holdfast-Provider") != "spare" || resp.Header.Get("X-Holdfast-Fallback") != "1" {
		t.Fatalf("status %d, headers %v: %.300s", resp.StatusCode, resp.Header, answer)
	}
	if !strings.Contains(answer, "rehearsal") || b.stream && !strings.HasSuffix(answer, doneEvent) {
		t.Errorf("the spare's answer is %.300s", answer)
	}
	got := h.settled()
	if got.provider != "spare" || got.fallback != 1 || got.status != ledger.StatusOK || got.output == 0 {
		t.Errorf("booked %+v", got)
	}
	if !h.rests("up/model-x") {
		t.Error("the upstream is asked again at once")
	}
}

func TestRetryAfterForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		header, value string
		want          time.Duration
	}{
		"seconds":          {"Retry-After", "30", 30 * time.Second},
		"broken seconds":   {"Retry-After", "1.5", 1500 * time.Millisecond},
		"a date":           {"Retry-After", "Fri, 20 Nov 2026 12:01:00 GMT", time.Minute},
		"a date gone by":   {"Retry-After", "Fri, 20 Nov 2026 11:00:00 GMT", 0},
		"negative":         {"Retry-After", "-5", 0},
		"a century":        {"Retry-After", "3153600000", time.Hour},
		"nonsense":         {"Retry-After", "soon", 0},
		"infinite":         {"Retry-After", "Inf", time.Hour},
		"not a number":     {"Retry-After", "NaN", 0},
		"milliseconds":     {"Retry-After-Ms", "2500", 2500 * time.Millisecond},
		"reset as a span":  {"X-Ratelimit-Reset-Requests", "1m30s", 90 * time.Second},
		"reset in seconds": {"X-Ratelimit-Reset-Tokens", "45", 45 * time.Second},
		"reset as a time":  {"X-Ratelimit-Reset", "1795176030", 30 * time.Second},
		"reset in ms":      {"X-Ratelimit-Reset", "1795176030000", 30 * time.Second},
		"reset as RFC3339": {"Anthropic-Ratelimit-Tokens-Reset", "2026-11-20T12:00:45Z", 45 * time.Second},
		"the draft's":      {"Ratelimit-Reset", "12", 12 * time.Second},
		"a draft's list":   {"Ratelimit", "limit=100, remaining=0, reset=12", 12 * time.Second},
		"a later draft's":  {"Ratelimit", `"hour";r=9;t=3000, "minute";r=0;t=34`, 34 * time.Second},
		"a draft's plenty": {"Ratelimit", `"hour";r=9;t=3000`, 0},
		"reset after":      {"X-Ratelimit-Reset-After", "2.5", 2500 * time.Millisecond},
	} {
		got := reopens(http.Header{c.header: {c.value}}, nil, now)
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestWhichResetCounts: that of the quota which is used up; and Google says it in the body.
func TestWhichResetCounts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	h := http.Header{}
	h.Set("X-Ratelimit-Remaining-Requests", "99")
	h.Set("X-Ratelimit-Reset-Requests", "20ms")
	h.Set("X-Ratelimit-Remaining-Tokens", "0")
	h.Set("X-Ratelimit-Reset-Tokens", "7.66s")
	if got := reopens(h, nil, now); got != 7660*time.Millisecond {
		t.Errorf("openai: %s", got)
	}
	h.Set("Retry-After", "2")
	if got := reopens(h, nil, now); got != 2*time.Second {
		t.Errorf("with Retry-After: %s", got)
	}
	body := []byte(`[{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay": "34s"}]}}]`)
	if got := reopens(http.Header{}, body, now); got != 34*time.Second {
		t.Errorf("google: %s", got)
	}
	if got := reopens(http.Header{}, []byte(`{"retryDelay":"soon"}`), now); got != 0 {
		t.Errorf("nonsense: %s", got)
	}
}
