// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/edge/auth"
)

const (
	// ticketFor is how long a page that asks may be answered.
	ticketFor   = 10 * time.Minute
	mostTickets = 200
	codeFor     = time.Minute
	maxForm     = 8 << 10
	// skew is how far a clock may have gone back before what it made counts as not yet made.
	skew = 5 * time.Minute
)

// A ticket is a page that asks, as it was shown to one session. What it asks is kept here and not in
// the form, so that what is answered is what was shown.
type ticket struct {
	session string
	asked   request
	made    time.Time
}

// tickets are the pages that wait for an answer.
type tickets struct {
	now func() time.Time

	mu   sync.Mutex
	open map[string]ticket
}

// issue makes the ticket of a page.
func (t *tickets) issue(session string, asked request) string {
	name := newToken("")
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	oldest := ""
	for key, one := range t.open {
		if !one.good(now) {
			delete(t.open, key)
		} else if oldest == "" || one.made.Before(t.open[oldest].made) {
			oldest = key
		}
	}
	if len(t.open) >= mostTickets {
		delete(t.open, oldest)
	}
	if t.open == nil {
		t.open = map[string]ticket{}
	}
	t.open[hash(name)] = ticket{session: session, asked: asked, made: now}
	return name
}

func (t ticket) good(now time.Time) bool {
	return now.Sub(t.made) < ticketFor && t.made.Sub(now) < skew
}

// take takes a ticket, once, if it is the session's.
func (t *tickets) take(name, session string) (request, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.open[hash(name)]
	if !ok || one.session != session {
		return request{}, false
	}
	delete(t.open, hash(name))
	return one.asked, one.good(t.now())
}

// drop closes the questions that fit: their answers would give what was just taken away.
func (t *tickets) drop(fits func(request) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.open, func(_ string, one ticket) bool { return fits(one.asked) })
}

// decide takes the answer of the person: from the same session that was asked, by the page's own form.
func (s consent) decide(w http.ResponseWriter, r *http.Request) {
	if why := s.closed(); why != "" {
		showPage(w, http.StatusServiceUnavailable, "Closed", why)
		return
	}
	who, err := s.needs.Logins.Visitor(r)
	if err != nil {
		showPage(w, http.StatusForbidden, "Refused", refusalText(err))
		return
	}
	if !s.fromItsPage(r) {
		showPage(w, http.StatusForbidden, "Refused", "nothing tells that this answer comes from the page that asked; open that page in a browser, and answer there")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil || who.ID == "" {
		showPage(w, http.StatusForbidden, "Refused", "nobody is logged in here any more; log in, and let the client ask again")
		return
	}
	asked, ok := s.tickets.take(r.PostForm.Get("ticket"), who.ID)
	if !ok {
		showPage(w, http.StatusForbidden, "Too late", "this question is not open any more: it was answered, is older than ten minutes, or what it asks for was revoked or the house restarted meanwhile. Go back to the program and start its login there once more: it opens a new page")
		return
	}
	scopes, no := granted(asked, r.PostForm["scope"]), ""
	switch {
	case r.PostForm.Get("answer") != "allow":
		no = "the person said no"
	case scopes == "":
		no = "the person left neither tools:read nor tools:call"
	}
	if no != "" {
		s.denied(r.Context(), who, asked)
		redirectTo(w, http.StatusSeeOther, s.answerURL(asked, url.Values{"error": {"access_denied"}, "error_description": {no}}))
		return
	}
	asked.scopes = scopes
	secret, err := s.give(r.Context(), who, asked)
	if err != nil {
		s.needs.Log.Error("cannot give access", slog.Any("error", err))
		showPage(w, http.StatusServiceUnavailable, "One moment", "the house cannot write this down just now; let the client ask again")
		return
	}
	redirectTo(w, http.StatusSeeOther, s.answerURL(asked, url.Values{"code": {secret}}))
}

// fromItsPage tells whether a browser says that a page of the door sent a form. All browsers name the
// origin of a form that is sent; what names none is no page.
func (s consent) fromItsPage(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") == s.issuer() && (site == "" || site == "same-origin")
}

// granted are the scopes that the person left in: never more than were on the page.
func granted(asked request, chosen []string) string {
	var kept []string
	for one := range strings.FieldsSeq(asked.scopes) {
		if slices.Contains(chosen, one) {
			kept = append(kept, one)
		}
	}
	if !slices.ContainsFunc(kept, func(one string) bool { return one == ScopeRead || one == ScopeCall }) {
		return "" // the others open nothing by themselves
	}
	return strings.Join(kept, " ")
}

// detail is what the journal says of access.
type detail struct {
	Client   string `json:"client"`
	Name     string `json:"client_name,omitempty"`
	Redirect string `json:"redirect,omitempty"`
	Resource string `json:"resource,omitempty"`
	Scopes   string `json:"scopes,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

func (d detail) json() []byte {
	text, _ := json.Marshal(d) // strings always marshal
	return text
}

func of(asked request) detail {
	return detail{Client: asked.client.ID, Name: asked.client.Name, Redirect: asked.redirect, Resource: asked.resource, Scopes: asked.scopes}
}

func (s consent) denied(ctx context.Context, who auth.Session, asked request) {
	if err := s.note(ctx, consented(who), "grant.create", asked.client.ID, holdfast.OutcomeRefused, of(asked).json()); err != nil {
		s.needs.Log.Error("a person's no is not in the journal", slog.Any("error", err))
	}
}

// give writes into the journal that a person gives access, and then makes the code for it.
func (s consent) give(ctx context.Context, who auth.Session, asked request) (string, error) {
	now, secret := s.needs.Now().UTC(), newToken(codePrefix)
	c := code{
		Hash: hash(secret), Grant: newID(), Client: asked.client.ID, User: who.User, Redirect: asked.redirect,
		Challenge: asked.challenge, Resource: asked.resource, Scopes: asked.scopes, Created: now, Expires: now.Add(codeFor),
	}
	if err := s.note(ctx, consented(who), "grant.create", c.Grant, holdfast.OutcomeDone, of(asked).json()); err != nil {
		return "", err
	}
	known := asked.client
	known.Used = now
	err := s.rows.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		return errors.Join(putClient(ctx, tx, known), putCode(ctx, tx, c))
	})
	return secret, err
}
