// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"bytes"
	"encoding/json"
)

// A scanner walks JSON that json.Valid has accepted, so it checks bounds and nothing else.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) peek() byte {
	s.space()
	if s.i >= len(s.b) {
		return 0
	}
	return s.b[s.i]
}

// str passes a string and returns what stands between its quotes, still escaped.
func (s *scanner) str() []byte {
	s.i++
	start := s.i
	for s.i < len(s.b) {
		at := bytes.IndexByte(s.b[s.i:], '"')
		if at < 0 {
			break
		}
		s.i += at
		if !escaped(s.b[start:s.i]) {
			s.i++
			return s.b[start : s.i-1]
		}
		s.i++
	}
	s.i = len(s.b)
	return s.b[start:]
}

// escaped tells whether a quote after text is escaped: an odd number of backslashes stands before it.
func escaped(text []byte) bool {
	n := 0
	for n < len(text) && text[len(text)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// skip passes one value of any kind.
func (s *scanner) skip() {
	s.walk(nil)
}

// walk passes one value and shows every string value in it, keys left out.
func (s *scanner) walk(seen func(text []byte)) {
	depth := 0
	for s.i < len(s.b) {
		switch c := s.peek(); c {
		case '"':
			text := s.str()
			if s.peek() == ':' {
				s.i++
				continue
			}
			if seen != nil {
				seen(text)
			}
		case '{', '[':
			depth++
			s.i++
			continue
		case '}', ']':
			depth--
			s.i++
		case ',':
			s.i++
			continue
		case 0:
			return
		default:
			s.literal()
		}
		if depth <= 0 {
			return
		}
	}
}

func (s *scanner) literal() {
	start := s.i
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r', ':':
			s.i = max(s.i, start+1)
			return
		}
		s.i++
	}
}

// A member is one key of an object with the place of its value.
type member struct {
	key        []byte
	start, end int // of the value
}

// members calls each for every member of the object that starts here; false from each ends it.
func (s *scanner) members(each func(member) bool) {
	if s.peek() != '{' {
		return
	}
	s.i++
	for s.i < len(s.b) {
		switch s.peek() {
		case ',':
			s.i++
		case '"':
			key := keyText(s.str())
			if s.peek() == ':' {
				s.i++
			}
			s.space()
			start := s.i
			s.skip()
			if !each(member{key, start, s.i}) {
				return
			}
		default:
			s.i++
			return
		}
	}
}

// elements calls each with the bytes of every element of the array that starts here.
func (s *scanner) elements(each func(value []byte)) {
	if s.peek() != '[' {
		return
	}
	s.i++
	for s.i < len(s.b) {
		switch s.peek() {
		case ',':
			s.i++
		case ']', 0:
			s.i++
			return
		default:
			start := s.i
			s.skip()
			each(s.b[start:s.i])
		}
	}
}

func keyText(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return []byte(unquote(raw))
}

// unquote reads the text between a string's quotes.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return string(raw)
	}
	return text
}
