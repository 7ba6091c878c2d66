// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/config"
)

// names are the units that are asked for.
func (in In) names() []string {
	if in.Unit == "" || slices.Contains(in.Units, in.Unit) {
		return in.Units
	}
	return append(slices.Clone(in.Units), in.Unit)
}

// A filter picks the entries that were asked for.
type filter struct {
	match  *regexp.Regexp
	since  time.Time
	stream string
}

func (in In) filter(now time.Time) (filter, error) {
	f := filter{stream: in.Stream}
	var problems []holdfast.Problem
	if in.Grep != "" {
		match, err := regexp.Compile(in.Grep)
		if err != nil {
			problems = append(problems, holdfast.Problem{Field: "grep", Message: err.Error(), Remedy: "give a regular expression"})
		}
		f.match = match
	}
	if in.Since != "" {
		since, err := config.ParseSince(in.Since, now)
		if err != nil {
			problems = append(problems, holdfast.Problem{Field: "since", Message: err.Error(), Remedy: "give a span (15m, 2d) or a time (2026-01-31T12:00:00Z)"})
		}
		f.since = since
	}
	if len(problems) > 0 {
		return f, holdfast.BadInput("cannot show the log", problems...)
	}
	return f, nil
}

// takes tells whether an entry fits, its time apart.
func (f filter) takes(e Entry) bool {
	if f.stream != "" && e.Stream != f.stream {
		return false
	}
	return f.match == nil || f.match.MatchString(e.Text)
}

// lineMost bounds one line as shown; the file keeps it whole.
const lineMost = 64 << 10

// presentable makes any bytes a line that can be shown.
func presentable(line []byte) string {
	line = line[:len(line):len(line)]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	cut := len(line) > lineMost
	if cut {
		line = line[:lineMost]
	}
	text := strings.ToValidUTF8(string(line), "�")
	if cut {
		text += " …"
	}
	return text
}

// stampOf reads the time that a line begins with, or that slog's text and JSON forms carry.
func stampOf(line string) (time.Time, bool) {
	for _, lead := range []string{"", "time=", `{"time":"`, "["} {
		rest, ok := strings.CutPrefix(line, lead)
		if !ok {
			continue
		}
		if at, ok := leadingTime(rest); ok {
			return at, true
		}
	}
	return time.Time{}, false
}

func leadingTime(text string) (time.Time, bool) {
	if len(text) < len("2006-01-02 15:04:05") || text[4] != '-' || text[7] != '-' {
		return time.Time{}, false
	}
	word := text[:min(len(text), 40)]
	if i := strings.IndexAny(word[10:], "\" ]\t"); i > 0 {
		word = word[:10+i]
	}
	if at, err := time.Parse(time.RFC3339Nano, word); err == nil {
		return at, true
	}
	plain := strings.Replace(text[:19], "T", " ", 1)
	at, err := time.ParseInLocation(time.DateTime, plain, time.Local)
	return at, err == nil
}
