// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"strconv"
)

// Size is how many bytes a string of JSON is once its escapes are read: some servers escape every letter
// beyond ASCII, which makes two or three times as many of the same text.
func Size(text []byte) int64 {
	n := len(text)
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 || at+1 >= len(text) {
			return int64(n)
		}
		text = text[at:]
		if text[1] != 'u' || len(text) < len(`\u0000`) {
			n--
			text = text[2:]
			continue
		}
		n -= len(`\u0000`) - width(text[2:6])
		text = text[6:]
	}
}

// width is how many bytes of UTF-8 one unit of UTF-16 is; half of a pair is half of four.
func width(hex []byte) int {
	unit, err := strconv.ParseUint(string(hex), 16, 16)
	switch {
	case err != nil, unit < 0x80:
		return 1
	case unit < 0x800, 0xd800 <= unit && unit < 0xe000:
		return 2
	}
	return 3
}
