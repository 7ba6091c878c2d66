// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
)

// serveClaude is a server of ours that speaks Anthropic's messages and behaves as a case wants.
func serveClaude(t *testing.T, serve http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/messages") || r.Header.Get("X-Api-Key") != secretKey || r.Header.Get("Anthropic-Version") == "" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		serve(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// claudeHouse has an Anthropic provider under test, claude, and one that always answers behind it.
func claudeHouse(t *testing.T, serve http.HandlerFunc) *testHouse {
	t.Helper()
	c := testConfig("http://127.0.0.1:1/v1")
	c.Providers["claude"] = Provider{Kind: kindAnthropic, URL: serveClaude(t, serve), Key: "UP_KEY"}
	c.Aliases = map[string][]string{"chat": {"claude/model-x"}, "safe": {"claude/model-x", "spare/understudy"}}
	return newHouse(t, c)
}

func claudeEvent(kind, rest string) string {
	return fmt.Sprintf("event: %s\ndata: {\"type\":%q%s}\n\n", kind, kind, rest)
}

var (
	claudeStart  = claudeEvent("message_start", `,"message":{"id":"msg_1","type":"message","role":"assistant","model":"model-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":30,"output_tokens":1}}`)
	claudeOpen   = claudeEvent("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`)
	claudeClose  = claudeEvent("content_block_stop", `,"index":0`)
	claudeEnd    = claudeEvent("message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":12}`) + claudeEvent("message_stop", "")
	claudeWhole  = claudeStart + claudeOpen + claudeEvent("ping", "") + claudeSays("Good ") + claudeSays("day to you.") + claudeClose + claudeEnd
	claudeAnswer = `{"id":"msg_1","type":"message","role":"assistant","model":"model-x","content":[{"type":"text","text":"Good day to you."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":30,"output_tokens":12},"x_extra":[1.50]}`
)

func claudeSays(text string) string {
	return claudeEvent("content_block_delta", fmt.Sprintf(`,"index":0,"delta":{"type":"text_delta","text":%q}`, text))
}

// tongue is one dialect as a client of ours speaks it.
type tongue struct {
	path, plain string // the request, with %q for the model and %v for stream
	text        string // what a plain answer has
	last        string // what a stream has at its end
	wrong       string // what an error has
}

func clients() map[string]tongue {
	return map[string]tongue{
		provider.Chat: {
			"/v1/chat/completions", `{"model":%q,"stream":%v,"max_tokens":64,"messages":[{"role":"user","content":"hello"}]}`,
			`"object":"chat.completion"`, "data: [DONE]", `{"error":{"message":`,
		},
		provider.Messages: {
			"/v1/messages", `{"model":%q,"stream":%v,"max_tokens":64,"messages":[{"role":"user","content":"hello"}]}`,
			`"type":"message"`, `"type":"message_stop"`, `"type":"error"`,
		},
		provider.Responses: {
			"/v1/responses", `{"model":%q,"stream":%v,"max_output_tokens":64,"store":false,"input":"hello"}`,
			`"object":"response"`, `response.completed`, `"error":{`,
		},
	}
}

func (h *testHouse) at(ctx context.Context, path, body string) (*http.Response, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Anthropic-Beta", "context-1m-2025-08-07")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		h.t.Fatalf("the answer broke off: %v after %s", err, answer)
	}
	return resp, string(answer)
}

// TestEveryClientReachesEveryProvider, streaming and not, and the usage is what the provider said.
func TestEveryClientReachesEveryProvider(t *testing.T) {
	t.Parallel()
	openAI := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"stream":true`) {
			say(roleEvent, chunkEvent("Good "), chunkEvent("day to you."), stopEvent, usageEvent, doneEvent)(w, r)
			return
		}
		answers(200, jsonKind, answerBody)(w, r)
	}
	claude := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"stream":true`) {
			say(claudeWhole)(w, r)
			return
		}
		answers(200, jsonKind, claudeAnswer)(w, r)
	}
	server := httptest.NewServer(http.HandlerFunc(openAI))
	t.Cleanup(server.Close)
	c := testConfig(server.URL + "/v1")
	c.Providers["claude"] = Provider{Kind: kindAnthropic, URL: serveClaude(t, claude), Key: "UP_KEY"}
	h := newHouse(t, c)
	for name, client := range clients() {
		for _, model := range []string{"up/model-x", "claude/model-x", "rehearsal/default"} {
			for _, stream := range []bool{false, true} {
				resp, answer := h.at(t.Context(), client.path, fmt.Sprintf(client.plain, model, stream))
				what := fmt.Sprintf("%s to %s, stream %v", name, model, stream)
				said := "day to you."
				if model == "rehearsal/default" {
					said = "hello"
				}
				if resp.StatusCode != http.StatusOK || !strings.Contains(answer, said) {
					t.Errorf("%s: status %d: %s", what, resp.StatusCode, answer)
					continue
				}
				if stream && !strings.Contains(answer, client.last) || !stream && !strings.Contains(answer, client.text) {
					t.Errorf("%s: %s", what, answer)
				}
				got := h.settled()
				if got.status != ledger.StatusOK || got.estimated || said != "hello" && (got.input != 30 || got.output != 12) {
					t.Errorf("%s: booked %+v", what, got)
				}
			}
		}
	}
}

// TestClaudeBytesPassUntouched compares what the upstream sent with what the client got.
func TestClaudeBytesPassUntouched(t *testing.T) {
	t.Parallel()
	bodies, betas := make(chan string, 2), make(chan string, 2)
	h := claudeHouse(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
		betas <- r.Header.Get("Anthropic-Beta")
		if strings.Contains(string(body), `"stream":true`) {
			say(claudeWhole)(w, r)
			return
		}
		answers(200, jsonKind, claudeAnswer)(w, r)
	})
	const asked = `{"model":"chat","max_tokens":9, "x_new":{"a":[1.50]},"messages":[{"role":"user","content":"é"}]%s}`
	for stream, want := range map[string]string{"": claudeAnswer, `,"stream":true`: claudeWhole} {
		body := fmt.Sprintf(asked, stream)
		if _, got := h.at(t.Context(), "/v1/messages", body); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if got, want := <-bodies, strings.Replace(body, `"chat"`, `"model-x"`, 1); got != want {
			t.Errorf("the upstream got %s, want %s", got, want)
		}
		if beta := <-betas; beta != "context-1m-2025-08-07" {
			t.Errorf("anthropic-beta %q", beta)
		}
	}
}

// TestErrorsInTheClientsWords: whoever fails and whoever asks, the client reads its own form.
func TestErrorsInTheClientsWords(t *testing.T) {
	t.Parallel()
	const overloaded = `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}`
	const strange = `{"type":"error","error":{"type":"invalid_request_error","message":"messages: too strange"}}`
	for name, c := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"overloaded":    {529, overloaded, "Overloaded"},
		"their mistake": {400, strange, "too strange"},
		"no words":      {500, "<html>", "answered status 500"},
		"the key":       {401, `{"type":"error","error":{"type":"authentication_error","message":"` + secretKey + `"}}`, "refused the house's key"},
		"rate limited":  {429, overloaded, "Overloaded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := claudeHouse(t, answers(c.status, jsonKind, c.body, "Retry-After", "9"))
			for name, client := range clients() {
				resp, answer := h.at(t.Context(), client.path, fmt.Sprintf(client.plain, "chat", true))
				if resp.StatusCode < 400 || !strings.Contains(answer, client.wrong) || !json.Valid([]byte(answer)) {
					t.Errorf("%s: status %d: %s", name, resp.StatusCode, answer)
				}
				if strings.Contains(answer, secretKey) {
					t.Errorf("%s shows the key: %s", name, answer)
				}
				if resp.StatusCode == c.status && !strings.Contains(answer, c.says) && !strings.Contains(answer, "cool down") { // it rests by then
					t.Errorf("%s: %s", name, answer)
				}
				if name == provider.Messages && c.status == 400 && answer != c.body {
					t.Errorf("the upstream's own error is not passed on: %s", answer)
				}
			}
		})
	}
}

