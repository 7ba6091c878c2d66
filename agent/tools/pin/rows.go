// SPDX-License-Identifier: Apache-2.0

package pin

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"holdfast/agent/plain"
	"holdfast/core/store"
)

// rows are the pins' part of the store; without a store nothing outlives the process.
// Nodes that share one have pins of their own, for their servers may be of other versions.
type rows struct {
	store *store.Store
	node  string
}

// all reads every pin, without the forms, which are large and rarely asked for. What this node has not
// pinned is held against what another one did, so that a new node, or one that lost its name, does
// not take for a first sight what is none.
func (r rows) all(ctx context.Context) (map[Thing]*pin, error) {
	known := map[Thing]*pin{}
	if r.store == nil {
		return known, nil
	}
	err := r.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		found, err := tx.Query(ctx, `SELECT node, source, kind, name, sum, accepted_by, at_ns, other, since_ns, flagged FROM tool_pins
ORDER BY CASE WHEN node = ? THEN 1 ELSE 0 END, at_ns`, r.node)
		if err != nil {
			return err
		}
		defer func() { _ = found.Close() }()
		for found.Next() {
			var t Thing
			var p pin
			var at, since int64
			var node string
			if err := found.Scan(&node, &t.Source, &t.Kind, &t.Name, &p.sum, &p.by, &at, &p.other, &since, &p.flagged); err != nil {
				return err
			}
			p.at, p.since = instant(at), instant(since)
			if node != r.node { // how its server stands is the other node's alone
				p.other, p.since, p.flagged = "", time.Time{}, ""
			}
			known[t] = &p
		}
		return found.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the pins of the tools: %w", err)
	}
	return known, nil
}

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

func nanoseconds(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}

// put writes pins. A form that is not known here is left as it stands.
func (r rows) put(ctx context.Context, batch []written) error {
	if r.store == nil {
		return nil
	}
	const query = `INSERT INTO tool_pins (node, source, kind, name, sum, form, accepted_by, at_ns, other, said, since_ns, flagged)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (node, source, kind, name) DO UPDATE SET sum = excluded.sum,
form = CASE WHEN excluded.form = '' THEN tool_pins.form ELSE excluded.form END, accepted_by = excluded.accepted_by,
at_ns = excluded.at_ns, other = excluded.other, said = excluded.said, since_ns = excluded.since_ns, flagged = excluded.flagged`
	err := r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for _, w := range batch {
			_, err := tx.Exec(ctx, query, r.node, w.Source, w.Kind, w.Name, w.sum, string(w.form), w.by, nanoseconds(w.at), w.other,
				string(w.said), nanoseconds(w.since), w.flagged)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot write the pins of the tools: %w", err)
	}
	return nil
}

// forms are what a thing was, and what its source said instead.
func (r rows) forms(ctx context.Context, t Thing, sum string) (form, said json.RawMessage, err error) {
	if r.store == nil {
		return nil, nil, nil
	}
	var was, is string
	err = r.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		const query = "SELECT form, said FROM tool_pins WHERE source = ? AND kind = ? AND name = ? AND "
		err := tx.QueryRow(ctx, query+"node = ?", t.Source, t.Kind, t.Name, r.node).Scan(&was, &is)
		if was != "" || err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var unused string // another node pinned the same, and has its form
		return tx.QueryRow(ctx, query+"sum = ? AND form <> '' LIMIT 1", t.Source, t.Kind, t.Name, sum).Scan(&was, &unused)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return json.RawMessage(was), json.RawMessage(is), err
}

func compareThings(a, b Thing) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// A Change is one field of a tool that is another than it was when it was pinned.
type Change struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

const (
	maxNesting = 64
	maxChanges = 40
	maxChanged = 1000 // of each side's text
)

// differences compares two forms field by field.
func differences(before, after json.RawMessage) []Change {
	was, is := map[string]string{}, map[string]string{}
	leaves(was, "", decoded(before), 0)
	leaves(is, "", decoded(after), 0)
	fields := map[string]bool{}
	for field := range was {
		fields[field] = true
	}
	for field := range is {
		fields[field] = true
	}
	changes := []Change{}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if was[field] == is[field] {
			continue
		}
		if len(changes) == maxChanges {
			return append(changes, Change{Field: "…", After: "more changes than are shown"})
		}
		changes = append(changes, Change{Field: plain.Text(field, 300), Before: visible(was[field]), After: visible(is[field])})
	}
	return changes
}

// visible is a text as it is shown to who judges it: what nobody sees is written as its number.
func visible(text string) string {
	quoted, err := json.Marshal(plain.Cut(text, maxChanged))
	if err != nil {
		return plain.Text(text, maxChanged)
	}
	return plain.Reveal(string(quoted[1 : len(quoted)-1]))
}

func decoded(raw json.RawMessage) any {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}

// leaves lists the values of a form by their paths.
func leaves(into map[string]string, path string, v any, depth int) {
	if depth > maxNesting {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			at := name
			if path != "" {
				at = path + "." + name
			}
			leaves(into, at, inner, depth+1)
		}
	case []any:
		for i, inner := range v {
			leaves(into, fmt.Sprintf("%s[%d]", path, i), inner, depth+1)
		}
	case string:
		into[path] = v
	case nil:
	default:
		into[path] = string(Form(v))
	}
}
