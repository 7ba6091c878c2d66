// SPDX-License-Identifier: Apache-2.0

package router

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestDropsForgedHeaders(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/api/notes/", Port: port, StripPrefix: true})
	forged := []string{
		"X-Forwarded-For", "6.6.6.6", "x_forwarded_for", "6.6.6.6", "X-Forwarded-User", "root", "Forwarded", "for=6.6.6.6",
		"X-Real-IP", "6.6.6.6", "X-Holdfast-User", "root", "X_Holdfast_Tier", "owner", "X.Holdfast.Tier", "owner",
		"X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example", "X-Forwarded-Prefix", "/evil", "Proxy", "evil:1",
		"X-Original-Url", "/evil", "True-Client-Ip", "6.6.6.6", "X-Mine", "stays",
		// A client may not take our headers away by calling them hop-by-hop.
		"Connection", "X-Holdfast-User, X-Forwarded-For, X-Holdfast-Tier",
	}
	for target, want := range map[string]map[string]string{
		hubURL + "/api/notes/x": {
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": hubHost, "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/api/notes",
			"X-Holdfast-User": "ada", "X-Holdfast-Tier": "operator", "X-Mine": "stays",
		},
		hubURL + "/api/v1/x": {
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": hubHost, "X-Forwarded-Proto": "http", "X-Mine": "stays",
		},
	} {
		e := d.get(target, append(forged, "Cookie", asOperator)...).seen(t)
		for name, value := range want {
			if got := e.Header[http.CanonicalHeaderKey(name)]; !reflect.DeepEqual(got, []string{value}) {
				t.Errorf("%s: %s is %q, want %q", target, name, got, value)
			}
			delete(e.Header, name)
		}
		for name, value := range e.Header {
			if strings.Contains(fmt.Sprint(value), "6.6.6.6") || strings.Contains(fmt.Sprint(value), "evil") ||
				strings.Contains(strings.ToLower(name), "holdfast") || strings.Contains(strings.ToLower(name), "forwarded") {
				t.Errorf("%s: %s: %q came through", target, name, value)
			}
		}
		if e.Host != hubHost {
			t.Errorf("%s: host %s", target, e.Host)
		}
	}
}

