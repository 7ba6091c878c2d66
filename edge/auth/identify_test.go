// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast"
)

func TestIdentify(t *testing.T) {
	h := lite(t)
	cookie, key := h.login()
	other, otherKey := h.login()
	_ = other
	const ok, refused, nobody = "ok", "refused", "nobody"
	for _, c := range []struct {
		method, cookie, want string
		header               []string
	}{
		{"GET", "", nobody, nil},
		{"GET", "wrong", nobody, nil},
		{"POST", "", nobody, []string{"Origin", "https://evil.example"}},
		{"GET", cookie, ok, nil},
		{"GET", cookie, ok, []string{"Origin", hubOrigin, "Sec-Fetch-Site", "same-origin"}},
		{"GET", cookie, ok, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
		{"GET", cookie, refused, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}},
		{"GET", cookie, refused, []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors"}},
		{"GET", cookie, refused, []string{"Origin", "http://127.0.0.1:8445"}},
		{"GET", cookie, refused, []string{"Origin", "null"}},
		{"POST", cookie, refused, nil},
		{"POST", cookie, refused, []string{"X-CSRF-Token", otherKey}},
		{"POST", cookie, refused, []string{"X-CSRF-Token", cookie}},
		{"POST", cookie, ok, []string{"X-CSRF-Token", key}},
		{"POST", cookie, ok, []string{"X-CSRF-Token", key, "Origin", hubOrigin, "Sec-Fetch-Site", "same-origin"}},
		{"POST", cookie, refused, []string{"X-CSRF-Token", key, "Origin", "http://127.0.0.1:8445"}},
		{"POST", cookie, refused, []string{"X-CSRF-Token", key, "Sec-Fetch-Site", "same-site"}},
		{"POST", cookie, refused, []string{"X-CSRF-Token", key, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
		{"DELETE", cookie, refused, nil},
		{"PUT", cookie, ok, []string{"X-CSRF-Token", key}},
		// A page on another port can set a second cookie of the name; it must not hide the true one.
		{"GET", "tossed; holdfast_session_8443=" + cookie, ok, nil},
	} {
		caller, err := h.identify(c.method, c.cookie, c.header...)
		got := ok
		if _, is := errors.AsType[*holdfast.Refusal](err); is {
			got = refused
		} else if err != nil {
			t.Errorf("%v: %v", c, err)
		} else if caller.Kind == holdfast.CallerNobody {
			got = nobody
		}
		if got != c.want {
			t.Errorf("%s %v: %s, want %s", c.method, c.header, got, c.want)
		}
	}
}

func TestKeyedReads(t *testing.T) {
	h := lite(t)
	h.keyedReads = true
	cookie, key := h.login()
	for query, want := range map[string]bool{"": false, "csrf=guess": false, "csrf=" + key + "&unit=notes": true} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, hubOrigin+"/api/v1/log/show/follow?"+query, http.NoBody)
		r.Header.Set("Cookie", "holdfast_session_8443="+cookie)
		caller, err := h.Identify(r)
		if (err == nil && caller.Human()) != want || strings.Contains(r.URL.RawQuery, "csrf") {
			t.Errorf("%q: %v %v, %q is left", query, caller, err, r.URL.RawQuery)
		}
	}
	if _, err := h.identify(http.MethodGet, cookie, "X-CSRF-Token", key); err != nil {
		t.Error(err)
	}
}

func TestMeNeverGivesTheKeyAway(t *testing.T) {
	h := lite(t)
	cookie, key := h.login()
	me := func(header ...string) Me {
		t.Helper()
		w := h.do(http.MethodGet, "/auth/me", "", header...)
		var out Me
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return out
	}
	in := []string{"Cookie", "holdfast_session_8443=" + cookie}
	if got := me(); got.Authenticated || got.Username != "" {
		t.Errorf("%+v", got)
	}
	if got := me(in...); !got.Authenticated || got.Username != "operator" || got.CSRF != "" {
		t.Errorf("%+v", got)
	}
	if got := me(append(in, "X-CSRF-Token", key)...); got.CSRF != key || got.CSRFToken != key {
		t.Errorf("%+v", got)
	}
	if got := me(append(in, "X-CSRF-Token", "guess")...); got.CSRF != "" {
		t.Errorf("%+v", got)
	}
	if got := me(append(in, "X-CSRF-Token", key, "Origin", "http://127.0.0.1:8445")...); got.Authenticated || got.CSRF != "" {
		t.Errorf("%+v", got)
	}
}
