// SPDX-License-Identifier: Apache-2.0

// Package need says what becomes of a test whose machine lacks something: it is skipped with the
// reason, and fails where CI=true, for there nothing may be skipped. It builds the house's programs
// for tests that run them, and finds addresses for them to listen at.
//
// It is for tests alone, of every package; it imports nothing of the house.
package need

import (
	"net"
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

// Address is one of this machine at which nobody listens.
func Address(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a moment
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
