// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
	"holdfast/core/store"
	"holdfast/edge/router"
)

// Capability is the login: its tables, actions and pages.
func (a *Auth) Capability() house.Capability {
	return house.Capability{
		Name:       "auth",
		Migrations: migrations,
		Actions:    a.actions(),
		Routes:     a.routes(),
		Run:        a.run,
		Stop:       a.writeSeen,
		Reason:     "sessions are asked for by the front door, so they are ready before it",
	}
}

func (a *Auth) actions() []holdfast.Action {
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "link.create", Short: "link", Summary: "Make a one-time link that opens the Hub",
			Help: "The link works once, within ten minutes, and logs the browser that opens it in as operator. Anyone who has it can use it, so give it to nobody.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Reveals: true,
			Examples: []string{"holdfast link"},
			Subject:  func(any) string { return "" },
		}, a.createLink),
		action.NewAction(holdfast.Action{
			Name: "session.list", Summary: "List the browsers that are logged in",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
			Examples: []string{"holdfast session list"},
			Subject:  func(any) string { return "" },
		}, a.listSessions),
		action.NewAction(holdfast.Action{
			Name: "session.revoke", Summary: "Log a browser out, at once and with all it has open",
			Help: "Give the session's id, or as much of its beginning as is unique, or --all.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Safer: true,
			Examples: []string{"holdfast session revoke 3f9a", "holdfast session revoke --all"},
		}, a.revokeSession),
	}
}

type linkIn struct {
	RedirectURI string `json:"redirect_uri" help:"local path to open after the login" default:"/"`
}

// Link is a way in that works once.
type Link struct {
	URL     string    `json:"url" help:"open it in the browser that shall be logged in"`
	Expires time.Time `json:"expires"`
}

func (a *Auth) createLink(ctx context.Context, in linkIn) (Link, error) {
	if err := human(ctx); err != nil {
		return Link{}, err
	}
	if in.RedirectURI != "" && !router.LocalPath(in.RedirectURI) {
		return Link{}, holdfast.BadInput("", holdfast.Problem{Field: "redirect_uri", Message: "is not a local path", Remedy: "want a path like /units"})
	}
	return a.NewLink(ctx, in.RedirectURI)
}

func human(ctx context.Context) error {
	if holdfast.ByPerson(ctx) {
		return nil
	}
	return &holdfast.Refusal{
		Guard: "tier", Reason: "only a person of tier operator opens a way in for people",
		Remedy: "run `holdfast link` in a terminal of your own",
	}
}

// NewLink makes a one-time link; `holdfast up` prints one.
func (a *Auth) NewLink(ctx context.Context, redirect string) (Link, error) {
	token, now := newToken(), a.now()
	expires := now.Add(linkFor).UTC()
	err := a.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO auth_links (id, created_ns, expires_ns) VALUES (?, ?, ?)`, hash(token), now.UnixNano(), expires.UnixNano())
		return err
	})
	if err != nil {
		return Link{}, fmt.Errorf("cannot make a link: %w", err)
	}
	query := url.Values{"token": {token}}
	if redirect != "" && redirect != "/" {
		query.Set("redirect_uri", redirect)
	}
	return Link{URL: a.door.Origin() + "/auth/link?" + query.Encode(), Expires: expires}, nil
}

type sessionsOut struct {
	Sessions []Session `json:"sessions"`
}

func (a *Auth) listSessions(ctx context.Context, _ action.Nothing) (sessionsOut, error) {
	list, err := a.Sessions(ctx)
	return sessionsOut{list}, err
}

type revokeIn struct {
	ID  string `json:"id" help:"the session, or the unique beginning of its id" pos:"1"`
	All bool   `json:"all" help:"log every browser out"`
}

type revokeOut struct {
	Revoked []string `json:"revoked" help:"the sessions that ended, those of the extensions' origin included"`
}

func (a *Auth) revokeSession(ctx context.Context, in revokeIn) (revokeOut, error) {
	if in.All == (in.ID != "") {
		return revokeOut{}, holdfast.BadInput("", holdfast.Problem{Field: "id", Message: "give either a session's id or all"})
	}
	list, err := a.Sessions(ctx)
	if err != nil {
		return revokeOut{}, err
	}
	var ids []string
	for _, s := range list {
		if in.All || s.is(in.ID) {
			ids = append(ids, s.ID)
		}
	}
	switch {
	case len(ids) == 0 && !in.All:
		return revokeOut{}, holdfast.Errorf(holdfast.CodeNotFound, "there is no session %s", in.ID)
	case len(ids) > 1 && !in.All:
		return revokeOut{}, holdfast.Errorf(holdfast.CodeConflict, "%s is the beginning of %d sessions", in.ID, len(ids))
	case len(ids) == 0:
		return revokeOut{Revoked: []string{}}, nil
	}
	gone, err := a.End(ctx, ids...)
	return revokeOut{Revoked: gone}, err
}

// is tells whether the session is meant by the beginning of an id.
func (s Session) is(prefix string) bool {
	return len(prefix) >= 4 && len(prefix) <= len(s.ID) && s.ID[:len(prefix)] == prefix
}
