// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"slices"
	"strings"
	"testing"

	"holdfast"
)

// TestNoServerHasTheBypass whether it is declared, a secret, or the house's own.
func TestNoServerHasTheBypass(t *testing.T) {
	t.Setenv(holdfast.BypassVariable, "1")
	l := launcher{
		needs: &Needs{Secret: func(string) (holdfast.Secret, bool) { return holdfast.NewSecret("1"), true }},
		decl: holdfast.ToolServer{
			Env: map[string]string{holdfast.BypassVariable: "1", "MINE": "x"}, Secrets: []string{holdfast.BypassVariable},
		},
	}
	env, _, err := l.environment()
	if err != nil || !slices.Contains(env, "MINE=x") {
		t.Fatalf("%v: %v", err, env)
	}
	if slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, holdfast.BypassVariable) }) {
		t.Errorf("it has %v", env)
	}
}
