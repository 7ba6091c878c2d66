// SPDX-License-Identifier: Apache-2.0

package corpus_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/gateway/telemetry/scan"
	"holdfast/gateway/telemetry/scan/corpus"
)

// books take records as the ledger does: by key, the larger stands.
type books map[string]scan.Record

func (b books) observe(records []scan.Record) error {
	for _, r := range records {
		delete(b, r.Instead)
		if old, again := b[r.Key]; !again || r.Usage.Total() > old.Usage.Total() {
			b[r.Key] = r
		}
	}
	return nil
}

func (b books) byModel() map[string]holdfast.Usage {
	all := map[string]holdfast.Usage{}
	for _, r := range b {
		all[r.Model] = all[r.Model].Add(r.Usage)
	}
	return all
}

// logs are the files below a folder, in the order in which they were made.
func logs(t *testing.T, home string) (paths []string, texts map[string][]byte) {
	t.Helper()
	texts = map[string][]byte{}
	made := map[string]int64{}
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		relative := strings.TrimPrefix(path, home+"/")
		paths, made[relative] = append(paths, relative), info.ModTime().UnixNano()
		texts[relative], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(paths, func(a, b string) int { return int(made[a] - made[b]) })
	return paths, texts
}

func roots(home string) []scan.Root { return scan.Roots(func(string) string { return "" }, home) }

// TestReadingInStepsCountsAsReadingAtOnce lets logs grow at random places, with looks, crashes and
// lost states between.
func TestReadingInStepsCountsAsReadingAtOnce(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o := corpus.Options{Seed: seed, Claude: 7, Apart: seed%4 == 0}
			switch seed % 4 {
			case 1, 3:
				o = corpus.Options{Seed: seed, Codex: 3}
			case 2:
				o = corpus.Options{Seed: seed, Gemini: 6, OpenCode: 3}
			}
			whole, home := t.TempDir(), t.TempDir()
			if err := corpus.Write(whole, o); err != nil {
				t.Fatal(err)
			}
			want := books{}
			if _, err := scan.New(scan.Options{Roots: roots(whole)}).Scan(t.Context(), want.observe); err != nil {
				t.Fatal(err)
			}
			got := grow(t, whole, home, rand.New(rand.NewPCG(seed, 1)), seed%4 != 0)
			if !maps.Equal(got.byModel(), want.byModel()) {
				t.Errorf("in steps %+v\nat once  %+v", got.byModel(), want.byModel())
			}
			if len(want) < 30 {
				t.Errorf("only %d calls: too few to tell anything", len(want))
			}
		})
	}
}

func grow(t *testing.T, whole, home string, r *rand.Rand, inOrder bool) books {
	t.Helper()
	got := books{}
	paths, texts := logs(t, whole)
	s := scan.New(scan.Options{Roots: roots(home)})
	var state, seen []byte
	for step := 0; len(paths) > 0; step++ {
		i := 0 // what is forked or copied is there before its fork or copy
		if !inOrder {
			i = r.IntN(len(paths))
		}
		path, rest := paths[i], texts[paths[i]]
		n := min(len(rest), 1+r.IntN(len(rest)/4+40_000))
		add(t, filepath.Join(home, path), rest[:n])
		if texts[path] = rest[n:]; n == len(rest) {
			paths = slices.Delete(paths, i, i+1)
		}
		if _, err := s.Scan(t.Context(), got.observe); err != nil {
			t.Fatal(err)
		}
		switch step % 11 {
		case 3, 7: // kept
			seen = append(seen, s.Fresh()...)
			var err error
			if state, err = s.State(); err != nil {
				t.Fatal(err)
			}
		case 9: // crashed
			s = scan.New(scan.Options{Roots: roots(home)})
			if err := s.Restore(state, seen); err != nil {
				t.Fatal(err)
			}
		}
	}
	return got
}

func add(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
