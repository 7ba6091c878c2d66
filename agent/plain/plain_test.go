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
