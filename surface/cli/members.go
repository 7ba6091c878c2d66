// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

func has(members []member, name string) bool {
	return slices.ContainsFunc(members, func(m member) bool { return m.name == name })
}

// raw is the value of a member, nil when there is none.
func raw(members []member, name string) json.RawMessage {
	if at := slices.IndexFunc(members, func(m member) bool { return m.name == name }); at >= 0 {
		return members[at].value
	}
	return nil
}

// text is the value of a member on a line, empty when there is none.
func text(members []member, name string) string { return cell(raw(members, name)) }

func shownAs(members []member, name string) string { return shown(member{name, raw(members, name)}) }

func quoted(text string) json.RawMessage {
	raw, _ := json.Marshal(text) // a text always can be
	return raw
}

// object writes members as JSON again.
func object(members []member) json.RawMessage {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%s:%s", quoted(m.name), m.value)
	}
	out.WriteByte('}')
	return out.Bytes()
}

// joined writes rows as a JSON list.
func joined(rows [][]member) json.RawMessage {
	list := make([][]byte, 0, len(rows))
	for _, row := range rows {
		list = append(list, object(row))
	}
	return slices.Concat([]byte("["), bytes.Join(list, []byte(",")), []byte("]"))
}

// hasEntries tells that one of the members is a list that is not empty.
func hasEntries(members []member) bool {
	return slices.ContainsFunc(members, func(m member) bool {
		return bytes.HasPrefix(bytes.TrimSpace(m.value), []byte("[")) && cell(m.value) != ""
	})
}

func hasRows(members []member) bool {
	return slices.ContainsFunc(members, func(m member) bool {
		rows, table := objects(m.value)
		return table && len(rows) > 0
	})
}

// shown is a member's value on a line; numbers of tokens and calls are grouped by thousands.
func shown(m member) string {
	value := cell(m.value)
	if !counted(m.name) {
		return value
	}
	return grouped(value)
}

// counted tells by its name that a number counts tokens or calls, and is no name of anything.
func counted(name string) bool {
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '_' || r == ' ' }) {
		if slices.Contains([]string{
			"tokens", "calls", "input", "output", "cached", "cache", "reasoning", "total", "burn", "cap", "hour", "day", "reserved", "recent",
			"quota", "activity", "archived", "counted", "left", "spent", "projected", "above", "lines", "rpm", "tpm",
		}, word) {
			return true
		}
	}
	return false
}

// grouped parts the thousands of a whole number; every other text stays as it is.
func grouped(text string) string {
	digits, negative := strings.CutPrefix(text, "-")
	if len(digits) < 4 || strings.Trim(digits, "0123456789") != "" {
		return text
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	if negative {
		return "-" + digits
	}
	return digits
}

// figure tells that a cell holds a number: it stands at the right edge of its column.
func figure(text string) bool {
	return text == "?" || strings.Trim(text, "-$0123456789.,%") == "" && strings.ContainsAny(text, "0123456789")
}
