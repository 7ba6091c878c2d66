// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the newer OpenCode keeps its messages in a database

	"holdfast/gateway/telemetry/scan"
)

// openCode is a data folder of OpenCode with a database: a row a message, in the form that the files
// of older versions have. It is opened to read, and only when it was written to.
type openCode struct {
	folder string
	// until is the latest change that was read, in OpenCode's own time.
	until, next int64
	stamp, seen [2]mark
}

// A mark tells one state of a file from another.
type mark struct {
	size    int64
	written time.Time
}

func markOf(path string) (mark, error) {
	info, err := os.Stat(path)
	if err != nil {
		return mark{}, err
	}
	return mark{info.Size(), info.ModTime()}, nil
}

// database is the folder's database, empty when there is none.
func (o *openCode) database() string {
	names, _ := filepath.Glob(o.folder + "/opencode*.db")
	if slices.Contains(names, o.folder+"/opencode.db") {
		return o.folder + "/opencode.db"
	}
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// fresh are the calls of rows that changed since the last take.
func (o *openCode) fresh(ctx context.Context) ([]scan.Record, error) {
	path := o.database()
	if path == "" {
		return nil, nil
	}
	var now [2]mark
	var err error
	if now[0], err = markOf(path); err != nil {
		return nil, nil //nolint:nilerr // it vanished meanwhile
	}
	if now[1], err = markOf(path + "-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if now == o.seen {
		return nil, nil
	}
	o.stamp, o.next = now, o.until
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(200)")
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	records, err := o.rows(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return records, nil
}

func (o *openCode) rows(ctx context.Context, db *sql.DB) (records []scan.Record, err error) {
	// The second table is of newer versions, which may have both.
	for _, query := range []string{
		"SELECT id, session_id, time_updated, data FROM message WHERE time_updated >= ?",
		"SELECT id, session_id, time_updated, data FROM session_message WHERE type = 'assistant' AND time_updated >= ?",
	} {
		more, err := o.query(ctx, db, query)
		if err != nil && !strings.Contains(err.Error(), "no such table") {
			return nil, err
		}
		records = append(records, more...)
	}
	return records, nil
}

func (o *openCode) query(ctx context.Context, db *sql.DB, query string) (records []scan.Record, err error) {
	rows, err := db.QueryContext(ctx, query, o.until)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id, session string
		var updated int64
		var data []byte
		if err := rows.Scan(&id, &session, &updated, &data); err != nil {
			return nil, err
		}
		o.next = max(o.next, updated)
		if r, ok := scan.OpenCodeMessage(data, id, session); ok {
			r.Key = scan.OpenCodeKey(id)
			records = append(records, r)
		}
	}
	return records, rows.Err()
}

// take remembers that what fresh gave is in the books.
func (o *openCode) take() { o.until, o.seen = o.next, o.stamp }
