// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast"
)

// Print shows an action's answer: as JSON, or for people as lines and tables in the order in which
// the answer's type declares its fields.
func Print(t Terminal, out json.RawMessage, asJSON bool) error {
	if asJSON {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, bytes.TrimSpace(out), "", "  "); err != nil {
			return fmt.Errorf("cannot print the answer: %w", err)
		}
		_, err := fmt.Fprintln(t.Out, pretty.String())
		return err
	}
	members, ok := ordered(out)
	if !ok {
		_, err := fmt.Fprintln(t.Out, plainText(out))
		return err
	}
	for _, m := range members {
		if height(m.value) > 2 {
			// A document, such as a schema: lines and tables would lose its shape.
			return Print(t, out, true)
		}
	}
	return printObject(t, members)
}

// height is how deep objects stand in one another below a value, a list counting as what it holds.
func height(raw json.RawMessage) int {
	if members, ok := ordered(raw); ok {
		tallest := 0
		for _, m := range members {
			tallest = max(tallest, height(m.value))
		}
		return tallest + 1
	}
	tallest := 0
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		for _, one := range list {
			tallest = max(tallest, height(one))
		}
	}
	return tallest
}

// PrintEvent shows one event of a stream on a line.
func PrintEvent(t Terminal, event json.RawMessage, asJSON bool) error {
	members, ok := ordered(event)
	if asJSON || !ok {
		_, err := fmt.Fprintln(t.Out, string(event))
		return err
	}
	var cells []string
	for _, m := range members {
		if text := cell(m.value); text != "" && m.name != "hash" {
			cells = append(cells, text)
		}
	}
	_, err := fmt.Fprintln(t.Out, strings.Join(cells, "  "))
	return err
}

// a member is one name and value of a JSON object, in the order of the text.
type member struct {
	name  string
	value json.RawMessage
}

func ordered(raw json.RawMessage) ([]member, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	var members []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		members = append(members, member{fmt.Sprint(name), value})
	}
	return members, true
}

// printObject prints the plain members as lines, then each list as a table.
func printObject(t Terminal, members []member) error {
	var lines [][]string
	var tables []member
	for _, m := range members {
		if rows, ok := objects(m.value); ok && len(rows) > 0 {
			tables = append(tables, m)
		} else if texts := strings.Join(texts(m.value), "\n"); texts != "" && m.name == "lines" {
			fmt.Fprintln(t.Out, texts)
		} else if text := cell(m.value); text != "" {
			lines = append(lines, []string{label(m.name), text})
		}
	}
	if err := printLines(t, lines); err != nil {
		return err
	}
	for i, m := range tables {
		if len(lines) > 0 || i > 0 {
			fmt.Fprintln(t.Out)
		}
		if len(tables)+len(lines) > 1 {
			fmt.Fprintln(t.Out, paint(t, bold, strings.ToUpper(label(m.name))))
		}
		rows, _ := objects(m.value)
		if err := printTable(t, rows); err != nil {
			return err
		}
	}
	return nil
}

// texts reads a list of texts, such as the lines of a log, which are printed as they are.
func texts(raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

func label(name string) string { return strings.ReplaceAll(name, "_", " ") }

func printLines(t Terminal, lines [][]string) error {
	width := 0
	for _, l := range lines {
		width = max(width, utf8.RuneCountInString(l[0]))
	}
	for _, l := range lines {
		value := strings.ReplaceAll(l[1], "\n", "\n"+strings.Repeat(" ", width+2))
		if _, err := fmt.Fprintf(t.Out, "%s  %s\n", paint(t, dim, pad(l[0], width)), paintState(t, value)); err != nil {
			return err
		}
	}
	return nil
}

// objects reads a list of objects.
func objects(raw json.RawMessage) ([][]member, bool) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, false
	}
	var rows [][]member
	for _, one := range list {
		members, ok := ordered(one)
		if !ok {
			return nil, false
		}
		rows = append(rows, members)
	}
	return rows, true
}

