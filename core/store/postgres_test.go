// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// cutOthers ends every connection to the database but its own.
const cutOthers = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid()`

func cut(t *testing.T, from *store.Store) {
	t.Helper()
	var n int
	err := from.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, cutOthers).Scan(&n)
	})
	if err != nil || n == 0 {
		t.Fatalf("cut %d connections: %v", n, err)
	}
}

func TestAStoreComesBackAfterItsServerCutTheConnection(t *testing.T) {
	opt := storetest.Options(t, store.Postgres, notes())
	s, other := storetest.Open(t, opt), storetest.Open(t, opt)
	if err := s.Write(t.Context(), insert(1, "x")); err != nil {
		t.Fatal(err)
	}
	cut(t, other)
	if err := s.Write(t.Context(), insert(2, "x")); err != nil {
		t.Errorf("a write after the cut: %v", err)
	}
	if got := fmt.Sprint(ids(t, s)); got != "[1 2]" {
		t.Error(got)
	}
}

func TestAConnectionCutWithinAWriteIsToldAndLeavesNothing(t *testing.T) {
	opt := storetest.Options(t, store.Postgres, notes())
	s, other := storetest.Open(t, opt), storetest.Open(t, opt)
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		if err := insert(1, "x")(ctx, tx); err != nil {
			return err
		}
		cut(t, other)
		return nil
	})
	if err == nil {
		t.Error("a lost write was acknowledged")
	}
	if err := s.Write(t.Context(), insert(2, "x")); err != nil {
		t.Errorf("after the cut: %v", err)
	}
	if got := fmt.Sprint(ids(t, s)); got != "[2]" {
		t.Error(got)
	}
}

// TestAnAbortedTransactionIsNotAcknowledged commits by hand what PostgreSQL has given up, which it
// answers with ROLLBACK and no error.
func TestAnAbortedTransactionIsNotAcknowledged(t *testing.T) {
	s := storetest.Open(t, storetest.Options(t, store.Postgres, notes()))
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		if err := insert(1, "x")(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "ROLLBACK")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "cannot write") {
		t.Errorf("error = %v", err)
	}
	if err := s.Write(t.Context(), insert(2, "x")); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(ids(t, s)); got != "[2]" {
		t.Error(got)
	}
}
