// SPDX-License-Identifier: Apache-2.0

package redteam

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table into docs/redteam.md")

// an attack is one row: what is tried, who refuses it, and what the journal tells.
type attack struct {
	group, name, tried, refused string
	journal                     string // in words
	told, also                  func(entry) bool
	run                         func(w *world)
}

// did is an entry of the journal by action, outcome and a part of its subject.
func did(action, outcome, subject string) func(entry) bool {
	return func(e entry) bool {
		return e.Action == action && e.Outcome == outcome && strings.Contains(e.Subject, subject)
	}
}

// detailed is an entry of the journal by action, outcome and a part of its detail.
func detailed(action, outcome, part string) func(entry) bool {
	return func(e entry) bool {
		return e.Action == action && e.Outcome == outcome && strings.Contains(string(e.Detail), part)
	}
}

// asked is a call of a tool that was held for a person.
func asked(tool string) func(entry) bool {
	return func(e entry) bool {
		return strings.HasPrefix(e.Action, "approval.") && strings.Contains(e.Subject+string(e.Detail), tool)
	}
}

func attacks() []attack {
	var all []attack
	for _, group := range [][]attack{destroying(), exfiltrating(), raising(), poisoning(), faraway()} {
		all = append(all, group...)
	}
	return all
}

// TestAttacks makes every attack against one house, in its order.
func TestAttacks(t *testing.T) {
	w := newWorld(t)
	for _, a := range attacks() {
		t.Run(strings.ReplaceAll(a.name, " ", "-"), func(t *testing.T) {
			here := *w
			here.T = t
			here.model.forget()
			before := int64(0)
			for _, e := range here.journal() {
				before = max(before, e.Seq)
			}
			a.run(&here)
			for _, told := range []func(entry) bool{a.told, a.also} {
				if told != nil && !here.awaits(func() bool { return slices.ContainsFunc(here.since(before), told) }) {
					t.Errorf("the journal does not tell it (%s); it tells:\n%s", a.journal, here.summary(before))
				}
			}
		})
	}
	t.Run("nothing-was-destroyed", func(t *testing.T) {
		here := *w
		here.T = t
		if !here.exists("extensions/notes/config.json") || here.exists("extensions/mallory/dropped") {
			t.Error("something was destroyed")
		}
		here.must("journal", "verify")
		if out := here.must("journal", "show", "--json", "--limit", "1000"); strings.Contains(out, "sk-secret-of-a-provider") || strings.Contains(out, operatorToken) {
			t.Error("a secret stands in the journal")
		}
	})
}

// handedOut fails unless an answer hands its calls out for approval and nothing was done.
func (w *world) handedOut(got answer) {
	w.Helper()
	if got.finish() != "tool_calls" || w.exists("extensions/mallory/dropped") {
		w.Errorf("got %s", got.raw)
	}
}

// since is what the journal tells after an entry.
func (w *world) since(seq int64) []entry {
	w.Helper()
	return slices.DeleteFunc(w.journal(), func(e entry) bool { return e.Seq <= seq })
}

func (w *world) summary(seq int64) string {
	w.Helper()
	var seen []string
	for _, e := range w.since(seq) {
		seen = append(seen, fmt.Sprintf("%s %s %s %s", e.Caller, e.Action, e.Subject, e.Outcome))
	}
	return strings.Join(seen, "\n")
}

// TestEveryAttackIsJournaled holds the table to its word: all that is refused is told.
func TestEveryAttackIsJournaled(t *testing.T) {
	for _, a := range attacks() {
		if a.told == nil || a.journal == "" {
			t.Errorf("%s is told by no entry of the journal", a.name)
		}
	}
}

const (
	tableBegins = "<!-- table: go test ./test/redteam -update -->\n"
	tableEnds   = "<!-- end -->\n"
)

// TestManual holds docs/redteam.md against the table.
func TestManual(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "redteam.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table", path)
	}
	want := before + tableBegins + table() + tableEnds + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("%s is not what the attacks say: go test ./test/redteam -run TestManual -update", path)
	}
}

func table() string {
	var b strings.Builder
	group := ""
	for _, a := range attacks() {
		if a.group != group {
			group = a.group
			fmt.Fprintf(&b, "\n## %s\n\n| attack | tried | refused | journal |\n| --- | --- | --- | --- |\n", group)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", a.name, a.tried, a.refused, first(a.journal, "–"))
	}
	b.WriteString("\n")
	return b.String()
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
