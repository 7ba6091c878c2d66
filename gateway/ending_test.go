// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"holdfast"
	"holdfast/gateway/ledger"
)

// TestTheHouseEndsInTheMidstOfACall: what has not begun is answered 503 and when to come again, and a stream
// ends with the error, in the client's dialect.
func TestTheHouseEndsInTheMidstOfACall(t *testing.T) {
	t.Parallel()
	const messages = `{"model":"chat","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hello"}]}`
	for name, c := range map[string]struct {
		path, body string
		pieces     []string // said before the upstream waits
		read       string   // what the client reads before the house ends
		last       string
	}{
		"plain":                 {"/v1/chat/completions", request("chat", false), nil, "", `{"error":{`},
		"before the first word": {"/v1/chat/completions", request("chat", true), []string{roleEvent}, "", `{"error":{`},
		"in the middle":         {"/v1/chat/completions", request("chat", true), []string{roleEvent, chunkEvent("Good day")}, "Good day", `data: {"error":{`},
		"in the middle, other":  {"/v1/messages", messages, []string{roleEvent, chunkEvent("Good day")}, "Good day", "event: error\ndata: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrived := make(chan struct{})
			h := newHouse(t, testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
				if c.pieces != nil {
					say(c.pieces...)(w, r)
				}
				close(arrived)
				<-r.Context().Done()
			})))
			go func() {
				<-arrived
				if c.read == "" {
					h.end(holdfast.ErrEnding)
				}
			}()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if c.read != "" {
				readUntil(t, resp.Body, c.read)
				h.end(holdfast.ErrEnding)
			} else if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "5" || resp.Header.Get("X-Should-Retry") != "" {
				t.Errorf("answered %d %v", resp.StatusCode, resp.Header)
			}
			rest, err := io.ReadAll(resp.Body)
			if text := string(rest); err != nil || !strings.Contains(text, c.last) || !strings.Contains(text, "the house is ending") {
				t.Errorf("its end is %q, %v", text, err)
			}
			if got := h.settled(); got.status != ledger.StatusCancelled {
				t.Errorf("booked %+v", got)
			}
		})
	}
}
