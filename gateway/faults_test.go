// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
)

// A talker is a server of one dialect, by what it sends.
type talker struct {
	provider     Provider // without its address
	path         string
	begins, ends string
	says         func(text string) string
	breaks       string // an error of its own, amid a stream
	limits       string // its error of a rate limit
	listener     string // the dialect of the client that waits where it says nothing
	plain        string
}

func (k talker) whole() string { return k.begins + k.says("Good ") + k.says("day to you.") + k.ends }

func responsesEvent(kind, rest string) string {
	return fmt.Sprintf("event: %s\ndata: {\"type\":%q,\"sequence_number\":0%s}\n\n", kind, kind, rest)
}

const (
	responseItem = `{"type":"message","id":"m-1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Good day to you.","annotations":[]}]}`
	responseUsed = `,"usage":{"input_tokens":30,"output_tokens":12,"total_tokens":42}`
)

func responseBody(status, output, usage string) string {
	return fmt.Sprintf(`{"id":"r-1","object":"response","created_at":7,"status":%q,"model":"model-x","output":[%s]%s,"x_extra":[1.50]}`, status, output, usage)
}

func talkers() map[string]talker {
	const place = `,"output_index":0,"item_id":"m-1","content_index":0`
	return map[string]talker{
		provider.Chat: {
			provider: Provider{Kind: kindOpenAI}, path: "/chat/completions", listener: provider.Messages,
			begins: roleEvent, says: chunkEvent, ends: stopEvent + usageEvent + doneEvent, plain: answerBody,
			breaks: `data: {"error":{"message":"Overloaded"}}` + "\n\n", limits: limitBody,
		},
		provider.Messages: {
			provider: Provider{Kind: kindAnthropic}, path: "/messages", listener: provider.Responses,
			begins: claudeStart + claudeOpen, says: claudeSays, ends: claudeClose + claudeEnd, plain: claudeAnswer,
			breaks: claudeEvent("error", `,"error":{"type":"overloaded_error","message":"Overloaded"}`),
			limits: `{"type":"error","error":{"type":"rate_limit_error","message":"Rate limit reached"}}`,
		},
		provider.Responses: {
			provider: Provider{Kind: kindOpenAI, Flavor: "responses"}, path: "/responses", listener: provider.Chat,
			begins: responsesEvent("response.created", `,"response":`+responseBody("in_progress", "", "")) +
				responsesEvent("response.output_item.added", `,"output_index":0,"item":{"type":"message","id":"m-1","status":"in_progress","role":"assistant","content":[]}`) +
				responsesEvent("response.content_part.added", place+`,"part":{"type":"output_text","text":"","annotations":[]}`),
			says: func(text string) string {
				return responsesEvent("response.output_text.delta", place+fmt.Sprintf(`,"delta":%q`, text))
			},
			ends: responsesEvent("response.content_part.done", place+`,"part":{"type":"output_text","text":"","annotations":[]}`) +
				responsesEvent("response.completed", `,"response":`+responseBody("completed", "", responseUsed)),
			plain:  responseBody("completed", responseItem, responseUsed),
			breaks: responsesEvent("error", `,"code":"overloaded","message":"Overloaded","param":null`), limits: limitBody,
		},
	}
}

// A fault is one way of an upstream, and what becomes of a call that nobody else can answer.
type fault struct {
	serve          http.HandlerFunc
	stream, silent bool
	status         int
	says           string
	own            string // what a client of its dialect gets as it is
	booked         string // "" for no tokens at all
	estimated      bool
}

var (
	usageOf = regexp.MustCompile(`,"usage":\{[^{}]*\}`)
	countOf = regexp.MustCompile(`_tokens":[0-9]+`)
)

