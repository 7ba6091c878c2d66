// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/remote/grant"
	"holdfast/core/house"
)

const (
	callbackPath = "/api/remote-mcp/callback"
	documentPath = "/api/remote-mcp/client.json"
	// restartWithin bounds how long the browser waits for the server to be taken up.
	restartWithin = 30 * time.Second
)

func (s *Servers) tokenFile(id string) string {
	return filepath.Join(s.needs.Home.Var("remote-mcp"), id+".json")
}

// of is the server of a grant's key.
func of(key string) string {
	id, _, _ := strings.Cut(key, " ")
	return id
}

func (s *Servers) routes() []house.Route {
	return []house.Route{{
		Pattern: "GET " + callbackPath, Auth: house.AuthPublic, Handler: http.HandlerFunc(s.callback),
		Summary: "where a remote MCP server's authorization server sends the browser back; the state tells whose it is",
	}, {
		Pattern: "GET " + documentPath, Auth: house.AuthPublic, Handler: http.HandlerFunc(s.describe),
		Summary: "who the house is to authorization servers that read client metadata documents",
	}}
}

// document is the URL of the house's client metadata document, empty where no server could read it.
func (s *Servers) document() string {
	origin := s.needs.Origin()
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" || !strings.Contains(u.Hostname(), ".") || u.Port() != "" {
		return ""
	}
	return origin + documentPath
}

func (s *Servers) describe(w http.ResponseWriter, _ *http.Request) {
	at := s.document()
	if at == "" {
		http.Error(w, "the house has no public domain", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"client_id": at, "client_name": "Holdfast", "client_uri": s.needs.Origin(),
		"redirect_uris": []string{s.needs.Origin() + callbackPath}, "token_endpoint_auth_method": "none",
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
	})
}

// authorize begins a flow. A server that was not declared to want one is, from then on.
func (d desk) authorize(ctx context.Context, in nameInput) (authorizeOutput, error) {
	if err := person(ctx); err != nil {
		return authorizeOutput{}, err
	}
	one, err := d.one(in.Name)
	if err != nil {
		return authorizeOutput{}, err
	}
	d.mu.Lock()
	g := d.grantLocked(in.Name, d.list[in.Name])
	d.mu.Unlock()
	open, over, why, err := g.Begin(ctx)
	if err != nil {
		return authorizeOutput{}, holdfast.Errorf(holdfast.CodeUnavailable, "cannot ask for access to %s: %w", in.Name, err)
	}
	if !one.OAuth {
		yes := true
		if _, err := d.update(ctx, updateInput{Name: in.Name, OAuth: &yes}); err != nil {
			return authorizeOutput{}, err
		}
	}
	go func() {
		<-over
		if err := why(); err != nil {
			d.needs.Log.Warn("a remote MCP server was not authorized", slog.String("server", in.Name), slog.Any("error", err))
		}
	}()
	return authorizeOutput{Name: in.Name, URL: open, Note: "open it within 10 minutes; the browser then comes back to " + d.needs.Origin()}, nil
}

// callback takes the browser's return and lets the server be taken up with the new tokens.
func (s *Servers) callback(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	grants := map[string]*grant.Grant{}
	maps.Copy(grants, s.grants)
	restart := s.speaker.Restart
	s.mu.Unlock()
	for key, g := range grants {
		id := of(key)
		ours, err := g.Return(r.Context(), r.URL.Query())
		switch {
		case !ours:
			continue
		case err != nil:
			s.page(w, http.StatusBadRequest, "No access", "Access to "+id+" was not granted: "+plain.Text(err.Error(), 500))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), restartWithin)
		defer cancel()
		if restart != nil {
			if err := restart(ctx, id); err != nil {
				s.needs.Log.Warn("a remote MCP server was authorized and is not there", slog.String("server", id), slog.Any("error", err))
			}
		}
		s.page(w, http.StatusOK, "Access granted", "The house has access to "+id+". You can close this page")
		return
	}
	s.page(w, http.StatusBadRequest, "No access", "Nobody asked for this, or it was too long ago. Begin again with: holdfast remote-mcp authorize NAME")
}

func (s *Servers) page(w http.ResponseWriter, status int, title, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, s.needs.Page(title, text))
}
