// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast"
)

func TestCheckReadsTheFlagAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{{"breaker", "check"}, {"status"}, {"breaker", "check", "--json"}, {"breaker", "--home"}, nil} {
		if len(args) == 2 && args[1] == "check" {
			continue
		}
		if _, done := check(args, os.Stderr); done {
			t.Errorf("%v is answered by the flag alone", args)
		}
	}
	for _, args := range [][]string{{"--home", dir, "breaker", "check"}, {"breaker", "check", "--home=" + dir}, {"breaker", "--home", dir, "check"}} {
		if status, done := check(args, os.Stderr); status != 0 || !done {
			t.Errorf("%v: %d, %v", args, status, done)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "var", "breaker"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "var", "breaker", "HALT_FLAG"), []byte("enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	if status, done := check([]string{"breaker", "check", "--home", dir}, &said); status != 3 || !done || !strings.Contains(said.String(), "enough") {
		t.Errorf("%d, %v: %s", status, done, said.String())
	}
	if _, done := check([]string{"breaker", "check", "--home", filepath.Join(dir, "nowhere")}, os.Stderr); done {
		t.Error("a home that is not there is clear")
	}
}

func TestTheBypassIsForOneCommandOfATerminal(t *testing.T) {
	for _, c := range []struct {
		value       string
		interactive bool
		want        bool
	}{{"1", true, true}, {"1", false, false}, {"yes", true, false}, {"", true, false}} {
		t.Setenv(holdfast.BypassVariable, c.value)
		if got := holdfast.BypassFrom(bypass(t.Context(), c.interactive)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
		if _, there := os.LookupEnv(holdfast.BypassVariable); there {
			t.Error("children have it")
		}
	}
}

func TestHomeIsTakenOutOfACommandLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                               "| ",
		"breaker check":                  "breaker check| ",
		"--home a breaker check":         "breaker check| a",
		"breaker --home=a check":         "breaker check| a",
		"breaker check --home a --home=": "breaker check| ",
		"--home a status --home b":       "status| b",
		"status --home":                  "status --home| ",
		"unit run -- --home a":           "unit run -- --home a| ",
		"--home --home status":           "status| --home",
	} {
		words, dir := withoutHome(strings.Fields(line))
		if got := strings.Join(words, " ") + "| " + dir; got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