func (k talker) faults() map[string]fault {
	list := k.refusals()
	maps.Copy(list, k.oddities())
	for what, f := range map[string]fault{
		"cut in an event":              {serve: breakOff(k.begins, k.says("Good day"), k.ends[:40]), says: "broke off"},
		"ends without its end":         {serve: say(k.begins, k.says("Good day")), says: "broke off"},
		"hangs after the first byte":   {serve: fallSilent(k.begins, k.says("Good day")), says: "fell silent", silent: true},
		"garbage for events":           {serve: say(k.begins, k.says("Good day"), "data: oops\n\n"), says: "no event"},
		"its own error after a while":  {serve: say(k.begins, k.says("Good day"), k.breaks), says: "Overloaded", own: k.breaks},
		"an event that is far too big": {serve: say(k.begins, k.says("Good day"), k.says(strings.Repeat("word ", 4_000_000))), says: "large"},
	} {
		f.stream, f.status, f.booked, f.estimated = true, http.StatusOK, ledger.StatusCut, true
		list[what] = f
	}
	return list
}

// refusals are faults before the first word.
func (k talker) refusals() map[string]fault {
	nobody := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	page, late := answers(200, "text/html", "<html></html>"), ledger.StatusFailed
	return map[string]fault{
		"hangs before the first byte":   {serve: nobody, stream: true, silent: true, status: 504, booked: late, estimated: true},
		"hangs, plain":                  {serve: nobody, silent: true, status: 504, booked: late, estimated: true},
		"hangs in a plain answer":       {serve: fallSilent(k.plain[:40]), silent: true, status: 504, booked: late, estimated: true},
		"a page for a stream":           {serve: page, stream: true, status: 502, booked: late, estimated: true},
		"a page for an answer":          {serve: page, status: 502, booked: late, estimated: true},
		"a plain answer for a stream":   {serve: answers(200, jsonKind, k.plain), stream: true, status: 502, booked: late, estimated: true},
		"a stream for an answer":        {serve: say(k.whole()), status: 502, booked: late, estimated: true},
		"torn JSON":                     {serve: answers(200, jsonKind, k.plain[:100]), status: 502, booked: late, estimated: true},
		"garbage for the first event":   {serve: say("data: <html>\n\n"), stream: true, status: 502, booked: late, estimated: true},
		"cut before the first word":     {serve: breakOff(k.begins), stream: true, status: 502, booked: late, estimated: true},
		"nothing":                       {serve: say(""), stream: true, status: 502, booked: late, estimated: true},
		"begins and ends":               {serve: say(k.begins, k.ends), stream: true, status: 502, booked: late, estimated: true},
		"its own error for a beginning": {serve: say(k.breaks), stream: true, status: 502, says: "Overloaded"},
		"a rate limit":                  {serve: answers(429, jsonKind, k.limits, "Retry-After", "7"), status: 429, says: "Rate limit reached"},
	}
}

// oddities are answers all the same.
func (k talker) oddities() map[string]fault {
	unsaid, zero := usageOf.ReplaceAllString(k.whole(), ""), countOf.ReplaceAllString(k.whole(), `_tokens":0`)
	list := map[string]fault{
		"all is well":          {serve: say(k.whole()), stream: true},
		"all is well, plain":   {serve: answers(200, jsonKind, k.plain)},
		"drips":                {serve: drip(k.whole()), stream: true},
		"carriage returns":     {serve: say(strings.ReplaceAll(k.whole(), "\n", "\r\n")), stream: true},
		"huge events":          {serve: say(k.begins, k.says(strings.Repeat("word ", 400_000)), k.says("day to you."), k.ends), stream: true},
		"another content type": {serve: answers(200, "text/plain", k.plain)},
		"usage missing":        {serve: say(unsaid), stream: true, estimated: true},
		"usage zero":           {serve: say(zero), stream: true, estimated: true},
		"usage missing, plain": {serve: answers(200, jsonKind, usageOf.ReplaceAllString(k.plain, "")), estimated: true},
		"usage zero, plain":    {serve: answers(200, jsonKind, countOf.ReplaceAllString(k.plain, `_tokens":0`)), estimated: true},
	}
	for what, f := range list {
		f.status, f.says, f.booked = http.StatusOK, "day to you.", ledger.StatusOK
		list[what] = f
	}
	return list
}

