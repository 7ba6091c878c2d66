// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/jackc/pgx/v5/stdlib"
)

// Check tells whether this program could use the database, and changes nothing: a schema newer
// than its migrations is the error that Open would give. pending tells that Open would migrate. A
// database that is not there yet is fine.
func Check(ctx context.Context, opt Options) (pending bool, err error) {
	if opt.URL == "" || opt.URL == SQLite {
		return checkSQLite(ctx, opt)
	}
	config, err := configPostgres(opt)
	if err != nil {
		return false, err
	}
	config.RuntimeParams["default_transaction_read_only"] = "on"
	db := stdlib.OpenDB(*config)
	todo, err := plans(ctx, db, Postgres, opt.Migrations)
	where := place{dialect: Postgres, name: fmt.Sprintf("%s at %s", config.Database, config.Host)}
	return anyPending(todo), errors.Join(where.explain(err), db.Close())
}

func checkSQLite(ctx context.Context, opt Options) (bool, error) {
	if _, err := os.Stat(opt.Path); errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	db, err := OpenFile(ctx, opt.Path, true)
	if err != nil {
		return false, err
	}
	todo, err := plans(ctx, db, SQLite, opt.Migrations)
	return anyPending(todo), errors.Join(place{dialect: SQLite, name: opt.Path}.explain(err), db.Close())
}
