// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast"
)

// The house ends in the midst of a request: the client hears so, is told when to come again where that does
// nothing twice, and a stream ends with the error.
func TestTheHouseEndsInTheMidstOfARequest(t *testing.T) {
	for name, test := range map[string]struct {
		stream string
		script []line
		status int
		retry  [2]string // Retry-After, X-Should-Retry
		said   string
	}{
		"before anything":    {"false", nil, http.StatusServiceUnavailable, [2]string{"5", ""}, `{"error":{"message":"the house is ending`},
		"after a tool":       {"false", []line{{calls: []toolCall{call("c0", "list", "{}")}}}, http.StatusServiceUnavailable, [2]string{"", "false"}, `"code":"house_ending"`},
		"before a word":      {"true", nil, http.StatusServiceUnavailable, [2]string{"5", ""}, `{"error":{"message":"the house is ending`},
		"in the midst of it": {"true", []line{{text: "I look.", calls: []toolCall{call("c0", "list", "{}")}}}, http.StatusOK, [2]string{"", ""}, `data: {"error":{"message":"the house is ending`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, append(test.script, line{hang: make(chan struct{})})...)
			ctx, end := context.WithCancelCause(holdfast.WithCaller(t.Context(), holdfast.Caller{Kind: holdfast.CallerAgent, Name: "key"}))
			asked := 0
			b.needs.Chat = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked++; asked > len(test.script) {
					end(holdfast.ErrEnding)
				}
				b.model.ServeHTTP(w, r)
			})
			handler, _ := b.Lookup(Name)
			body := strings.Replace(hello, `{`, `{"stream":`+test.stream+`,`, 1)
			got := httptest.NewRecorder()
			handler.ServeHTTP(got, httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(body)))
			retry := [2]string{got.Header().Get("Retry-After"), got.Header().Get("X-Should-Retry")}
			if test.status == http.StatusOK {
				retry[1] = "" // the head was sent before
			}
			if got.Code != test.status || retry != test.retry || !strings.Contains(got.Body.String(), test.said) {
				t.Errorf("answered %d %v %s", got.Code, got.Header(), got.Body)
			}
			kept, err := b.traces.newest(t.Context(), 1, "", "")
			if err != nil || len(kept) != 1 || kept[0].State != "cancelled" || !strings.Contains(kept[0].Error, "the house is ending") {
				t.Errorf("its trace is %+v, %v", kept, err)
			}
		})
	}
}
