// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"holdfast"
	"holdfast/core/house"
)

// printReports shows reports with their three parts apart: what is observed, what it means, what to do.
func printReports(t Terminal, _, out json.RawMessage) error {
	var all house.Digest
	if err := json.Unmarshal(out, &all); err != nil {
		return fmt.Errorf("cannot read the reports: %w", err)
	}
	for i, r := range all.Reports {
		if i > 0 {
			fmt.Fprintln(t.Out)
		}
		fmt.Fprintln(t.Out, paint(t, bold, strings.ToUpper(r.Subject)))
		var facts []string
		for _, f := range r.Observed {
			facts = append(facts, observed(f))
		}
		printPart(t, "observed", facts)
		printPart(t, "interpretation", r.Interpretation)
		printPart(t, "operator notes", r.Notes)
	}
	for _, s := range all.Silent {
		fmt.Fprintf(t.Out, "\n%s\n", paint(t, red, s.Subject+" could not report: "+s.Reason))
	}
	if len(all.Reports)+len(all.Silent) == 0 {
		fmt.Fprintln(t.Out, "nothing to report")
	}
	return nil
}

// observed is a fact in words, with its value where the words do not say it.
func observed(f holdfast.Fact) string {
	if f.Value == "" || strings.Contains(f.Statement, f.Value) {
		return f.Statement
	}
	return f.Statement + ": " + f.Value
}

func printPart(t Terminal, name string, texts []string) {
	if len(texts) == 0 {
		return
	}
	fmt.Fprintf(t.Out, "  %s\n", paint(t, dim, name))
	for _, text := range texts {
		for i, line := range wrapped(text, t.Width-6) {
			fmt.Fprintf(t.Out, "    %s%s\n", map[bool]string{true: "- ", false: "  "}[i == 0], line)
		}
	}
}

// wrapped breaks a text between words into lines of at most so many characters, where a word is not
// longer than that; 0 or less is no limit.
func wrapped(text string, width int) []string {
	words := strings.Fields(text)
	if width <= 0 || len(words) == 0 {
		return []string{strings.Join(words, " ")}
	}
	lines := []string{words[0]}
	for _, word := range words[1:] {
		last := len(lines) - 1
		if utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, word)
			continue
		}
		lines[last] += " " + word
	}
	return lines
}
