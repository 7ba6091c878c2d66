// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"bytes"
	"strings"

	"holdfast/gateway/dialect/wire"
)

// Thinking of other providers reaches clients of this dialect too, who send it back with the rest of
// the conversation, perhaps to Anthropic, which refuses whatever it did not sign. So it is marked on
// its way out and taken out of requests that are passed on. What servers that speak the dialect leave
// unsigned is theirs and stays.
const (
	// unsigned is the signature of thinking that nobody signed.
	unsigned = "holdfast-unsigned"
	// sealed begins what OpenAI encrypts, which has the form of Fernet tokens.
	sealed = "gAAAA"
)

// foreign tells a signature that Anthropic did not make.
func foreign(signature string) bool {
	return signature == unsigned || strings.HasPrefix(signature, sealed)
}

// mayHoldForeign is a quick look for thinking of others.
func mayHoldForeign(body []byte) bool {
	return bytes.Contains(body, []byte(`"`+unsigned+`"`)) || bytes.Contains(body, []byte(`"`+sealed))
}

// withoutForeign are the edits that take the thinking of others out of a body.
func withoutForeign(body []byte) []wire.Edit {
	var edits []wire.Edit
	top := wire.Scanner{B: body}
	top.Members(func(m wire.Member) bool {
		if string(m.Key) != "messages" {
			return true
		}
		elements(body, m.Start, func(start, _ int) {
			message := wire.Scanner{B: body, I: start}
			message.Members(func(m wire.Member) bool {
				if string(m.Key) == "content" {
					edits = append(edits, ownBlocks(body, m)...)
				}
				return true
			})
		})
		return false
	})
	return edits
}

// ownBlocks is the edit of a message's content, if there is one to make.
func ownBlocks(body []byte, content wire.Member) []wire.Edit {
	var kept [][]byte
	dropped := false
	elements(body, content.Start, func(start, end int) {
		if block := body[start:end]; foreignThought(block) {
			dropped = true
		} else {
			kept = append(kept, block)
		}
	})
	switch {
	case !dropped:
		return nil
	case len(kept) == 0: // a message may not be empty
		kept = [][]byte{[]byte(`{"type":"text","text":"(thinking)"}`)}
	}
	list := "[" + string(bytes.Join(kept, []byte{','})) + "]"
	return []wire.Edit{{Start: content.Start, End: content.End, Text: list}}
}

func foreignThought(block []byte) bool {
	kind, signature := "", ""
	eachMember(block, func(key, value []byte) {
		switch string(key) {
		case "type":
			kind = textOf(value)
		case "signature", "data":
			signature = textOf(value)
		}
	})
	return (kind == "thinking" || kind == "redacted_thinking") && foreign(signature)
}

// elements shows where each element of the list at a place begins and ends.
func elements(b []byte, at int, each func(start, end int)) {
	s := wire.Scanner{B: b, I: at}
	if s.Peek() != '[' {
		return
	}
	s.I++
	for {
		switch s.Peek() {
		case ',':
			s.I++
		case ']', 0:
			return
		default:
			start := s.I
			s.Skip()
			each(start, s.I)
		}
	}
}
