// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"holdfast"
)

const (
	groupPostgres = 48 // writes in one commit: PostgreSQL slows down beyond 64 savepoints
	// The advisory locks of the house in its database: one orders the writes of all nodes, the
	// other lets one node migrate.
	lockWrite   = 0x686f6c6466617301
	lockMigrate = 0x686f6c6466617302
)

var errRolledBack = errors.New("the server rolled back")

func openPostgres(ctx context.Context, opt Options) (*database, error) {
	config, err := configPostgres(opt)
	if err != nil {
		return nil, err
	}
	where := place{dialect: Postgres, name: fmt.Sprintf("%s at %s", config.Database, config.Host)}
	writers := stdlib.OpenDB(*config)
	writers.SetMaxOpenConns(2) // the second holds the lock while the first migrates
	if err := writers.PingContext(ctx); err != nil {
		return nil, errors.Join(where.explain(err), writers.Close())
	}
	if err := migratePostgres(ctx, writers, opt); err != nil {
		return nil, errors.Join(where.explain(err), writers.Close())
	}
	writers.SetMaxOpenConns(1)
	reading := config.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on"
	readers := stdlib.OpenDB(*reading)
	readers.SetMaxOpenConns(8)
	readers.SetMaxIdleConns(4)
	db := &database{
		dialect:  Postgres,
		writers:  writers,
		readers:  readers,
		readonly: &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
		where:    where,
	}
	db.commits = newCommitter(db, transactionWords{
		begin: []string{fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d)", int64(lockWrite))},
		plain: []any{pgx.QueryExecModeSimpleProtocol},
	}, groupPostgres)
	return db, nil
}

// configPostgres reads the URL. Its own error may quote the URL, so it is not shown.
func configPostgres(opt Options) (*pgx.ConnConfig, error) {
	bad := func(message string) error {
		return holdfast.BadInput("", holdfast.Problem{Field: "store", Message: message, Remedy: "postgres://user@host/database, with the password among the keys"})
	}
	config, err := pgx.ParseConfig(opt.URL)
	if err != nil {
		return nil, bad("not a PostgreSQL address")
	}
	if urlHasPassword(opt.URL) {
		return nil, bad("a password in the address")
	}
	if !opt.Password.Empty() {
		config.Password = opt.Password.Reveal()
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	config.RuntimeParams["application_name"] = "holdfast"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["synchronous_commit"] = "on"
	if opt.Synchronous == "OFF" {
		config.RuntimeParams["synchronous_commit"] = "off"
	}
	config.RuntimeParams["lock_timeout"] = "30000"
	return config, nil
}

// commitPostgres commits and looks at the answer: PostgreSQL answers the COMMIT of a failed
// transaction with ROLLBACK and no error.
func commitPostgres(ctx context.Context, conn *sql.Conn) error {
	return conn.Raw(func(driver any) error {
		tag, err := driver.(*stdlib.Conn).Conn().Exec(ctx, "COMMIT", pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
		if tag.String() != "COMMIT" {
			return errRolledBack
		}
		return nil
	})
}
