// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"holdfast/gateway/dialect/wire"
	"holdfast/gateway/provider"
)

// A Key is the fingerprint of a request and of whose it is.
type Key [sha256.Size]byte

// A Request is what KeyOf looks at.
type Request struct {
	Dialect string
	Body    []byte
	Header  http.Header
	// Tenant is never left out; Caller, its key and its agent are, when they share.
	Tenant             string
	Caller, Key, Agent string
	// Targets is who would be asked, in order, and Alias by which name.
	Alias   string
	Targets []string
}

// mostBody bounds the requests that are looked at.
const mostBody = 1 << 20

// KeyOf is the key of a request that is deterministic: it says itself that it wants the same answer
// each time, and nothing but the answer comes of it. False for any other, and for a client that says
// Cache-Control: no-store or no-cache.
func KeyOf(r Request, acrossKeys bool) (Key, bool) {
	if len(r.Body) > mostBody || refused(r.Header) {
		return Key{}, false
	}
	members, ok := membersOf(r.Body)
	if !ok || !deterministic(r.Dialect, members) {
		return Key{}, false
	}
	var text bytes.Buffer
	put := func(s string) {
		_, _ = text.Write(binary.AppendUvarint(nil, uint64(len(s))))
		_, _ = text.WriteString(s)
	}
	put(r.Dialect)
	put(r.Tenant)
	if acrossKeys {
		put("all")
	} else {
		put("one")
		put(r.Caller)
		put(r.Key)
		put(r.Agent)
	}
	put(r.Alias)
	put(strconv.Itoa(len(r.Targets)))
	for _, target := range r.Targets {
		put(target)
	}
	for _, name := range telling() {
		put(strings.Join(r.Header[name], "\x00"))
	}
	for _, m := range members {
		put(m.name)
		at := text.Len()
		if json.Compact(&text, m.value) != nil {
			return Key{}, false
		}
		put(strconv.Itoa(text.Len() - at)) // so that no value runs into what follows
	}
	return sha256.Sum256(text.Bytes()), true
}

// telling are the client's headers that go upstream and change what is answered.
func telling() [3]string { return [...]string{"Anthropic-Beta", "Anthropic-Version", "Openai-Beta"} }

func refused(h http.Header) bool {
	for _, line := range h["Cache-Control"] {
		for word := range strings.SplitSeq(line, ",") {
			switch strings.ToLower(strings.TrimSpace(word)) {
			case "no-store", "no-cache", "max-age=0":
				return true
			}
		}
	}
	return false
}

// A member is one of a request's own, by name; value is as it was sent.
type member struct {
	name  string
	value []byte
}

// membersOf sorts a request's members, whose order means nothing. One that comes twice means what who
// reads it thinks.
func membersOf(body []byte) ([]member, bool) {
	var list []member
	s := wire.Scanner{B: body}
	s.Members(func(m wire.Member) bool {
		list = append(list, member{string(m.Key), body[m.Start:m.End]})
		return len(list) <= mostMembers
	})
	if len(list) > mostMembers {
		return nil, false
	}
	slices.SortFunc(list, func(a, b member) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(list); i++ {
		if list[i].name == list[i-1].name {
			return nil, false
		}
	}
	return list, len(list) > 0
}

const mostMembers = 256

// deterministic tells whether a request wants the same answer each time: its temperature is 0, or it has
// a seed; an embedding always does. What it does beside answering must be nothing.
func deterministic(dialect string, members []member) bool {
	same := dialect == provider.Embeddings
	stored := dialect == provider.Responses // unless it says otherwise
	for _, m := range members {
		switch m.name {
		case "temperature":
			n, err := strconv.ParseFloat(string(m.value), 64)
			same = same || err == nil && n == 0
		case "seed":
			same = same || !wire.Blank(m.value)
		case "store":
			stored = string(m.value) == "true" || stored && string(m.value) != "false"
		case "tools":
			if acts(m.value, dialect) {
				return false
			}
		case "previous_response_id", "conversation", "background", "prompt", "container", "mcp_servers", "web_search_options", "plugins", "search_parameters":
			if !wire.Blank(m.value) {
				return false
			}
		}
	}
	return same && !stored
}

// acts tells whether a tool is run by the provider: only those that the client runs itself, which is
// asked to and decides, are without effect. What cannot be read may act, and so may a tool without a
// type, such as {"google_search": {}}, but for Anthropic's, where it is the client's.
func acts(tools []byte, dialect string) bool {
	var list []struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(tools, &list) != nil {
		return true
	}
	for _, tool := range list {
		switch tool.Type {
		case "function", "custom", "namespace":
		case "":
			if dialect != provider.Messages {
				return true
			}
		default:
			return true
		}
	}
	return false
}
