// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// printModels shows the models: why an alias is not what it is configured to be in words, and what
// to mind and to copy whole, below the tables.
func printModels(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	var tables []member
	var warnings, proposed [][]member
	for _, m := range answer {
		rows, table := objects(m.value)
		switch {
		case m.name == "warnings":
			warnings = rows
		case m.name == "proposed":
			proposed = rows
		case table && m.name == "aliases":
			tables = append(tables, member{m.name, joined(resting(rows))})
		case table:
			tables = append(tables, member{m.name, joined(speaking(rows))})
		default:
			tables = append(tables, m)
		}
	}
	if err := printObject(t, tables); err != nil {
		return err
	}
	if len(warnings) > 0 {
		fmt.Fprintf(t.Out, "\n%s\n", paint(t, bold, "WARNINGS"))
	}
	for _, w := range warnings {
		fmt.Fprintf(t.Out, "%s: %s (%s)\n", text(w, "about"), text(w, "message"), text(w, "remedy"))
	}
	if len(proposed) > 0 {
		fmt.Fprintf(t.Out, "\n%s\n", paint(t, bold, "PROPOSED, to copy into models.profiles of holdfast.yaml"))
	}
	for _, p := range proposed {
		fmt.Fprintf(t.Out, "    %s\n", text(p, "line"))
	}
	return nil
}

// resting says of each alias which of its models cool down, until when and why.
func resting(aliases [][]member) [][]member {
	for _, row := range aliases {
		cooling, _ := objects(raw(row, "cooling"))
		var parts []string
		for _, c := range cooling {
			parts = append(parts, fmt.Sprintf("%s until %s: %s", text(c, "model"), text(c, "until"), text(c, "reason")))
		}
		for i, m := range row {
			switch {
			case m.name == "cooling":
				row[i].value = quoted(strings.Join(parts, "; "))
			case m.name == "effective" && cell(m.value) == "":
				row[i].value = quoted("none")
			}
		}
	}
	return aliases
}

// printCooldowns shows the models that cool down.
func printCooldowns(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	for i, m := range answer {
		if rows, table := objects(m.value); table {
			answer[i].value = joined(speaking(rows))
		}
	}
	return printOr(t, answer, "no model cools down")
}

// printHouse shows how the house stands, the breaker in words.
func printHouse(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	for i, m := range answer {
		b, _ := ordered(m.value)
		if m.name != "breaker" || text(b, "state") == "" {
			continue
		}
		parts := []string{text(b, "state")}
		if reason := text(b, "reason"); reason != "" {
			parts[0] += ": " + reason
		}
		if until := text(b, "cooldown_until"); until != "" {
			parts = append(parts, "cools down until "+until)
		}
		for _, span := range []string{"hour", "day"} {
			if limit := shownAs(b, "cap_"+span); limit != "" && limit != "0" {
				parts = append(parts, fmt.Sprintf("%s of %s tokens in the last %s", shownAs(b, "burn_"+span), limit, span))
			}
		}
		answer[i].value = quoted(strings.Join(parts, " · "))
	}
	return printObject(t, slices.Clip(answer))
}
