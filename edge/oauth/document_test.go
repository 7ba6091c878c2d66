// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// site serves client metadata documents over TLS, at the name clients.example.
type site struct {
	*httptest.Server
	port    string
	answer  func(w http.ResponseWriter, r *http.Request, id string)
	fetched atomic.Int32
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	s.answer = func(w http.ResponseWriter, _ *http.Request, id string) { serveDocument(w, document(id)) }
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fetched.Add(1)
		s.answer(w, r, s.id(r.URL.Path))
	}))
	t.Cleanup(s.Close)
	_, s.port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return s
}

// id is the address of a document; the site's certificate is for example.com.
func (s *site) id(path string) string { return "https://example.com:" + s.port + path }

func document(id string) map[string]any {
	return map[string]any{
		"client_id": id, "client_name": "Documented", "redirect_uris": []string{callback},
		"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "none",
	}
}

func serveDocument(w http.ResponseWriter, d map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(d)
}

// with lets a desk know the site, at an address of this machine, which is allowed.
func (s *site) with(t *testing.T) *desk {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	d := lite(t, func(n *Needs) {
		n.Roots = roots
		n.Resolve = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
	})
	settings := Defaults()
	settings.PrivateClients = []string{"example.com:" + s.port}
	d.Apply(settings)
	return d
}

func TestAClientByItsDocument(t *testing.T) {
	s := newSite(t)
	d := s.with(t)
	id := s.id("/client.json")
	page := d.do("GET", ask(id), "", "Who", "anna").Body.String()
	if !strings.Contains(page, "Documented") || !strings.Contains(page, "its document "+id) {
		t.Fatalf("the page does not say who asks:\n%s", page)
	}
	w := d.redeemed(id, d.agreed(ask(id), ScopeRead).Get("code"))
	all := into[tokens](t, w)
	if !d.opens(all.Access, mainPath) || all.Refresh == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got := s.fetched.Load(); got != 1 {
		t.Errorf("fetched %d times, and it may be kept", got)
	}
	d.clock.Pass(keepDefault)
	d.agreed(ask(id), ScopeRead)
	if got := s.fetched.Load(); got != 2 {
		t.Errorf("fetched %d times after it got old", got)
	}
	if w := d.tokens("grant_type", grantRefresh, "client_id", id, "refresh_token", all.Refresh); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestDocumentsThatAreRefused takes none that is not its own, or that leads elsewhere.
func TestDocumentsThatAreRefused(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request, id string){
		"another's id": func(w http.ResponseWriter, _ *http.Request, _ string) {
			serveDocument(w, document("https://other.example/c.json"))
		},
		"a secret": func(w http.ResponseWriter, _ *http.Request, id string) {
			d := document(id)
			d["client_secret"] = "x"
			serveDocument(w, d)
		},
		"a secret's method": func(w http.ResponseWriter, _ *http.Request, id string) {
			d := document(id)
			d["token_endpoint_auth_method"] = methodBasic
			serveDocument(w, d)
		},
		"no name": func(w http.ResponseWriter, _ *http.Request, id string) {
			d := document(id)
			d["client_name"] = "\u202e\u200b"
			serveDocument(w, d)
		},
		"a bad redirect": func(w http.ResponseWriter, _ *http.Request, id string) {
			d := document(id)
			d["redirect_uris"] = []string{"javascript:alert(1)"}
			serveDocument(w, d)
		},
		"a redirect away": func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		},
		"a redirect at home": func(w http.ResponseWriter, r *http.Request, id string) {
			if r.URL.Path == "/client.json" {
				http.Redirect(w, r, "/moved.json", http.StatusFound)
				return
			}
			serveDocument(w, document(strings.Replace(id, "moved", "client", 1)))
		},
		"an error": func(w http.ResponseWriter, _ *http.Request, _ string) { http.Error(w, "{}", http.StatusNotFound) },
		"a page": func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>"))
		},
		"a huge one": func(w http.ResponseWriter, _ *http.Request, id string) {
			d := document(id)
			d["more"] = strings.Repeat("x", mostDocument)
			serveDocument(w, d)
		},
		"huge headers": func(w http.ResponseWriter, _ *http.Request, id string) {
			w.Header().Set("X", strings.Repeat("x", 64<<10))
			serveDocument(w, document(id))
		},
		"half of one": func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "5000")
			_, _ = w.Write([]byte(`{"client_id":`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.answer = answer
			d := s.with(t)
			w := d.do("GET", ask(s.id("/client.json")), "", "Who", "anna")
			if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" {
				t.Errorf("%d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
			}
			if len(d.documents.cached) != 0 {
				t.Error("a failure is kept")
			}
		})
	}
}

