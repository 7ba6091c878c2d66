// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"math"
	"strconv"
)

// opaqueTokens is what an image or a recording inside a message is taken for: its bytes say
// nothing about its tokens.
const opaqueTokens = 1500

// MessageTokens is what a message costs beside its text.
const MessageTokens = 4

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

// ValueTokens estimates a string of a message, which may hold an image.
func ValueTokens(text []byte) int64 {
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

// mostTokens bounds what is believed of an upstream's count for one call.
const mostTokens = 1 << 40

// Count reads a number of tokens; null is none. What is not believable makes ok false.
func Count(value []byte, ok *bool) int64 {
	if string(value) == "null" {
		return 0
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		f, floatErr := strconv.ParseFloat(string(value), 64) // some servers write 12.0
		if floatErr != nil || f != math.Trunc(f) || math.Abs(f) > mostTokens {
			*ok = false
			return 0
		}
		n = int64(f)
	}
	if n < 0 || n > mostTokens {
		*ok = false
		return 0
	}
	return n
}
