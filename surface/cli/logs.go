// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A logEntry is one line of a log, as log.show answers it and its stream tells it.
type logEntry struct {
	At     time.Time `json:"at"`
	Unit   string    `json:"unit"`
	Stream string    `json:"stream"`
	Text   string    `json:"text"`
}

// A logPrinter prints lines. For one unit that goes to a program, a line is printed as it was
// written; people see its time, of several units each one's name, and a ! before standard error.
type logPrinter struct {
	t       Terminal
	several bool
	names   int // width of the names
	day     string
	colours map[string]string
}

// nameColours are those that are told apart on dark and light ground; red and yellow stay for trouble.
func nameColours() []string { return []string{"36", "35", "34", "32", "96", "95", "94", "92"} }

// nameMost bounds the width of names before lines.
const nameMost = 24

func newLogPrinter(t Terminal, input json.RawMessage) *logPrinter {
	var in struct {
		Units []string `json:"units"`
		Unit  string   `json:"unit"`
	}
	_ = json.Unmarshal(input, &in) // an input that is none was refused before
	if in.Unit != "" {
		in.Units = append(in.Units, in.Unit)
	}
	p := &logPrinter{t: t, several: len(in.Units) != 1, colours: map[string]string{}}
	for _, name := range in.Units {
		p.meet(name)
	}
	return p
}

// meet gives a unit its colour and its name room.
func (p *logPrinter) meet(unit string) {
	if _, known := p.colours[unit]; known {
		return
	}
	all := nameColours()
	p.colours[unit] = all[len(p.colours)%len(all)]
	p.names = min(nameMost, max(p.names, utf8.RuneCountInString(unit)))
}

func (p *logPrinter) line(e logEntry) string {
	forPeople := p.t.Width > 0
	var b strings.Builder
	if forPeople && !e.At.IsZero() {
		at := e.At.Local()
		if day := at.Format(time.DateOnly); day != p.day {
			p.day = day
			b.WriteString(paint(p.t, dim, "── "+day+" ──") + "\n")
		}
		b.WriteString(paint(p.t, dim, at.Format("15:04:05")) + " ")
	}
	mark := either(p.several, "|", " ")
	if e.Stream == "stderr" {
		mark = paint(p.t, red, "!")
	}
	if p.several {
		p.meet(e.Unit)
		b.WriteString(paint(p.t, p.colours[e.Unit], pad(clip(harmless(e.Unit, false), p.names), p.names)) + " ")
	}
	if p.several || forPeople {
		b.WriteString(mark + " ")
	}
	if forPeople {
		return b.String() + harmless(e.Text, p.t.Color)
	}
	return b.String() + e.Text
}

func printLog(t Terminal, input, out json.RawMessage) error {
	var answer struct {
		Entries []logEntry `json:"entries"`
		Cut     bool       `json:"cut"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return fmt.Errorf("cannot print the answer: %w", err)
	}
	p := newLogPrinter(t, input)
	for _, e := range answer.Entries {
		p.meet(e.Unit)
	}
	for _, e := range answer.Entries {
		if _, err := fmt.Fprintln(t.Out, p.line(e)); err != nil {
			return err
		}
	}
	if answer.Cut {
		fmt.Fprintln(t.Err, "older lines are left out, for the answer would be too large: ask for fewer --lines or a later --since")
	}
	if len(answer.Entries) == 0 && t.Width > 0 {
		fmt.Fprintln(t.Err, "no lines")
	}
	return nil
}

func logEvents(t Terminal, input json.RawMessage) func(json.RawMessage) error {
	p := newLogPrinter(t, input)
	return func(event json.RawMessage) error {
		var e logEntry
		if err := json.Unmarshal(event, &e); err != nil {
			return fmt.Errorf("cannot print an event: %w", err)
		}
		_, err := fmt.Fprintln(t.Out, p.line(e))
		return err
	}
}
