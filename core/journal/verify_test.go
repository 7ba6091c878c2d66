// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"holdfast/core/journal"
	"holdfast/core/store"
)

// tamper changes the journal behind its back.
func tamper(t *testing.T, s *store.Store, statements ...string) {
	t.Helper()
	open := []string{
		"DROP TRIGGER IF EXISTS journal_keeps", "DROP TRIGGER IF EXISTS journal_stays",
		"DROP TRIGGER IF EXISTS journal_archives_keep", "DROP TRIGGER IF EXISTS journal_archives_stay",
	}
	if s.Dialect() == store.Postgres {
		open = []string{
			"DROP TRIGGER IF EXISTS journal_stays ON journal", "DROP TRIGGER IF EXISTS journal_leaves ON journal",
			"DROP TRIGGER IF EXISTS journal_archives_stay ON journal_archives",
		}
	}
	for _, statement := range append(open, statements...) {
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheTableIsAppendOnly(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, j *journal.Journal) {
		add(t, j, entry("a.b"))
		for _, statement := range []string{"DELETE FROM journal", "UPDATE journal SET caller = 'x'"} {
			err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				_, err := tx.Exec(ctx, statement)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}

func TestVerifyNamesTheFirstBrokenEntry(t *testing.T) {
	const moved = "UPDATE journal SET sequence = CASE sequence WHEN 3 THEN -4 WHEN 4 THEN -3 END WHERE sequence IN (3, 4)"
	for _, c := range []struct {
		name     string
		tampered []string
		sequence int64
		reason   string
	}{
		{"text changed", []string{"UPDATE journal SET entry = replace(entry, 'ada', 'eve') WHERE sequence = 3"}, 3, "changed"},
		{"hash changed", []string{"UPDATE journal SET hash = 'ff' WHERE sequence = 3"}, 3, "changed"},
		{"column changed", []string{"UPDATE journal SET outcome = 'refused' WHERE sequence = 3"}, 3, "columns differ"},
		{"time changed", []string{"UPDATE journal SET time_ns = time_ns + 1 WHERE sequence = 3"}, 3, "columns differ"},
		{"taken out", []string{"DELETE FROM journal WHERE sequence = 3"}, 3, "missing"},
		{"first taken out", []string{"DELETE FROM journal WHERE sequence = 1"}, 1, "missing"},
		{"moved", []string{moved, "UPDATE journal SET sequence = -sequence WHERE sequence < 0"}, 3, "moved"},
		{"tail cut off", []string{"DELETE FROM journal WHERE sequence > 3"}, 4, "cut off"},
		{"all cut off", []string{"DELETE FROM journal"}, 1, "cut off"},
		{"put in", []string{"INSERT INTO journal SELECT node, 6, time_ns, caller, action, outcome, entry, hash FROM journal WHERE sequence = 5"}, 6, "put in"},
		{"head taken away", []string{"DELETE FROM journal_heads"}, 1, "put in"},
		{"head changed", []string{"UPDATE journal_heads SET hash = 'ff'"}, 5, "head"},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *store.Store, j *journal.Journal) {
				for i := range 5 {
					add(t, j, entry(fmt.Sprintf("a.%d", i)))
				}
				tamper(t, s, c.tampered...)
				v, err := j.Verify(t.Context())
				if err != nil || v.Broken == nil {
					t.Fatalf("verification = %+v, %v", v, err)
				}
				if v.Broken.Sequence != c.sequence || v.Broken.Node != "alpha" || !strings.Contains(v.Broken.Reason, c.reason) {
					t.Errorf("broken = %+v, want entry %d %s", v.Broken, c.sequence, c.reason)
				}
			})
		})
	}
}

func TestVerifyExportFindsEachChange(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, j *journal.Journal) {
		for i := range 5 {
			add(t, j, entry(fmt.Sprintf("a.%d", i)))
		}
		var all, thin bytes.Buffer
		if err := j.Export(t.Context(), &all, journal.Query{}); err != nil {
			t.Fatal(err)
		}
		if err := j.Export(t.Context(), &thin, journal.Query{Action: "a.3"}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(all.String()), "\n")
		for _, c := range []struct {
			name     string
			export   string
			sequence int64
		}{
			{"whole", all.String(), 0},
			{"one line", lines[2], 0},
			{"thinned", thin.String(), 0},
			{"a gap", lines[0] + "\n" + lines[4], 0},
			{"changed", strings.Replace(all.String(), `"a.2"`, `"a.9"`, 1), 3},
			{"moved", lines[0] + "\n" + lines[2] + "\n" + lines[1], 2},
			{"repeated", lines[0] + "\n" + lines[0], 1},
			{"no entry", lines[0] + "\n{}", 2},
			{"no JSON", "nonsense", 1},
		} {
			v, err := journal.VerifyExport(strings.NewReader(c.export))
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			if (v.Broken == nil) != (c.sequence == 0) || v.Broken != nil && v.Broken.Sequence != c.sequence {
				t.Errorf("%s: broken = %+v, want %d", c.name, v.Broken, c.sequence)
			}
		}
	})
}

func FuzzVerifyExport(f *testing.F) {
	f.Add([]byte(`{"previous":"","hash":"00","entry":{"sequence":1,"node":"a"}}`))
	f.Add([]byte("{}\n\n[]"))
	f.Fuzz(func(t *testing.T, export []byte) {
		v, err := journal.VerifyExport(bytes.NewReader(export))
		if err == nil && v.Broken == nil && v.Entries > 0 && !bytes.Contains(export, []byte("entry")) {
			t.Errorf("holds: %q", export)
		}
	})
}
