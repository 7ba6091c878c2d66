// SPDX-License-Identifier: Apache-2.0

package logs

import "time"

// In asks for lines (action log.show, command `logs`), and for what comes after them (its stream).
type In struct {
	Units  []string `json:"units" pos:"1" help:"names of units, all of them when none is given; house, watch and logkeeper are the house's own logs"`
	Unit   string   `json:"unit" help:"one more unit; the older form of units"`
	Lines  int      `json:"lines" default:"100" min:"1" max:"10000" help:"how many lines, the last ones"`
	Since  string   `json:"since" help:"only lines from this time on: a span (15m, 2d) or a time (2026-01-31T12:00:00Z)"`
	Grep   string   `json:"grep" help:"only lines that match this regular expression"`
	Stream string   `json:"stream" enum:"stdout,stderr" help:"only lines of this stream"`
}

// Out is the answer to In.
type Out struct {
	Units []string `json:"units" help:"whose lines they are"`
	Files []string `json:"files" help:"their log files, relative to the home"`
	// Lines are for people and for programs that know no entries.
	Lines   []string `json:"lines" help:"lines, oldest first; with the unit before each when there are several"`
	Entries []Entry  `json:"entries" help:"the same lines, taken apart"`
	Cut     bool     `json:"cut" help:"whether older lines were left out because the answer would have become too large"`
}

// An Entry is one line of a log, and each event of the stream of log.show. Text is always valid
// UTF-8; a line longer than 64 KiB is cut and ends in " …".
type Entry struct {
	// At is zero for a line that was written without the log keeper and tells no time itself.
	At     time.Time `json:"at,omitzero" help:"when it was written"`
	Unit   string    `json:"unit" help:"unit that wrote it"`
	Stream string    `json:"stream,omitempty" help:"stdout or stderr; left out where the log does not tell"`
	Text   string    `json:"text" help:"the line, without its end"`
}
