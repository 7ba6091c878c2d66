// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/core/store"
	"holdfast/gateway/ledger"
)

// TestClientHangsUpAtAnyByte: wherever it stops reading, in whatever dialect, the upstream is cancelled
// and what was generated is booked.
func TestClientHangsUpAtAnyByte(t *testing.T) {
	t.Parallel()
	for name, k := range talkers() {
		for tongue, client := range clients() {
			t.Run(name+" for "+tongue, func(t *testing.T) {
				t.Parallel()
				cancelled := make(chan struct{}, 1)
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					say(k.begins, k.says("Good day to you"), ": alive\n\n", k.says(strings.Repeat(" and to yours", 40)), k.says("LAST"))(w, r)
					<-r.Context().Done()
					cancelled <- struct{}{}
				}))
				t.Cleanup(server.Close)
				up := k.provider
				up.Key, up.URL = "UP_KEY", server.URL+"/v1"
				c := testConfig(up.URL)
				c.Providers["up"] = up
				client.hangsUp(t, newHouse(t, c), cancelled)
			})
		}
	}
}

func (c tongue) hangsUp(t *testing.T, h *testHouse, cancelled <-chan struct{}) {
	t.Helper()
	whole := 8
	for at := 0; at < whole; at += whole/16 + 1 {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+c.path, strings.NewReader(fmt.Sprintf(c.plain, "chat", true)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if at == 0 {
			whole = len(readUntil(t, resp.Body, "LAST")) - 100 // numbers in it may be shorter next time
		} else if _, err := io.ReadFull(resp.Body, make([]byte, at)); err != nil {
			t.Fatal(err)
		}
		cancel()
		_ = resp.Body.Close()
		select {
		case <-cancelled:
		case <-time.After(time.Minute):
			t.Fatalf("at byte %d: the upstream was not cancelled", at)
		}
		if got := h.settled(); got.status != ledger.StatusCancelled || !got.estimated || got.input == 0 || got.output == 0 {
			t.Errorf("at byte %d: booked %+v", at, got)
		}
	}
}

// TestHaltOfOneKey cuts and refuses its calls, and nobody else's.
func TestHaltOfOneKey(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	h := newHouse(t, testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
		say(chunkEvent("Good day"))(w, r)
		select {
		case <-r.Context().Done():
		case <-release:
			say(stopEvent, usageEvent, doneEvent)(w, r)
		}
	})))
	open := func(key string) io.ReadCloser {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/v1/chat/completions", strings.NewReader(request("chat", true)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Test-Key", key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		readUntil(t, resp.Body, "Good day")
		return resp.Body
	}
	lab, shop := open("lab"), open("shop")
	act(t, h, "breaker.halt", `{"reason":"a runaway","scope":"key:lab"}`)
	rest, err := io.ReadAll(lab)
	_ = lab.Close()
	if err != nil || !strings.Contains(string(rest), "a runaway") || strings.Contains(string(rest), "[DONE]") {
		t.Errorf("lab's stream ends in %q, %v", rest, err)
	}
	close(release)
	rest, err = io.ReadAll(shop)
	_ = shop.Close()
	if err != nil || !strings.HasSuffix(string(rest), doneEvent) {
		t.Errorf("shop's stream ends in %q, %v", rest, err)
	}
	if resp, answer := h.withKey("/v1/chat/completions", request("chat", false)); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(answer, "a runaway") {
		t.Errorf("lab's next call: status %d: %s", resp.StatusCode, answer)
	}
	if resp, answer := h.post(request("rehearsal/default", false)); resp.StatusCode != http.StatusOK {
		t.Errorf("another's next call: status %d: %s", resp.StatusCode, answer)
	}
}

// slow is a client's connection that gives up at its deadline.
type slow struct {
	http.ResponseWriter
	deadlines []time.Time
}

func (s *slow) SetReadDeadline(at time.Time) error {
	s.deadlines = append(s.deadlines, at)
	return nil
}

// brokenBody says a little and then fails.
type brokenBody struct {
	said io.Reader
	err  error
}

func (b brokenBody) Read(p []byte) (int, error) {
	if n, err := b.said.Read(p); err == nil {
		return n, nil
	}
	return 0, b.err
}

// TestSlowBody: a body that drips in is given up, and the connection has no deadline afterwards.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	for _, err := range []error{os.ErrDeadlineExceeded, io.ErrUnexpectedEOF} {
		w := &slow{ResponseWriter: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", brokenBody{strings.NewReader(`{"model":`), err})
		wrong := readBody(w, r, new(bytes.Buffer))
		if wrong == nil || wrong.Status != http.StatusBadRequest || !strings.Contains(wrong.Message, "slow") {
			t.Errorf("%v: %+v", err, wrong)
		}
		if len(w.deadlines) != 2 || time.Until(w.deadlines[0]) > slowBody || !w.deadlines[1].IsZero() {
			t.Errorf("%v: deadlines %v", err, w.deadlines)
		}
	}
}

