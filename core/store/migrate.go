// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"holdfast"
)

// A Migration is one package's tables: goose SQL files numbered within the package, at the root
// of FS (or in its one folder "migrations"), or in sqlite/ and postgres/ below it where the
// dialects differ. Each file runs in a transaction; NO TRANSACTION is refused.
type Migration struct {
	Package string
	FS      fs.FS
}

// plan is what one package still needs.
type plan struct {
	name  string
	table string
	files fs.FS
	have  int64
	want  int64
}

func (p plan) pending() bool { return p.have < p.want }

// querier is a database or one connection of it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// plans compares each package's files with what the database says, refusing a schema newer than
// the files.
func plans(ctx context.Context, db querier, dialect string, migrations []Migration) ([]plan, error) {
	tables, err := tablesOf(ctx, db, dialect)
	if err != nil {
		return nil, err
	}
	out := make([]plan, 0, len(migrations))
	for _, m := range migrations {
		p, err := planOf(m, dialect)
		if err != nil {
			return nil, fmt.Errorf("cannot read migrations of %s: %w", m.Package, err)
		}
		if tables[p.table] {
			row := db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+p.table)
			if err := row.Scan(&p.have); err != nil {
				return nil, fmt.Errorf("cannot read schema version of %s: %w", p.name, err)
			}
		}
		if p.have > p.want {
			return nil, tooNew(ctx, db, tables, p)
		}
		out = append(out, p)
	}
	return out, nil
}

func planOf(m Migration, dialect string) (plan, error) {
	name := strings.NewReplacer("-", "_", "/", "_").Replace(m.Package)
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return plan{}, fmt.Errorf("%q cannot name a table", m.Package)
	}
	files, names, err := filesOf(m.FS, dialect)
	if err != nil {
		return plan{}, err
	}
	p := plan{name: m.Package, table: "schema_" + name, files: files}
	for _, file := range names {
		number, _, _ := strings.Cut(file, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version < 1 {
			return plan{}, fmt.Errorf("%s: a name begins with its number: 00001_tables.sql", file)
		}
		p.want = max(p.want, version)
	}
	return p, nil
}

func filesOf(root fs.FS, dialect string) (fs.FS, []string, error) {
	for _, dir := range []string{dialect, path.Join("migrations", dialect), ".", "migrations"} {
		sub, err := fs.Sub(root, dir)
		if err != nil {
			return nil, nil, err
		}
		names, err := fs.Glob(sub, "*.sql")
		if err != nil {
			return nil, nil, err
		}
		if len(names) > 0 {
			return sub, names, nil
		}
	}
	return nil, nil, errors.New("no .sql files")
}

func tablesOf(ctx context.Context, db querier, dialect string) (map[string]bool, error) {
	query := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if dialect == Postgres {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
	}
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	tables := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		tables[name] = true
	}
	return tables, rows.Err()
}

// tooNew says which version is needed: the schema's number, and the program that wrote it.
func tooNew(ctx context.Context, db querier, tables map[string]bool, p plan) error {
	writer := ""
	if tables["store_writers"] {
		row := db.QueryRowContext(ctx, "SELECT program FROM store_writers WHERE package = '"+p.name+"'")
		if err := row.Scan(&writer); err != nil {
			writer = ""
		}
	}
	needed := fmt.Sprintf("a holdfast that knows version %d is needed", p.have)
	if writer != "" {
		needed = fmt.Sprintf("holdfast %s or newer is needed", writer)
	}
	return holdfast.Errorf(holdfast.CodeFailed,
		"the schema of %s is version %d and this program knows up to %d: %s; nothing was changed", p.name, p.have, p.want, needed)
}

// apply runs what is pending, each migration in its own transaction.
func apply(ctx context.Context, db *sql.DB, dialect string, todo []plan, program string) error {
	const writers = `CREATE TABLE IF NOT EXISTS store_writers (
		package TEXT PRIMARY KEY, version BIGINT NOT NULL, program TEXT NOT NULL, time_ns BIGINT NOT NULL)`
	if _, err := db.ExecContext(ctx, writers); err != nil {
		return err
	}
	for _, p := range todo {
		if !p.pending() {
			continue
		}
		if err := p.apply(ctx, db, dialect); err != nil {
			return fmt.Errorf("cannot migrate %s: %w", p.name, err)
		}
		if err := p.sign(ctx, db, dialect, program); err != nil {
			return err
		}
	}
	return nil
}

// sign notes which program wrote the schema, for the refusal of an older one.
func (p plan) sign(ctx context.Context, db *sql.DB, dialect, program string) error {
	query := `INSERT INTO store_writers (package, version, program, time_ns) VALUES (?, ?, ?, ?)
		ON CONFLICT (package) DO UPDATE SET version = excluded.version, program = excluded.program, time_ns = excluded.time_ns`
	if dialect == Postgres {
		query = rebind(query)
	}
	_, err := db.ExecContext(ctx, query, p.name, p.want, program, time.Now().UnixNano())
	return err
}

func (p plan) apply(ctx context.Context, db *sql.DB, dialect string) error {
	if err := p.transactional(); err != nil {
		return err
	}
	kind := goose.DialectSQLite3
	if dialect == Postgres {
		kind = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(kind, db, p.files,
		goose.WithTableName(p.table), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func (p plan) transactional() error {
	names, err := fs.Glob(p.files, "*.sql")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := fs.ReadFile(p.files, name)
		if err != nil {
			return err
		}
		if strings.Contains(strings.ToUpper(string(text)), "+GOOSE NO TRANSACTION") {
			return fmt.Errorf("%s runs without a transaction, which cannot be undone", name)
		}
	}
	return nil
}

func anyPending(todo []plan) bool {
	for _, p := range todo {
		if p.pending() {
			return true
		}
	}
	return false
}

// migratePostgres lets one node migrate while the others wait.
func migratePostgres(ctx context.Context, db *sql.DB, opt Options) (err error) {
	todo, err := plans(ctx, db, Postgres, opt.Migrations)
	if err != nil || !anyPending(todo) {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(lockMigrate)); err != nil {
		return err
	}
	defer func() {
		_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(lockMigrate))
		err = errors.Join(err, unlockErr)
	}()
	if todo, err = plans(ctx, conn, Postgres, opt.Migrations); err != nil {
		return err
	}
	return apply(ctx, db, Postgres, todo, opt.Binary)
}
