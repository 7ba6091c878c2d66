// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"strings"
	"unicode"
)

// mostName is how much of a client's name is kept.
const mostName = 64

// plainName is a client's name without what does not show or moves what does: control characters,
// marks that turn the direction of writing, invisible ones and piled-up accents.
func plainName(name string) string {
	var b strings.Builder
	marks, space := 0, true
	for _, c := range strings.ToValidUTF8(name, "") {
		switch {
		case unicode.IsSpace(c):
			if !space {
				b.WriteByte(' ')
			}
			space = true
			continue
		case unicode.Is(unicode.Mn, c) || unicode.Is(unicode.Me, c):
			if marks++; marks > 2 {
				continue
			}
		case !unicode.IsPrint(c) || unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Co, c) || c == '\u3164' || c == '\u115f' || c == '\u1160' || c == '\uffa0':
			continue
		default:
			marks = 0
		}
		if b.Len()+len(string(c)) > mostName {
			break
		}
		b.WriteRune(c)
		space = false
	}
	return strings.TrimSpace(b.String())
}

// mixesAlphabets tells whether a name has letters of several alphabets, or letters outside ASCII that
// look like those of it: a name made to be taken for another.
func mixesAlphabets(name string) bool {
	alphabets := map[string]bool{}
	for _, c := range name {
		if !unicode.IsLetter(c) {
			continue
		}
		alphabets[alphabet(c)] = true
	}
	return len(alphabets) > 1
}

// alphabet is the script of a letter. Han, Kana and Hangul are written together, and count as one.
func alphabet(c rune) string {
	switch {
	case c < unicode.MaxASCII:
		return "Latin"
	case c >= 0xff00 && c <= 0xffef, c >= 0x1d400 && c <= 0x1d7ff, c >= 0x2100 && c <= 0x214f:
		return "lookalike" // full width, mathematical and letter-like forms
	case unicode.In(c, unicode.Latin):
		return "Latin"
	case unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo):
		return "Han"
	}
	for _, script := range []struct {
		name  string
		table *unicode.RangeTable
	}{{"Cyrillic", unicode.Cyrillic}, {"Greek", unicode.Greek}, {"Armenian", unicode.Armenian}, {"Cherokee", unicode.Cherokee}} {
		if unicode.Is(script.table, c) {
			return script.name
		}
	}
	return "other"
}

// foreignAlphabet tells whether a name is written with letters of another alphabet that look like
// Latin ones; a person who reads such a name every day is told no harm by a note.
func foreignAlphabet(name string) bool {
	for _, c := range name {
		if unicode.IsLetter(c) && unicode.In(c, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee) {
			return true
		}
	}
	return false
}

// slug is a name as the journal writes it.
func slug(name string) string {
	text := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		case c == ' ', c == '_', c == '.':
			return '-'
		}
		return -1
	}, name)
	if text = strings.Trim(clip(text, 32), "-"); text == "" {
		return "client"
	}
	return text
}