// TestAgentsAnswerWhereTheySpeak: in another dialect an agent's name is explained.
func TestAgentsAnswerWhereTheySpeak(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig("http://127.0.0.1:1/v1"))
	h.SetAgents(crew{})
	resp, answer := h.at(t.Context(), "/v1/messages", `{"model":"companion","max_tokens":5,"messages":[{"role":"user","content":"x"}]}`)
	if resp.StatusCode != http.StatusNotFound || !strings.Contains(answer, "/v1/chat/completions") {
		t.Errorf("status %d: %s", resp.StatusCode, answer)
	}
}

// TestStreamsOfOthersDripAndSwell in every client's dialect.
func TestStreamsOfOthersDripAndSwell(t *testing.T) {
	t.Parallel()
	var serve atomic.Pointer[http.HandlerFunc]
	h := claudeHouse(t, func(w http.ResponseWriter, r *http.Request) { (*serve.Load())(w, r) })
	huge := claudeStart + claudeOpen + claudeSays(strings.Repeat("word ", 400_000)) + claudeClose + claudeEnd
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		says  string
	}{
		"drips": {drip(claudeWhole), "day to you."}, "huge events": {say(huge), "word word"},
		"carriage returns": {say(strings.ReplaceAll(claudeWhole, "\n", "\r\n")), "day to you."},
	} {
		serve.Store(&c.serve)
		for tongue, client := range clients() {
			resp, answer := h.at(t.Context(), client.path, strings.NewReplacer("%q", `"chat"`, "%v", "true").Replace(client.plain))
			if resp.StatusCode != http.StatusOK || !strings.Contains(answer, c.says) || !strings.Contains(answer, client.last) {
				t.Errorf("%s, %s: status %d: %.400s", name, tongue, resp.StatusCode, answer)
			}
			if got := h.settled(); got.status != ledger.StatusOK || got.estimated || got.input != 30 || got.output != 12 {
				t.Errorf("%s, %s: booked %+v", name, tongue, got)
			}
		}
	}
}

// TestWhatTheLedgerIsTold: the provider's own name of the answer, as the client sees it, and the
// client's name of the session.
func TestWhatTheLedgerIsTold(t *testing.T) {
	t.Parallel()
	h := claudeHouse(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"stream":true`) {
			say(claudeWhole)(w, r)
			return
		}
		answers(200, jsonKind, claudeAnswer)(w, r)
	})
	for name, client := range clients() {
		for _, stream := range []string{"true", "false"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+client.path,
				strings.NewReader(strings.NewReplacer("%q", `"chat"`, "%v", stream).Replace(client.plain)))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Session_id", "s-"+name+stream)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			h.settled()
			id, session, dialect := "", "", ""
			err = h.store.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
				return tx.QueryRow(ctx, "SELECT response_id, session, dialect FROM ledger_calls WHERE request_id = ?", resp.Header.Get("X-Request-Id")).Scan(&id, &session, &dialect)
			})
			if err != nil || id != "msg_1" || session != "s-"+name+stream || dialect != name || !strings.Contains(string(answer), `"msg_1"`) {
				t.Errorf("%s, stream %s: booked %q, %q, %q, %v for %s", name, stream, id, session, dialect, err, answer)
			}
		}
	}
}

// TestAModelsNameIsBounded: it is kept, logged and repeated.
func TestAModelsNameIsBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig("http://127.0.0.1:1/v1"))
	for _, path := range []string{"/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/messages/count_tokens"} {
		body := `{"model":"up/` + strings.Repeat("x", 1<<20) + `","messages":[{"role":"user","content":"x"}],"input":"x","max_tokens":9}`
		if resp, answer := h.at(t.Context(), path, body); resp.StatusCode != http.StatusBadRequest || len(answer) > 400 {
			t.Errorf("%s: status %d, %d bytes: %.200s", path, resp.StatusCode, len(answer), answer)
		}
	}
	if n := len(h.rows()); n != 0 || len(h.log.String()) > 4000 {
		t.Errorf("%d rows are booked, %d bytes logged", n, len(h.log.String()))
	}
}

// TestNearlyTenMegabytes go through byte for byte, as long as they may be.
func TestNearlyTenMegabytes(t *testing.T) {
	t.Parallel()
	got := make(chan []byte, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- body
		answers(200, jsonKind, answerBody)(w, r)
	}))
	t.Cleanup(server.Close)
	h := newHouse(t, testConfig(server.URL+"/v1"))
	body := strings.Replace(request("chat", false), secretText, strings.Repeat("é words ", mostRequest/9-100), 1)
	if resp, answer := h.post(body); resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %.300s", resp.StatusCode, answer)
	}
	if want := strings.Replace(body, `"chat"`, `"model-x"`, 1); string(<-got) != want {
		t.Error("the upstream got something else")
	}
}