// printTable prints rows under the names of their members; columns that are empty in every row and
// hashes are left out, and the widest column gives way when the terminal is narrow.
func printTable(t Terminal, rows [][]member) error {
	names, cells := columns(rows)
	widths := make([]int, len(names))
	for i, name := range names {
		widths[i] = utf8.RuneCountInString(label(name))
		for _, row := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	fit(widths, t.Width)
	var head []string
	for i, name := range names {
		head = append(head, pad(strings.ToUpper(label(name)), widths[i]))
	}
	if _, err := fmt.Fprintln(t.Out, paint(t, dim, strings.TrimRight(strings.Join(head, "  "), " "))); err != nil {
		return err
	}
	for _, row := range cells {
		var line []string
		for i, text := range row {
			line = append(line, paintState(t, pad(clip(text, widths[i]), widths[i])))
		}
		if _, err := fmt.Fprintln(t.Out, strings.TrimRight(strings.Join(line, "  "), " ")); err != nil {
			return err
		}
	}
	return nil
}

func columns(rows [][]member) (names []string, cells [][]string) {
	index := map[string]int{}
	filled := map[string]bool{}
	for _, row := range rows {
		for _, m := range row {
			if cell(m.value) != "" && m.name != "hash" && !strings.HasSuffix(m.name, "schema") {
				filled[m.name] = true
			}
		}
	}
	for _, row := range rows {
		for _, m := range row {
			if _, known := index[m.name]; !known && filled[m.name] {
				index[m.name] = len(names)
				names = append(names, m.name)
			}
		}
	}
	for _, row := range rows {
		line := make([]string, len(names))
		for _, m := range row {
			if at, ok := index[m.name]; ok {
				line[at] = strings.ReplaceAll(cell(m.value), "\n", " ")
			}
		}
		cells = append(cells, line)
	}
	return names, cells
}

// widest is how much of a cell is printed where no terminal sets a limit; --json has it whole.
const widest = 100

// fit narrows the widest columns until a line fits; a limit of 0 means no terminal.
func fit(widths []int, limit int) {
	for i := range widths {
		widths[i] = min(widths[i], widest)
	}
	for limit > 0 {
		total, most := 2*(len(widths)-1), 0
		for i, w := range widths {
			total += w
			if w > widths[most] {
				most = i
			}
		}
		if total <= limit || widths[most] <= 8 {
			return
		}
		widths[most]--
	}
}

// cell shows one value on a line; times are local, and empty lists and objects show nothing.
func cell(raw json.RawMessage) string {
	text := strings.TrimSpace(string(raw))
	switch {
	case text == "" || text == "null" || text == "[]" || text == "{}" || text == `""`:
		return ""
	case text[0] == '"':
		return when(plainText(raw))
	case text[0] == '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return text
		}
		var parts []string
		for _, one := range list {
			parts = append(parts, cell(one))
		}
		return strings.Join(parts, ", ")
	case text[0] == '{':
		members, _ := ordered(raw)
		var parts []string
		for _, m := range members {
			if v := cell(m.value); v != "" {
				parts = append(parts, label(m.name)+" "+v)
			}
		}
		return strings.Join(parts, ", ")
	}
	return text
}

func plainText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return string(bytes.TrimSpace(raw))
	}
	return text
}

func when(text string) string {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.IsZero() {
		return text
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

// PrintInventory shows what a destroying action would destroy, by category.
func PrintInventory(t Terminal, inventory holdfast.Inventory) {
	fmt.Fprintf(t.Err, "%s would destroy:\n", inventory.Action)
	for _, k := range inventory.Categories {
		fmt.Fprintf(t.Err, "\n  %s  %s\n", paint(t, bold, k.Name), k.Summary)
		fmt.Fprintf(t.Err, "  comes back: %s · %s · %s · backup: %s\n", k.Returns, pick(k.Production, "production", "sandbox"), pick(k.Shared, "shared", "owned"), pick(k.Backup != "", k.Backup, "none"))
		for _, it := range k.Items {
			fmt.Fprintf(t.Err, "    %s %s%s%s\n", it.Kind, it.ID, count(it.Rows, "rows"), count(it.Bytes, "bytes"))
		}
	}
	fmt.Fprintf(t.Err, "\nToken %s, until %s.\n", inventory.Token, inventory.Expires.Local().Format("15:04:05"))
}

func count(n int64, unit string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d %s", n, unit)
}

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

func clip(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:max(0, width-1)]) + "…"
}

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func paint(t Terminal, code, text string) string {
	if !t.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// paintState colours the words that say how something stands.
func paintState(t Terminal, text string) string {
	switch strings.TrimSpace(text) {
	case "ready", "running", "done", "ok", "healthy", "armed", "allowed":
		return paint(t, green, text)
	case "starting", "stopping", "backing-off", "warn", "warning", "pending", "held", "degraded", "undoing":
		return paint(t, yellow, text)
	case "failed", "unhealthy", "blocked", "critical", "halted", "refused", "stuck", "denied", "blind":
		return paint(t, red, text)
	}
	return text
}

// PrintError shows an error for people on standard error.
func PrintError(out io.Writer, err error) {
	fmt.Fprintln(out, "holdfast: "+err.Error())
}
