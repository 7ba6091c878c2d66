// SPDX-License-Identifier: Apache-2.0

package router

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestMatchesByWholeSegments(t *testing.T) {
	c, err := compile(Table{
		House: "h", Hub: Origin{URL: hubURL, Cookie: "a"}, Extensions: Origin{URL: extURL, Cookie: "b"},
		Mounts: []Mount{{Path: "/ext/notes/", Port: 1}, {Path: "/ext/notes/deep/", Port: 2}, {Path: "/api/notes/", Port: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/ext/notes": 1, "/ext/notes/": 1, "/ext/notes/x/y": 1, "/ext/notes/deep": 2, "/ext/notes/deep/z": 2, "/ext/notes/deeper": 1,
		"/api/notes/": 3, "/ext/notesx": 0, "/ext/note": 0, "/ext/": 0, "/": 0, "": 0, "/x/ext/notes/": 0,
	} {
		got := 0
		if m := c.match(path); m != nil {
			got = m.Port
		}
		if got != want {
			t.Errorf("%q goes to %d, want %d", path, got, want)
		}
	}
}

func TestRefusesTablesThatCannotStand(t *testing.T) {
	good := Table{House: "h", Hub: Origin{URL: hubURL, Cookie: "a"}, Extensions: Origin{URL: extURL, Cookie: "b"}}
	for name, change := range map[string]func(*Table){
		"one origin for both": func(t *Table) { t.Extensions.URL = t.Hub.URL },
		"no cookie":           func(t *Table) { t.Hub.Cookie = "" },
		"no origin":           func(t *Table) { t.Hub.URL = "127.0.0.1:8443" },
		"origin with path":    func(t *Table) { t.Hub.URL = hubURL + "/" },
		"no house":            func(t *Table) { t.House = "" },
		"twice":               func(t *Table) { t.Mounts = []Mount{{Path: "/ext/a/", Port: 1}, {Path: "/ext/a/", Port: 2}} },
		"no slash":            func(t *Table) { t.Mounts = []Mount{{Path: "/ext/a", Port: 1}} },
		"root":                func(t *Table) { t.Mounts = []Mount{{Path: "/", Port: 1}} },
		"dots":                func(t *Table) { t.Mounts = []Mount{{Path: "/ext/../", Port: 1}} },
		"port":                func(t *Table) { t.Mounts = []Mount{{Path: "/ext/a/", Port: 65536}} },
	} {
		table := good
		change(&table)
		if _, err := compile(table); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestRoutes(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, echo("notes"))
	d.house.publish(
		Mount{Path: "/ext/notes/", Unit: "notes.ui", Port: port, StripPrefix: true, TrailingSlash: true, OwnOrigin: true},
		Mount{Path: "/ext/raw/", Unit: "raw.ui", Port: port, OwnOrigin: true},
		Mount{Path: "/api/notes/", Unit: "notes.api", Port: port},
	)
	for _, c := range []struct{ target, cookie, from, path string }{
		{hubURL + "/", asOperator, "house", "/"},
		{hubURL + "/api/v1/unit/list", "", "house", "/api/v1/unit/list"},
		{hubURL + "/api/notesx", "", "house", "/api/notesx"},
		{hubURL + "/api/notes/a%2Fb?q=1", asOperator, "notes", "/api/notes/a%2Fb"},
		{extURL + "/api/notes/x", asVisitor, "notes", "/api/notes/x"},
		{extURL + "/ext/notes/a%2Fb", asVisitor, "notes", "/a%2Fb"},
		{extURL + "/ext/notes/", asVisitor, "notes", "/"},
		{extURL + "/ext/raw/a", asVisitor, "notes", "/ext/raw/a"},
		{extURL + "/ext/raw", asVisitor, "notes", "/ext/raw"},
		{"http://localhost:8445/ext/raw/a", asVisitor, "notes", "/ext/raw/a"},
		{"http://LOCALHOST:8443/v1/models", "", "house", "/v1/models"},
	} {
		res := d.get(c.target, "Cookie", c.cookie)
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", c.target, res.StatusCode, res.body)
			continue
		}
		if e := res.seen(t); e.From != c.from || e.RawPath != c.path {
			t.Errorf("%s went to %s %s, want %s %s", c.target, e.From, e.RawPath, c.from, c.path)
		}
	}
	res := d.get(extURL+"/ext/notes?x=1", "Cookie", asVisitor)
	if res.StatusCode != http.StatusPermanentRedirect || res.Header.Get("Location") != "/ext/notes/?x=1" {
		t.Errorf("no slash: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}

func TestRefusesForeignHostsAndCrookedPaths(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/ext/notes/", Port: port, StripPrefix: true, OwnOrigin: true})
	for target, want := range map[string]int{
		"http://evil.example/":                     http.StatusMisdirectedRequest,
		"http://127.0.0.1/":                        http.StatusMisdirectedRequest,
		"http://127.0.0.1:9999/":                   http.StatusMisdirectedRequest,
		extURL + "/ext/notes/../../api/v1/x":       http.StatusBadRequest,
		extURL + "/ext/notes/%2e%2e/%2E%2e/api":    http.StatusBadRequest,
		extURL + "/ext%2Fnotes/":                   http.StatusBadRequest,
		extURL + "/ext/notes%2f..%2fx":             http.StatusBadRequest,
		extURL + "/ext/notes/a%5Cb":                http.StatusBadRequest,
		hubURL + "//evil.example/":                 http.StatusBadRequest,
		hubURL + "/%00":                            http.StatusBadRequest,
		extURL + "/api/v1/unit/list":               http.StatusNotFound,
		extURL + "/api/supervisor/services":        http.StatusNotFound,
		extURL + "/auth/me":                        http.StatusNotFound,
		extURL + "/v1/chat/completions":            http.StatusNotFound,
		hubURL + "/_holdfast/enter?token=x&to=%2F": http.StatusNotFound,
		hubURL + "/_holdfast/ready":                http.StatusNoContent,
	} {
		res := d.get(target, "Cookie", asVisitor+"; "+asOperator)
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d: %s", target, res.StatusCode, want, res.body)
		}
		if want >= 400 && res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s", target, res.Header.Get("Content-Type"))
		}
	}
}

func TestLogin(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/ext/notes/", Port: port, OwnOrigin: true}, Mount{Path: "/api/notes/", Port: port})
	loginFor := func(path string) string {
		return hubURL + "/auth/login?" + url.Values{"redirect_uri": {path}}.Encode()
	}
	for _, c := range []struct {
		target   string
		header   []string
		status   int
		location string
	}{
		{hubURL + "/units?x=1", []string{"Accept", browser}, 302, loginFor("/units?x=1")},
		{hubURL + "/units", []string{"Accept", browser, "Cookie", "holdfast_session_8443=wrong"}, 302, loginFor("/units")},
		{hubURL + "/units", []string{"Accept", browser, "Cookie", asOperator}, 200, ""},
		{hubURL + "/units", []string{"Accept", browser, "Cookie", "holdfast_session_8443=tossed; " + asOperator}, 200, ""},
		{hubURL + "/auth/login", []string{"Accept", browser}, 200, ""},
		{"http://localhost:8443/units", []string{"Accept", browser}, 307, hubURL + "/units"},
		{hubURL + "/ext/notes/a?b=c", []string{"Accept", browser}, 302, loginFor("/ext/notes/a?b=c")},
		{extURL + "/ext/notes/a?b=c", []string{"Accept", browser}, 302, hubURL + "/ext/notes/a?b=c"},
		{extURL + "/", []string{"Accept", browser}, 302, hubURL + "/"},
		{hubURL + "/ext/notes/", []string{"Accept", "application/json"}, 401, ""},
		{extURL + "/ext/notes/", []string{"Accept", "application/json"}, 401, ""},
		{hubURL + "/api/notes/", nil, 401, ""},
		// The Hub's session means nothing to the extensions' origin, nor theirs to the Hub.
		{extURL + "/ext/notes/", []string{"Cookie", "holdfast_extension_8445=operator"}, 401, ""},
		{extURL + "/ext/notes/", []string{"Cookie", asOperator}, 401, ""},
		{hubURL + "/api/notes/", []string{"Cookie", "holdfast_session_8443=visitor; " + asVisitor}, 401, ""},
		{hubURL + "/units", []string{"Sec-Fetch-Mode", "cors", "Accept", "*/*"}, 200, ""},
	} {
		res := d.get(c.target, c.header...)
		if res.StatusCode != c.status || res.Header.Get("Location") != c.location {
			t.Errorf("%s %v: %d %s, want %d %s", c.target, c.header, res.StatusCode, res.Header.Get("Location"), c.status, c.location)
		}
	}
}

func TestHandover(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/ext/notes/", Port: port, OwnOrigin: true})
	res := d.get(hubURL+"/ext/notes/a?b=c", "Accept", browser, "Cookie", asOperator)
	to := res.Header.Get("Location")
	if res.StatusCode != http.StatusFound || !strings.HasPrefix(to, extURL+"/_holdfast/enter?") {
		t.Fatalf("%d %s", res.StatusCode, to)
	}
	res = d.get(to, "Accept", browser)
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/ext/notes/a?b=c" || res.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	cookie := res.Cookies()[0]
	if cookie.Name != "holdfast_extension_8445" || cookie.Value != "visitor" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.MaxAge != 60 {
		t.Errorf("cookie %v", cookie)
	}
	if res := d.get(extURL+"/ext/notes/a?b=c", "Cookie", cookie.Name+"="+cookie.Value); res.seen(t).Path != "/ext/notes/a" {
		t.Error(res.body)
	}
	if res := d.get(to, "Accept", browser); res.StatusCode != http.StatusForbidden || len(res.Cookies()) != 0 {
		t.Errorf("a handover worked twice: %d", res.StatusCode)
	}
	if res := d.get(hubURL+"/ext/notes/a", "Cookie", asOperator+"; "+asVisitor); res.Header.Get("Location") != extURL+"/ext/notes/a" {
		t.Errorf("a browser that is in was handed over again: %s", res.Header.Get("Location"))
	}
	res = d.send(d.request(http.MethodPost, hubURL+"/ext/notes/a", "Cookie", asOperator))
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("a change on the hub's origin reached an extension: %d", res.StatusCode)
	}
}

func TestHandoverStaysOnItsOrigin(t *testing.T) {
	d := newDoor(t)
	for _, to := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/\tx", "javascript:alert(1)", ""} {
		d.house.mu.Lock()
		d.house.handed["once"] = "operator"
		d.house.mu.Unlock()
		res := d.get(extURL + "/_holdfast/enter?" + url.Values{"token": {"once"}, "to": {to}}.Encode())
		if res.Header.Get("Location") != "/" {
			t.Errorf("%q leads to %q", to, res.Header.Get("Location"))
		}
	}
}

func TestServiceOnTheHubIsOnlyData(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html")
		h.Set("Set-Cookie", "x=1")
		h.Set("Clear-Site-Data", "*")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Service-Worker-Allowed", "/")
		h.Set("Content-Security-Policy", "script-src 'unsafe-inline'")
		_, _ = w.Write([]byte("<script>alert(1)</script>"))
	}))
	d.house.publish(Mount{Path: "/api/notes/", Port: port})
	res := d.get(hubURL+"/api/notes/x", "Cookie", asOperator)
	if got := res.Header["Content-Security-Policy"]; len(got) != 1 || !strings.HasPrefix(got[0], "sandbox;") {
		t.Errorf("policy %q", got)
	}
	for _, name := range []string{"Set-Cookie", "Clear-Site-Data", "Access-Control-Allow-Origin", "Service-Worker-Allowed"} {
		if res.Header.Get(name) != "" {
			t.Errorf("%s came through", name)
		}
	}
	for _, dest := range []string{"script", "worker", "serviceworker", "style", "iframe", "object", "image"} {
		res := d.get(hubURL+"/api/notes/x.js", "Cookie", asOperator, "Sec-Fetch-Dest", dest, "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Site", "same-origin")
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("served as %s: %d", dest, res.StatusCode)
		}
	}
	res = d.get(hubURL+"/api/notes/x", "Cookie", asOperator, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	if !strings.HasPrefix(res.Header.Get("Location"), extURL) {
		t.Errorf("a page was shown on the hub's origin: %d %v", res.StatusCode, res.Header)
	}
}

