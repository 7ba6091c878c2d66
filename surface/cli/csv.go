// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"holdfast"
)

// PrintCSV shows the one table of an action's answer as comma-separated values, every column whole
// and under the name that it has in JSON.
func PrintCSV(t Terminal, out json.RawMessage) error {
	rows, err := theTable(out)
	if err != nil {
		return err
	}
	var names []string
	for _, row := range rows {
		for _, m := range row {
			if !slices.Contains(names, m.name) {
				names = append(names, m.name)
			}
		}
	}
	w := csv.NewWriter(t.Out)
	if len(names) > 0 {
		_ = w.Write(names) // Flush tells
	}
	for _, row := range rows {
		line := make([]string, len(names))
		for _, m := range row {
			line[slices.Index(names, m.name)] = value(m.value)
		}
		_ = w.Write(line)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("cannot print the answer: %w", err)
	}
	return nil
}

// theTable is the one list of an answer.
func theTable(out json.RawMessage) ([][]member, error) {
	if rows, ok := objects(out); ok {
		return rows, nil
	}
	members, _ := ordered(out)
	var found [][]member
	var names []string
	for _, m := range members {
		if rows, ok := objects(m.value); ok && strings.TrimSpace(string(m.value)) != "null" {
			found, names = rows, append(names, m.name)
		}
	}
	switch len(names) {
	case 0:
		return nil, holdfast.BadInput("this answer has no table for --csv: --json has it whole")
	case 1:
		return found, nil
	}
	return nil, holdfast.BadInput("this answer has several tables (" + strings.Join(names, ", ") + ") and --csv prints one: --json has it whole")
}

// value writes a value as it is. A text that a spreadsheet would take for a formula gets a ' in
// front, for names come from outside.
func value(raw json.RawMessage) string {
	text := strings.TrimSpace(string(raw))
	if text == "null" {
		return ""
	}
	var plain string
	if json.Unmarshal(raw, &plain) == nil {
		if plain != "" && strings.ContainsRune("=+-@\t\r", rune(plain[0])) {
			return "'" + plain
		}
		return plain
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return text
	}
	return compact.String()
}
