// SPDX-License-Identifier: Apache-2.0

// Package need says what becomes of a test whose machine lacks something: it is skipped with the
// reason, and fails where CI=true, for there nothing may be skipped. It builds the programs that
// tests stand beside the house.
//
// It is for tests alone, of every package; it imports nothing of the house.
package need

import (
	"os"
	"testing"
)

// Missing ends a test that cannot run here.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s, and in CI nothing is skipped", why)
	}
	t.Skip(why)
}
