// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"modernc.org/sqlite"

	"holdfast"
)

const (
	groupSQLite = 512 // writes in one commit
	busySQLite  = "10000"
	walLimit    = "67108864"
)

// OpenFile opens any other SQLite file (an agent's memory, the house's own from a watch): it is
// the only way beside a Store to a database file, for a file opened and closed by hand would drop
// the locks of this process. The caller closes it. A missing file is created unless readOnly.
func OpenFile(ctx context.Context, path string, readOnly bool) (*sql.DB, error) {
	where := place{dialect: SQLite, name: path}
	db, err := openFile(ctx, path, readOnly)
	if err != nil {
		return nil, fmt.Errorf("cannot open database: %w", where.explain(err))
	}
	return db, nil
}

func openFile(ctx context.Context, path string, readOnly bool) (*sql.DB, error) {
	if err := lockByFile(); err != nil {
		return nil, err
	}
	query := pragmas("FULL")
	if readOnly {
		query.Set("mode", "ro")
		query.Set("_query_only", "1")
	} else {
		if err := create(path); err != nil {
			return nil, err
		}
		query.Set("_txlock", "immediate")
		query.Add("_pragma", "journal_mode(WAL)")
	}
	return dial(ctx, path, query)
}

// lockByFile switches to locks that an unrelated close of the file does not drop. Only Linux has
// them; elsewhere the rule that nobody opens a database by hand must do.
func lockByFile() error {
	if _, err := sqlite.OFDLocking(true); err != nil && !errors.Is(err, sqlite.ErrOFDLockingUnavailable) {
		return fmt.Errorf("cannot switch on file-description locks: %w", err)
	}
	return nil
}

func pragmas(synchronous string) url.Values {
	query := url.Values{}
	query.Set("_busy_timeout", busySQLite)
	query.Set("_foreign_keys", "1")
	query.Set("_synchronous", synchronous)
	query.Set("_dqs", "0")
	query.Set("_defensive", "1")
	query.Set("_error_rc", "1")
	query.Add("_pragma", "journal_size_limit("+walLimit+")")
	if runtime.GOOS == "darwin" {
		query.Add("_pragma", "fullfsync(1)")
	}
	return query
}

func dsn(path string, query url.Values) string {
	name := url.URL{Path: path} // escapes what would end a path in a URI
	return "file:" + strings.TrimPrefix(name.EscapedPath(), "file:") + "?" + query.Encode()
}

func dial(ctx context.Context, path string, query url.Values) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	connector, err := sqlite.NewConnector(dsn(absolute, query))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	if err := touch(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// touch reads the schema, which proves that the file is a database and can be read.
func touch(ctx context.Context, db *sql.DB) error {
	var n int
	return db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n)
}

// create makes a missing database file, private and durable in its folder, before SQLite would
// make it with the process's umask.
func create(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// openSQLite holds a lock beside the database while it restores and migrates, so that no second
// process takes a migration under way for one that was interrupted.
func openSQLite(ctx context.Context, opt Options) (*database, error) {
	where := place{dialect: SQLite, name: opt.Path}
	synchronous, err := synchronousOf(opt)
	if err != nil {
		return nil, err
	}
	unlock, err := lockOpening(opt.Path)
	if err != nil {
		return nil, where.explain(err)
	}
	defer unlock()
	if err := lockByFile(); err != nil {
		return nil, err
	}
	if err := restoreInterrupted(opt); err != nil {
		return nil, where.explain(err)
	}
	if err := create(opt.Path); err != nil {
		return nil, where.explain(err)
	}
	// What is seen here, a copy that is gone above all, must be so after a loss of power too.
	if err := syncFolder(filepath.Dir(opt.Path)); err != nil {
		return nil, where.explain(err)
	}
	if err := migrateSQLite(ctx, opt); err != nil {
		return nil, where.explain(err)
	}
	db, err := poolsSQLite(ctx, opt.Path, synchronous)
	return db, where.explain(err)
}

func synchronousOf(opt Options) (string, error) {
	switch mode := strings.ToUpper(opt.Synchronous); mode {
	case "":
		return "FULL", nil
	case "FULL", "NORMAL", "OFF", "EXTRA":
		return mode, nil
	}
	return "", holdfast.BadInput("", holdfast.Problem{Field: "synchronous", Message: "unknown mode " + opt.Synchronous, Remedy: "FULL, NORMAL or OFF"})
}

func poolsSQLite(ctx context.Context, path, synchronous string) (*database, error) {
	query := pragmas(synchronous)
	query.Add("_pragma", "journal_mode(WAL)")
	writers, err := dial(ctx, path, query)
	if err != nil {
		return nil, err
	}
	writers.SetMaxOpenConns(1)
	query = pragmas(synchronous)
	query.Set("_query_only", "1")
	readers, err := dial(ctx, path, query)
	if err != nil {
		return nil, errors.Join(err, writers.Close())
	}
	readers.SetMaxOpenConns(max(4, 2*runtime.NumCPU()))
	readers.SetMaxIdleConns(4)
	db := &database{
		dialect:  SQLite,
		writers:  writers,
		readers:  readers,
		readonly: &sql.TxOptions{ReadOnly: true},
		where:    place{dialect: SQLite, name: path},
	}
	db.commits = newCommitter(db, transactionWords{begin: []string{"BEGIN IMMEDIATE"}}, groupSQLite)
	return db, nil
}

// lockOpening takes a kernel lock that lasts as long as Open; a crash leaves none.
func lockOpening(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path+".opening", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, holdfast.Errorf(holdfast.CodeConflict, "another process is opening or migrating %s", path)
		}
		return nil, fmt.Errorf("cannot lock %s: %w", file.Name(), err)
	}
	return func() { _ = file.Close() }, nil
}
