// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

func TestAPanicUndoesItsOwnWorkOnly(t *testing.T) {
	storetest.Each(t, notes(), func(t *testing.T, s *store.Store) {
		func() {
			defer func() {
				if recover() != "oh" {
					t.Error("the panic did not reach its caller")
				}
			}()
			_ = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				if err := insert(1, "x")(ctx, tx); err != nil {
					t.Error(err)
				}
				panic("oh")
			})
		}()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				_ = insert(2, "x")(ctx, tx)
				runtime.Goexit()
				return nil
			})
		}()
		<-ended
		if err := s.Write(t.Context(), insert(3, "x")); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(ids(t, s)); got != "[3]" {
			t.Errorf("ids = %s, want [3]", got)
		}
	})
}

func TestAFailedStatementFailsTheWriteOnBothDialects(t *testing.T) {
	storetest.Each(t, notes(), func(t *testing.T, s *store.Store) {
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			if err := insert(1, "x")(ctx, tx); err != nil {
				return err
			}
			_ = insert(1, "again")(ctx, tx) // and look away
			return nil
		})
		if err == nil || !store.Duplicate(err) {
			t.Errorf("error = %v, want a duplicate", err)
		}
		err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			if err := insert(2, "x")(ctx, tx); err != nil {
				return err
			}
			var n int
			_ = tx.QueryRow(ctx, "SELECT nothing FROM nowhere").Scan(&n)
			return nil
		})
		if err == nil {
			t.Error("a failed query was forgotten")
		}
		if got := ids(t, s); len(got) != 0 {
			t.Errorf("ids = %v, want none", got)
		}
	})
}

func TestAFailedCommitIsToldToAll(t *testing.T) {
	deferred := `CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE tags (note BIGINT NOT NULL REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED);`
	storetest.Each(t, notes(deferred), func(t *testing.T, s *store.Store) {
		// The first caller holds the group open until the others have joined it.
		joined := make(chan struct{})
		var wg sync.WaitGroup
		errs := make([]error, 3)
		wg.Go(func() {
			errs[0] = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				<-joined
				return insert(1, "x")(ctx, tx)
			})
		})
		wg.Go(func() {
			errs[1] = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO tags (note) VALUES (?)", 99)
				return err
			})
		})
		close(joined)
		wg.Wait()
		if errs[1] == nil {
			t.Error("a commit that broke a key was acknowledged")
		}
		// Alone or in one group: what was acknowledged is there, what was not is not.
		got := fmt.Sprint(ids(t, s))
		if want := map[bool]string{true: "[1]", false: "[]"}[errs[0] == nil]; got != want {
			t.Errorf("ids = %s, want %s (%v)", got, want, errs[0])
		}
		if err := s.Write(t.Context(), insert(2, "x")); err != nil {
			t.Errorf("after a failed commit: %v", err)
		}
	})
}

func TestWritesAreRefusedWhereTheyWouldWaitForThemselves(t *testing.T) {
	storetest.Each(t, notes(), func(t *testing.T, s *store.Store) {
		err := s.Write(t.Context(), func(ctx context.Context, _ store.Tx) error {
			return s.Write(ctx, insert(1, "x"))
		})
		if err == nil || !strings.Contains(err.Error(), "within a write") {
			t.Errorf("error = %v", err)
		}
		var kept store.Tx
		if err := s.Write(t.Context(), func(_ context.Context, tx store.Tx) error { kept = tx; return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := kept.Exec(t.Context(), "DELETE FROM notes"); err == nil {
			t.Error("a transaction can be used after its end")
		}
		var n int
		if err := kept.QueryRow(t.Context(), "SELECT 1").Scan(&n); err == nil {
			t.Error("a transaction can be read after its end")
		}
	})
}

func TestACallerMayGiveUpBeforeItsTurnAndNotAfter(t *testing.T) {
	storetest.Each(t, notes(), func(t *testing.T, s *store.Store) {
		inside, gate := make(chan struct{}), make(chan struct{})
		first := make(chan error)
		go func() {
			first <- s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				close(inside)
				<-gate
				return insert(1, "x")(ctx, tx)
			})
		}()
		<-inside
		ctx, cancel := context.WithCancel(t.Context())
		second := make(chan error)
		go func() { second <- s.Write(ctx, insert(2, "x")) }()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("second: %v", err)
		}
		close(gate)
		if err := <-first; err != nil {
			t.Errorf("first: %v", err)
		}
		// A context that ends within the function ends its statements, not the group.
		ctx, cancel = context.WithCancel(t.Context())
		err := s.Write(ctx, func(ctx context.Context, tx store.Tx) error {
			cancel()
			return insert(3, "x")(ctx, tx)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("third: %v", err)
		}
		if got := fmt.Sprint(ids(t, s)); got != "[1]" {
			t.Errorf("ids = %s, want [1]", got)
		}
	})
}

