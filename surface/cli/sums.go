// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"slices"
	"strings"
)

// printSums shows sums of tokens and money. Sums of their own stand as rows of one table, or below
// the rows that they add up; hours without a call, and columns that say nothing, are left out.
func printSums(none string) func(Terminal, json.RawMessage, json.RawMessage) error {
	return func(t Terminal, _, out json.RawMessage) error {
		answer, _ := ordered(out)
		var lines, tables []member
		var sums [][]member
		by := ""
		for _, m := range answer {
			rows, table := objects(m.value)
			inner, object := ordered(m.value)
			switch {
			case object && has(inner, "calls"):
				sums = append(sums, slices.Concat([]member{{"name", quoted(label(m.name))}}, inner))
			case table && m.name == "by_hour":
				tables = append(tables, member{m.name, joined(speaking(burning(rows)))})
			case table && raw(answer, "by") != nil:
				tables = append(tables, m)
			case table:
				tables = append(tables, member{m.name, joined(speaking(rows))})
			case m.name == "by":
				by = "by_" + plainText(m.value)
			case m.name != "burn" && m.name != "now":
				lines = append(lines, m)
			}
		}
		switch {
		case by != "" && hasRows(tables):
			rows, _ := objects(tables[0].value)
			tables[0] = member{by, joined(speaking(slices.Concat(rows, sums)))}
		case hasRows(tables):
			tables = slices.Concat([]member{{"burned", joined(speaking(sums))}}, tables)
		}
		return printOr(t, slices.Concat(lines, tables), none)
	}
}

// burning are the rows with a call.
func burning(rows [][]member) [][]member {
	return slices.DeleteFunc(rows, func(row []member) bool { return text(row, "calls") == "0" })
}

// speaking leaves out of sums what says nothing in any row: classes of tokens that nobody used,
// estimates and unknown prices where there are none, and the cost in billionths, which stands there
// in dollars.
func speaking(rows [][]member) [][]member {
	said := map[string]bool{}
	for _, row := range rows {
		for _, m := range row {
			said[m.name] = said[m.name] || !slices.Contains([]string{"0", "false", "", "null"}, strings.TrimSpace(string(m.value)))
		}
	}
	for i, row := range rows {
		rows[i] = slices.DeleteFunc(row, func(m member) bool { return m.name == "cost_nano" || !said[m.name] && optional(m.name) })
	}
	return rows
}

func optional(name string) bool {
	return slices.Contains([]string{
		"estimated", "cached_read", "cache_write", "cache_write_5m", "cache_write_1h", "reasoning", "unpriced", "fallback",
		"active", "tokens_per_minute", "projected", "told", "rehearsed",
	}, name)
}

// printPrices shows prices with their unit, and says what to do about one that is not known.
func printPrices(t Terminal, input, out json.RawMessage) error {
	answer, _ := ordered(out)
	none := "no price matches"
	var shown []member
	for _, m := range answer {
		rows, table := objects(m.value)
		for i, row := range rows {
			known := text(row, "known")
			rows[i] = slices.DeleteFunc(row, func(m member) bool { return m.name == "known" })
			if known == "false" {
				rows[i] = append(rows[i], member{"note", quoted("not known")})
			}
		}
		switch {
		case table && len(rows) > 0:
			shown = append(shown, member{"unit", quoted("US dollars for a million tokens; above: for prompts longer than so many tokens")}, member{m.name, joined(rows)})
		case m.name == "model":
			none = "its price is not known, so a budget of money refuses it: give it one in holdfast.yaml, under prices.models: " + plainText(m.value) + ": {input: 1, output: 2}"
			shown = append(shown, m)
		default:
			shown = append(shown, m)
		}
	}
	return printOr(t, shown, none)
}

// printMade shows a key that was just made.
func printMade(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	return printObject(t, append(answer, member{"note", quoted("the key is shown this once: keep it now")}))
}

// sayingNone shows an answer as ever, and says in words when its lists are empty.
func sayingNone(none string) func(Terminal, json.RawMessage, json.RawMessage) error {
	return func(t Terminal, _, out json.RawMessage) error {
		answer, _ := ordered(out)
		return printOr(t, answer, none)
	}
}
