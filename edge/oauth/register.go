// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"holdfast/core/store"
)

const (
	mostRegistration = 16 << 10
	mostRedirects    = 10
	// unusedFor is how long a registration waits for somebody to consent to it.
	unusedFor = 24 * time.Hour
	// firmFor is how long it is safe from newer ones when there are too many.
	firmFor = 10 * time.Minute

	methodNone  = "none"
	methodBasic = "client_secret_basic"
	methodPost  = "client_secret_post"

	applicationNative = "native"
)

// enrolment takes clients in.
type enrolment struct{ *Server }

// metadata is what a client tells of itself, by registration (RFC 7591) or in its document.
type metadata struct {
	ClientID      string   `json:"client_id,omitempty"`
	Secret        string   `json:"client_secret,omitempty"`
	SecretExpires *int64   `json:"client_secret_expires_at,omitempty"`
	IssuedAt      int64    `json:"client_id_issued_at,omitempty"`
	Name          string   `json:"client_name,omitempty"`
	URI           string   `json:"client_uri,omitempty"`
	Redirects     []string `json:"redirect_uris"`
	Method        string   `json:"token_endpoint_auth_method,omitempty"`
	GrantTypes    []string `json:"grant_types,omitempty"`
	ResponseTypes []string `json:"response_types,omitempty"`
	Application   string   `json:"application_type,omitempty"`
	Scope         string   `json:"scope,omitempty"`
}

// A refusal is an error of OAuth: its code and its words.
type refusal struct {
	status     int
	kind, text string
}

func (e *refusal) Error() string { return e.text }

func refused(kind, format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, kind: kind, text: fmt.Sprintf(format, args...)}
}

// answer writes an error: a refusal in its words, and of what is not the client's business no more
// than that it failed.
func (s *Server) answer(w http.ResponseWriter, err error) {
	if no, ok := errors.AsType[*refusal](err); ok {
		fail(w, no.status, no.kind, no.text)
		return
	}
	s.needs.Log.Error("cannot answer an OAuth request", slog.Any("error", err))
	fail(w, http.StatusServiceUnavailable, "temporarily_unavailable", "the house cannot answer just now; try again")
}

func (s enrolment) registerClient(w http.ResponseWriter, r *http.Request) {
	if !s.settings.Load().Register {
		fail(w, http.StatusForbidden, "access_denied", "clients cannot register here (oauth.register); use a client metadata document")
		return
	}
	if wait, ok := s.register.Allow(address(r)); !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		fail(w, http.StatusTooManyRequests, "temporarily_unavailable", "too many registrations; wait a little")
		return
	}
	m, err := readMetadata(w, r)
	if err == nil {
		err = m.check()
	}
	if err != nil {
		s.answer(w, err)
		return
	}
	c, secret := s.newClient(m, address(r))
	if err := s.rows.store.Write(r.Context(), func(ctx context.Context, tx store.Tx) error { return s.enroll(ctx, tx, c) }); err != nil {
		s.answer(w, err)
		return
	}
	s.needs.Log.Info("an MCP client registered", slog.String("client", c.ID), slog.String("name", c.Name))
	m.ClientID, m.IssuedAt, m.Name, m.Scope = c.ID, c.Created.Unix(), c.Name, ""
	if secret != "" {
		never := int64(0)
		m.Secret, m.SecretExpires = secret, &never
	}
	reply(w, http.StatusCreated, m)
}

func readMetadata(w http.ResponseWriter, r *http.Request) (metadata, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return metadata{}, refused("invalid_client_metadata", "want JSON (Content-Type: application/json)")
	}
	var m metadata
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostRegistration)).Decode(&m)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return m, &refusal{
			status: http.StatusRequestEntityTooLarge, kind: "invalid_client_metadata",
			text: fmt.Sprintf("a registration has %d bytes at most", mostRegistration),
		}
	}
	if err != nil {
		return m, refused("invalid_client_metadata", "the body is not a JSON object of client metadata")
	}
	m.ClientID, m.Secret, m.SecretExpires, m.IssuedAt = "", "", nil, 0
	return m, nil
}