// TestTranslatedStreamsBreakAloud: each client reads an error event in its own form, never an end.
func TestTranslatedStreamsBreakAloud(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		says  string
	}{
		"cut in an event":       {breakOff(claudeStart, claudeOpen, claudeSays("Good day"), claudeEnd[:40]), "broke off"},
		"ends without its end":  {say(claudeStart, claudeOpen, claudeSays("Good day")), "broke off"},
		"garbage after a while": {say(claudeStart, claudeOpen, claudeSays("Good day"), "data: oops\n\n"), "no event"},
		"its own error":         {say(claudeStart, claudeOpen, claudeSays("Good day"), claudeEvent("error", `,"error":{"type":"overloaded_error","message":"Overloaded"}`)), "Overloaded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := claudeHouse(t, c.serve)
			for name, client := range clients() {
				resp, answer := h.at(t.Context(), client.path, fmt.Sprintf(client.plain, "chat", true))
				if resp.StatusCode != http.StatusOK || !strings.Contains(answer, "Good day") || !strings.Contains(answer, c.says) {
					t.Errorf("%s: status %d: %s", name, resp.StatusCode, answer)
				}
				if strings.Contains(answer, client.last) {
					t.Errorf("%s: a broken stream looks like an end: %s", name, answer)
				}
				if got := h.settled(); got.status != ledger.StatusCut || got.output == 0 {
					t.Errorf("%s: booked %+v", name, got)
				}
			}
		})
	}
}

