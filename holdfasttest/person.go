// SPDX-License-Identifier: Apache-2.0

package holdfasttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A Person is somebody at a browser who is logged in at the front door of a house.
type Person struct {
	t      testing.TB
	door   string
	client *http.Client
}

// A Page is what the browser of a person got.
type Page struct {
	Status int
	Header http.Header
	Text   string
}

// Person logs a browser in by a one-time link.
func (h *House) Person() *Person {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	p := &Person{t: h.t, door: h.Door(), client: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var link struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(h.Do("link.create", "{}"), &link); err != nil {
		h.t.Fatal(err)
	}
	at, err := url.Parse(link.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	if page := p.Send("/auth/link", url.Values{"token": {at.Query().Get("token")}}); page.Status != http.StatusOK {
		h.t.Fatalf("cannot log in: %d %s", page.Status, page.Text)
	}
	return p
}

// Door is the origin of the front door.
func (h *House) Door() string {
	h.t.Helper()
	var status struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(h.Do("house.status", "{}"), &status); err != nil {
		h.t.Fatal(err)
	}
	return status.URL
}

// Visit goes to a page.
func (p *Person) Visit(address string) Page {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "cross-site") // a link of the client's
	return p.do(r)
}

// Send sends a form of a page of the door.
func (p *Person) Send(path string, form url.Values) Page {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.door+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", p.door)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return p.do(r)
}

func (p *Person) do(r *http.Request) Page {
	p.t.Helper()
	r.Header.Set("Accept", "text/html")
	answer, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return Page{Status: answer.StatusCode, Header: answer.Header, Text: string(text)}
}

// Allow opens a client's request for access, says yes to all that the page has ticked but for the
// scopes named, and gives the address to which the browser is sent with the answer.
func (p *Person) Allow(request string, but ...string) string {
	p.t.Helper()
	page := p.Visit(request)
	form := url.Values{"answer": {"allow"}}
	for piece := range strings.SplitSeq(page.Text, "<input ") {
		name, value := attribute(piece, "name"), attribute(piece, "value")
		if name == "ticket" || name == "scope" && strings.Contains(piece, " checked>") && !slices.Contains(but, value) {
			form.Add(name, value)
		}
	}
	if form.Get("ticket") == "" {
		p.t.Fatalf("%s is no page that asks: %d to %q\n%s", request, page.Status, page.Header.Get("Location"), page.Text)
	}
	page = p.Send("/api/authorize", form)
	if page.Status != http.StatusSeeOther {
		p.t.Fatalf("the answer was not taken: %d %s", page.Status, page.Text)
	}
	return page.Header.Get("Location")
}

func attribute(tag, name string) string {
	_, rest, _ := strings.Cut(tag, fmt.Sprintf(`%s="`, name))
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
