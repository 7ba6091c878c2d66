// SPDX-License-Identifier: Apache-2.0

// Package need says what becomes of a test whose machine lacks something: it is skipped with the
// reason, and fails where CI=true, for there nothing may be skipped. It builds the house's programs
// for tests that run them, and finds the published clients and addresses to listen at.
//
// It is for tests alone, of every package; it imports nothing of the house.
package need

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// Clients is the folder with the published clients that tests run, in Node.js: test/clients.
func Clients(t testing.TB) string {
	t.Helper()
	root, err := os.Getwd()
	for ; err == nil; root = filepath.Dir(root) {
		if _, missing := os.Stat(filepath.Join(root, "go.mod")); missing == nil {
			break
		}
		if root == filepath.Dir(root) {
			err = errors.New("no folder above this one holds go.mod")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		Missing(t, "there is no node")
	}
	folder := filepath.Join(root, "test", "clients")
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		Missing(t, "the published clients are not installed: run `npm ci` in test/clients")
	}
	return folder
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
