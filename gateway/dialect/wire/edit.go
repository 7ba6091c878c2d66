// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"slices"
)

// An Edit puts text in the place of the bytes from Start to End.
type Edit struct {
	Start, End int
	Text       string
}

// Apply returns body with the edits made; they must not overlap. body stays as it was.
func Apply(body []byte, edits ...Edit) []byte {
	slices.SortStableFunc(edits, func(a, b Edit) int { return cmp.Compare(a.Start, b.Start) })
	size := len(body)
	for _, e := range edits {
		size += len(e.Text)
	}
	out := make([]byte, 0, size)
	from := 0
	for _, e := range edits {
		out = append(append(out, body[from:e.Start]...), e.Text...)
		from = e.End
	}
	return append(out, body[from:]...)
}

// Rename gives a member of the object in body another name. Where there is none, or the new name is
// taken already, body is returned as it is. Only values that were checked may be handed in.
func Rename(body []byte, from, to string) []byte {
	at, end, taken := 0, 0, false
	s := Scanner{B: body}
	before := 0
	s.Members(func(m Member) bool {
		switch string(m.Key) {
		case from:
			at, end = before, m.Start
		case to:
			taken = true
		}
		before = m.End
		return true
	})
	if end == 0 || taken {
		return body
	}
	for at < end && body[at] != '"' {
		at++
	}
	return Apply(body, Edit{at, end, Quote(to) + ":"})
}

// Drop leaves a member out of the object in body; where there is none, body is returned as it is.
func Drop(body []byte, name string) []byte {
	out := make(JSON, 0, len(body))
	found := false
	s := Scanner{B: body}
	out.Open()
	s.Members(func(m Member) bool {
		if string(m.Key) == name {
			found = true
			return true
		}
		out.Text(string(m.Key))
		out = append(out, ':')
		out = append(out, body[m.Start:m.End]...)
		return true
	})
	out.Close()
	if !found {
		return body
	}
	return out
}
