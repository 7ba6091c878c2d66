// SPDX-License-Identifier: Apache-2.0

package openai

import "bytes"

// opaqueTokens is what an image or a recording inside a message is taken for: its bytes say
// nothing about its tokens.
const opaqueTokens = 1500

// messageTokens is what a message costs beside its text.
const messageTokens = 4

// Tokens estimates how many tokens a text is: four bytes of ASCII or three of anything else to a
// token, rounded up. It is within a third of the common tokenizers for prose and code.
func Tokens(text []byte) int64 {
	wide := int64(0)
	for _, c := range text {
		wide += int64(c >> 7)
	}
	plain := int64(len(text)) - wide
	return (3*plain + 4*wide + 11) / 12
}

// valueTokens estimates a string of a message, which may hold an image.
func valueTokens(text []byte) int64 {
	if len(text) > 1024 && opaque(text) {
		return opaqueTokens
	}
	return Tokens(text)
}

// opaque tells base64, bare or in a data URI, from text by its beginning.
func opaque(text []byte) bool {
	if rest, ok := bytes.CutPrefix(text, []byte("data:")); ok {
		if _, after, found := bytes.Cut(rest[:min(len(rest), 128)], []byte(";base64,")); found {
			return len(after) >= 0
		}
	}
	for _, c := range text[:256] {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '+', c == '/', c == '=', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
