// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"holdfast"
)

// TestOnlyTheControlSocketKnowsOfTheBypass sends the header everywhere.
func TestOnlyTheControlSocketKnowsOfTheBypass(t *testing.T) {
	t.Parallel()
	asked := false
	inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = holdfast.BypassFrom(r.Context()) })
	for name, c := range map[string]struct {
		handler http.Handler
		value   string
		want    bool
	}{
		"the control socket":   {mayAskBypass(inner), "breaker", true},
		"something else asked": {mayAskBypass(inner), "1", false},
		"any other listener":   {inner, "breaker", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set(holdfast.BypassHeader, c.value)
		if c.handler.ServeHTTP(httptest.NewRecorder(), r); asked != c.want {
			t.Errorf("%s: %v", name, asked)
		}
	}
}
