// SPDX-License-Identifier: Apache-2.0

package router

import (
	"net"
	"net/http"
	"strings"
)

// CookiePrefix begins the names of all cookies of the house; extensions never see one of them.
const CookiePrefix = "holdfast_"

// dropForged removes what only the door may say: forwarding and identity headers from outside, in
// every spelling that an upstream could take for them.
func dropForged(h http.Header) {
	for name := range h {
		if forged(name) {
			delete(h, name)
		}
	}
}

func forged(name string) bool {
	switch name[0] {
	case 'X', 'F', 'T', 'P', 'x', 'f', 't', 'p':
	default:
		return false
	}
	plain := strings.Map(plainByte, name)
	switch plain {
	case "forwarded", "x-forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "x-cluster-client-ip",
		"proxy", "x-original-url", "x-rewrite-url":
		return true
	}
	return strings.HasPrefix(plain, "x-forwarded-") || strings.HasPrefix(plain, "x-holdfast-")
}

// plainByte folds the spellings that CGI-like upstreams cannot tell apart.
func plainByte(c rune) rune {
	switch {
	case c == '_' || c == '.':
		return '-'
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	}
	return c
}

// setForwarded says who came, on what.
func setForwarded(out *http.Request, in *http.Request, v *visit) {
	client, _, err := net.SplitHostPort(in.RemoteAddr)
	if err != nil {
		client = in.RemoteAddr
	}
	scheme := "http"
	if v.origin.tls {
		scheme = "https"
	}
	out.Header.Set("X-Forwarded-For", client)
	out.Header.Set("X-Forwarded-Host", in.Host)
	out.Header.Set("X-Forwarded-Proto", scheme)
	if v.mount != nil && v.mount.StripPrefix {
		out.Header.Set("X-Forwarded-Prefix", strings.TrimSuffix(v.mount.Path, "/"))
	}
}

// stripCookies takes the house's cookies out of the Cookie headers and leaves every other byte.
func stripCookies(h http.Header) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		if line = withoutOurs(line); line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}

func withoutOurs(line string) string {
	if !strings.Contains(strings.ToLower(line), CookiePrefix) {
		return line
	}
	var kept []string
	for pair := range strings.SplitSeq(line, ";") {
		if !ours(pair) {
			kept = append(kept, strings.TrimSpace(pair))
		}
	}
	return strings.Join(kept, "; ")
}

// ours tells whether a cookie pair is the house's, however it is spaced, quoted or prefixed.
func ours(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	name = strings.ToLower(strings.Trim(name, " \t\""))
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__host-"), "__secure-")
	return strings.HasPrefix(name, CookiePrefix)
}

// cookies gives every value of the named cookie: a script on a neighbouring port can add a second
// one of the name, which must not hide the true one.
func cookies(r *http.Request, name string) []string {
	const most = 16
	var values []string
	for _, c := range r.CookiesNamed(name) {
		if c.Value != "" && len(c.Value) < 256 && len(values) < most {
			values = append(values, c.Value)
		}
	}
	return values
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// navigation tells whether a person's browser goes to a page, and not a script or a program.
func navigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return wantsHTML(r)
}

func wantsHTML(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func safeMethod(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}

func upgrade(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// sameOrigin tells whether a request that a browser made on somebody's behalf comes from a page of
// this origin. Programs send neither header and pass.
func sameOrigin(r *http.Request, o *origin) bool {
	if from := r.Header.Get("Origin"); from != "" && from != o.URL {
		return false
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin" || site == "none"
}

// hubPolicy is the Content-Security-Policy of the house's pages, where they bring none.
func hubPolicy(t *compiled) string {
	return "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; " +
		"font-src 'self' data:; connect-src 'self'; frame-src 'self' " + t.extensions.URL + "; frame-ancestors 'none'; " +
		"base-uri 'none'; form-action 'self'; object-src 'none'"
}

// dressHouse adds what browsers must know of the house's answers.
func dressHouse(h http.Header, t *compiled) {
	setDefault(h, "Content-Security-Policy", hubPolicy(t))
	letFrame(h, t)
	setDefault(h, "Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Origin-Agent-Cluster", "?1")
}

// letFrame adds the extensions' origin, which only the door knows, to a policy of the house that
// says nothing of frames and allows its own.
func letFrame(h http.Header, t *compiled) {
	policy := h.Get("Content-Security-Policy")
	if strings.Contains(policy, "default-src 'self'") && !strings.Contains(policy, "frame-src") {
		h.Set("Content-Security-Policy", policy+"; frame-src 'self' "+t.extensions.URL)
	}
}

// undress takes out of an extension's answer what would reach beyond the extension: cookies of the
// house's names, and headers that act on the whole host or on all ports of it.
func undress(h http.Header) {
	for _, name := range []string{
		"Clear-Site-Data", "Strict-Transport-Security", "Alt-Svc", "Service-Worker-Allowed", "Public-Key-Pins",
		"Origin-Agent-Cluster", "X-Frame-Options", "Server",
	} {
		h.Del(name)
	}
	set := h["Set-Cookie"]
	var kept []string
	for _, cookie := range set {
		if !ours(cookie) {
			kept = append(kept, cookie)
		}
	}
	if len(kept) == 0 {
		delete(h, "Set-Cookie")
	} else {
		h["Set-Cookie"] = kept
	}
	h.Set("X-Content-Type-Options", "nosniff")
}

// framed is what an extension's page may do in a frame of the Hub: all but lead the Hub elsewhere.
const framed = "sandbox allow-scripts allow-same-origin allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox " +
	"allow-downloads allow-pointer-lock allow-presentation allow-orientation-lock"

// dressExtension lets the Hub, and nobody else, frame an extension's page on its own origin.
func dressExtension(h http.Header, t *compiled, dest string) {
	undress(h)
	policies := h["Content-Security-Policy"]
	for i, p := range policies {
		policies[i] = withoutAncestors(p)
	}
	h.Add("Content-Security-Policy", "frame-ancestors 'self' "+t.hub.URL)
	switch dest {
	case "iframe", "frame", "embed", "object":
		h.Add("Content-Security-Policy", framed)
	}
	setDefault(h, "Referrer-Policy", "same-origin")
}

// dressService makes an extension's answer on the hub's origin mere data: were it shown as a page,
// it would have no origin and run nothing.
func dressService(h http.Header) {
	undress(h)
	for _, name := range []string{"Set-Cookie", "Refresh", "Link", "Report-To", "Nel", "Reporting-Endpoints", "Www-Authenticate", "Sourcemap"} {
		h.Del(name)
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			delete(h, name)
		}
	}
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
}

// withoutAncestors drops the frame-ancestors directive of a policy, for the door sets its own.
func withoutAncestors(policy string) string {
	var kept []string
	for directive := range strings.SplitSeq(policy, ";") {
		name, _, _ := strings.Cut(strings.TrimSpace(directive), " ")
		if !strings.EqualFold(name, "frame-ancestors") {
			kept = append(kept, directive)
		}
	}
	return strings.Join(kept, ";")
}

func setDefault(h http.Header, name, value string) {
	if h.Get(name) == "" {
		h.Set(name, value)
	}
}
