// SPDX-License-Identifier: Apache-2.0

// Package corpus makes session logs of coding agents, with every trap that real ones hold.
//
// It is for tests that hold the scanner against another counter, and for benches. It is not for
// running houses. The same seed always makes the same bytes. Callers: tests of gateway/telemetry/...
// and bench/telemetry.
package corpus

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options say how much to make.
type Options struct {
	Seed uint64
	// Sessions of Claude Code, and how many bytes all of them have together, at least; 0 for what
	// they come to.
	Claude int
	Bytes  int64
	// Sessions of Codex, before forks and sub-agents.
	Codex int
	// Sessions of Gemini CLI and of OpenCode.
	Gemini, OpenCode int
	// Apart leaves out what one log of Claude Code copies of another.
	Apart bool
	// Plain leaves the traps out.
	Plain bool
	// Start is the first day; the zero time is 1 September 2026.
	Start time.Time
}

// Write makes logs below a user's folder: .claude, .config/claude, .codex, .gemini and
// .local/share/opencode.
func Write(home string, o Options) error {
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 9, 1, 7, 0, 0, 0, time.UTC)
	}
	w := &writer{home: home, options: o, rand: rand.New(rand.NewPCG(o.Seed, 7))} //nolint:gosec // repeatable on purpose
	for n := range o.Claude {
		w.claudeSession(n)
	}
	if !o.Plain && o.Claude > 0 {
		w.oddClaude()
	}
	for n := range o.Codex {
		w.codexSession(n)
	}
	if !o.Plain && o.Codex > 0 {
		w.oddCodex()
	}
	for n := range o.Gemini {
		w.geminiSession(n)
	}
	w.openCode()
	return w.err
}

// A writer makes one corpus.
type writer struct {
	home    string
	options Options
	rand    *rand.Rand
	ids     int
	made    int // files
	err     error
}

func (w *writer) id(prefix string) string {
	w.ids++
	return fmt.Sprintf("%s%08x%08x", prefix, w.rand.Uint32(), w.ids)
}

func (w *writer) one(of ...string) string { return of[w.rand.IntN(len(of))] }

// chance is true n times of a hundred.
func (w *writer) chance(n int) bool { return !w.options.Plain && w.rand.IntN(100) < n }

// A log is one file under way.
type log struct {
	w     *writer
	file  *os.File
	out   *bufio.Writer
	lines []string // kept for copies
	keep  bool
	size  int64
	made  time.Time
}

func (w *writer) create(path string) *log {
	path = filepath.Join(w.home, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil && w.err == nil {
		w.err = err
	}
	file, err := os.Create(path)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.made++
	return &log{w: w, file: file, out: bufio.NewWriterSize(file, 1<<20), made: w.options.Start.Add(time.Duration(w.made) * time.Second)}
}

func (l *log) line(text string) {
	l.raw(text + "\n")
	if l.keep {
		l.lines = append(l.lines, text)
	}
}

func (l *log) raw(text string) {
	n, err := l.out.WriteString(text)
	l.size += int64(n)
	if err != nil && l.w.err == nil {
		l.w.err = err
	}
}

func (l *log) close() {
	err := l.out.Flush()
	if failed := l.file.Close(); err == nil {
		err = failed
	}
	if err == nil { // their times tell the order in which they were begun
		err = os.Chtimes(l.file.Name(), l.made, l.made)
	}
	if err != nil && l.w.err == nil {
		l.w.err = err
	}
}

// copyOf writes lines again as another log.
func (w *writer) copyOf(path string, lines []string, change func(string) string) {
	l := w.create(path)
	for _, text := range lines {
		l.line(change(text))
	}
	l.close()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// filler is text as it stands in logs: words, escapes, and what looks like usage but is none.
func (w *writer) filler(n int) string {
	words := []string{"the ledger ", "func main() {\\n", "\\\"usage\\\":{\\\"input_tokens\\\":5}", "\\\\", "größer ", "\\u00e9", "// x\\t", "{[", "}", " token_count "}
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[w.rand.IntN(len(words))])
		if n-b.Len() > 512 {
			b.WriteString("abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmnopqrstuvwxyz ")
		}
	}
	return b.String()
}
