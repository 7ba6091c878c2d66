// SPDX-License-Identifier: Apache-2.0

package template

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"holdfast"
	"holdfast/core/config"
	"holdfast/units/supervisor"
)

func (b *bench) remove(name string) (Removed, error) {
	return board{b.Templates}.remove(b.t.Context(), removeIn{name})
}

// TestRemovedIsNothingButItsFiles: unit, budget and keys go, what the agent wrote stays, also what an
// operator wrote into its declaration; a removal may be repeated, and the name is free once the folder is.
func TestRemovedIsNothingButItsFiles(t *testing.T) {
	for _, k := range kits() {
		t.Run(k.name, func(t *testing.T) {
			b := newBench(t)
			out, err := b.add(addIn{Template: k.name, Name: "ada", Program: b.program})
			if err != nil {
				t.Fatal(err)
			}
			work := filepath.Join(out.Folder, "work", "notes")
			if err := os.WriteFile(work, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			declared, err := os.ReadFile(b.home.Path(out.Declaration))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				gone, err := b.remove("ada")
				if err != nil {
					t.Fatal(err)
				}
				if text, err := os.ReadFile(b.home.Path(gone.Declaration)); err != nil || string(text) != string(declared) {
					t.Errorf("the declaration is %q, %v", text, err)
				}
			}
			want := []string{b.home.Path("agents", "ada"), b.home.Path("holdfast.d", "ada.yaml.removed")}
			if left := b.traces("ada"); !slices.Equal(left, want) {
				t.Errorf("left are %v", left)
			}
			if limit, ok := config.Current[limits](b.config, "budgets").Limits["agent:ada"]; ok {
				t.Errorf("its budget is %+v", limit)
			}
			if text, err := os.ReadFile(work); err != nil || string(text) != "mine" {
				t.Errorf("its work is %q, %v", text, err)
			}
			if err := os.Rename(out.Folder, out.Folder+".old"); err != nil {
				t.Fatal(err)
			}
			if _, err := b.add(addIn{Template: k.name, Name: "ada", Program: b.program}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNotRemoved: what no template made, and what the house does not let go.
func TestNotRemoved(t *testing.T) {
	b := newBench(t)
	if err := os.MkdirAll(b.home.Path("agents", "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"none", "mine", "../agents/mine", ""} {
		_, err := b.remove(name)
		if bad, ok := errors.AsType[*holdfast.Error](err); !ok || bad.Code != holdfast.CodeNotFound {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := b.add(addIn{Template: "python", Name: "ada", Program: b.program}); err != nil {
		t.Fatal(err)
	}
	before := b.traces("ada")
	b.refuses = errors.New("the supervisor is busy")
	if _, err := b.remove("ada"); err == nil {
		t.Error("it is removed though the supervisor refused")
	}
	if after := b.traces("ada"); !slices.Contains(after, b.home.Path("holdfast.d", "ada.yaml")) || !slices.Contains(after, "key ada") || !slices.Contains(after, "AGENT_ADA_KEY") {
		t.Errorf("left are %v, before were %v", after, before)
	}
	b.refuses = nil
	if _, err := b.remove("ada"); err != nil {
		t.Error(err)
	}
	if _, there := (*config.Current[supervisor.Section](b.config, "units"))["ada"]; there {
		t.Error("its unit is declared")
	}
}
