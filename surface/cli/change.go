// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// printChange shows what a change has changed: a row for each field that is another one now.
func printChange(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	var lines []member
	var before, after json.RawMessage
	for _, m := range answer {
		switch m.name {
		case "before", "old":
			before = m.value
		case "after", "new":
			after = m.value
		default:
			lines = append(lines, m)
		}
	}
	rows := differences(before, after)
	for i, row := range rows {
		rows[i] = []member{row[0], {"before", quoted(orNone(row[1]))}, {"after", quoted(orNone(row[2]))}}
	}
	return printOr(t, append(lines, member{"changes", joined(rows)}), "nothing changed")
}

func orNone(m member) string {
	if text := plainText(m.value); text != "" {
		return text
	}
	return "–"
}

// differences are the fields that differ between two objects, what stands below them included: its
// name, and each side as people read it.
func differences(before, after json.RawMessage) [][]member {
	old, now := fieldsOf("", before), fieldsOf("", after)
	var rows [][]member
	for _, m := range old {
		is := text(now, m.name)
		if was := cell(m.value); was != is {
			rows = append(rows, []member{{"setting", quoted(m.name)}, {"before", quoted(shown(m))}, {"after", quoted(shownAs(now, m.name))}})
		}
	}
	for _, m := range now {
		if !has(old, m.name) && cell(m.value) != "" {
			rows = append(rows, []member{{"setting", quoted(m.name)}, {"before", quoted("")}, {"after", quoted(shown(m))}})
		}
	}
	return rows
}

// fieldsOf are the members of an object and of the objects in it, named by their path.
func fieldsOf(path string, raw json.RawMessage) []member {
	inner, _ := ordered(raw)
	var list []member
	for _, m := range inner {
		if _, object := ordered(m.value); object {
			list = append(list, fieldsOf(path+label(m.name)+" ", m.value)...)
			continue
		}
		list = append(list, member{path + label(m.name), m.value})
	}
	return list
}

// printBreaker shows how the breaker stands, or its thresholds. Caps of tenants and keys are a table.
func printBreaker(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	hasScopes := has(answer, "scopes")
	answer = withCaps(answer, hasScopes)
	for i, m := range answer {
		inner, _ := ordered(m.value)
		switch {
		case m.name == "thresholds":
			answer[i].value = object(withCaps(inner, true))
		case m.name == "projected_minutes" && string(m.value) == "0":
			answer[i] = member{"projected", quoted("no cap is near at the present rate")}
		}
	}
	return printOr(t, answer, "")
}

// withCaps makes a table of the caps of tenants and keys, or leaves them out where they stand elsewhere.
func withCaps(thresholds []member, elsewhere bool) []member {
	var rows [][]member
	kept := slices.DeleteFunc(slices.Clone(thresholds), func(m member) bool {
		if m.name != "tenants" && m.name != "keys" {
			return false
		}
		scopes, _ := ordered(m.value)
		for _, s := range scopes {
			caps, _ := ordered(s.value)
			rows = append(rows, slices.Concat([]member{{"scope", quoted(strings.TrimSuffix(m.name, "s") + ":" + s.name)}}, caps))
		}
		return true
	})
	if elsewhere || len(rows) == 0 {
		return kept
	}
	return append(kept, member{"caps_of_their_own", joined(rows)})
}

// printBreakerHistory shows what the breaker did; of changed thresholds only what has changed.
func printBreakerHistory(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	for i, m := range answer {
		rows, table := objects(m.value)
		if !table {
			continue
		}
		for _, row := range rows {
			for j, one := range row {
				if change, _ := ordered(one.value); one.name == "detail" && has(change, "old") && has(change, "new") {
					row[j].value = quoted(inWords(differences(raw(change, "old"), raw(change, "new"))))
				}
			}
		}
		answer[i].value = joined(rows)
	}
	return printOr(t, answer, "the breaker has done nothing yet")
}

func inWords(rows [][]member) string {
	var parts []string
	for _, row := range rows {
		parts = append(parts, fmt.Sprintf("%s %s → %s", plainText(row[0].value), orNone(row[1]), orNone(row[2])))
	}
	if len(parts) == 0 {
		return "nothing changed"
	}
	return strings.Join(parts, ", ")
}
