// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// widest is how much of a cell is printed where no terminal sets a limit; --json has it whole.
	widest = 100
	// least is how far a column may be cut before the last columns are left out instead.
	least = 12
	// identity is how far the first column may be cut, for it says what the row is about.
	identity = 32
)

// printTable prints rows under the names of their members. Left out are hashes, schemas, what is
// empty in every row, and on a narrow terminal the last columns, which a … in the head tells.
func printTable(t Terminal, rows [][]member) error {
	names, cells := columns(t, rows)
	widths := make([]int, len(names))
	for i, name := range names {
		widths[i] = utf8.RuneCountInString(label(name))
		for _, row := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	shown := fit(widths, t.Width)
	right := edges(len(names), cells)
	var head []string
	for i, name := range names[:shown] {
		head = append(head, right[i](strings.ToUpper(label(name)), widths[i]))
	}
	if shown < len(names) {
		head[shown-1] += " …"
	}
	if _, err := fmt.Fprintln(t.Out, paint(t, dim, strings.TrimRight(strings.Join(head, "  "), " "))); err != nil {
		return err
	}
	for _, row := range cells {
		var line []string
		for i, text := range row[:shown] {
			line = append(line, paintState(t, right[i](clip(text, widths[i]), widths[i])))
		}
		if _, err := fmt.Fprintln(t.Out, strings.TrimRight(strings.Join(line, "  "), " ")); err != nil {
			return err
		}
	}
	return nil
}

// edges tells of each column how its cells are padded: figures stand at the right edge, but for those
// of the first column, which names the row.
func edges(columns int, cells [][]string) []func(string, int) string {
	list := make([]func(string, int) string, columns)
	for i := range list {
		list[i] = pad
		if i > 0 && !slices.ContainsFunc(cells, func(row []string) bool { return row[i] != "" && !figure(row[i]) }) {
			list[i] = padLeft
		}
	}
	return list
}

func columns(t Terminal, rows [][]member) (names []string, cells [][]string) {
	names = columnNames(rows)
	today := ""
	if t.Width > 0 {
		today = time.Now().Format("2006-01-02 ")
	}
	for _, row := range rows {
		line := make([]string, len(names))
		for _, m := range row {
			if at := slices.Index(names, m.name); at >= 0 {
				text, _, _ := strings.Cut(shown(m), "\n\n")
				line[at] = strings.TrimPrefix(strings.ReplaceAll(text, "\n", " "), today)
			}
		}
		cells = append(cells, line)
	}
	return names, cells
}

// columnNames orders the members of all rows as their type declares them: a member that earlier
// rows lack takes its place after the one before it. Rows with the most members come first, for they
// know the order best.
func columnNames(rows [][]member) []string {
	filled := map[string]bool{}
	var names []string
	fullest := slices.SortedStableFunc(slices.Values(rows), func(a, b []member) int { return cmp.Compare(len(b), len(a)) })
	for _, row := range fullest {
		after := -1
		for _, m := range row {
			filled[m.name] = filled[m.name] || cell(m.value) != "" && m.name != "hash" && !strings.HasSuffix(m.name, "schema")
			if at := slices.Index(names, m.name); at >= 0 {
				after = at
				continue
			}
			after++
			names = slices.Insert(names, after, m.name)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !filled[name] })
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(incidental(a), incidental(b)) })
	return names
}

// incidental tells that a column stands last, where a narrow terminal leaves it out first.
func incidental(name string) int {
	return slices.Index([]string{"last_check", "reconciled", "tier", "node", "log"}, name)
}

// fit narrows the columns until a line fits, and tells how many of them do; a limit of 0 means no
// terminal.
func fit(widths []int, limit int) (shown int) {
	shown = len(widths)
	for i := range widths {
		widths[i] = min(widths[i], widest)
	}
	if limit <= 0 {
		return shown
	}
	for shown > 1 && total(widths[:shown], floor) > limit {
		if shown == len(widths) {
			limit -= utf8.RuneCountInString(" …")
		}
		shown--
	}
	for total(widths[:shown], width) > limit {
		most := -1
		for i := range shown {
			if widths[i] > floor(widths, i) && (most < 0 || widths[i] > widths[most]) {
				most = i
			}
		}
		if most < 0 {
			return shown
		}
		widths[most]--
	}
	return shown
}

func width(widths []int, i int) int { return widths[i] }

func floor(widths []int, i int) int {
	if i == 0 {
		return min(widths[i], identity)
	}
	return min(widths[i], least)
}

func total(widths []int, of func([]int, int) int) int {
	sum := 2 * (len(widths) - 1)
	for i := range widths {
		sum += of(widths, i)
	}
	return sum
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

func padLeft(text string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))) + text
}

func clip(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:max(0, width-1)]) + "…"
}
