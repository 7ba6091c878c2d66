// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"

	"holdfast"
	"holdfast/edge/router"
)

// openPaths are those of the house that a browser may visit without being taken to the login:
// they are public, or answer programs with an error that these understand.
func openPaths() []string {
	return []string{
		"/auth/", "/api/", "/v1/", "/mcp/", "/.well-known/", "/hooks/", "/ofrep/",
		"/healthz", "/readyz", "/metrics", "/status.json", "/assets/", "/favicon.svg",
	}
}

// ownAPI are the names below /api/ that belong to the house, as chapter 50's table has them.
func ownAPI() []string {
	return []string{
		"agent", "supervisor", "external-services", "v1", "openapi.json", "mcp", "authorize", "token", "register", "revoke", "health",
	}
}

// Refresh reads the mounts and sends the edge a new table if they changed.
func (e *Edge) Refresh() {
	e.mu.Lock()
	defer e.mu.Unlock()
	mounted, problems := choose(e.Mounts.Mounts())
	for _, p := range problems {
		if !slices.Contains(e.problems, p) {
			e.Log.Warn("a path is left out of the front door", slog.String("reason", p))
		}
	}
	e.problems = problems
	if e.exchange.current() != nil && slices.Equal(mounted, e.mounted) {
		return
	}
	e.mounted = mounted
	e.exchange.publish(e.table(mounted))
}

// table is what the edge serves by.
func (e *Edge) table(mounted []router.Mount) router.Table {
	at := e.doors.addresses()
	return router.Table{
		Hub:        router.Origin{URL: origin(at.Hub), Hosts: alias(at.Hub), Cookie: e.Cookie()},
		Extensions: router.Origin{URL: origin(at.Extensions), Hosts: alias(at.Extensions), Cookie: e.extensionCookie()},
		House:      e.Home.Socket("edge"),
		Open:       openPaths(),
		Mounts:     mounted,
	}
}

// alias is the name under which a loopback address is also typed.
func alias(address string) []string { return []string{net.JoinHostPort("localhost", port(address))} }

// choose takes the mounts that may stand, and says of the others why not.
func choose(all []holdfast.Mount) (mounted []router.Mount, problems []string) {
	mounted = []router.Mount{}
	taken := map[string]string{}
	for _, m := range all {
		if reason := unfit(m); reason != "" {
			problems = append(problems, fmt.Sprintf("%s of unit %s: %s", m.Path, m.Unit, reason))
			continue
		}
		if unit, ok := taken[m.Path]; ok {
			problems = append(problems, fmt.Sprintf("%s of unit %s: unit %s has it", m.Path, m.Unit, unit))
			continue
		}
		taken[m.Path] = m.Unit
		mounted = append(mounted, router.Mount(m))
	}
	slices.SortFunc(mounted, func(a, b router.Mount) int { return strings.Compare(a.Path, b.Path) })
	return mounted, problems
}

// unfit says why a mount may not stand.
func unfit(m holdfast.Mount) string {
	segments := strings.Split(strings.Trim(m.Path, "/"), "/")
	switch {
	case !strings.HasPrefix(m.Path, "/") || !strings.HasSuffix(m.Path, "/") || len(segments) != 2:
		return "want /ext/NAME/, /ext_service/NAME/ or /api/NAME/"
	case !plainName(segments[1]):
		return "the name must be letters, digits, dot, dash and underscore"
	case segments[0] == "api" && slices.Contains(ownAPI(), strings.ToLower(segments[1])):
		return "the path belongs to the house"
	case segments[0] == "api" && m.OwnOrigin, segments[0] != "api" && !m.OwnOrigin:
		return "pages stand on the extensions' origin, and only services on the Hub's"
	case segments[0] != "api" && segments[0] != "ext" && segments[0] != "ext_service":
		return "want /ext/NAME/, /ext_service/NAME/ or /api/NAME/"
	case m.Port < 0 || m.Port > 65535:
		return fmt.Sprintf("%d is not a port", m.Port)
	}
	return ""
}

func plainName(name string) bool {
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return name != "" && name[0] != '.'
}
