// SPDX-License-Identifier: Apache-2.0

// Package api serves the house over HTTP: every action of the registry as a route, streams as
// server-sent events, the OpenAPI document, and the data plane's routes behind the authentication
// that each declares.
//
// It is not for the front door (edge) nor for any power of its own. It stands on three listeners,
// which differ only in how they know a caller: the control socket by the peer process, the edge's
// socket by session or key, the loopback listener by key alone. app wires and serves it.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
	"holdfast/surface/problem"
)

// sessions knows callers by session cookie, with protection against forged requests.
type sessions interface {
	Identify(*http.Request) (holdfast.Caller, error)
}

// keys knows callers by bearer key.
type keys interface {
	Key(ctx context.Context, token string) (holdfast.Caller, bool)
}

// grants knows callers by the access tokens that people gave MCP clients.
type grants interface {
	Mine(token string) bool
	Enter(w http.ResponseWriter, r *http.Request, token string) (entered *http.Request, leave func(), err error)
	Challenge(r *http.Request, token string, err error) string
}

// A Server holds what the three listeners serve.
type Server struct {
	Registry *action.Registry
	Routes   []house.Route
	Sessions sessions
	Keys     keys
	// Grants may be nil: then MCP endpoints know callers by key alone.
	Grants grants
	// Hub answers what no route takes on the front door.
	Hub     http.Handler
	Version string
	Log     *slog.Logger
}

type identify func(*http.Request) (holdfast.Caller, error)

// Control serves the control socket: the caller was put into the connection's context by Peer.
func (s *Server) Control() http.Handler {
	mux := newTable()
	s.mountActions(mux, byPeer)
	for _, route := range s.Routes {
		if route.Auth == house.AuthPeer {
			mux.Handle(route.Pattern, s.guarded(route))
		}
	}
	return mux
}

// Door serves what the front door forwards: control API, data plane and Hub.
func (s *Server) Door() http.Handler {
	mux := newTable()
	s.mountActions(mux, s.either)
	for _, route := range s.Routes {
		if route.Auth != house.AuthPeer {
			mux.Handle(route.Pattern, s.guarded(route))
		}
	}
	mux.ServeMux.Handle("/", s.Hub) // its pages may stand where only another method is served
	return mux
}

// Loopback serves the bearer-key routes straight to programs on this machine.
func (s *Server) Loopback() http.Handler {
	mux := newTable()
	for _, route := range s.Routes {
		if route.Loopback && route.Auth != house.AuthPeer {
			mux.Handle(route.Pattern, s.guarded(route))
		}
	}
	mux.others("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, holdfast.Errorf(holdfast.CodeNotFound,
			"nothing is served at %s %s here: `holdfast routes` prints what this listener serves; the Hub and the control API are at the front door",
			r.Method, r.URL.Path))
	})
	return mux
}

// guarded puts a data plane route behind the authentication that it declares.
func (s *Server) guarded(route house.Route) http.Handler {
	if route.Auth == house.AuthMCP && s.Grants != nil {
		return s.byGrant(route)
	}
	var who identify
	switch route.Auth {
	case house.AuthPublic, house.AuthOwn:
		who = func(*http.Request) (holdfast.Caller, error) { return holdfast.Nobody("http"), nil }
	case house.AuthKey, house.AuthMCP:
		who = s.byKey
	case house.AuthSession:
		who = s.bySession
	case house.AuthEither:
		who = s.either
	case house.AuthPeer:
		who = byPeer
	default:
		who = func(*http.Request) (holdfast.Caller, error) {
			return holdfast.Caller{}, errors.New("the route declares no authentication")
		}
	}
	open := route.Auth == house.AuthPublic || route.Auth == house.AuthOwn
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := who(r)
		if err == nil && !open && caller.Kind == holdfast.CallerNobody {
			err = unknownCaller()
		}
		if err != nil {
			refuse(w, r, err)
			return
		}
		route.Handler.ServeHTTP(w, r.WithContext(holdfast.WithCaller(r.Context(), caller)))
	})
}

// byGrant serves an MCP endpoint to access tokens for it, to the endpoint's own key, and to the house's
// keys. Who is refused is told where to get a token.
func (s *Server) byGrant(route house.Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := bearer(r)
		var entered *http.Request
		leave, err := func() {}, error(nil)
		if s.Grants.Mine(token) {
			entered, leave, err = s.Grants.Enter(w, r, token)
		} else if caller, ok := ofRoute(route, r, token); ok {
			entered = r.WithContext(holdfast.WithCaller(r.Context(), caller))
		} else {
			var caller holdfast.Caller
			if caller, err = s.byKey(r); err == nil && caller.Kind == holdfast.CallerNobody {
				err = unknownCaller()
			}
			entered = r.WithContext(holdfast.WithCaller(r.Context(), caller))
		}
		if err != nil {
			if challenge := s.Grants.Challenge(r, token, err); challenge != "" {
				w.Header().Set("WWW-Authenticate", challenge)
			}
			refuse(w, r, err)
			return
		}
		defer leave()
		route.Handler.ServeHTTP(w, entered)
	})
}

// ofRoute knows who bears a key of one route.
func ofRoute(route house.Route, r *http.Request, token string) (holdfast.Caller, bool) {
	if route.Bearer == nil || token == "" {
		return holdfast.Caller{}, false
	}
	return route.Bearer(r, token)
}

// refuse answers in the form that the route's clients read: OpenAI's or Anthropic's under /v1,
// problem+json elsewhere.
func refuse(w http.ResponseWriter, r *http.Request, err error) { say(w, r, problem.Of(err)) }

func say(w http.ResponseWriter, r *http.Request, d problem.Document) {
	if strings.Contains(r.URL.Path, "/v1/messages") {
		anthropicError(w, d)
		return
	}
	if strings.Contains(r.URL.Path, "/v1/") && !strings.HasPrefix(r.URL.Path, "/api/v1/") {
		openAIError(w, d)
		return
	}
	d.Write(w)
}

func unknownCaller() error {
	return &holdfast.Error{
		Code:    holdfast.CodeUnknown,
		Message: "who are you? Send a valid key as `Authorization: Bearer …` or `x-api-key: …`, or log in (`holdfast link` prints a one-time link)",
	}
}

// bearer is the key of a request: a bearer token, or as clients of Anthropic send theirs.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return strings.TrimSpace(r.Header.Get("X-Api-Key"))
}

func (s *Server) byKey(r *http.Request) (holdfast.Caller, error) {
	token := bearer(r)
	if token == "" {
		return holdfast.Nobody("http"), nil
	}
	caller, ok := s.Keys.Key(r.Context(), token)
	if !ok {
		return caller, unknownCaller()
	}
	if caller.Surface == "" {
		caller.Surface = "http"
	}
	return caller, nil
}

// byPeer knows who was put into the connection's context by Peer.
func byPeer(r *http.Request) (holdfast.Caller, error) { return holdfast.CallerFrom(r.Context()), nil }

func (s *Server) bySession(r *http.Request) (holdfast.Caller, error) {
	return s.Sessions.Identify(r)
}

// either takes a bearer key when one is sent, and else the session.
func (s *Server) either(r *http.Request) (holdfast.Caller, error) {
	if bearer(r) != "" {
		return s.byKey(r)
	}
	return s.bySession(r)
}
