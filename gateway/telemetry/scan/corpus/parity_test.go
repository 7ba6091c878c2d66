// SPDX-License-Identifier: Apache-2.0

package corpus_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"holdfast"
	"holdfast/gateway/telemetry/scan"
	"holdfast/gateway/telemetry/scan/corpus"
	"holdfast/holdfasttest/need"
)

// other is the counter that ours is held against, in the version that test/clients/package.json pins.
func other(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../../../test/clients/node_modules/.bin/ccusage")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		need.Missing(t, "ccusage is not installed: npm ci in test/clients")
	}
	return path
}

// ours scans as the house does.
func ours(t *testing.T, home string, source scan.Source) corpus.Sums {
	t.Helper()
	got := corpus.Sums{}
	s := scan.New(scan.Options{Roots: slices.DeleteFunc(roots(home), func(r scan.Root) bool { return r.Source != source })})
	tick, err := s.Scan(t.Context(), func(records []scan.Record) error {
		for _, r := range records {
			got.Add(r.Time, r.Model, r.Usage)
		}
		return nil
	})
	if err != nil || tick.Files == 0 {
		t.Fatalf("scan: %+v, %v", tick, err)
	}
	return got
}

func TestWeCountAsCcusageDoes(t *testing.T) {
	for source, o := range map[scan.Source]corpus.Options{scan.Claude: {Claude: 25}, scan.Codex: {Codex: 9}, scan.Gemini: {Gemini: 24}} {
		for o.Seed = range uint64(5) {
			t.Run(fmt.Sprintf("%s/%d", source, o.Seed), func(t *testing.T) {
				home := t.TempDir()
				if err := corpus.Write(home, o); err != nil {
					t.Fatal(err)
				}
				want, total, err := corpus.Ccusage(t.Context(), other(t), home, string(source))
				if err != nil {
					t.Fatal(err)
				}
				compare(t, ours(t, home, source), want, total)
			})
		}
	}
}

// compare holds sums against the other counter's, which knows reasoning of Codex alone and has it
// beside output of all others.
func compare(t *testing.T, got, want corpus.Sums, total int64) {
	t.Helper()
	if len(want) < 5 {
		t.Fatalf("only %d days and models: the corpus is too small to tell anything", len(want))
	}
	if got.Total().Total() != total {
		t.Errorf("%d tokens in all, want %d", got.Total().Total(), total)
	}
	apart := want.Total().Reasoning == 0
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for k := range keys {
		u := got[k]
		if apart {
			u = holdfast.Usage{Input: u.Input, CachedRead: u.CachedRead, CacheWrite5m: u.CacheWrite5m, Output: u.Output - u.Reasoning}
		}
		if u != want[k] {
			t.Errorf("%s %s: %+v, want %+v", k.Day, k.Model, u, want[k])
		}
	}
}
