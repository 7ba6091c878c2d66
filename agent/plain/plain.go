// SPDX-License-Identifier: Apache-2.0

// Package plain makes text of strangers fit to be shown and kept: without control characters, within
// a bound, and without what has the form of a key.
//
// It is for what tool servers, models and web servers wrote, on its way to a terminal, a log, the
// journal or an error. It is not for arguments of tools, whose schemas mark what is secret
// (agent/tools). It guarantees valid UTF-8 and the bound. agent, agent/tools, agent/upstream and
// agent/mcp call it.
package plain

import (
	"strings"
	"unicode/utf8"
)

const (
	// Hidden stands for what is not to be shown.
	Hidden   = "••••"
	maxShown = 200
)

// Text keeps text from steering a terminal: control characters go, line ends and tabs stay, and it is
// cut at a bound of bytes.
func Text(text string, bound int) string {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	return Cut(text, bound)
}

// Cut cuts at a bound of bytes, between characters.
func Cut(s string, bound int) string {
	if len(s) <= bound {
		return s
	}
	cut := bound
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Show cuts a string to what a line of the journal holds, and hides one that has the form of a key or
// carries one.
func Show(s string) string {
	lower := strings.ToLower(s)
	for _, form := range []string{"sk-", "bearer ", "ghp_", "github_pat_", "xoxb-", "xoxp-", "-----begin", "eyj", "akia", "glpat-", "age-secret-key"} {
		if strings.Contains(lower, form) && longRun(s) {
			return Hidden
		}
	}
	if strings.Contains(s, "://") && strings.Contains(s, "@") {
		return Hidden
	}
	return Cut(s, maxShown)
}

// longRun tells whether a text holds a run of at least 12 characters as keys are made of.
func longRun(s string) bool {
	run := 0
	for _, r := range s {
		if r <= ' ' {
			run = 0
			continue
		}
		if run++; run >= 12 {
			return true
		}
	}
	return false
}
