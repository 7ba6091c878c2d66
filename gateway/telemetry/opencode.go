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

// openCode is a database of OpenCode: a row a message, in the form that the files of older versions
// have. Each channel of its releases has one of its own. It is opened to read, and only when it was
// written to.
type openCode struct {
	path string
	// until is the latest change that was read, in OpenCode's own time.
	until, next int64
	stamp, seen [2]mark
}

const (
	// overlap is how long a row may wait to be committed after it was dated.
	overlap = time.Minute
	// maxRow is how large a message may be that is read.
	maxRow = 16 << 20
)

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
	if !info.Mode().IsRegular() {
		return mark{}, fmt.Errorf("cannot read %s: it is no file", path)
	}
	return mark{info.Size(), info.ModTime()}, nil
}

// bases are the databases that are there now, those of before as they were left.
func (e *eyes) bases() []*openCode {
	var now []*openCode
	for _, folder := range e.folders {
		names, _ := filepath.Glob(folder + "/opencode*.db")
		for _, path := range names {
			at := slices.IndexFunc(e.data, func(o *openCode) bool { return o.path == path })
			if at >= 0 {
				now = append(now, e.data[at])
			} else {
				now = append(now, &openCode{path: path, until: e.board.OpenCode[path]})
			}
		}
	}
	e.data = now
	return now
}

// fresh are the calls of rows that changed since the last take.
func (o *openCode) fresh(ctx context.Context, began time.Time) ([]scan.Record, error) {
	var now [2]mark
	var err error
	if now[0], err = markOf(o.path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it vanished meanwhile
	} else if err != nil {
		return nil, err
	}
	if now[1], err = markOf(o.path + "-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if now == o.seen {
		return nil, nil
	}
	o.stamp, o.next = now, o.until
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: o.path}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(200)")
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	records, err := o.rows(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", o.path, err)
	}
	o.next = min(o.next, began.UnixMilli()) // a clock that was ahead must not hide what comes
	return records, nil
}

func (o *openCode) rows(ctx context.Context, db *sql.DB) (records []scan.Record, err error) {
	// The second table is of newer versions, which may have both.
	for _, query := range []string{
		openColumns + " FROM message WHERE time_updated >= ? AND length(data) <= ?",
		openColumns + " FROM session_message WHERE type = 'assistant' AND time_updated >= ? AND length(data) <= ?",
	} {
		more, err := o.query(ctx, db, query)
		if err != nil && !strings.Contains(err.Error(), "no such table") {
			return nil, err
		}
		records = append(records, more...)
	}
	return records, nil
}

// openColumns read a row whatever its columns hold.
const openColumns = "SELECT COALESCE(CAST(id AS TEXT), ''), COALESCE(CAST(session_id AS TEXT), ''), COALESCE(CAST(time_updated AS INTEGER), 0), CAST(data AS BLOB)"

func (o *openCode) query(ctx context.Context, db *sql.DB, query string) (records []scan.Record, err error) {
	rows, err := db.QueryContext(ctx, query, o.until-overlap.Milliseconds(), maxRow)
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
		if r, ok := scan.OpenCodeRow(data, id, session); ok {
			records = append(records, r)
		}
	}
	return records, rows.Err()
}

// take remembers that what fresh gave is in the books.
func (o *openCode) take() { o.until, o.seen = o.next, o.stamp }