func TestLeftOpenRowsDoNotHoldUpTheGroup(t *testing.T) {
	storetest.Each(t, notes(), func(t *testing.T, s *store.Store) {
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			if err := errors.Join(insert(1, "x")(ctx, tx), insert(2, "x")(ctx, tx)); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, "SELECT id FROM notes")
			if err != nil {
				return err
			}
			rows.Next() // and leaves them open
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), insert(3, "x")); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(ids(t, s)); got != "[1 2 3]" {
			t.Error(got)
		}
	})
}

func TestAReadSeesOneSnapshotAndHoldsUpNobody(t *testing.T) {
	storetest.Each(t, notes(), func(t *testing.T, s *store.Store) {
		count := func(ctx context.Context, tx store.Tx) (n int) {
			if err := tx.QueryRow(ctx, "SELECT count(*) FROM notes").Scan(&n); err != nil {
				t.Error(err)
			}
			return n
		}
		err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
			before := count(ctx, tx)
			if err := s.Write(t.Context(), insert(1, "x")); err != nil {
				return err
			}
			if after := count(ctx, tx); before != 0 || after != 0 {
				t.Errorf("the snapshot moved: %d, then %d", before, after)
			}
			if _, err := tx.Exec(ctx, "DELETE FROM notes"); err == nil {
				t.Error("a read can write")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestWritesOfAllNodesAreInOneOrder adds to one number from two stores on one database, reading
// it first, as no isolation below serializable would allow without the store's order.
func TestWritesOfAllNodesAreInOneOrder(t *testing.T) {
	opt := storetest.Options(t, store.Postgres, notes())
	nodes := []*store.Store{storetest.Open(t, opt), storetest.Open(t, opt)}
	if err := nodes[0].Write(t.Context(), insert(1, "0")); err != nil {
		t.Fatal(err)
	}
	const each = 60
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range each {
				if err := nodes[i%2].Write(t.Context(), increment); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	var n int
	err := nodes[1].Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, "SELECT CAST(body AS INTEGER) FROM notes WHERE id = 1").Scan(&n)
	})
	if err != nil || n != 4*each {
		t.Errorf("n = %d, want %d (%v)", n, 4*each, err)
	}
}

func increment(ctx context.Context, tx store.Tx) error {
	var n int
	if err := tx.QueryRow(ctx, "SELECT CAST(body AS INTEGER) FROM notes WHERE id = 1").Scan(&n); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE notes SET body = ? WHERE id = 1", fmt.Sprint(n+1))
	return err
}

func TestAClosedStoreSaysSo(t *testing.T) {
	storetest.Each(t, notes(), func(t *testing.T, s *store.Store) {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), insert(1, "x")); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("write: %v", err)
		}
		if err := s.Read(t.Context(), func(context.Context, store.Tx) error { return nil }); err == nil {
			t.Error("a closed store can be read")
		}
		if s.Dialect() != "" {
			t.Error("a closed store has a dialect")
		}
	})
}
