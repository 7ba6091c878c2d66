// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"holdfast/agent/plain"
)

// a seal marks data from elsewhere with a boundary that the data cannot hold: a word made of all of
// it with a key that only this process knows. The same data has the same word, so that a conversation
// that is sent again is the same to the byte.
type seal struct{ key []byte }

func newSeal() seal {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return seal{key}
}

func (s seal) word(text string) string {
	sum := hmac.New(sha256.New, s.key)
	sum.Write([]byte(text))
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// mark puts data between the lines of its boundary, and in a tag for those who read tags.
func (s seal) mark(tag, attributes, text string) string {
	word := s.word(text)
	return fmt.Sprintf("[data %s begins]\n<%s%s>\n%s\n</%s>\n[data %s ends]", word, tag, attributes, fence(visible(text), tag), tag, word)
}

// output is a tool's result as the model sees it: marked, cut, and with what to do about a failure
// outside of the mark.
func (s seal) output(name, text string, bound int, note string) string {
	if len(text) > bound {
		text = strings.ToValidUTF8(text[:bound], "") + fmt.Sprintf("\n[cut: %d of %d bytes]", bound, len(text))
	}
	marked := s.mark("tool_output", fmt.Sprintf(" tool=%q", name), text)
	if note != "" {
		marked += "\n" + note
	}
	return marked
}

// fence keeps data from closing the tag that it stands in, or from opening one like it, however it is
// written.
func fence(data, tag string) string {
	var b strings.Builder
	for {
		at := strings.IndexByte(data, '<')
		if at < 0 {
			b.WriteString(data)
			return b.String()
		}
		b.WriteString(data[:at+1])
		data = data[at+1:]
		if rest := strings.TrimLeft(data, " \t\r\n/"); len(rest) >= len(tag) && strings.EqualFold(rest[:len(tag)], tag) {
			b.WriteByte('\\')
		}
	}
}

// visible takes out what a person who looks at the data would not see and a model would read; what
// some writing needs stays, and of the marks that choose a look the one of coloured pictures.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if plain.Unseen(r) || plain.Selects(r) && r != 0xfe0f {
			return -1
		}
		return r
	}, text)
}
