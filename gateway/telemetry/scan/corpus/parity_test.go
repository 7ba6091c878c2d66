// SPDX-License-Identifier: Apache-2.0

package corpus_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"holdfast"
	"holdfast/gateway/telemetry/scan"
	"holdfast/gateway/telemetry/scan/corpus"
	"holdfast/holdfasttest/need"
)

// A cell is a day and a model.
type cell struct{ day, model string }

type sums map[cell]holdfast.Usage

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

// theirs asks the other counter.
func theirs(t *testing.T, home, kind string) []byte {
	t.Helper()
	cmd := exec.Command(other(t), kind, "daily", "--offline", "--json", "--timezone", "UTC")
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ccusage %s: %v", kind, err)
	}
	return out
}

// ours scans as the house does, whole or in steps.
func ours(t *testing.T, home string, source scan.Source) sums {
	t.Helper()
	none := func(string) string { return "" }
	got := sums{}
	s := scan.New(scan.Options{Roots: slices.DeleteFunc(scan.Roots(none, home), func(r scan.Root) bool { return r.Source != source })})
	tick, err := s.Scan(t.Context(), func(records []scan.Record) error {
		for _, r := range records {
			got.add(r.Time.UTC().Format("2006-01-02"), r.Model, r.Usage)
		}
		return nil
	})
	if err != nil || len(tick.Problems) > 0 || tick.Files == 0 {
		t.Fatalf("scan: %+v, %v", tick, err)
	}
	return got
}

func (s sums) add(day, model string, u holdfast.Usage) {
	u.CacheWrite5m += u.CacheWrite1h // they know no difference
	u.CacheWrite1h = 0
	if u.Total() > 0 {
		s[cell{day, model}] = s[cell{day, model}].Add(u)
	}
}

func (s sums) total() (u holdfast.Usage) {
	for _, v := range s {
		u = u.Add(v)
	}
	return u
}

func TestClaudeCodeCountsAsCcusageDoes(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			home := t.TempDir()
			if err := corpus.Write(home, corpus.Options{Seed: seed, Claude: 25}); err != nil {
				t.Fatal(err)
			}
			want, got := sums{}, ours(t, home, scan.Claude)
			var report struct {
				Daily []struct {
					Date            string
					ModelBreakdowns []struct {
						ModelName                                                       string
						InputTokens, OutputTokens, CacheCreationTokens, CacheReadTokens int64
					}
				}
				Totals struct{ InputTokens, OutputTokens, CacheCreationTokens, CacheReadTokens int64 }
			}
			if err := json.Unmarshal(theirs(t, home, "claude"), &report); err != nil {
				t.Fatal(err)
			}
			for _, d := range report.Daily {
				for _, m := range d.ModelBreakdowns {
					want.add(d.Date, m.ModelName, holdfast.Usage{Input: m.InputTokens, Output: m.OutputTokens, CacheWrite5m: m.CacheCreationTokens, CachedRead: m.CacheReadTokens})
				}
			}
			compare(t, got, want)
			sum := report.Totals
			if total := got.total(); total != (holdfast.Usage{Input: sum.InputTokens, Output: sum.OutputTokens, CacheWrite5m: sum.CacheCreationTokens, CachedRead: sum.CacheReadTokens}) {
				t.Errorf("in all %+v, want %+v", total, sum)
			}
		})
	}
}

func TestCodexCountsAsCcusageDoes(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			home := t.TempDir()
			if err := corpus.Write(home, corpus.Options{Seed: seed, Codex: 9}); err != nil {
				t.Fatal(err)
			}
			want, got := sums{}, ours(t, home, scan.Codex)
			var report struct {
				Daily []struct {
					Date   string
					Models map[string]struct {
						InputTokens, OutputTokens, CacheCreationTokens, CacheReadTokens, ReasoningOutputTokens int64
					}
				}
			}
			if err := json.Unmarshal(theirs(t, home, "codex"), &report); err != nil {
				t.Fatal(err)
			}
			for _, d := range report.Daily {
				for name, m := range d.Models {
					want.add(d.Date, name, holdfast.Usage{Input: m.InputTokens, Output: m.OutputTokens, CacheWrite5m: m.CacheCreationTokens, CachedRead: m.CacheReadTokens, Reasoning: m.ReasoningOutputTokens})
				}
			}
			compare(t, got, want)
		})
	}
}

func compare(t *testing.T, got, want sums) {
	t.Helper()
	if len(want) < 5 {
		t.Fatalf("only %d days and models: the corpus is too small to tell anything", len(want))
	}
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for k := range keys {
		if got[k] != want[k] {
			t.Errorf("%s %s: %+v, want %+v", k.day, k.model, got[k], want[k])
		}
	}
}