func TestOnlyOwnPagesChange(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/ext/notes/", Port: port, OwnOrigin: true}, Mount{Path: "/api/notes/", Port: port})
	for _, c := range []struct {
		method, target string
		header         []string
		status         int
	}{
		{"POST", extURL + "/api/notes/", []string{"Origin", extURL, "Sec-Fetch-Site", "same-origin"}, 200},
		{"POST", extURL + "/api/notes/", nil, 200},
		{"POST", extURL + "/api/notes/", []string{"Origin", hubURL, "Sec-Fetch-Site", "same-site"}, 403},
		{"POST", extURL + "/api/notes/", []string{"Origin", "null"}, 403},
		{"POST", extURL + "/api/notes/", []string{"Origin", "http://127.0.0.1:3000"}, 403},
		{"GET", extURL + "/ext/notes/", []string{"Origin", "https://evil.example", "Connection", "Upgrade", "Upgrade", "websocket"}, 403},
		{"GET", extURL + "/ext/notes/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"GET", hubURL + "/api/notes/", []string{"Origin", extURL, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Dest", "empty"}, 403},
		{"POST", hubURL + "/api/notes/", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Dest", "empty"}, 403},
		{"POST", hubURL + "/api/notes/", []string{"Origin", hubURL, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "empty"}, 200},
	} {
		res := d.send(d.request(c.method, c.target, append(c.header, "Cookie", asVisitor+"; "+asOperator)...))
		if res.StatusCode != c.status {
			t.Errorf("%s %s %v: %d, want %d", c.method, c.target, c.header, res.StatusCode, c.status)
		}
	}
}

