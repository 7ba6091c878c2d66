// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"slices"
	"strings"
)

const maxName = 63

// reserved are the words of the route table: an extension so named would stand in the way of the
// house's own paths /api/WORD, /ext/WORD or host.
func reserved() []string {
	return []string{
		"agent", "api", "auth", "authorize", "callback", "core", "edge", "ext", "ext_service",
		"external-services", "health", "healthz", "holdfast", "hooks", "house", "hub", "internal",
		"login", "logout", "mcp", "metrics", "ofrep", "openapi.json", "readyz", "register", "revoke",
		"static", "status.json", "supervisor", "system", "token", "v1", "well-known", "www",
	}
}

// checkName says why a folder's name cannot be an extension's; empty when it can.
func checkName(name string) string {
	if reason := checkLabel(name); reason != "" {
		return reason
	}
	if slices.Contains(reserved(), name) {
		return "is a word of the house's own routes; reserved are " + strings.Join(reserved(), ", ")
	}
	return ""
}

// checkLabel holds a name to what works in a path, a unit's name, a log file and a host label.
// Underscores are luna's custom and no host label; they are let in.
func checkLabel(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxName:
		return "is longer than 63 characters"
	case strings.ContainsFunc(name, func(c rune) bool {
		return c != '_' && c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9')
	}):
		return "holds other characters than a-z, 0-9, - and _"
	case strings.ContainsAny(name[:1]+name[len(name)-1:], "-_"):
		return "begins or ends with - or _"
	case strings.Contains(name, "__"):
		return "holds __, which separates names in log files"
	}
	return ""
}