// check refuses what a client may not be, and fills in what it left to the server.
func (m *metadata) check() error {
	if len(m.Redirects) == 0 || len(m.Redirects) > mostRedirects {
		return refused("invalid_redirect_uri", "want 1 to %d redirect_uris", mostRedirects)
	}
	for _, redirect := range m.Redirects {
		if err := checkRedirect(redirect); err != nil {
			return refused("invalid_redirect_uri", "%v", err)
		}
		if u, _ := plainText(redirect); appOf(u) != "" && m.Application != "" && m.Application != applicationNative {
			return refused("invalid_redirect_uri", "%q opens an app, which a client of application_type %s is not: want native",
				clip(redirect, 80), clip(m.Application, 20))
		}
	}
	if m.Method == "" {
		m.Method = methodBasic
	}
	if !slices.Contains([]string{methodNone, methodBasic, methodPost}, m.Method) {
		return refused("invalid_client_metadata",
			"token_endpoint_auth_method %s is not supported: want none, client_secret_basic or client_secret_post", clip(m.Method, 40))
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{grantCode}
	}
	m.GrantTypes = slices.DeleteFunc(m.GrantTypes, func(t string) bool { return t != grantCode && t != grantRefresh })
	if !slices.Contains(m.GrantTypes, grantCode) {
		return refused("invalid_client_metadata", "grant_types must have authorization_code")
	}
	if len(m.ResponseTypes) > 0 && !slices.Contains(m.ResponseTypes, "code") {
		return refused("invalid_client_metadata", "response_types must have code")
	}
	m.ResponseTypes = []string{"code"}
	if u, err := plainURI(m.URI); err != nil || u.Scheme != "https" && u.Scheme != "http" {
		m.URI = ""
	}
	if m.Name = plainName(m.Name); m.Name == "" {
		m.Name = "a client without a name"
	}
	if m.Application != "" && m.Application != applicationNative {
		m.Application = "web"
	}
	return nil
}

func (s enrolment) newClient(m metadata, from string) (c client, secret string) {
	c = client{
		ID: newToken(clientPrefix), Kind: kindRegistered, Name: m.Name, URI: m.URI, Redirects: m.Redirects,
		Refreshes: slices.Contains(m.GrantTypes, grantRefresh), Address: from, Created: s.needs.Now().UTC(),
	}
	if m.Method != methodNone {
		secret = newToken(secretPrefix)
		c.SecretHash = hash(secret)
	}
	return c, secret
}

// enroll writes a client down. When there are too many, the oldest that nobody consented to makes
// room, but none that is only minutes old: somebody may be about to.
func (s enrolment) enroll(ctx context.Context, tx store.Tx, c client) error {
	count := 0
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM oauth_clients WHERE kind = ?`, kindRegistered).Scan(&count); err != nil {
		return err
	}
	if count >= s.settings.Load().Clients {
		gone, err := tx.Exec(ctx, `DELETE FROM oauth_clients WHERE id IN (SELECT id FROM oauth_clients
			WHERE kind = ? AND used_ns = 0 AND created_ns < ? ORDER BY created_ns LIMIT 1)`,
			kindRegistered, nanos(s.needs.Now().Add(-firmFor)))
		if err != nil {
			return err
		}
		if n, err := gone.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, &refusal{
				status: http.StatusTooManyRequests, kind: "temporarily_unavailable",
				text: "too many clients are registered; revoke some (holdfast client revoke) or raise oauth.clients",
			})
		}
	}
	return putClient(ctx, tx, c)
}

// address is the client's, as the edge says it; the house's socket hears nobody else.
func address(r *http.Request) string { return clip(r.Header.Get("X-Forwarded-For"), 64) }