func TestKeysOpenExtensionsAndStayHere(t *testing.T) {
	d := newDoor(t)
	d.house.allow(AskKey, "sk-house")
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/api/notes/", Port: port})
	e := d.get(hubURL+"/api/notes/", "Authorization", "Bearer sk-house").seen(t)
	if e.From != "notes" || e.Header.Get("Authorization") != "" {
		t.Errorf("%+v", e)
	}
	e = d.get(hubURL+"/api/notes/", "Authorization", "Bearer its-own", "Cookie", asOperator).seen(t)
	if e.Header.Get("Authorization") != "Bearer its-own" {
		t.Error("an extension's own token was taken away")
	}
	if res := d.get(hubURL+"/api/notes/", "Authorization", "Bearer its-own"); res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("%d", res.StatusCode)
	}
	if e := d.get(hubURL+"/v1/models", "Authorization", "Bearer anything").seen(t); e.Header.Get("Authorization") != "Bearer anything" {
		t.Error("the house did not get the key")
	}
}

func TestLimitsBodies(t *testing.T) {
	d := newDoor(t)
	d.limit = 1000
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/api/notes/", Port: port})
	send := func(target string, size int, chunked bool) reply {
		r := d.request(http.MethodPost, target, "Cookie", asOperator)
		body := strings.Repeat("x", size)
		fresh, err := http.NewRequestWithContext(t.Context(), r.Method, r.URL.String(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		fresh.Host, fresh.Header = r.Host, r.Header
		if chunked {
			fresh.ContentLength = -1
		}
		return d.send(fresh)
	}
	for _, target := range []string{hubURL + "/api/notes/", hubURL + "/api/v1/x"} {
		for _, chunked := range []bool{false, true} {
			if res := send(target, 1000, chunked); res.StatusCode != http.StatusOK || len(res.seen(t).Body) != 1000 {
				t.Errorf("%s: %d", target, res.StatusCode)
			}
			if res := send(target, 1001, chunked); res.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %d %s", target, res.StatusCode, res.body)
			}
		}
	}
}

func TestServesNothingBeforeATable(t *testing.T) {
	rt := New(Options{Socket: t.TempDir() + "/none"})
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, httptest.NewRequest(http.MethodGet, hubURL+ReadyPath, http.NoBody))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != strconv.Itoa(2) {
		t.Error(w.Code, w.Header())
	}
}

