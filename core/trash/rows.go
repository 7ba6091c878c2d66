// SPDX-License-Identifier: Apache-2.0

package trash

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/store"
)

// A rowKeeper is the rows' part of the trash.
type rowKeeper struct {
	store *store.Store
}

// readRows reads what is to be kept, on one snapshot.
func (r rowKeeper) readRows(ctx context.Context, all []Rows) (tables []keptTable, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	err = r.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		tables, err = selectAll(ctx, tx, all)
		return err
	})
	return tables, err
}

func selectAll(ctx context.Context, tx store.Tx, all []Rows) ([]keptTable, error) {
	var tables []keptTable
	for _, r := range all {
		table, err := selectRows(ctx, tx, r)
		if err != nil {
			return nil, fmt.Errorf("cannot read the rows of %s: %w", r.Table, err)
		}
		if len(table.Rows) > 0 {
			tables = append(tables, table)
		}
	}
	return tables, nil
}

func selectRows(ctx context.Context, tx store.Tx, r Rows) (table keptTable, err error) {
	name, err := identifier(r.Table)
	if err != nil {
		return table, err
	}
	rows, err := tx.Query(ctx, "SELECT * FROM "+name+where(r), r.Args...)
	if err != nil {
		return table, err
	}
	defer func() { _ = rows.Close() }()
	table.Table = r.Table
	if table.Columns, err = rows.Columns(); err != nil {
		return table, err
	}
	for rows.Next() {
		row, err := scanRow(rows, len(table.Columns))
		if err != nil {
			return table, err
		}
		table.Rows = append(table.Rows, row)
	}
	slices.SortFunc(table.Rows, compareRows)
	return table, rows.Err()
}

func where(r Rows) string {
	if r.Where == "" {
		return ""
	}
	return " WHERE " + r.Where
}

// identifier quotes a name that the code gives; nothing else has a place in one.
func identifier(name string) (string, error) {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return "", fmt.Errorf("%q cannot be the name of a table or column", name)
	}
	return `"` + name + `"`, nil
}

func scanRow(rows *sql.Rows, columns int) ([]json.RawMessage, error) {
	values := make([]any, columns)
	pointers := make([]any, columns)
	for i := range values {
		pointers[i] = &values[i]
	}
	if err := rows.Scan(pointers...); err != nil {
		return nil, err
	}
	row := make([]json.RawMessage, columns)
	for i, v := range values {
		raw, err := encodeValue(v)
		if err != nil {
			return nil, err
		}
		row[i] = raw
	}
	return row, nil
}

func compareRows(a, b []json.RawMessage) int {
	return slices.CompareFunc(a, b, func(x, y json.RawMessage) int { return bytes.Compare(x, y) })
}

// A tagged value is one that JSON has no kind for.
type tagged struct {
	Base64 *string    `json:"base64,omitempty"`
	Float  *string    `json:"float,omitempty"`
	Time   *time.Time `json:"time,omitempty"`
}

func encodeValue(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case nil, int64, string, bool:
		return json.Marshal(v)
	case []byte:
		text := base64.StdEncoding.EncodeToString(v)
		return json.Marshal(tagged{Base64: &text})
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		return json.Marshal(tagged{Float: &text})
	case time.Time:
		return json.Marshal(tagged{Time: &v})
	}
	return nil, fmt.Errorf("a value of type %T cannot be kept", v)
}

func decodeValue(raw json.RawMessage) (any, error) {
	if bytes.HasPrefix(raw, []byte{'{'}) {
		return decodeTagged(raw)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if n, ok := v.(json.Number); ok {
		return n.Int64()
	}
	return v, nil
}

func decodeTagged(raw json.RawMessage) (any, error) {
	var v tagged
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	switch {
	case v.Base64 != nil:
		return base64.StdEncoding.DecodeString(*v.Base64)
	case v.Float != nil:
		return strconv.ParseFloat(*v.Float, 64)
	case v.Time != nil:
		return *v.Time, nil
	}
	return nil, fmt.Errorf("a kept value has no known kind")
}

// deleteRows deletes exactly the rows that the manifest holds, and marks that in the same
// transaction. Rows that changed since the manifest was written are an error: nothing is lost
// because a manifest was stale.
func (r rowKeeper) deleteRows(ctx context.Context, m *manifest, all []Rows) error {
	return r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		now, err := selectAll(ctx, tx, all)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(now, m.Tables, sameTable) {
			return holdfast.Errorf(holdfast.CodeConflict, "the rows changed while they were put in the trash; nothing was done, repeat it")
		}
		for _, some := range all {
			name, err := identifier(some.Table)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "DELETE FROM "+name+where(some), some.Args...); err != nil {
				return fmt.Errorf("cannot delete the rows of %s: %w", some.Table, err)
			}
		}
		_, err = tx.Exec(ctx, "INSERT INTO trash_rows (id, kept_at) VALUES (?, ?)", m.ID, m.Time.UnixNano())
		return err
	})
}

func sameTable(a, b keptTable) bool {
	return a.Table == b.Table && slices.Equal(a.Columns, b.Columns) &&
		slices.EqualFunc(a.Rows, b.Rows, func(x, y []json.RawMessage) bool { return compareRows(x, y) == 0 })
}

// marked tells whether the rows of an entry are out of their tables. It asks within a write, which
// comes after any earlier one whose outcome its caller could not tell.
func (r rowKeeper) marked(ctx context.Context, id string) (bool, error) {
	var n int64
	err := r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, "SELECT COUNT(*) FROM trash_rows WHERE id = ?", id).Scan(&n)
	})
	return n > 0, err
}

func (r rowKeeper) forget(ctx context.Context, id string) error {
	if r.store.Dialect() == "" {
		return nil // no store is open, so there is no mark of this run; Recover clears old ones
	}
	return r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM trash_rows WHERE id = ?", id)
		return err
	})
}

// insertRows puts the rows back and takes the mark away, in one transaction: twice is once.
func (r rowKeeper) insertRows(ctx context.Context, m *manifest) error {
	return r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		done, err := tx.Exec(ctx, "DELETE FROM trash_rows WHERE id = ?", m.ID)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return err // they are back already
		}
		for _, table := range m.Tables {
			if err := insertTable(ctx, tx, table); err != nil {
				return holdfast.Errorf(holdfast.CodeConflict, "cannot put the rows of %s back, something is in their place: %w", table.Table, err)
			}
		}
		return nil
	})
}

func insertTable(ctx context.Context, tx store.Tx, table keptTable) error {
	name, err := identifier(table.Table)
	if err != nil {
		return err
	}
	columns := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		if columns[i], err = identifier(c); err != nil {
			return err
		}
	}
	query := "INSERT INTO " + name + " (" + strings.Join(columns, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(columns)-1) + ")"
	for _, row := range table.Rows {
		values := make([]any, len(row))
		for i, raw := range row {
			if values[i], err = decodeValue(raw); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, query, values...); err != nil {
			return err
		}
	}
	return nil
}
