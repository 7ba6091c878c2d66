// SPDX-License-Identifier: Apache-2.0

package router

import (
	"encoding/json"
	"html"
	"net/http"
	"strconv"
	"strings"
)

// A trouble is an answer of the door itself.
type trouble struct {
	Status int
	// Code sorts the trouble for programs, as the house's own problems do.
	Code   string
	Detail string
	// Title heads the page.
	Title string
	// Retry, in seconds, makes the page reload by itself.
	Retry int
	Unit  *UnitView
}

// waiting says that the house is away and, for a page, comes back by itself.
func waiting(w http.ResponseWriter, r *http.Request) {
	refuse(w, r, trouble{
		Status: http.StatusServiceUnavailable, Code: "unavailable", Retry: 2,
		Title:  "One moment",
		Detail: "the house is not answering, as when it restarts; this page tries again by itself",
	})
}

// unavailable says that an extension does not answer: what and why to the operator, and to others
// nothing but that.
func (rt *Router) unavailable(w http.ResponseWriter, r *http.Request, v *visit) {
	t := trouble{Status: http.StatusServiceUnavailable, Code: "unavailable", Title: "Unavailable", Detail: "unavailable", Retry: 5}
	if !v.who.Operator || v.key {
		refuse(w, r, t)
		return
	}
	t.Unit = &UnitView{Name: v.mount.Unit, State: "unknown", Detail: "the house cannot be asked just now"}
	if a, err := rt.link.ask(r.Context(), Ask{Kind: AskUnit, Token: v.who.Session, Unit: v.mount.Unit}); err == nil && a.OK && a.Unit != nil {
		t.Unit = a.Unit
	}
	t.Title = v.mount.Unit + " does not answer"
	t.Detail = "the unit " + v.mount.Unit + " behind this path does not answer on its port"
	refuse(w, r, t)
}

// refuse answers with a page for people and a problem document (RFC 9457) for programs.
func refuse(w http.ResponseWriter, r *http.Request, t trouble) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if t.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(t.Retry))
	}
	if t.Title == "" {
		t.Title = http.StatusText(t.Status)
	}
	if t.Code == "" {
		t.Code = codeOf(t.Status)
	}
	if wantsHTML(r) {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
		h.Set("X-Robots-Tag", "noindex")
		body := page(t, safeMethod(r))
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(t.Status)
		if r.Method != http.MethodHead {
			_, _ = w.Write([]byte(body))
		}
		return
	}
	body := problem(t)
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(t.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

func codeOf(status int) string {
	switch status {
	case http.StatusNotFound:
		return "not-found"
	case http.StatusForbidden:
		return "refused"
	}
	return "bad-input"
}

func problem(t trouble) []byte {
	body, err := json.Marshal(struct {
		Title  string    `json:"title"`
		Status int       `json:"status"`
		Detail string    `json:"detail"`
		Code   string    `json:"code"`
		Retry  int       `json:"retry_after,omitempty"`
		Unit   *UnitView `json:"unit,omitempty"`
	}{http.StatusText(t.Status), t.Status, t.Detail, t.Code, t.Retry, t.Unit})
	if err != nil {
		return []byte(`{}`)
	}
	return body
}

// Style is the look of the door's own pages, the login included: light or dark as the reader has it.
const Style = `:root{color-scheme:light dark;--ink:#1c2430;--soft:#5a6675;--paper:#f5f6f8;--card:#fff;--line:#dde2e8;--accent:#1f6f5c;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf1;--soft:#9aa7b6;--paper:#12161c;--card:#1a2028;--line:#2c3540;--accent:#5fc3a8;--on:#0d1a16}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:34rem;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:2rem;overflow-wrap:anywhere}
.mark{display:flex;align-items:center;gap:.6rem;color:var(--soft);font-size:.85rem;letter-spacing:.04em;margin-bottom:1.25rem}
.mark i{width:.9rem;height:.9rem;border-radius:4px;background:var(--accent)}h1{font-size:1.4rem;line-height:1.25;margin:0 0 .6rem}
p{margin:.6rem 0;color:var(--soft)}p.first::first-letter{text-transform:uppercase}code,pre{font:.85rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{background:var(--paper);border:1px solid var(--line);border-radius:6px;padding:.1rem .35rem;color:var(--ink)}
pre{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:.8rem;overflow:auto;max-height:18rem;white-space:pre-wrap}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem .9rem;margin:1rem 0}dt{color:var(--soft)}dd{margin:0}
button{font:inherit;font-weight:600;width:100%;padding:.75rem 1rem;margin-top:1rem;border:0;border-radius:10px;background:var(--accent);color:var(--on);cursor:pointer}
button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}@media(max-width:30rem){main{padding:1.4rem}}`

// PageHead begins a page of the door; title is escaped here. The page ends with PageFoot.
func PageHead(title string, refresh int) string {
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">`)
	if refresh > 0 {
		b.WriteString(`<meta http-equiv="refresh" content="` + strconv.Itoa(refresh) + `">`)
	}
	b.WriteString(`<meta name="referrer" content="same-origin"><title>` + html.EscapeString(title) + ` · Holdfast</title><style>` + Style + `</style></head><body><main><div class="mark"><i></i>Holdfast</div><h1>` + html.EscapeString(title) + `</h1>`)
	return b.String()
}

// PageFoot ends a page of the door.
const PageFoot = `</main></body></html>`

// SayingPage is a page of the door that says one thing; title and text are escaped here.
func SayingPage(title, text string) string {
	return PageHead(title, 0) + `<p class="first">` + html.EscapeString(text) + `.</p>` + PageFoot
}

func page(t trouble, reload bool) string {
	if !reload {
		t.Retry = 0
	}
	var b strings.Builder
	b.WriteString(PageHead(t.Title, t.Retry))
	b.WriteString(`<p class="first">` + html.EscapeString(t.Detail) + `.</p>`)
	if u := t.Unit; u != nil {
		b.WriteString(`<dl><dt>Unit</dt><dd>` + html.EscapeString(u.Name) + `</dd><dt>State</dt><dd>` + html.EscapeString(u.State) + `</dd>`)
		if u.Detail != "" {
			b.WriteString(`<dt>Why</dt><dd>` + html.EscapeString(u.Detail) + `</dd>`)
		}
		b.WriteString(`</dl>`)
		if len(u.Log) > 0 {
			b.WriteString(`<p>Its last log lines</p><pre>` + html.EscapeString(strings.Join(u.Log, "\n")) + `</pre>`)
		}
	}
	b.WriteString(PageFoot)
	return b.String()
}
