// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/store/storetest"
	"holdfast/gateway/ledger"
	"holdfast/gateway/telemetry/scan/corpus"
	"holdfast/holdfasttest/need"
)

// a notebook takes observations as the ledger does, and takes none for the gateway's.
type notebook map[string]ledger.Observation

func (n notebook) Observe(_ context.Context, seen []ledger.Observation) error {
	for _, o := range seen {
		delete(n, o.Instead)
		if old, again := n[o.Key]; !again || o.Usage.Total() > old.Usage.Total() {
			n[o.Key] = o
		}
	}
	return nil
}

func (n notebook) Spent(context.Context, string, time.Time) (map[string]ledger.Spent, error) {
	return nil, nil
}

func (n notebook) sums() corpus.Sums {
	sums := corpus.Sums{}
	for _, o := range n {
		sums.Add(o.Time, o.Model, o.Usage)
	}
	return sums
}

// TestOpenCodeCountsAsCcusageDoes reads files and database, each as far as it is there, at once and
// again from nothing.
func TestOpenCodeCountsAsCcusageDoes(t *testing.T) {
	program, err := filepath.Abs("../../test/clients/node_modules/.bin/ccusage")
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		need.Missing(t, "ccusage is not installed: npm ci in test/clients")
	}
	storetest.SQLite(t, nil) // which wants to be the first to open a database
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			user := t.TempDir()
			if err := corpus.Write(user, corpus.Options{Seed: seed, OpenCode: 12}); err != nil {
				t.Fatal(err)
			}
			want, total, err := corpus.Ccusage(t.Context(), program, user, "opencode")
			if err != nil {
				t.Fatal(err)
			}
			settings, books := Defaults(), notebook{}
			for range 2 { // the second one lost its state
				tm := New(Needs{
					Home: home.At(t.TempDir()), Config: &settings, Books: books,
					Getenv: func(string) string { return "" }, UserHome: func() (string, error) { return user, nil },
				})
				if err := tm.look(t.Context()); err != nil {
					t.Fatal(err)
				}
				alike(t, books.sums(), want, total)
			}
		})
	}
}

// alike holds sums against those of ccusage, which has reasoning beside output.
func alike(t *testing.T, got, want corpus.Sums, total int64) {
	t.Helper()
	if len(want) < 5 || got.Total().Total() != total {
		t.Errorf("%d tokens in all, want %d, in %d days and models", got.Total().Total(), total, len(want))
	}
	classes := corpus.Sums{}
	for k, u := range got {
		classes[k] = holdfast.Usage{Input: u.Input, CachedRead: u.CachedRead, CacheWrite5m: u.CacheWrite5m, Output: u.Output - u.Reasoning}
	}
	if !maps.Equal(classes, want) {
		t.Errorf("%+v\nwant %+v", classes, want)
	}
}
