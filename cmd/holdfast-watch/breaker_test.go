// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnswers holds the forms that Claude Code and Codex take for a no, and that silence is a yes.
func TestAnswers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ask := func(args ...string) (int, string, string) {
		var out, problems strings.Builder
		if args[0] == "check" {
			return check(args[1:], &problems), "", problems.String()
		}
		return answer(args, &out, &problems), out.String(), problems.String()
	}
	for _, args := range [][]string{
		{"check", "--home", dir},
		{"claude", "PreToolUse", "--home", dir},
		{"claude", "UserPromptSubmit", "--home", dir},
		{"codex", "PreToolUse", "--home", dir},
		{"codex", "UserPromptSubmit", "--home", dir},
	} {
		if status, out, problems := ask(args...); status != 0 || out+problems != "" {
			t.Errorf("%v: %d, %q, %q", args, status, out, problems)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "var", "breaker"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "var", "breaker", "HALT_FLAG"), []byte(`say "enough"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, problems := ask("check", "--home", dir); status != 3 || !strings.Contains(problems, "breaker_halt") {
		t.Errorf("check: %d, %q", status, problems)
	}
	for _, args := range [][]string{{"codex", "PreToolUse", "--home", dir}, {"codex", "UserPromptSubmit", "--home", dir}, {"claude", "UserPromptSubmit", "--home", dir}} {
		if status, out, problems := ask(args...); status != 2 || out != "" || !strings.Contains(problems, "enough") {
			t.Errorf("%v: %d, %q, %q", args, status, out, problems)
		}
	}
	status, out, _ := ask("claude", "PreToolUse", "--home", dir)
	var said map[string]any
	if err := json.Unmarshal([]byte(out), &said); err != nil || status != 0 || said["continue"] != false || !strings.Contains(said["stopReason"].(string), `say "enough"`) {
		t.Fatalf("%d, %v: %s", status, err, out)
	}
	inner := said["hookSpecificOutput"].(map[string]any)
	if inner["hookEventName"] != "PreToolUse" || inner["permissionDecision"] != "deny" || inner["permissionDecisionReason"] == "" {
		t.Errorf("said %v", inner)
	}
	for _, args := range [][]string{{"gemini", "x", "--home", dir}, {"claude"}, {"codex", "PreToolUse", "--home"}, {"check"}} {
		if status, _, _ := ask(args...); status != wrongUse {
			t.Errorf("%v: %d", args, status)
		}
	}
}