// TestTranslatedStreamsFallBack before the first word.
func TestTranslatedStreamsFallBack(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]http.HandlerFunc{
		"status 529":             answers(529, jsonKind, `{"type":"error","error":{"type":"overloaded_error","message":"m"}}`),
		"an error event first":   say(claudeEvent("error", `,"error":{"type":"overloaded_error","message":"m"}`)),
		"an error after a start": say(claudeStart, claudeEvent("error", `,"error":{"type":"overloaded_error","message":"m"}`)),
		"nothing":                say(""),
		"an empty answer":        say(claudeStart, claudeEnd),
		"another dialect":        say(chunkEvent("Good day"), doneEvent),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := claudeHouse(t, serve)
			for name, client := range clients() {
				resp, answer := h.at(t.Context(), client.path, fmt.Sprintf(client.plain, "safe", true))
				if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Holdfast-Provider") != "spare" || !strings.Contains(answer, client.last) {
					t.Errorf("%s: status %d, %v: %s", name, resp.StatusCode, resp.Header, answer)
				}
			}
		})
	}
}

// TestWhatCannotBeSaidIsNamed: a field that the provider's dialect has no words for is a 400 that names
// it, unless somebody behind takes it.
func TestWhatCannotBeSaidIsNamed(t *testing.T) {
	t.Parallel()
	asked := 0
	h := claudeHouse(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		answers(200, jsonKind, claudeAnswer)(w, r)
	})
	const body = `{"model":%q,"messages":[{"role":"user","content":"x"}],"logit_bias":{"50256":-100}}`
	resp, answer := h.at(t.Context(), "/v1/chat/completions", fmt.Sprintf(body, "chat"))
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(answer, `"param":"logit_bias"`) {
		t.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	resp, answer = h.at(t.Context(), "/v1/chat/completions", fmt.Sprintf(body, "safe"))
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Holdfast-Provider") != "spare" {
		t.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	if asked != 0 {
		t.Errorf("the upstream was asked %d times", asked)
	}
	if got := h.settled(); got.status != ledger.StatusOK || got.provider != "spare" {
		t.Errorf("booked %+v", got)
	}
}

// TestClaudeClientHangsUp: the upstream is cancelled and what was generated is booked, translated or
// not.
func TestClaudeClientHangsUp(t *testing.T) {
	t.Parallel()
	for name, client := range clients() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cancelled := make(chan struct{})
			h := claudeHouse(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				say(claudeStart, claudeOpen, claudeSays("Good day to you"))(w, r)
				<-r.Context().Done()
				close(cancelled)
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+client.path, strings.NewReader(fmt.Sprintf(client.plain, "chat", true)))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			readUntil(t, resp.Body, "Good day")
			cancel()
			_ = resp.Body.Close()
			select {
			case <-cancelled:
			case <-time.After(time.Minute):
				t.Fatal("the upstream was not cancelled")
			}
			if got := h.settled(); got.status != ledger.StatusCancelled || got.output == 0 {
				t.Errorf("booked %+v", got)
			}
		})
	}
}
