// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// A SQLite database is copied before it is migrated. The copy stands beside the database under
// the name of copyName for as long as the migration runs, so its presence at open means that one
// was interrupted:
//
//	copy ─▶ .tmp ─fsync─▶ .before-migration ─▶ migrate ─▶ moved to Backups
//	                             │                │failed, or killed and opened again
//	                             └───────◀────────┘ renamed over the database

func copyName(path string) string { return path + ".before-migration" }

const copiesKept = 3

var errNoBackups = errors.New("no folder for backups")

// migrateSQLite brings the schema up to date on a connection of its own, with foreign keys
// checked at the end instead of at each statement, so that tables can be rebuilt.
func migrateSQLite(ctx context.Context, opt Options) error {
	query := pragmas("FULL")
	query.Set("_foreign_keys", "0")
	query.Add("_pragma", "journal_mode(WAL)")
	db, err := dial(ctx, opt.Path, query)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	todo, err := plans(ctx, db, SQLite, opt.Migrations)
	if err != nil || !anyPending(todo) {
		return errors.Join(err, db.Close())
	}
	if err := copyDatabase(ctx, db, opt.Path); err != nil {
		return errors.Join(fmt.Errorf("cannot copy the database before its migration: %w", err), db.Close())
	}
	err = apply(ctx, db, SQLite, todo, opt.Binary)
	if err == nil {
		err = checkKeys(ctx, db)
	}
	err = errors.Join(err, db.Close())
	if err == nil {
		return retire(opt)
	}
	if restoreErr := restoreInterrupted(opt); restoreErr != nil {
		return errors.Join(err, fmt.Errorf("cannot restore the copy, which stays at %s: %w", copyName(opt.Path), restoreErr))
	}
	return fmt.Errorf("the database was restored as it was before: %w", err)
}

func checkKeys(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		var table, parent string
		var row, key sql.NullInt64
		if err := rows.Scan(&table, &row, &parent, &key); err != nil {
			return err
		}
		return fmt.Errorf("the migration leaves table %s, row %d, without its row in %s", table, row.Int64, parent)
	}
	return rows.Err()
}

// copyDatabase writes a copy through SQLite's online backup and gives it its name when it is
// whole and on the disk.
func copyDatabase(ctx context.Context, db *sql.DB, path string) (err error) {
	tmp := copyName(path) + ".tmp"
	if err := removeDatabase(tmp); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeDatabase(tmp))
		}
	}()
	if err := create(tmp); err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	err = conn.Raw(func(driver any) error { return backup(ctx, driver, tmp) })
	if err = errors.Join(err, conn.Close()); err != nil {
		return err
	}
	if err := syncFile(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, copyName(path)); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func backup(ctx context.Context, driver any, to string) error {
	source, ok := driver.(interface {
		NewBackup(uri string) (*sqlite.Backup, error)
	})
	if !ok {
		return errors.New("this SQLite driver makes no backup")
	}
	copying, err := source.NewBackup(dsn(to, pragmas("FULL")))
	if err != nil {
		return err
	}
	for more := true; more && err == nil; {
		if err = ctx.Err(); err == nil {
			more, err = copying.Step(1024)
		}
	}
	return errors.Join(err, copying.Finish())
}

// syncFile may open a database by hand because nobody has this one open.
func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// restoreInterrupted puts the copy of an unfinished migration back in place. The write-ahead log
// goes first and durably, or it would be replayed onto the copy; a crash in between finds the
// copy again.
func restoreInterrupted(opt Options) error {
	saved := copyName(opt.Path)
	if _, err := os.Stat(saved); errors.Is(err, fs.ErrNotExist) {
		return removeDatabase(saved + ".tmp")
	} else if err != nil {
		return err
	}
	opt.Log.Warn("restoring the database from the copy made before an unfinished migration", slog.String("copy", saved))
	for _, side := range []string{"-wal", "-shm", "-journal"} {
		if err := removeIfThere(opt.Path + side); err != nil {
			return err
		}
	}
	if err := syncFolder(filepath.Dir(opt.Path)); err != nil {
		return err
	}
	if err := os.Rename(saved, opt.Path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(opt.Path))
}

// retire ends the migration: from here on the copy means nothing but a backup. When it cannot be
// kept as one (another file system, a full disk), it must still go, or it would be restored.
func retire(opt Options) error {
	saved := copyName(opt.Path)
	kept := filepath.Join(opt.Backups, backupPrefix(opt.Path)+time.Now().UTC().Format("20060102T150405.000000000Z")+".db")
	err := errNoBackups
	if opt.Backups != "" {
		err = keep(saved, kept)
	}
	if err != nil {
		opt.Log.Warn("the copy made before the migration is not kept", slog.Any("reason", err))
		if err := removeIfThere(saved); err != nil {
			return err
		}
	}
	if err := syncFolder(filepath.Dir(opt.Path)); err != nil {
		return err
	}
	return prune(opt)
}

func keep(saved, kept string) error {
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return err
	}
	if err := os.Rename(saved, kept); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(kept))
}

func backupPrefix(path string) string { return "before-migration-" + filepath.Base(path) + "-" }

// prune keeps the newest copies; their names sort by time.
func prune(opt Options) error {
	if opt.Backups == "" {
		return nil
	}
	entries, err := os.ReadDir(opt.Backups)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), backupPrefix(opt.Path)) {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	for _, name := range names[:max(0, len(names)-copiesKept)] {
		if err := removeIfThere(filepath.Join(opt.Backups, name)); err != nil {
			return err
		}
	}
	return nil
}

func removeDatabase(path string) error {
	return errors.Join(removeIfThere(path), removeIfThere(path+"-wal"), removeIfThere(path+"-shm"), removeIfThere(path+"-journal"))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
