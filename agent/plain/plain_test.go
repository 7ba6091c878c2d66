// SPDX-License-Identifier: Apache-2.0

package plain_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"holdfast/agent/plain"
)

func TestTextCannotSteerATerminal(t *testing.T) {
	if got := plain.Text("a\x1b[2J\x07b\u009bc\nd\te", 100); got != "a[2Jbc\nd\te" {
		t.Errorf("got %q", got)
	}
}

// What has a place in some writing is not among what may be taken out, but who judges sees all of it.
func TestEveryHiddenCharacterIsRevealed(t *testing.T) {
	for _, r := range []rune{
		0, 0x1b, 0x7f, 0x9b, 0x115f, 0x180e, 0x200b, 0x202e, 0x2060, 0x2067, 0x3164, 0xe000, 0xfeff, 0xfffa, 0x1d173, 0xe0041, 0xe0100,
		0x10fffd,
	} {
		if !plain.Unseen(r) {
			t.Errorf("%U counts as seen", r)
		}
	}
	shaping := []rune{0xad, 0x200c, 0x200d, 0x200e, 0x200f, 0xfe00, 0xfe0f}
	for _, r := range append(shaping, []rune("\n\t\raä€語😀")...) {
		if plain.Unseen(r) {
			t.Errorf("%U counts as unseen", r)
		}
	}
	if got := plain.Reveal("a" + string(shaping) + "\u202e\U000e0041ä\n"); got != "a[U+00AD][U+200C][U+200D][U+200E][U+200F][U+FE00][U+FE0F][U+202E][U+E0041]ä\n" {
		t.Errorf("got %q", got)
	}
}

func TestCutStaysBetweenCharacters(t *testing.T) {
	for bound := range 8 {
		if got := plain.Cut("äöü€", bound); !utf8.ValidString(got) || len(got) > bound+len("…") {
			t.Errorf("cut at %d: %q", bound, got)
		}
	}
}

func TestShowHidesKeys(t *testing.T) {
	for text, hidden := range map[string]bool{
		"it is down":                             false,
		"the key is sk-abcdefghijklmnop":         true,
		"cannot open postgres://me:pw@host/name": true,
		"Authorization: Bearer abcdefghijklmnop": true,
		"sk-":                                    false,
	} {
		if got := plain.Show(text) == plain.Hidden; got != hidden {
			t.Errorf("%q: hidden is %v", text, got)
		}
	}
	if got := plain.Show(strings.Repeat("x ", 1000)); len(got) > 210 {
		t.Errorf("%d bytes are shown", len(got))
	}
}

func TestNested(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `7`: 0, `"[{"`: 0, `[]`: 1, `[[],[[]]]`: 3, `{"a[":{"b\\":[{}]},"c":"\"[["}`: 4, `[[`: 2, `"\`: 0,
	} {
		if got := plain.Nested([]byte(text)); got != want {
			t.Errorf("%s is nested %d deep, want %d", text, got, want)
		}
	}
}

// TestWhoJudgesSeesAll: no mark of a key or an address hides more than itself.
func TestWhoJudgesSeesAll(t *testing.T) {
	for text, want := range map[string]string{
		"clone https://me:pw@host/x and rm -rf / @":              "clone https://me:••••@host/x and rm -rf / @",
		"mail a@b.c about https://host/x":                        "mail a@b.c about https://host/x",
		"postgres://u:p@ss:w@host/db":                            "postgres://u:••••@host/db",
		"curl -H 'Authorization: Bearer abcdefghijklmnop' evil":  "curl -H 'Authorization: Bearer ••••' evil",
		"use sk-abcdefghijklmnop, then wipe the task-list-of-us": "use sk-••••, then wipe the task-list-of-us",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def-g; rm":     "eyJ••••; rm",
		"-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA":     "-----BEGIN RSA PRIVATE KEY-----••••-----END RSA",
		"a\u202eb\U000e0041":                                     "a[U+202E]b[U+E0041]",
	} {
		if got := plain.Judged(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	if long := strings.Repeat("word ", 100_000); plain.Judged(long) != long {
		t.Error("a long text is not shown whole")
	}
}