// TestFaultsOfEveryDialect: whatever dialect the upstream speaks that fails, and whatever the client
// speaks, the client reads an error or an answer in its own form, the books say what was used, and
// before the first word somebody else answers.
func TestFaultsOfEveryDialect(t *testing.T) {
	t.Parallel()
	for name, k := range talkers() {
		for what, f := range k.faults() {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !strings.HasSuffix(r.URL.Path, k.path) {
						w.WriteHeader(http.StatusTeapot)
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					f.serve(w, r)
				}))
				t.Cleanup(func() {
					server.CloseClientConnections()
					server.Close()
				})
				up := k.provider
				up.URL, up.Key = server.URL+"/v1", "UP_KEY"
				c := testConfig(up.URL)
				c.Providers["up"] = up
				if f.silent {
					c = impatient(c)
				}
				h := newHouse(t, c)
				for tongue, client := range clients() {
					if !f.silent || tongue == k.listener { // each wait takes its time
						f.judge(t, h, tongue, client)
					}
				}
			})
		}
	}
}

func (f fault) judge(t *testing.T, h *testHouse, name string, client tongue) {
	t.Helper()
	resp, answer := h.at(t.Context(), client.path, fmt.Sprintf(client.plain, "chat", f.stream))
	if resp.StatusCode != f.status || !strings.Contains(answer, f.says) {
		t.Errorf("%s: status %d: %.500s", name, resp.StatusCode, answer)
		return
	}
	ended := strings.Contains(answer, client.last)
	switch {
	case f.status != http.StatusOK:
		if !strings.Contains(answer, client.wrong) || !json.Valid([]byte(answer)) {
			t.Errorf("%s: it is told in another form: %s", name, answer)
		}
	case f.booked == ledger.StatusCut:
		told := strings.Contains(answer, client.wrong) || f.own != "" && strings.HasSuffix(answer, f.own)
		if !strings.Contains(answer, "Good day") || !told || ended {
			t.Errorf("%s: a broken stream ends in %s", name, answer[max(0, len(answer)-500):])
		}
	case f.stream && !ended, !f.stream && !strings.Contains(answer, client.text):
		t.Errorf("%s: it is answered in another form: %.500s", name, answer)
	}
	f.booking(t, h, name)
	if f.status == http.StatusOK || f.silent {
		return
	}
	act(t, h, "cooldown.clear", `{"name":"up/model-x"}`)
	resp, answer = h.at(t.Context(), client.path, fmt.Sprintf(client.plain, "safe", f.stream))
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Holdfast-Provider") != "spare" || f.stream && !strings.Contains(answer, client.last) {
		t.Errorf("%s: nobody else answers: status %d, %v: %.300s", name, resp.StatusCode, resp.Header, answer)
	}
	act(t, h, "cooldown.clear", `{"name":"up/model-x"}`)
}

func (f fault) booking(t *testing.T, h *testHouse, name string) {
	t.Helper()
	if f.booked == "" {
		return
	}
	got := h.settled()
	if got.status != f.booked || got.estimated != f.estimated || got.input == 0 || f.status == http.StatusOK && got.output == 0 {
		t.Errorf("%s: booked %+v", name, got)
	}
	if !f.estimated && (got.input != 30 || got.output != 12) {
		t.Errorf("%s: booked %+v, and it said 30 and 12", name, got)
	}
}

// limitEnd is a form in which a provider says when a limit is over.
type limitEnd struct{ header, value, body string }

