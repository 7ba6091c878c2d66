// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/edge/auth"
	"holdfast/edge/router"
)

const (
	// mostShown bounds the tools that the page lists.
	mostShown = 300
	// pageWithin is how long the page waits for tool servers that are starting.
	pageWithin = 3 * time.Second
)

// look is what the page has beside the style of the door's pages.
const look = `<style>h2{font-size:1rem;margin:1.4rem 0 .4rem}label{display:flex;gap:.6rem;margin:.5rem 0;align-items:baseline}label small,li small{color:var(--soft);display:block}
.warn{border:1px solid #c77d0a;border-left-width:4px;border-radius:10px;padding:.5rem .9rem;color:var(--ink)}.no{background:transparent;color:var(--ink);border:1px solid var(--line)}
.host{font-size:1.05rem;font-weight:600;color:var(--ink);word-break:break-all}input{accent-color:var(--accent)}ul{padding-left:1.2rem;max-height:16rem;overflow:auto;margin:.4rem 0}summary{cursor:pointer;color:var(--soft)}bdi{color:var(--ink)}
@media(max-width:32rem){dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}}</style>`

// A choice is a scope as the page shows it.
type choice struct {
	Scope, Text, Note string
	Checked, Fixed    bool
}

// asking is what the page shows.
type asking struct {
	Name, User, From, Verified   string
	RedirectHost, Redirect       string
	Endpoint, Ticket             string
	Warnings                     []string
	Choices                      []choice
	Tools                        []Tool
	More                         int
	Head, Look, Foot             string
	Loopback, Document, Operator bool
}

// write makes the page. All but Head, Look and Foot is escaped, for it may be a stranger's word; values stand
// between tags or in quotation marks, and nowhere else.
func (a asking) write(w io.Writer) {
	say := func(form string, values ...string) {
		args := make([]any, len(values))
		for i, value := range values {
			args[i] = html.EscapeString(strings.ReplaceAll(value, "\x00", "\ufffd"))
		}
		_, _ = fmt.Fprintf(w, form, args...)
	}
	_, _ = io.WriteString(w, a.Head+a.Look)
	say("<p>A program that calls itself <bdi><b>%s</b></bdi> asks you, <b>%s</b>, for access to this house.</p>\n", a.Name, a.User)
	for _, warning := range a.Warnings {
		say(`<p class="warn">%s</p>`, warning)
	}
	say(`
<dl><dt>The answer goes to</dt><dd class="host">%s</dd>
<dt>Address</dt><dd><code>%s</code></dd>
<dt>Known by</dt><dd>%s</dd>
<dt>Endpoint</dt><dd><code>%s</code></dd></dl>
<form method="post" action="/api/authorize"><input type="hidden" name="ticket" value="%s"><h2>It may</h2>
`, a.RedirectHost, a.Redirect, a.From, a.Endpoint, a.Ticket)
	for _, c := range a.Choices {
		checked := ""
		if c.Checked {
			checked = " checked"
		}
		say(`<label><input type="checkbox" name="scope" value="%s"%s><span>%s<small>%s</small></span></label>`+"\n", c.Scope, checked, c.Text, c.Note)
	}
	more := ""
	if a.More > 0 {
		more = fmt.Sprintf(", and %d more", a.More)
	}
	say(`<details><summary>%s tools there%s</summary><ul tabindex="0" aria-label="Tools">`+"\n", strconv.Itoa(len(a.Tools)), more)
	for _, tool := range a.Tools {
		say("<li><bdi>%s</bdi>", tool.Name)
		if tool.ReadOnly {
			say(" <small>only reads</small>")
		}
		say("</li>\n")
	}
	_, _ = io.WriteString(w, pageEnd+a.Foot)
}

const pageEnd = `</ul></details>
<p>You can take this back at any time: <code>holdfast grant revoke</code>, or in the Hub.</p>
<button type="submit" name="answer" value="deny" class="no">Do not allow</button>
<button type="submit" name="answer" value="allow">Allow</button></form>`

// consentPage asks the person.
func (s consent) consentPage(ctx context.Context, w http.ResponseWriter, who auth.Session, asked request) {
	view := s.ask(ctx, who, asked)
	secure(w, asked.redirect)
	w.WriteHeader(http.StatusOK)
	view.write(w)
}

// secure says what a browser may do with a page of this package: no script, no frame, no cache, and a
// form that goes nowhere but here and, by the redirect that follows, to the client.
func secure(w http.ResponseWriter, redirect string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"+formTarget(redirect)+"; base-uri 'none'; frame-ancestors 'none'")
}

// formTarget is the client's origin as a policy writes it; an IPv6 host cannot be written there.
func formTarget(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil || redirect == "" {
		return ""
	}
	if app := appOf(u); app != "" {
		return " " + app + ":"
	}
	if strings.HasPrefix(u.Host, "[") {
		return " " + u.Scheme + ":"
	}
	return " " + u.Scheme + "://" + u.Host
}

