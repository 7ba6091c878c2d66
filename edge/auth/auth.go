// SPDX-License-Identifier: Apache-2.0

// Package auth knows who is at the front door: one-time links, sessions, and the proof that a
// request was made by a page of the Hub.
//
// It is for people in browsers. It is not for bearer keys (gateway) nor for programs on the
// control socket (surface/api). Tokens are 256 random bits and stored as hashes. A session is two
// things: a cookie, which browsers send to every port of the host, and a page key, which only
// pages of the Hub's own origin can read; no change is possible with the cookie alone.
//
// surface/api calls Identify, package edge answers the router from Session and its siblings.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"time"

	"holdfast"
	"holdfast/core/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// How long things last.
const (
	linkFor     = 10 * time.Minute
	handoverFor = 30 * time.Second
	idleFor     = 12 * time.Hour
	sessionFor  = 7 * 24 * time.Hour
)

// door is what the front door tells of itself, and hears of sessions that ended.
type door interface {
	// Origin is the Hub's, as browsers write it.
	Origin() string
	// Cookie is the name of the session cookie on the Hub's origin.
	Cookie() string
	// Ended is told which sessions are over.
	Ended(sessions []string)
}

// journal is where logins are written down.
type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
}

// Options are what the logins need.
type Options struct {
	Store   *store.Store
	Journal journal
	Log     *slog.Logger
	// User is the name under which the one-time link logs in; empty means "operator".
	User string
	// KeyedReads asks for the page key on reads too, so that a stolen cookie does not even read.
	KeyedReads bool
	// Now is the clock; nil is the system's.
	Now func() time.Time
}

// Auth holds the logins of one house.
type Auth struct {
	*sessions
	journal    journal
	user       string
	limits     *Limiter
	keyedReads bool
}

// New makes the logins; it touches nothing. Attach must follow before a request is served.
func New(opt Options) *Auth {
	if opt.User == "" {
		opt.User = "operator"
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Auth{
		sessions: &sessions{
			store: opt.Store, log: opt.Log, now: opt.Now,
			seen: map[string]time.Time{}, ended: map[string]time.Time{}, handovers: map[string]handover{},
		},
		journal: opt.Journal, user: opt.User, limits: NewLimiter(opt.Now), keyedReads: opt.KeyedReads,
	}
}

// Attach names the front door that the logins stand in.
func (a *Auth) Attach(d door) { a.door = d }

// newToken makes a token of 256 random bits, as it stands in cookies and links.
func newToken() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// hash is what is stored of a token. It needs no salt and no slowness: nobody guesses 256 bits.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// note writes a login, or the failure of one, into the journal; what cannot be written is logged.
func (a *Auth) note(ctx context.Context, action string, outcome holdfast.Outcome, subject string, detail []byte) {
	who := holdfast.Nobody("http")
	if outcome == holdfast.OutcomeDone {
		who = caller(a.user)
	}
	entry := holdfast.Entry{Caller: who.String(), Tier: who.Tier, Action: action, Subject: subject, Outcome: outcome, Detail: detail}
	if _, err := a.journal.Append(context.WithoutCancel(ctx), entry); err != nil {
		a.log.Error("cannot journal a login", slog.String("action", action), slog.Any("error", err))
	}
}

func caller(user string) holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerOperator, Name: user, Tier: holdfast.TierOperator, Surface: "http"}
}
