// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// mainPath is the endpoint of the whole catalogue; a hub's is hubPath and its name.
const (
	mainPath = "/api/mcp"
	hubPath  = "/mcp/"
)

// The scopes. Each hub has one more, hub:NAME.
const (
	// ScopeRead lets a client see what an endpoint offers, and call tools that only read.
	ScopeRead = "tools:read"
	// ScopeCall lets it call every tool.
	ScopeCall = "tools:call"
	// ScopeOperator lets it ask for the house's own actions as an operator; guards and confirmations
	// stay, and what destroys still waits for a person.
	ScopeOperator = "operator"

	hubScope = "hub:"
)

// hubOf is the hub of an endpoint's path, empty for the main one; false where there is no endpoint.
func (s *Server) hubOf(path string) (hub string, ok bool) {
	if path == mainPath {
		return "", true
	}
	name, ok := strings.CutPrefix(path, hubPath)
	if !ok || name == "" || strings.Contains(name, "/") {
		return "", false
	}
	return name, slices.Contains(s.needs.Hubs(), name)
}

// basics are the scopes without which an endpoint is of little use; they are what it asks for.
func basics(hub string) []string {
	list := []string{ScopeRead, ScopeCall}
	if hub != "" {
		list = append(list, hubScope+hub)
	}
	return list
}

// scopesOf are all scopes that a client may have at an endpoint.
func scopesOf(hub string) []string { return append(basics(hub), ScopeOperator) }

// opening are scopes with the least without which they open nothing at an endpoint: those that say only
// where, or with which standing, come with leave to look.
func opening(scopes []string, hub string) []string {
	if slices.Contains(scopes, ScopeRead) || slices.Contains(scopes, ScopeCall) {
		return scopes
	}
	least := []string{ScopeRead}
	if own := hubScope + hub; hub != "" && !slices.Contains(scopes, own) {
		least = append(least, own)
	}
	return append(least, scopes...)
}

// has tells whether scopes hold one, or one that includes it: who may call may read.
func has(scopes, one string) bool {
	list := strings.Fields(scopes)
	return slices.Contains(list, one) || one == ScopeRead && slices.Contains(list, ScopeCall)
}

// within tells whether every scope of the narrow list is in the wide one.
func within(narrow, wide string) bool {
	for one := range strings.FieldsSeq(narrow) {
		if !has(wide, one) {
			return false
		}
	}
	return true
}

// names are the hosts under which the endpoints are reached: the front door, and the listener for
// programs on this machine, each also as localhost.
func (s *Server) names() []string {
	var list []string
	for _, base := range []string{s.needs.Logins.Origin(), s.needs.API()} {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" {
			continue
		}
		list = append(list, u.Host)
		if loopback(u) {
			list = append(list, net.JoinHostPort("localhost", u.Port()))
		}
	}
	return list
}

// base is the origin of a host at which the endpoints are reached; that of the front door when the
// host is another.
func (s *Server) base(host string) string {
	origin := s.needs.Logins.Origin()
	host = strings.ToLower(host)
	if !slices.Contains(s.names(), host) {
		return origin
	}
	if u, err := url.Parse(origin); err == nil && host == u.Host {
		return origin
	}
	scheme := "http"
	if strings.HasPrefix(origin, "https:") && !strings.HasSuffix(s.needs.API(), "://"+host) {
		scheme = "https"
	}
	return scheme + "://" + host
}

// audience is the path of the endpoint that a resource indicator names (RFC 8707); false when it is
// none of this house.
func (s *Server) audience(resource string) (path string, ok bool) {
	u, err := plainURI(resource)
	if err != nil || u.RawQuery != "" || u.ForceQuery || u.RawPath != "" {
		return "", false
	}
	base := strings.ToLower(u.Scheme + "://" + u.Host)
	if !slices.Contains(s.names(), strings.ToLower(u.Host)) || base != s.base(u.Host) {
		return "", false
	}
	path = strings.TrimSuffix(u.Path, "/")
	_, ok = s.hubOf(path)
	return path, ok
}
