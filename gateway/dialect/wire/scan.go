// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/json"
)

// A Scanner walks the JSON in B from I on. json.Valid has accepted it, so bounds are checked and
// nothing else.
type Scanner struct {
	B []byte
	I int
}

// Space passes white space.
func (s *Scanner) Space() {
	for s.I < len(s.B) {
		switch s.B[s.I] {
		case ' ', '\t', '\n', '\r':
			s.I++
		default:
			return
		}
	}
}

// Peek returns the next byte that is no white space; 0 at the end.
func (s *Scanner) Peek() byte {
	s.Space()
	if s.I >= len(s.B) {
		return 0
	}
	return s.B[s.I]
}

// Str passes a string and returns what stands between its quotes, still escaped.
func (s *Scanner) Str() []byte {
	s.I++
	start := s.I
	for s.I < len(s.B) {
		at := bytes.IndexByte(s.B[s.I:], '"')
		if at < 0 {
			break
		}
		s.I += at
		if !escaped(s.B[start:s.I]) {
			s.I++
			return s.B[start : s.I-1]
		}
		s.I++
	}
	s.I = len(s.B)
	return s.B[start:]
}

// escaped tells whether a quote after text is escaped: an odd number of backslashes stands before it.
func escaped(text []byte) bool {
	n := 0
	for n < len(text) && text[len(text)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// Skip passes one value of any kind.
func (s *Scanner) Skip() {
	s.Walk(nil)
}

// Walk passes one value and shows every string value in it, keys left out.
func (s *Scanner) Walk(seen func(text []byte)) {
	depth := 0
	for s.I < len(s.B) {
		switch c := s.Peek(); c {
		case '"':
			text := s.Str()
			if depth > 0 && s.Peek() == ':' {
				s.I++
				continue
			}
			if seen != nil {
				seen(text)
			}
		case '{', '[':
			depth++
			s.I++
			continue
		case '}', ']':
			depth--
			s.I++
		case ',':
			s.I++
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

func (s *Scanner) literal() {
	start := s.I
	for s.I < len(s.B) {
		switch s.B[s.I] {
		case ',', '}', ']', ' ', '\t', '\n', '\r', ':':
			s.I = max(s.I, start+1)
			return
		}
		s.I++
	}
}

// A Member is one key of an object with the place of its value.
type Member struct {
	Key        []byte
	Start, End int // of the value
}

// Members calls each for every member of the object that starts here; false from each ends it.
func (s *Scanner) Members(each func(Member) bool) {
	if s.Peek() != '{' {
		return
	}
	s.I++
	for s.I < len(s.B) {
		switch s.Peek() {
		case ',':
			s.I++
		case '"':
			key := keyText(s.Str())
			if s.Peek() == ':' {
				s.I++
			}
			s.Space()
			start := s.I
			s.Skip()
			if !each(Member{key, start, s.I}) {
				return
			}
		default:
			s.I++
			return
		}
	}
}

// Elements calls each with the bytes of every element of the array that starts here.
func (s *Scanner) Elements(each func(value []byte)) {
	if s.Peek() != '[' {
		return
	}
	s.I++
	for s.I < len(s.B) {
		switch s.Peek() {
		case ',':
			s.I++
		case ']', 0:
			s.I++
			return
		default:
			start := s.I
			s.Skip()
			each(s.B[start:s.I])
		}
	}
}

func keyText(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return []byte(Unquote(raw))
}

// Unquote reads the text between a string's quotes.
func Unquote(raw []byte) string {
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

// Blank tells whether a value says nothing: null, false, or empty.
func Blank(value []byte) bool {
	switch string(value) {
	case "null", `""`, "[]", "{}", "false":
		return true
	}
	return false
}
