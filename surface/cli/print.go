// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
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
		if _, table := objects(m.value); !table && height(m.value) > 2 {
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

// spacious is how many members an object may have on one line.
const spacious = 7

// printObject prints the plain members as lines, then each list as a table and each large object as
// lines of its own.
func printObject(t Terminal, members []member) error {
	var lines [][]string
	var tables []member
	for _, m := range members {
		inner, _ := ordered(m.value)
		if rows, ok := objects(m.value); ok && len(rows) > 0 || len(inner) > spacious {
			tables = append(tables, m)
		} else if text := shown(m); text != "" {
			lines = append(lines, []string{label(m.name), text})
		}
	}
	if len(lines)+len(tables) == 0 {
		return printNothing(t, members)
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
		if err := printSection(t, m.value); err != nil {
			return err
		}
	}
	return nil
}

// printSection prints a list as a table, and an object as lines.
func printSection(t Terminal, value json.RawMessage) error {
	if inner, ok := ordered(value); ok {
		return printObject(t, inner)
	}
	rows, _ := objects(value)
	return printTable(t, rows)
}

// printOr prints members as printObject does, and a sentence when none of them is a list with something in it.
func printOr(t Terminal, members []member, none string) error {
	if hasEntries(members) || none == "" {
		return printObject(t, members)
	}
	if slices.ContainsFunc(members, func(m member) bool { return cell(m.value) != "" }) {
		if err := printObject(t, members); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(t.Out, none)
	return err
}

// printNothing says of what there is nothing.
func printNothing(t Terminal, members []member) error {
	text := "nothing"
	for _, m := range members {
		if raw := strings.TrimSpace(string(m.value)); raw == "[]" || raw == "null" {
			text = "no " + label(m.name)
			break
		}
	}
	_, err := fmt.Fprintln(t.Out, text)
	return err
}

// label words the name of a member; the name of a key of .env stays as it is.
func label(name string) string {
	if strings.ToLower(name) != name {
		return name
	}
	return strings.ReplaceAll(name, "_", " ")
}

// narrow is the least room in which a value is broken into lines by words.
const narrow = 30

func printLines(t Terminal, lines [][]string) error {
	width := 0
	for _, l := range lines {
		width = max(width, utf8.RuneCountInString(l[0]))
	}
	for _, l := range lines {
		value := l[1]
		if room := t.Width - width - 2; room >= narrow && !strings.Contains(value, "\n") && utf8.RuneCountInString(value) > room {
			value = strings.Join(wrapped(value, room), "\n")
		}
		value = strings.ReplaceAll(value, "\n", "\n"+strings.Repeat(" ", width+2))
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
			if v := shown(m); v != "" {
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
	if err != nil {
		return text
	}
	if at.IsZero() {
		return ""
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

// PrintInventory shows what a destroying action would destroy, by category.
func PrintInventory(t Terminal, inventory holdfast.Inventory) {
	fmt.Fprintf(t.Err, "%s would destroy:\n", inventory.Action)
	for _, k := range inventory.Categories {
		fmt.Fprintf(t.Err, "\n  %s  %s\n", paint(t, bold, harmless(k.Name, false)), Harmless(k.Summary))
		fmt.Fprintf(t.Err, "  comes back: %s · %s · %s · backup: %s\n", k.Returns, either(k.Production, "production", "sandbox"), either(k.Shared, "shared", "owned"), either(k.Backup != "", k.Backup, "none"))
		for _, it := range k.Items {
			fmt.Fprintf(t.Err, "    %s %s%s%s\n", harmless(it.Kind, false), harmless(it.ID, false), count(it.Rows, "rows"), count(it.Bytes, "bytes"))
		}
	}
	fmt.Fprintf(t.Err, "\nToken %s, until %s.\n", inventory.Token, inventory.Expires.Local().Format("15:04:05"))
}

func count(n int64, unit string) string {
	if n == 0 {
		return ""
	}
	if n == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return fmt.Sprintf(", %d %s", n, unit)
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
	fmt.Fprintln(out, "holdfast: "+Harmless(err.Error()))
}
