// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast/core/house"
)

// TestAnotherMethodIsRefused with those that are taken, in the words of who asks; what nobody serves is
// still not found, and other paths are still the Hub's.
func TestAnotherMethodIsRefused(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Routes, s.Hub = nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the Hub")) })
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("served")) })
	for _, pattern := range []string{"POST /v1/chat/completions", "POST /v1/messages", "GET /v1/models/{id...}", "POST /api/agent/v1/chat/completions", "POST /login"} {
		s.Routes = append(s.Routes, house.Route{Pattern: pattern, Auth: house.AuthPublic, Loopback: true, Handler: answer})
	}
	for _, c := range []struct {
		listener          string
		at                http.Handler
		method, path      string
		status            int
		allow, in, answer string
	}{
		{"loopback", s.Loopback(), "GET", "/v1/chat/completions", 405, "POST", `"error"`, "want POST"},
		{"loopback", s.Loopback(), "DELETE", "/v1/messages", 405, "POST", `"type":"error"`, "want POST"},
		{"loopback", s.Loopback(), "POST", "/v1/models/a/b", 405, "GET, HEAD", `"error"`, "want GET, HEAD"},
		{"loopback", s.Loopback(), "POST", "/v1/chat/completions", 200, "", "", "served"},
		{"loopback", s.Loopback(), "GET", "/v1/nothing", 404, "", `"error"`, "nothing is served"},
		{"door", s.Door(), "GET", "/api/agent/v1/chat/completions", 405, "POST", `"error"`, "want POST"},
		{"door", s.Door(), "GET", "/login", 200, "", "", "the Hub"},
	} {
		w := httptest.NewRecorder()
		c.at.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.path, http.NoBody))
		body := w.Body.String()
		if w.Code != c.status || w.Header().Get("Allow") != c.allow || !strings.Contains(body, c.in) || !strings.Contains(body, c.answer) {
			t.Errorf("%s: %s %s: status %d, Allow %q: %s", c.listener, c.method, c.path, w.Code, w.Header().Get("Allow"), body)
		}
		if c.status >= 400 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: %s", c.method, c.path, body)
		}
	}
}
