// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"encoding/json"
	"net/http"
	"strings"

	"holdfast/core/house"
)

const (
	resourceWellKnown = "/.well-known/oauth-protected-resource"
	serverWellKnown   = "/.well-known/oauth-authorization-server"

	authorizePath = "/api/authorize"
	tokenPath     = "/api/token"
	registerPath  = "/api/register"
	revokePath    = "/api/revoke"
)

func (s *Server) routes() []house.Route {
	route := func(pattern, summary string, auth house.Auth, h http.HandlerFunc) house.Route {
		return house.Route{Pattern: pattern, Auth: auth, Summary: summary, Handler: h}
	}
	// What tells of an endpoint is served wherever the endpoint is.
	both := func(r house.Route) house.Route { r.Loopback = true; return r }
	return []house.Route{
		both(route(resourceWellKnown, "which authorization server guards MCP", house.AuthPublic, s.open(http.MethodGet, guide{s}.resourceMetadata))),
		both(route(resourceWellKnown+"/", "which authorization server guards an MCP endpoint", house.AuthPublic, s.open(http.MethodGet, guide{s}.resourceMetadata))),
		route(serverWellKnown, "the authorization server's endpoints", house.AuthPublic, s.open(http.MethodGet, guide{s}.serverMetadata)),
		route("GET "+authorizePath, "asks a person to give an MCP client access", house.AuthOwn, consent{s}.authorizePage),
		route("POST "+authorizePath, "takes the person's answer", house.AuthOwn, consent{s}.decide),
		route(tokenPath, "gives tokens for codes and refresh tokens", house.AuthOwn, s.open(http.MethodPost, mint{s}.tokenRequest)),
		route(registerPath, "registers an MCP client", house.AuthPublic, s.open(http.MethodPost, enrolment{s}.registerClient)),
		route(revokePath, "takes a token back", house.AuthOwn, s.open(http.MethodPost, mint{s}.revokeToken)),
	}
}

// open serves programs of any origin: nothing behind it looks at a cookie. It answers the question
// that browsers ask before, and refuses while no access is given.
func (s *Server) open(method string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		switch {
		case r.Method == http.MethodOptions:
			h.Set("Access-Control-Allow-Methods", method)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, MCP-Protocol-Version")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
		case r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead):
			h.Set("Allow", method+", OPTIONS")
			fail(w, http.StatusMethodNotAllowed, "invalid_request", "want "+method)
		default:
			if why := s.closed(); why != "" {
				fail(w, http.StatusServiceUnavailable, "temporarily_unavailable", why)
				return
			}
			next(w, r)
		}
	}
}

// a guide tells clients where things are.
type guide struct{ *Server }

// resourceDocument is the metadata of an endpoint (RFC 9728).
type resourceDocument struct {
	Resource string   `json:"resource"`
	Servers  []string `json:"authorization_servers"`
	Scopes   []string `json:"scopes_supported"`
	Methods  []string `json:"bearer_methods_supported"`
	Name     string   `json:"resource_name"`
}

func (s guide) resourceMetadata(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, resourceWellKnown)
	if path == "" || path == "/" {
		path = mainPath // clients that do not know where to look ask at the root
	}
	hub, ok := s.hubOf(path)
	if !ok {
		fail(w, http.StatusNotFound, "not_found", "there is no MCP endpoint at "+clip(path, 100))
		return
	}
	name := "Holdfast"
	if hub != "" {
		name += " hub " + hub
	}
	cacheable(w, resourceDocument{
		Resource: s.base(r.Host) + path, Servers: []string{s.issuer()}, Scopes: basics(hub), Methods: []string{"header"}, Name: name,
	})
}

// serverDocument is the metadata of the authorization server (RFC 8414, RFC 9207 and the draft on
// client metadata documents).
type serverDocument struct {
	Issuer          string   `json:"issuer"`
	Authorize       string   `json:"authorization_endpoint"`
	Token           string   `json:"token_endpoint"`
	Register        string   `json:"registration_endpoint,omitempty"`
	Revoke          string   `json:"revocation_endpoint"`
	Scopes          []string `json:"scopes_supported"`
	ResponseTypes   []string `json:"response_types_supported"`
	ResponseModes   []string `json:"response_modes_supported"`
	GrantTypes      []string `json:"grant_types_supported"`
	TokenMethods    []string `json:"token_endpoint_auth_methods_supported"`
	RevokeMethods   []string `json:"revocation_endpoint_auth_methods_supported"`
	Challenges      []string `json:"code_challenge_methods_supported"`
	SaysIssuer      bool     `json:"authorization_response_iss_parameter_supported"`
	ClientDocuments bool     `json:"client_id_metadata_document_supported"`
	Resources       []string `json:"protected_resources"`
}

// issuer is the authorization server's name: the front door's origin.
func (s *Server) issuer() string { return s.needs.Logins.Origin() }

func (s guide) serverMetadata(w http.ResponseWriter, _ *http.Request) {
	issuer := s.issuer()
	methods := []string{methodNone, methodBasic, methodPost}
	d := serverDocument{
		Issuer: issuer, Authorize: issuer + authorizePath, Token: issuer + tokenPath, Revoke: issuer + revokePath,
		Scopes: scopesOf(""), ResponseTypes: []string{"code"}, ResponseModes: []string{"query"},
		GrantTypes: []string{grantCode, grantRefresh}, TokenMethods: methods, RevokeMethods: methods,
		Challenges: []string{"S256"}, SaysIssuer: true, ClientDocuments: true, Resources: []string{issuer + mainPath},
	}
	if s.settings.Load().Register {
		d.Register = issuer + registerPath
	}
	for _, hub := range s.needs.Hubs() {
		d.Scopes = append(d.Scopes, hubScope+hub)
		d.Resources = append(d.Resources, issuer+hubPath+hub)
	}
	cacheable(w, d)
}

func cacheable(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "max-age=60")
	_ = json.NewEncoder(w).Encode(v)
}

// reply answers with what no cache may keep.
func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// fail answers as OAuth words errors.
func fail(w http.ResponseWriter, status int, kind, text string) {
	reply(w, status, map[string]string{"error": kind, "error_description": ascii(text)})
}

// ascii leaves out what an error description may not have (RFC 6749, 5.2).
func ascii(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"', c == '\\':
			return '\''
		case c < ' ' || c > '~':
			return -1
		}
		return c
	}, text)
}
