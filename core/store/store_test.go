// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/fstest"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// notes is a small package with tables, as any capability brings one.
func notes(files ...string) []store.Migration {
	if len(files) == 0 {
		files = []string{"CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL);"}
	}
	dir := fstest.MapFS{}
	for i, text := range files {
		name := fmt.Sprintf("%05d_step.sql", i+1)
		dir[name] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text + "\n")}
	}
	return []store.Migration{{Package: "notes", FS: dir}}
}

func insert(id int, body string) func(context.Context, store.Tx) error {
	return func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO notes (id, body) VALUES (?, ?)", id, body)
		return err
	}
}

func ids(t *testing.T, s *store.Store) []int {
	t.Helper()
	out := []int{}
	err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT id FROM notes WHERE body <> ? ORDER BY id", "?")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id int
			if err := rows.Scan(&id); err != nil {
				return err
			}
			out = append(out, id)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWritesAreReadBack(t *testing.T) {
	storetest.Each(t, notes(), func(t *testing.T, s *store.Store) {
		if err := s.Write(t.Context(), insert(1, "it's a ? in 'quotes'")); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, s); len(got) != 1 || got[0] != 1 {
			t.Errorf("ids = %v, want [1]", got)
		}
	})
}

func TestManyWritersShareCommitsAndKeepTheirOwnFailures(t *testing.T) {
	storetest.Each(t, notes(), func(t *testing.T, s *store.Store) {
		broken := errors.New("changed my mind")
		var wg sync.WaitGroup
		errs := make([]error, 200)
		for i := range errs {
			wg.Go(func() {
				errs[i] = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
					if err := insert(i, "x")(ctx, tx); err != nil {
						return err
					}
					if i%3 == 0 {
						return broken
					}
					return nil
				})
			})
		}
		wg.Wait()
		want := 0
		for i, err := range errs {
			if i%3 != 0 {
				want++
			}
			if (i%3 == 0) != errors.Is(err, broken) {
				t.Errorf("write %d: %v", i, err)
			}
		}
		if got := ids(t, s); len(got) != want {
			t.Errorf("%d rows, want %d", len(got), want)
		}
	})
}