func TestStripsJustTheHousesCookies(t *testing.T) {
	for line, want := range map[string]string{
		"a=1; b=2":                   "a=1; b=2",
		"a=1;b=2":                    "a=1;b=2",
		"holdfast_session_8443=x":    "",
		"a=1; holdfast_session=x":    "a=1",
		"holdfast_extension=x; a=1":  "a=1",
		" holdfast_session = x;a=1":  "a=1",
		"HOLDFAST_session=x; a=1":    "a=1",
		"__Host-holdfast_s=x; a=1":   "a=1",
		"__Secure-holdfast_s=x":      "",
		`"holdfast_session"=x; a=1`:  "a=1",
		"a=holdfast_session; b=2":    "a=holdfast_session; b=2",
		"myholdfast_session=1; b":    "myholdfast_session=1; b",
		"holdfast_session; b=1":      "b=1",
		"\tholdfast_back_1=x ; b=\"": "b=\"",
	} {
		h := http.Header{"Cookie": {line}}
		stripCookies(h)
		if got := h.Get("Cookie"); got != want || (want == "") != (h["Cookie"] == nil) {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
	h := http.Header{"Cookie": {"holdfast_session=x", "a=1", "b=2; holdfast_session=y"}}
	stripCookies(h)
	if !reflect.DeepEqual(h["Cookie"], []string{"a=1", "b=2"}) {
		t.Errorf("%q", h["Cookie"])
	}
}

func FuzzStripCookies(f *testing.F) {
	f.Add("a=1; holdfast_session=x; b=2")
	f.Fuzz(func(t *testing.T, line string) {
		h := http.Header{"Cookie": {line}}
		stripCookies(h)
		r := http.Request{Header: h}
		for _, c := range r.Cookies() {
			if strings.HasPrefix(strings.ToLower(c.Name), CookiePrefix) {
				t.Errorf("%q left %q", line, h.Get("Cookie"))
			}
		}
		if !strings.Contains(strings.ToLower(line), CookiePrefix) && line != "" && h.Get("Cookie") != line {
			t.Errorf("%q became %q", line, h.Get("Cookie"))
		}
	})
}

func TestExtensionsSeeNoSession(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/ext/notes/", Port: port, OwnOrigin: true})
	e := d.get(extURL+"/ext/notes/", "Cookie", "theirs=1; "+asVisitor+"; "+asOperator, "X-CSRF-Token", "secret").seen(t)
	if got := e.Header["Cookie"]; !reflect.DeepEqual(got, []string{"theirs=1"}) {
		t.Errorf("cookies %q", got)
	}
	if e.Header.Get("X-Csrf-Token") != "" {
		t.Error("the page key went to an extension")
	}
	if e := d.get(hubURL+"/api/v1/x", "Cookie", asOperator, "X-CSRF-Token", "secret").seen(t); e.Header.Get("Cookie") != asOperator || e.Header.Get("X-Csrf-Token") != "secret" {
		t.Errorf("the house got %v", e.Header)
	}
}

func TestDressesAnswers(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; img-src *")
		h.Set("Strict-Transport-Security", "max-age=1")
		h.Set("Clear-Site-Data", `"cookies"`)
		h.Add("Set-Cookie", "theirs=1; Path=/ext/notes")
		h.Add("Set-Cookie", "holdfast_session_8443=fixed; Path=/")
		h.Add("Set-Cookie", "HOLDFAST_extension_8445=fixed")
		h.Set("Server", "theirs")
	}))
	d.house.publish(Mount{Path: "/ext/notes/", Port: port, OwnOrigin: true})
	h := d.get(extURL+"/ext/notes/", "Cookie", asVisitor).Header
	for name, want := range map[string][]string{
		"X-Frame-Options": nil, "Strict-Transport-Security": nil, "Clear-Site-Data": nil, "Server": nil,
		"Set-Cookie":              {"theirs=1; Path=/ext/notes"},
		"X-Content-Type-Options":  {"nosniff"},
		"Content-Security-Policy": {"default-src 'self'; img-src *", "frame-ancestors 'self' " + hubURL},
	} {
		if got := h[name]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	h = d.get(hubURL+"/", "Cookie", asOperator).Header
	for name, want := range map[string]string{
		"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Origin-Agent-Cluster": "?1", "Strict-Transport-Security": "",
	} {
		if got := strings.Join(h[name], "|"); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if p := h.Get("Content-Security-Policy"); !strings.Contains(p, "frame-src 'self' "+extURL+";") || !strings.Contains(p, "frame-ancestors 'none'") {
		t.Errorf("policy %q", p)
	}
}

func TestTheHubMayFrameExtensions(t *testing.T) {
	c, err := compile(Table{House: "h", Hub: Origin{URL: hubURL, Cookie: "a"}, Extensions: Origin{URL: extURL, Cookie: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	for policy, want := range map[string]string{
		"default-src 'self'; object-src 'none'":      "default-src 'self'; object-src 'none'; frame-src 'self' " + extURL,
		"default-src 'self'; frame-src 'none'":       "default-src 'self'; frame-src 'none'",
		"default-src 'none'; frame-ancestors 'none'": "default-src 'none'; frame-ancestors 'none'",
	} {
		h := http.Header{"Content-Security-Policy": {policy}}
		dressHouse(h, c)
		if got := h.Get("Content-Security-Policy"); got != want {
			t.Errorf("%q became %q", policy, got)
		}
	}
}

func TestStrictTransportOnlyOverTLS(t *testing.T) {
	d := newDoor(t)
	d.house.mu.Lock()
	d.house.table.Hub.URL = "https://hub.example"
	d.house.table.Extensions.URL = "https://ext.example"
	d.house.mu.Unlock()
	d.house.publish()
	res := d.get("https://hub.example/v1/x")
	if res.Header.Get("Strict-Transport-Security") == "" || res.seen(t).Header.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("%v", res.Header)
	}
}

func TestSmuggledRequestsAreRefused(t *testing.T) {
	d := newDoor(t)
	for _, raw := range []string{
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:8443\r\nHost: evil.example\r\n\r\n",
		"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1:8443\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
		"GET / HTTP/1.1\r\n\r\n",
		"GET /x\x01y HTTP/1.1\r\nHost: 127.0.0.1:8443\r\n\r\n",
		"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:8443\r\n\r\n",
		"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1:8443\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", d.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode < 400 || res.StatusCode >= 500 {
			t.Errorf("%q: %v %v", raw, res, err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
		_ = conn.Close()
	}
}
