// SPDX-License-Identifier: Apache-2.0

// Package plain makes text of strangers fit to be shown and kept: without control characters, within
// a bound, and without what has the form of a key.
//
// It is for what tool servers, models and web servers wrote, on its way to a terminal, a log, the
// journal or an error. It is not for arguments of tools, whose schemas mark what is secret
// (agent/tools). It guarantees valid UTF-8 and the bound, and holds the one list of characters that
// nobody sees. agent, agent/tools, its poison, agent/upstream and agent/mcp call it.
package plain

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
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

// Unseen tells the characters that a person does not see, that no writing needs, and that a model
// reads: of control, of direction, of tags, without a width, and of private use.
func Unseen(r rune) bool {
	switch {
	case r < 0x20:
		return r != '\n' && r != '\t' && r != '\r'
	case r >= 0x7f && r < 0xa0, r == 0x180e, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0,
		r == 0x200b, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff,
		r >= 0xfff9 && r <= 0xfffb, r >= 0xe000 && r <= 0xf8ff, r >= 0x1d173 && r <= 0x1d17a, r >= 0xe0000:
		return true
	}
	return false
}

// Selects tells the marks that choose how the sign before them looks.
func Selects(r rune) bool { return r >= 0xfe00 && r <= 0xfe0f }

// Joins tells the marks that some scripts and pictures need between two signs.
func Joins(r rune) bool { return r == 0x200c || r == 0x200d }

// Reveal writes what nobody sees as its number, also what has its place in some writing, for who
// judges a text.
func Reveal(text string) string {
	var b strings.Builder
	for _, r := range text {
		if Unseen(r) || Selects(r) || Joins(r) || r == 0xad || r == 0x200e || r == 0x200f {
			fmt.Fprintf(&b, "[U+%04X]", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
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

// maskable are the parts of a text that are masked where all else of it is shown: the password of an
// address, and what has the form of a key.
func maskable() []func() *regexp.Regexp {
	return []func() *regexp.Regexp{passwords, keyForms, bearers, armoured}
}

var (
	passwords = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(://[^\s/?#:@]*:)[^\s/?#]+(@)`) })
	keyForms  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(\b(?:sk-|ghp_|github_pat_|xoxb-|xoxp-|akia|glpat-|age-secret-key-|eyj))[a-z0-9_-]{8,}(?:\.[a-z0-9_-]+)*()`)
	})
	bearers  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)(\bbearer )[a-z0-9._~+/=-]{12,}()`) })
	armoured = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(-----BEGIN [A-Z0-9 ]+-----)[A-Za-z0-9+/=\s]+(-----END)`)
	})
)

// Judged is a text for who has to judge all of it: nothing is cut, what nobody sees is written as its
// number, and of what is secret only itself is masked: the password in an address, a key.
func Judged(text string) string {
	for _, secret := range maskable() {
		text = secret().ReplaceAllString(text, "${1}"+Hidden+"${2}")
	}
	return Reveal(text)
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

// Nested is how many lists and objects of a JSON text stand in each other at most.
func Nested(text []byte) int {
	depth, most, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[', c == '{':
			depth++
			most = max(most, depth)
		case c == ']', c == '}':
			depth--
		}
	}
	return most
}
