// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"os"
	"testing"

	"holdfast"
)

// TestChangedTellsOfEveryChange asks for the channel before each act and looks at it after.
func TestChangedTellsOfEveryChange(t *testing.T) {
	k := newKeys(t, "A=1\n")
	if err := k.Load(); err != nil {
		t.Fatal(err)
	}
	value := holdfast.NewSecret
	edit := func(text string) error {
		if err := os.WriteFile(k.home.EnvFile(), []byte(text), 0o600); err != nil {
			return err
		}
		return k.Load()
	}
	for _, c := range []struct {
		name    string
		act     func() error
		changed bool
	}{
		{"the file is as it was", k.Load, false},
		{"the same value", func() error { return k.Set(t.Context(), "A", value("1")) }, false},
		{"another value", func() error { return k.Set(t.Context(), "A", value("2")) }, true},
		{"a new key", func() error { return k.Set(t.Context(), "B", value("1")) }, true},
		{"restored", func() error { return k.Restore(t.Context(), "A") }, true},
		{"merged", func() error { _, err := k.Merge(t.Context(), value("C=1\n")); return err }, true},
		{"merged again", func() error { _, err := k.Merge(t.Context(), value("C=1\n")); return err }, false},
		{"generated", func() error { _, _, err := k.Generate(t.Context(), "D", "sk-"); return err }, true},
		{"there already", func() error { _, _, err := k.Generate(t.Context(), "D", "sk-"); return err }, false},
		{"deleted", func() error { return k.Delete(t.Context(), "D") }, true},
		{"edited by hand", func() error { return edit("A=9\n") }, true},
		{"only a comment by hand", func() error { return edit("# mine\nA=9\n") }, false},
	} {
		told := k.Changed()
		if err := c.act(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		select {
		case <-told:
			if !c.changed {
				t.Errorf("%s: told of a change", c.name)
			}
		default:
			if c.changed {
				t.Errorf("%s: told nobody", c.name)
			}
		}
	}
}

// TestChangedComesAfterTheValue: who is woken reads the new value.
func TestChangedComesAfterTheValue(t *testing.T) {
	k := newKeys(t, "A=1\n")
	told := k.Changed()
	seen := make(chan string)
	go func() {
		<-told
		got, _ := k.Get("A")
		seen <- got.Reveal()
	}()
	if err := os.WriteFile(k.home.EnvFile(), []byte("A=2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Load(); err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != "2" {
		t.Errorf("woken to %q", got)
	}
}