// ask gathers what the page shows of a request.
func (s consent) ask(ctx context.Context, who auth.Session, asked request) asking {
	u, _ := url.Parse(asked.redirect) // it was judged before
	hub, _ := s.hubOf(asked.resource)
	view := asking{
		Name: asked.client.Name, User: who.User, RedirectHost: u.Host, Redirect: asked.redirect, Endpoint: s.issuer() + asked.resource,
		Ticket: s.tickets.issue(who.ID, asked), Loopback: loopback(u), Document: asked.client.Kind == kindDocument, Operator: asked.operator,
		Head: router.PageHead("Allow access?", 0), Look: look, Foot: router.PageFoot,
	}
	view.From = "nothing but its own word: it registered itself " + asked.client.Created.Format("on 2 January 2006 at 15:04 MST")
	if view.Document {
		view.From = "its document " + asked.client.ID
	}
	if app := appOf(u); app != "" {
		view.RedirectHost = "the app on this computer that opens " + app + ": links"
	}
	view.Warnings = warnings(asked, u)
	view.Choices = choices(asked, hub)
	ctx, cancel := context.WithTimeout(ctx, pageWithin)
	defer cancel()
	view.Tools = s.needs.Tools(ctx, bearerOf(grant{Name: asked.client.Name, Scopes: asked.scopes}), hub)
	if view.More = len(view.Tools) - mostShown; view.More > 0 {
		view.Tools = view.Tools[:mostShown]
	} else {
		view.More = 0
	}
	return view
}

// warnings are what a person should know before they say yes.
func warnings(asked request, redirect *url.URL) []string {
	var list []string
	add := func(yes bool, text string) {
		if yes {
			list = append(list, text)
		}
	}
	add(mixesAlphabets(asked.client.Name), "The name mixes letters of several alphabets. It may be made to look like another one.")
	add(!mixesAlphabets(asked.client.Name) && foreignAlphabet(asked.client.Name),
		"The name is written in letters that can look like Latin ones. Make sure that you know this program.")
	add(strings.Contains(strings.ToLower(redirect.Hostname()), "xn--"),
		"The host has letters outside ASCII, shown here as xn--…; it may be made to look like another one.")
	app := appOf(redirect)
	add(app != "",
		"The answer goes to an app on the computer of this browser: the one that opens "+app+": links. "+
			"Any app there can claim them, and any program can call itself what it likes: go on only if you just started this in that app yourself.")
	add(loopback(redirect),
		"The answer goes to a program on the computer of this browser. "+
			"Any program there can call itself what it likes: go on only if you just started this yourself.")
	if asked.client.Kind == kindDocument {
		document, err := url.Parse(asked.client.ID)
		add(err != nil || app == "" && !loopback(redirect) && document.Host != redirect.Host,
			"The answer goes to another host than the one that describes this program.")
	} else {
		add(app == "" && !loopback(redirect), "Nobody has checked who this program is. Go on only if you know the host that the answer goes to.")
	}
	add(asked.operator, "It asks to act as an operator of the house. Leave that unticked unless you trust it as much as yourself.")
	return list
}

// choices are the scopes asked for, in words. To act as an operator is never ticked for the person.
func choices(asked request, hub string) []choice {
	var list []choice
	asks, alone := strings.Fields(asked.scopes), ""
	if len(asks) > 1 && slices.Contains(asks, ScopeRead) != slices.Contains(asks, ScopeCall) {
		alone = "; without it the rest opens nothing"
	}
	for _, one := range asks {
		c := choice{Scope: one, Checked: true}
		switch one {
		case ScopeRead:
			c.Text, c.Note = "Look", "see the tools, prompts and resources there, and call tools that only read"+alone
		case ScopeCall:
			c.Text, c.Note = "Call tools", "also those that change things, within what an agent may do in this house"+alone
		case ScopeOperator:
			c.Text, c.Note, c.Checked = "Act as an operator", "ask for the house's own actions with your standing; what destroys still waits for a person", false
		default:
			c.Text, c.Note = "Use the hub "+hub, "without it the hub stays closed to this program"
		}
		list = append(list, c)
	}
	return list
}

// page says one thing to a person.
func showPage(w http.ResponseWriter, status int, title, text string) {
	secure(w, "")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(router.SayingPage(title, text)))
}

// bearerOf is who bears a grant's tokens: an agent of the client's name, unless the person let it
// act as an operator. It is never a person, and never the owner.
func bearerOf(g grant) holdfast.Caller {
	c := holdfast.Caller{Kind: holdfast.CallerAgent, Name: slug(g.Name) + "." + g.ID, Tier: holdfast.TierTenantPeer, Surface: "mcp"}
	if has(g.Scopes, ScopeOperator) {
		c.Tier = holdfast.TierOperator
	}
	return c
}
