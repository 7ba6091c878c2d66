// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"os"
	"strings"
	"testing"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// settled is a house of a home on a store, started anew.
func settled(t *testing.T, s *store.Store, h home.Home) *Journal {
	t.Helper()
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	j := New(s, "")
	j.Use(Needs{Home: h})
	if err := j.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	return j
}

func write(t *testing.T, h home.Home, name string) {
	t.Helper()
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Var("node"), []byte(name), 0o600); err != nil {
		t.Fatal(err)
	}
}

func appended(t *testing.T, j *Journal) holdfast.Entry {
	t.Helper()
	e, err := j.Append(t.Context(), holdfast.Entry{Action: "a.b", Outcome: holdfast.OutcomeDone})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestANodeKeepsItsName(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		h := home.At(t.TempDir())
		host, err := os.Hostname()
		if err != nil {
			t.Skip(err)
		}
		first := settled(t, s, h)
		if first.Node() != plain(host) {
			t.Errorf("named %q on %q", first.Node(), host)
		}
		appended(t, first)
		if e := appended(t, settled(t, s, h)); e.Node != first.Node() || e.Sequence != 2 {
			t.Errorf("entry %+v", e)
		}
		write(t, h, "old-host\n") // what it was called before the host was renamed
		if e := appended(t, settled(t, s, h)); e.Node != "old-host" || e.Sequence != 1 {
			t.Errorf("entry %+v", e)
		}
		if v, err := first.Verify(t.Context()); err != nil || v.Broken != nil || v.Chains != 2 {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// TestALostNameIsFoundOrMadeAnew: a SQLite file knows whose it is; in a database of several nodes
// the name of another is never taken.
func TestALostNameIsFoundOrMadeAnew(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		appended(t, New(s, "the host's old name"))
		found := settled(t, s, home.At(t.TempDir())).Node()
		if s.Dialect() == store.SQLite {
			if found != "the host's old name" {
				t.Errorf("named %q", found)
			}
			return
		}
		second, third := settled(t, s, home.At(t.TempDir())).Node(), settled(t, s, home.At(t.TempDir())).Node()
		if second != found+"-2" || third != found+"-3" {
			t.Errorf("three nodes on one host: %q, %q, %q", found, second, third)
		}
	})
}

func TestADamagedNameIsToldAndNothingIsAppended(t *testing.T) {
	s := storetest.SQLite(t, tables())
	for _, text := range []string{"", " \n", "a\nb\n", "a\x00b", strings.Repeat("x", 1000)} {
		h := home.At(t.TempDir())
		write(t, h, text)
		j := New(s, "")
		j.Use(Needs{Home: h})
		if err := j.Settle(t.Context()); err == nil || !strings.Contains(err.Error(), h.Var("node")) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := j.Append(t.Context(), holdfast.Entry{Action: "a.b", Outcome: holdfast.OutcomeDone}); err == nil {
			t.Errorf("%q: appended without a name", text)
		}
	}
}

func TestPlain(t *testing.T) {
	for host, want := range map[string]string{
		"kestrel": "kestrel", "kestrel.example.org": "kestrel.example.org", "": "node", "...": "node", "-a-": "a",
		"a/../b": "a-..-b", "Ünï host": "n--host", strings.Repeat("x", 100): strings.Repeat("x", 64),
	} {
		if got := plain(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}