// TestASilentSiteIsLeft gives up on a host that takes a connection and says nothing: when its time is over,
// and when nobody waits any more.
func TestASilentSiteIsLeft(t *testing.T) {
	for _, waits := range []bool{true, false} {
		s := newSite(t)
		d := s.with(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if waits {
			d.documents.within = 200 * time.Millisecond
		}
		gone := make(chan struct{})
		s.answer = func(_ http.ResponseWriter, r *http.Request, _ string) {
			if !waits {
				cancel()
			}
			<-r.Context().Done()
			close(gone)
		}
		if _, err := d.documents.get(ctx, s.id("/c")); err == nil {
			t.Errorf("a silent site gave a client to who waits: %v", waits)
		}
		if s.fetched.Load() > 0 { // a slow machine may be out of time before it asks
			<-gone
		}
	}
}

// TestFewDocumentsAreFetchedAtATime: who asks for more is told to come again, and no host hears of it.
func TestFewDocumentsAreFetchedAtATime(t *testing.T) {
	s := newSite(t)
	d := s.with(t)
	for range mostFetching {
		d.documents.fetches <- struct{}{}
	}
	_, err := d.documents.get(t.Context(), s.id("/c"))
	if no, ok := errors.AsType[*refusal](err); !ok || no.kind != "temporarily_unavailable" || s.fetched.Load() != 0 {
		t.Errorf("%v, and %d requests came", err, s.fetched.Load())
	}
	<-d.documents.fetches
	if _, err := d.documents.get(t.Context(), s.id("/c")); err != nil || len(d.documents.fetches) != mostFetching-1 {
		t.Errorf("with room: %v, %d under way", err, len(d.documents.fetches))
	}
}

func TestClientIdsThatAreNoDocuments(t *testing.T) {
	for id, ok := range map[string]bool{
		"https://app.example/c.json": true, "https://app.example:8443/a/b": true,
		"http://app.example/c.json": false, "https://app.example": false, "https://app.example/": false, "https://app.example/a/../c": false,
		"https://app.example/%2e%2e/c": false, "https://app.example/./c": false, "https://u@app.example/c": false, "https://app.example/c#f": false,
		"https://app.example/c?x": false, "https://127.0.0.1/c": false, "https://[::1]/c": false, "https://8.8.8.8/c": false, "file:///etc/passwd": false,
		"gopher://x/c": false, "https:///c": false, "https://аpp.example/c": false, "HTTPS://app.example/c": true,
	} {
		if got := checkDocument(id) == nil; got != ok {
			t.Errorf("%q: %v, want %v", id, got, ok)
		}
	}
}

// TestNoAddressOfThisNetworkIsReached is SSRF: whatever a name resolves to, and however it is written.
func TestNoAddressOfThisNetworkIsReached(t *testing.T) {
	s := newSite(t)
	for name, found := range map[string][]string{
		"loopback": {"127.0.0.1"}, "one good, one bad": {"93.184.216.34", "127.0.0.1"}, "mapped": {"::ffff:127.0.0.1"}, "nothing": {},
	} {
		d := s.with(t)
		d.Apply(Defaults())
		d.documents.resolve = func(context.Context, string) ([]netip.Addr, error) {
			var list []netip.Addr
			for _, ip := range found {
				list = append(list, netip.MustParseAddr(ip))
			}
			return list, nil
		}
		if _, err := d.documents.get(t.Context(), s.id("/c")); err == nil || s.fetched.Load() != 0 {
			t.Errorf("%s: %v, and %d requests came", name, err, s.fetched.Load())
		}
	}
}

// TestRebinding: a name that is public when it is judged, and this machine when it is asked for again,
// is asked for once only.
func TestRebinding(t *testing.T) {
	s := newSite(t)
	d := s.with(t)
	d.Apply(Defaults())
	asked := 0
	d.documents.resolve = func(context.Context, string) ([]netip.Addr, error) {
		if asked++; asked == 1 {
			return []netip.Addr{netip.MustParseAddr("192.88.98.1")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody is at the public address
	_, err := d.documents.dial(ctx, "tcp", "example.com:"+s.port)
	if err == nil || asked != 1 || s.fetched.Load() != 0 {
		t.Errorf("%v, asked %d times, and %d requests came", err, asked, s.fetched.Load())
	}
	if failed, ok := errors.AsType[*net.OpError](err); !ok || failed.Addr == nil || failed.Addr.String() != "192.88.98.1:"+s.port {
		t.Errorf("not the address that was judged was dialled: %v", err)
	}
}

func TestHowLongDocumentsAreKept(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": keepDefault, "max-age=60": time.Minute, "public, Max-Age=\"120\"": 2 * time.Minute, "max-age=999999999": keepMost,
		"no-store": 0, "private, max-age=60": 0, "max-age=-5": 0, "max-age=x": keepDefault,
	} {
		if got := keepFor(http.Header{"Cache-Control": {header}}); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	d := lite(t)
	for i := range mostCached + 10 {
		d.documents.keep(fmt.Sprint(i), cached{until: d.clock.Now().Add(time.Hour)})
	}
	if len(d.documents.cached) > mostCached {
		t.Errorf("%d are kept", len(d.documents.cached))
	}
}

// TestNamesThatAreMadeToMislead: what does not show is gone, and a name that mixes alphabets is marked.
func TestNamesThatAreMadeToMislead(t *testing.T) {
	for name, want := range map[string]string{
		"Claude Code":                "Claude Code",
		"  a \n\t b  ":               "a b",
		"admin\u202egnp.exe":         "admingnp.exe",
		"Hold\u200bfast\u00ad\ufeff": "Holdfast",
		"\u2066x\u2069":              "x",
		"a\u0301\u0301\u0301\u0301b": "a\u0301\u0301b",
		"\u3164":                     "",
		strings.Repeat("x", 200):     strings.Repeat("x", mostName),
		"\xff\xfeok":                 "ok",
		"<script>alert(1)</script>":  "<script>alert(1)</script>",
	} {
		if got := plainName(name); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{
		"Claude": false, "Clаude": true, "Ηoldfast": true, "Яндекс": false, "Über": false, "メモ帳": false, "Ｈoldfast": true, "𝐇oldfast": true, "Claude 3": false,
	} {
		if got := mixesAlphabets(name); got != want {
			t.Errorf("%q mixes alphabets: %v, want %v", name, got, want)
		}
	}
	d := lite(t)
	client := d.enrolled(`{"client_name":"Clаude <b>Code</b>","redirect_uris":["https://xn--80ak6aa92e.example/cb"],"token_endpoint_auth_method":"none"}`).ClientID
	page := d.do("GET", ask(client, "redirect_uri", "https://xn--80ak6aa92e.example/cb"), "", "Who", "anna").Body.String()
	for _, want := range []string{
		"mixes letters of several alphabets", "&lt;b&gt;Code", ">xn--80ak6aa92e.example<", "Nobody has checked who this program is",
		"letters outside ASCII", "write",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if strings.Contains(page, "<b>Code") {
		t.Error("a name became part of the page")
	}
}
