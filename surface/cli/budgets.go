// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// printBudgets shows every budget on one page: a heading a scope, which says where its limits are
// set, and a line a limit. Columns that say nothing in any line are left out.
func printBudgets(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	rows, _ := objects(raw(answer, "budgets"))
	var lines [][]string
	for _, m := range answer {
		if value := shown(m); m.name != "budgets" && (m.name != "parked" || value != "0") {
			lines = append(lines, []string{label(m.name), value})
		}
	}
	if err := printLines(t, lines); err != nil {
		return err
	}
	fmt.Fprintln(t.Out)
	if len(rows) == 0 {
		_, err := fmt.Fprintln(t.Out, "no budgets: `holdfast budget set house --tokens-per-day 2000000` sets one")
		return err
	}
	drawLimits(t, rows)
	return nil
}

// printReset shows the limits of a scope before a reset and after it.
func printReset(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	for i, m := range answer {
		rows, table := objects(m.value)
		if !table || len(rows) == 0 {
			continue
		}
		if i > 0 {
			fmt.Fprintln(t.Out)
		}
		fmt.Fprintln(t.Out, paint(t, bold, strings.ToUpper(label(m.name))))
		drawLimits(t, rows)
	}
	return nil
}

// drawLimits draws a line a limit, below the heading of its scope.
func drawLimits(t Terminal, rows [][]member) {
	drawn := budgetSheet(rows).lines(t, t.Width)
	fmt.Fprintln(t.Out, drawn[0])
	scope := ""
	for i, row := range rows {
		if now := text(row, "scope"); now != scope {
			scope = now
			heading := scope + " (" + strings.Join(placesOf(rows, scope), "; ") + ")"
			for _, line := range wrapped(heading, t.Width) {
				fmt.Fprintln(t.Out, paint(t, bold, line))
			}
		}
		fmt.Fprintln(t.Out, drawn[i+1])
	}
}

// placesOf are where the limits of a scope are set.
func placesOf(rows [][]member, scope string) (places []string) {
	for _, row := range rows {
		if text(row, "scope") != scope {
			continue
		}
		_, place, named := strings.Cut(text(row, "setting"), text(row, "limit")+" of ")
		if !named {
			place = text(row, "setting")
		}
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return places
}

func budgetSheet(rows [][]member) sheet {
	cells := []struct {
		column
		of   func(row []member) string
		mute string // in every row: the column is left out
	}{
		{column{head: "LIMIT"}, limitOf, "-"},
		{column{head: "ACTIVITY", right: true, spare: 1}, amountOf("activity"), "-"},
		{column{head: "ARCHIVED", right: true, spare: 2}, amountOf("archived"), "-"},
		{column{head: "COUNTED", right: true}, amountOf("counted"), "-"},
		{column{head: "RESERVED", right: true, spare: 3}, amountOf("reserved"), "0"},
		{column{head: "LEFT", right: true}, amountOf("left"), "-"},
		{column{head: "%", right: true}, amountOf("percent"), "-"},
		{column{head: "UNTIL", spare: 4}, untilOf, "-"},
		{column{head: "AT LIMIT", spare: 5}, amountOf("at_limit"), "refuse"},
		{column{head: "UNPRICED", right: true}, amountOf("unpriced"), ""},
		{column{head: "RECONCILED"}, amountOf("reconciled"), "true"},
	}
	s := sheet{rows: make([][]string, len(rows))}
	for _, c := range cells {
		var texts []string
		for _, row := range rows {
			texts = append(texts, c.of(row))
		}
		if !slices.ContainsFunc(texts, func(text string) bool { return text != c.mute }) {
			continue
		}
		s.columns = append(s.columns, c.column)
		for i, text := range texts {
			s.rows[i] = append(s.rows[i], text)
		}
	}
	return s
}

func amountOf(name string) func([]member) string {
	return func(row []member) string { return shownAs(row, name) }
}

// limitOf words a limit: 2,000,000 tokens/day, $50/month.
func limitOf(row []member) string {
	unit, period, _ := strings.Cut(text(row, "limit"), "_per_")
	if unit == "usd" {
		return "  $" + shownAs(row, "quota") + "/" + period
	}
	return "  " + shownAs(row, "quota") + " " + unit + "/" + period
}

// untilOf is the day on which a period ends, with its hour where that is not midnight here.
func untilOf(row []member) string {
	at := text(row, "until")
	if day, midnight := strings.CutSuffix(at, " 00:00:00"); midnight {
		return day
	}
	return strings.TrimSuffix(at, ":00")
}