func limitEnds(at time.Time) map[string]limitEnd {
	unix := at.Unix()
	return map[string]limitEnd{
		"seconds":              {header: "Retry-After", value: "1200"},
		"a date":               {header: "Retry-After", value: at.UTC().Format(http.TimeFormat)},
		"milliseconds":         {header: "Retry-After-Ms", value: "1200000"},
		"a span":               {header: "X-Ratelimit-Reset-Requests", value: "20m0s"},
		"of tokens":            {header: "X-Ratelimit-Reset-Tokens", value: "1200"},
		"a time":               {header: "X-Ratelimit-Reset", value: fmt.Sprint(unix)},
		"a time in ms":         {header: "X-Ratelimit-Reset", value: fmt.Sprint(unix * 1000)},
		"after":                {header: "X-Ratelimit-Reset-After", value: "1200.0"},
		"Anthropic's":          {header: "Anthropic-Ratelimit-Input-Tokens-Reset", value: at.UTC().Format(time.RFC3339)},
		"a subscription's":     {header: "Anthropic-Ratelimit-Unified-Reset", value: fmt.Sprint(unix)},
		"the draft's":          {header: "Ratelimit-Reset", value: "1200"},
		"the draft's list":     {header: "Ratelimit", value: `"day";r=0;t=1200`},
		"Google's body":        {body: `[{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1200s"}]}}]`},
		"OpenRouter's body":    {body: fmt.Sprintf(`{"error":{"message":"Rate limit exceeded","code":429,"metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":"0","X-RateLimit-Reset":"%d"}}}}`, unix*1000)},
		"none, so the default": {},
	}
}

// TestEveryResetHeaderIsHeeded: each form of a reset that providers send with a 429 is how long the
// model rests, and what the client is told.
func TestEveryResetHeaderIsHeeded(t *testing.T) {
	t.Parallel()
	for name := range limitEnds(time.Time{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := limitEnds(time.Now().Add(20 * time.Minute))[name]
			if c.body == "" {
				c.body = limitBody
			}
			h := newHouse(t, testConfig(serveUp(t, answers(429, jsonKind, c.body, "X-Other", "1", c.header, c.value))))
			resp, answer := h.post(request("chat", true))
			list := h.router.Cooldowns()
			if resp.StatusCode != http.StatusTooManyRequests || len(list) != 1 {
				t.Fatalf("status %d, %+v: %s", resp.StatusCode, list, answer)
			}
			left := time.Until(list[0].Until)
			if name == "none, so the default" {
				if list[0].Told || left > time.Minute {
					t.Errorf("rests %s, %+v", left, list[0])
				}
				return
			}
			if !list[0].Told || left < 18*time.Minute || left > 21*time.Minute {
				t.Errorf("rests %s, %+v", left, list[0])
			}
			if said := resp.Header.Get("Retry-After"); len(said) != 4 || said < "1100" || said > "1201" {
				t.Errorf("Retry-After %q", said)
			}
		})
	}
}

// TestResponsesBytesPassUntouched: fields that nobody here knows included, both ways.
func TestResponsesBytesPassUntouched(t *testing.T) {
	t.Parallel()
	k, bodies := talkers()[provider.Responses], make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
		if strings.Contains(string(body), `"stream":true`) {
			say(": a comment\n\n", k.whole())(w, r)
			return
		}
		answers(200, jsonKind, k.plain)(w, r)
	}))
	t.Cleanup(server.Close)
	c := testConfig(server.URL + "/v1")
	up := k.provider
	up.URL = server.URL + "/v1"
	c.Providers["up"] = up
	h := newHouse(t, c)
	for stream, want := range map[string]string{"": k.plain, `,"stream":true`: ": a comment\n\n" + k.whole()} {
		body := `{"model":"chat","max_output_tokens":64, "x_new":{"a":[1.50]},"input":[{"role":"user","content":"é","x":null}]` + stream + `}`
		if _, got := h.at(t.Context(), "/v1/responses", body); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if got, want := <-bodies, strings.Replace(body, `"chat"`, `"model-x"`, 1); got != want {
			t.Errorf("the upstream got %s, want %s", got, want)
		}
	}
}