func FuzzServe(f *testing.F) {
	for _, path := range []string{"/", "/ext/notes/", "/ext%2fnotes/", "/api/notes/..;/x", "/_holdfast/enter?to=//x", "/%", "//", "/ext/notes/%2e%2e%2f"} {
		f.Add(path, "holdfast_session_8443=operator", "127.0.0.1:8443")
	}
	rt := New(Options{Socket: "/nonexistent/socket"})
	if err := rt.apply(Table{
		House: "/nonexistent/house", Hub: Origin{URL: hubURL, Cookie: "holdfast_session_8443"},
		Extensions: Origin{URL: extURL, Cookie: "holdfast_extension_8445"},
		Mounts:     []Mount{{Path: "/ext/notes/", OwnOrigin: true, StripPrefix: true}, {Path: "/api/notes/"}},
	}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target, cookie, host string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" {
			t.Skip()
		}
		r := &http.Request{Method: http.MethodGet, URL: u, Host: host, Header: http.Header{"Cookie": {cookie}, "Accept": {"text/html"}}, Body: http.NoBody}
		w := httptest.NewRecorder()
		rt.ServeHTTP(w, r.WithContext(t.Context()))
		if to := w.Header().Get("Location"); to != "" && !strings.HasPrefix(to, hubURL+"/") && !strings.HasPrefix(to, extURL+"/") && !LocalPath(to) {
			t.Errorf("%q leads to %q", target, to)
		}
	})
}
