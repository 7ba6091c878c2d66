// SPDX-License-Identifier: Apache-2.0

package pin

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"holdfast/core/journal/journaltest"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// tables are those of the catalogue, among which the pins' are.
func tables() []store.Migration {
	return []store.Migration{{Package: "tools", FS: os.DirFS("../migrations")}}
}

// TestPinsOutliveAFailingStore: what cannot be written is written later, and nothing passes meanwhile.
func TestPinsOutliveAFailingStore(t *testing.T) {
	s := store.New(t.TempDir() + "/house.db") // not open: every write fails
	book := &journaltest.Journal{}
	p := New(s, book, slog.New(slog.DiscardHandler))
	one := Of("extension notes", KindTool, "add\x00note")
	before, after := Form(map[string]string{"description": "before"}), Form(map[string]string{"description": "after"})
	if p.Judge(one, before, nil, false) != "" || p.Flush(t.Context()) == nil {
		t.Fatal("a store that is closed takes a pin")
	}
	if p.Judge(one, after, nil, false) != Changed || p.Flush(t.Context()) == nil {
		t.Fatal("a change passes while the store is closed")
	}
	if err := p.Accept(t.Context(), one, after, "", "operator:me"); err == nil || p.Judge(one, after, nil, false) != Changed {
		t.Fatalf("what cannot be written is accepted: %v", err)
	}
	opt := storetest.Options(t, store.SQLite, tables())
	opt.Path = ""
	if err := s.Open(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := New(s, book, slog.New(slog.DiscardHandler))
	if err := fresh.Load(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if fresh.Judge(one, after, nil, false) != Changed || fresh.Judge(one, before, nil, false) != "" {
		t.Error("the first sight was lost")
	}
}

func TestPinsOfOneSourceAreBounded(t *testing.T) {
	p := New(nil, &journaltest.Journal{}, slog.New(slog.DiscardHandler))
	for i := range maxPins {
		if standing := p.Judge(Of("extension many", KindTool, fmt.Sprint(i)), Form(i), nil, false); standing != "" {
			t.Fatalf("tool %d is %s", i, standing)
		}
	}
	if p.Judge(Of("extension many", KindTool, "more"), Form("x"), nil, false) != Flagged {
		t.Error("one source fills the memory")
	}
	if p.Judge(Of("extension other", KindTool, "more"), Form("x"), nil, false) != "" {
		t.Error("another source is not taken")
	}
}

// TestJudgingAtOnce: many lists are built while pins are written and accepted.
func TestJudgingAtOnce(t *testing.T) {
	s := storetest.SQLite(t, tables())
	p := New(s, &journaltest.Journal{}, slog.New(slog.DiscardHandler))
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for i := range 50 {
				one := Of("extension notes", KindTool, fmt.Sprint(i%10))
				p.Judge(one, Form(w), nil, false)
				switch i % 5 {
				case 0:
					_ = p.Accept(context.WithoutCancel(t.Context()), one, Form(w), "", "operator:me")
				case 1:
					p.Diff(t.Context(), one)
				}
			}
		})
	}
	for range 20 {
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	group.Wait()
}

func TestDifferencesShowWhatIsHidden(t *testing.T) {
	got := differences(json.RawMessage(`{"a":{"b":["x"]},"same":1}`), json.RawMessage(`{"a":{"b":["x\u202ey","z"]},"same":1,"n":null}`))
	want := []Change{{Field: "a.b[0]", Before: "x", After: "x[U+202E]y"}, {Field: "a.b[1]", After: "z"}}
	if !slices.Equal(got, want) {
		t.Errorf("differences are %+v", got)
	}
	many := map[string]string{}
	for i := range 1000 {
		many[fmt.Sprint(i)] = strings.Repeat("x", 5000)
	}
	if got := differences(json.RawMessage(`{}`), Form(many)); len(got) != maxChanges+1 || len(got[0].After) > maxChanged+10 {
		t.Errorf("%d differences", len(got))
	}
}
