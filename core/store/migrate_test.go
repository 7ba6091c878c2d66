// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

const (
	first  = "CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL);"
	second = "ALTER TABLE notes ADD COLUMN title TEXT NOT NULL DEFAULT '';"
	broken = "CREATE TABLE half (id BIGINT); INSERT INTO nowhere VALUES (1);"
)

func eachDialect(t *testing.T, test func(t *testing.T, opt store.Options)) {
	for _, dialect := range []string{store.SQLite, store.Postgres} {
		t.Run(dialect, func(t *testing.T) { test(t, storetest.Options(t, dialect, notes(first))) })
	}
}

// opened opens, lets use work with the store, and closes it.
func opened(t *testing.T, opt store.Options, use func(s *store.Store)) {
	t.Helper()
	s := store.New(opt.Path)
	if err := s.Open(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	use(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, fn func(context.Context, store.Tx) error) func(*store.Store) {
	return func(s *store.Store) {
		t.Helper()
		if err := s.Write(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMigrationsRunOnceAndKeepWhatIsThere(t *testing.T) {
	eachDialect(t, func(t *testing.T, opt store.Options) {
		opened(t, opt, write(t, insert(1, "x")))
		opt.Migrations = notes(first, second)
		for i := range 2 {
			opened(t, opt, write(t, func(ctx context.Context, tx store.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO notes (id, body, title) VALUES (?, 'y', 'z')", 2+i)
				return err
			}))
		}
		opened(t, opt, func(s *store.Store) {
			if got := fmt.Sprint(ids(t, s)); got != "[1 2 3]" {
				t.Error(got)
			}
		})
	})
}

func TestASchemaNewerThanTheProgramIsRefused(t *testing.T) {
	eachDialect(t, func(t *testing.T, opt store.Options) {
		newer := opt
		newer.Migrations, newer.Binary = notes(first, second), "0.9.1"
		opened(t, newer, write(t, insert(1, "x")))
		err := store.New(opt.Path).Open(t.Context(), opt)
		if err == nil {
			t.Fatal("the older program opened it")
		}
		for _, want := range []string{"notes is version 2", "knows up to 1", "holdfast 0.9.1 or newer is needed"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q lacks %q", err, want)
			}
		}
		opened(t, newer, func(s *store.Store) {
			if got := fmt.Sprint(ids(t, s)); got != "[1]" {
				t.Error(got)
			}
		})
	})
}

func TestAFailedMigrationLeavesTheDatabaseAsItWas(t *testing.T) {
	eachDialect(t, func(t *testing.T, opt store.Options) {
		opened(t, opt, write(t, insert(1, "x")))
		bad := opt
		bad.Migrations = append(notes(first), store.Migration{Package: "other", FS: notes("CREATE TABLE others (id BIGINT);", broken)[0].FS})
		if err := store.New(bad.Path).Open(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "cannot migrate other") {
			t.Fatalf("error = %v", err)
		}
		opened(t, opt, func(s *store.Store) {
			if got := fmt.Sprint(ids(t, s)); got != "[1]" {
				t.Error(got)
			}
			err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO half (id) VALUES (1)")
				return err
			})
			if err == nil {
				t.Error("half of a migration stayed")
			}
		})
	})
}

func TestAMigrationWithoutTransactionIsRefused(t *testing.T) {
	eachDialect(t, func(t *testing.T, opt store.Options) {
		opt.Migrations = notes("-- +goose NO TRANSACTION\n" + first)
		if err := store.New(opt.Path).Open(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "without a transaction") {
			t.Errorf("error = %v", err)
		}
	})
}

func TestAMigrationThatBreaksKeysIsRefused(t *testing.T) {
	opt := storetest.Options(t, store.SQLite, notes(first+"\nCREATE TABLE tags (note BIGINT REFERENCES notes (id));"))
	opened(t, opt, write(t, func(ctx context.Context, tx store.Tx) error {
		if err := insert(1, "x")(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO tags (note) VALUES (1)")
		return err
	}))
	bad := opt
	bad.Migrations = notes(first, "DELETE FROM notes;")
	if err := store.New(bad.Path).Open(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "table tags") {
		t.Fatalf("error = %v", err)
	}
	opened(t, opt, func(s *store.Store) {
		if got := fmt.Sprint(ids(t, s)); got != "[1]" {
			t.Error(got)
		}
	})
}

func TestCopiesAreKeptAndTheOldestGo(t *testing.T) {
	opt := storetest.Options(t, store.SQLite, notes(first))
	steps := []string{first}
	for i := range 6 {
		opt.Migrations = notes(steps...)
		opened(t, opt, write(t, insert(i, "x")))
		steps = append(steps, fmt.Sprintf("CREATE TABLE t%d (id BIGINT);", i))
	}
	kept, err := filepath.Glob(filepath.Join(opt.Backups, "*.db"))
	if err != nil || len(kept) != 3 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	db, err := store.OpenFile(t.Context(), kept[2], true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM notes").Scan(&n); err != nil || n != 5 {
		t.Errorf("the newest copy has %d rows, want 5 (%v)", n, err)
	}
	for _, path := range append(kept, opt.Path) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// endless is a migration that never ends, so that its process can be killed within it.
const endless = `CREATE TABLE half (id BIGINT);
INSERT INTO half WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0;`

func TestMain(m *testing.M) {
	if path := os.Getenv("STORE_TEST_MIGRATE"); path != "" {
		opt := store.Options{Path: path, Migrations: notes(first, second, endless), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
		err := store.New(path).Open(context.Background(), opt)
		fmt.Fprintln(os.Stderr, "opened:", err)
		os.Exit(3)
	}
	if path := os.Getenv("STORE_TEST_WRITE"); path != "" {
		childWrites(path)
	}
	os.Exit(m.Run())
}

// childWrites is the other process of TestWhatWasAcknowledgedSurvivesAKill.
func childWrites(path string) {
	s := store.New(path)
	if err := s.Open(context.Background(), store.Options{Migrations: notes()}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for id := range 1 << 20 {
		go func() {
			if s.Write(context.Background(), insert(id, "x")) == nil {
				fmt.Printf("%d\n", id)
			}
		}()
		if id%64 == 63 {
			_ = s.Write(context.Background(), func(context.Context, store.Tx) error { return nil })
		}
	}
}

func TestAKilledMigrationIsRestoredAndStartsAgain(t *testing.T) {
	opt := storetest.Options(t, store.SQLite, notes(first))
	opened(t, opt, write(t, insert(1, "x")))
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "STORE_TEST_MIGRATE="+opt.Path)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return hasColumn(t, opt.Path) })
	if err := store.New(opt.Path).Open(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("while another migrates: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	opened(t, opt, func(s *store.Store) { // the older schema: what the kill left is gone
		if got := fmt.Sprint(ids(t, s)); got != "[1]" {
			t.Error(got)
		}
	})
	if hasColumn(t, opt.Path) {
		t.Error("half of the migration stayed")
	}
	if left, _ := filepath.Glob(opt.Path + ".before*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// hasColumn tells whether the second migration is committed.
func hasColumn(t *testing.T, path string) bool {
	db, err := store.OpenFile(t.Context(), path, true)
	if err != nil {
		return false
	}
	defer func() { _ = db.Close() }()
	var n int
	err = db.QueryRowContext(t.Context(), "SELECT count(*) FROM pragma_table_info('notes') WHERE name = 'title'").Scan(&n)
	return err == nil && n == 1
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("it did not happen within 30 s")
		}
	}
}

// TestARestoreMayItselfBeKilled puts the files as a kill between its steps leaves them.
func TestARestoreMayItselfBeKilled(t *testing.T) {
	opt := storetest.Options(t, store.SQLite, notes(first))
	opened(t, opt, write(t, insert(1, "x")))
	copied, err := os.ReadFile(opt.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(opt.Path+".before-migration", copied, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(opt.Path+".before-migration.tmp", []byte("half a copy"), 0o600); err != nil {
		t.Fatal(err)
	}
	opened(t, store.Options{Path: opt.Path, Migrations: opt.Migrations}, func(s *store.Store) {
		if got := fmt.Sprint(ids(t, s)); got != "[1]" {
			t.Error(got)
		}
	})
	opened(t, opt, func(*store.Store) {})
	if left, _ := filepath.Glob(opt.Path + ".before*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestNodesMayMigrateAtOnce(t *testing.T) {
	opt := storetest.Options(t, store.Postgres, notes(first, second))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s := store.New("")
			if err := s.Open(t.Context(), opt); err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestAddressesAndModesAreChecked(t *testing.T) {
	secret := "hunter2-hunter2"
	for _, opt := range []store.Options{
		{URL: "mysql://x"},
		{URL: "postgres://user:" + secret + "@127.0.0.1:1/db"},
		{URL: "postgres://user@127.0.0.1:1/db?password=" + secret},
		{URL: "postgres://user@127.0.0.1:1/db", Password: holdfast.NewSecret(secret)},
		{URL: "postgres://%zz" + secret},
		{Path: filepath.Join(t.TempDir(), "house.db"), Synchronous: "MAYBE"},
		{Path: filepath.Join(t.TempDir(), "missing", "house.db")},
		{Path: t.TempDir()},
	} {
		err := store.New("").Open(t.Context(), opt)
		if err == nil {
			t.Errorf("%+v was opened", opt.URL)
			continue
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, secret) {
			t.Errorf("the password shows: %s", text)
		}
		t.Log(err)
	}
}

func TestOpenFile(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "what? #1 50%.db")
	if _, err := store.OpenFile(t.Context(), odd, true); err == nil {
		t.Error("a missing file was opened for reading")
	}
	db, err := store.OpenFile(t.Context(), odd, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (id INTEGER)"); err != nil {
		t.Fatal(err)
	}
	reading, err := store.OpenFile(t.Context(), odd, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reading.Close() }()
	if _, err := reading.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err == nil {
		t.Error("a file opened for reading was written")
	}
	if _, err := os.Stat(odd); err != nil {
		t.Error(err)
	}
	junk := filepath.Join(t.TempDir(), "junk.db")
	if err := os.WriteFile(junk, []byte(strings.Repeat("not a database ", 100)), fs.FileMode(0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenFile(t.Context(), junk, true); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("junk: %v", err)
	}
}
