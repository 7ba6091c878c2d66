// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/store"
)

// A Query chooses entries. Empty fields choose all.
type Query struct {
	Since time.Time
	Until time.Time
	// Action is noun.verb, or a noun for all of its verbs.
	Action string
	// Subject is what an entry is about, whole.
	Subject string
	// Caller is kind:name, or a kind for all of its names.
	Caller  string
	Outcome holdfast.Outcome
	Node    string
	// After chooses entries of a greater sequence.
	After int64
	// Limit keeps the newest; 0 keeps all.
	Limit int
}

// conditions writes the query as SQL.
func (q Query) conditions() (where string, args []any) {
	var parts []string
	add := func(part string, values ...any) {
		parts = append(parts, part)
		args = append(args, values...)
	}
	if !q.Since.IsZero() {
		add("time_ns >= ?", q.Since.UnixNano())
	}
	if !q.Until.IsZero() {
		add("time_ns < ?", q.Until.UnixNano())
	}
	if q.Action != "" {
		add("(action = ? OR substr(action, 1, ?) = ?)", q.Action, len([]rune(q.Action))+1, q.Action+".")
	}
	if q.Subject != "" {
		add("entry LIKE ? ESCAPE '!'", subjectPattern(q.Subject))
	}
	if q.Caller != "" {
		add("(caller = ? OR substr(caller, 1, ?) = ?)", q.Caller, len([]rune(q.Caller))+1, q.Caller+":")
	}
	if q.Outcome != "" {
		add("outcome = ?", string(q.Outcome))
	}
	if q.Node != "" {
		add("node = ?", q.Node)
	}
	if q.After > 0 {
		add("sequence > ?", q.After)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

// subjectPattern finds a subject in the text of an entry, as that was marshalled.
func subjectPattern(subject string) string {
	text, err := json.Marshal(subject)
	if err != nil {
		return "" // texts always encode
	}
	return `%"subject":` + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(string(text)) + "%"
}

// Matches tells whether an entry is chosen, leaving Limit aside.
func (q Query) Matches(e holdfast.Entry) bool {
	return (q.Since.IsZero() || !e.Time.Before(q.Since)) &&
		(q.Until.IsZero() || e.Time.Before(q.Until)) &&
		(q.Action == "" || e.Action == q.Action || strings.HasPrefix(e.Action, q.Action+".")) &&
		(q.Subject == "" || e.Subject == q.Subject) &&
		(q.Caller == "" || e.Caller == q.Caller || strings.HasPrefix(e.Caller, q.Caller+":")) &&
		(q.Outcome == "" || e.Outcome == q.Outcome) &&
		(q.Node == "" || e.Node == q.Node) &&
		e.Sequence > q.After
}

// order is by sequence within one node, by time over several.
func (q Query) order(direction string) string {
	columns := []string{"time_ns", "node", "sequence"}
	if q.Node != "" {
		columns = []string{"sequence"}
	}
	return " ORDER BY " + strings.Join(columns, " "+direction+", ") + " " + direction
}

// row is one entry as it is stored.
type row struct {
	node, caller, action, outcome, text, hash string
	sequence, time                            int64
}

// scan reads the rows of a query on the journal's columns, one after the other.
func scan(ctx context.Context, tx store.Tx, rest string, args []any, each func(row) error) error {
	rows, err := tx.Query(ctx, "SELECT node, sequence, time_ns, caller, action, outcome, entry, hash FROM journal"+rest, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.node, &r.sequence, &r.time, &r.caller, &r.action, &r.outcome, &r.text, &r.hash); err != nil {
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (r row) entry() (holdfast.Entry, error) {
	var rec record
	if err := json.Unmarshal([]byte(r.text), &rec); err != nil {
		return holdfast.Entry{}, fmt.Errorf("entry %d of node %s is damaged: %w", r.sequence, r.node, err)
	}
	return rec.entry(r.hash), nil
}

// Show returns the entries that q chooses, oldest first; with a limit, the newest of them.
func (j *Journal) Show(ctx context.Context, q Query) ([]holdfast.Entry, error) {
	where, args := q.conditions()
	rest := where + q.order("DESC")
	if q.Limit > 0 {
		rest += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	entries := []holdfast.Entry{}
	err := j.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		return scan(ctx, tx, rest, args, func(r row) error {
			e, err := r.entry()
			if q.Subject == "" || e.Subject == q.Subject { // the pattern leaves case aside
				entries = append(entries, e)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the journal: %w", err)
	}
	slices.Reverse(entries)
	return entries, nil
}

const mostFollowed = 512

// Follow yields this node's entries of a sequence greater than after, as they become durable,
// until ctx ends or the reader stops. A negative after begins with the next entry. It yields
// every entry that is not archived exactly once and in order, however slow the reader is.
func (j *Journal) Follow(ctx context.Context, after int64) iter.Seq2[holdfast.Entry, error] {
	return func(yield func(holdfast.Entry, error) bool) {
		after, err := j.startOf(ctx, after)
		for err == nil && ctx.Err() == nil {
			next := j.next() // before reading, so that no batch falls between
			var entries []holdfast.Entry
			if entries, err = j.following(ctx, after); err != nil {
				break
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
				after = e.Sequence
			}
			if len(entries) > 0 {
				continue
			}
			select {
			case <-next:
			case <-ctx.Done():
			}
		}
		if err != nil && ctx.Err() == nil {
			yield(holdfast.Entry{}, err)
		}
	}
}

func (j *Journal) startOf(ctx context.Context, after int64) (int64, error) {
	if after >= 0 {
		return after, nil
	}
	var last head
	err := j.store.Read(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		last, err = headOf(ctx, tx, j.Node())
		return err
	})
	return last.sequence, err
}

// following reads the next entries in order of sequence, oldest first.
func (j *Journal) following(ctx context.Context, after int64) ([]holdfast.Entry, error) {
	var entries []holdfast.Entry
	err := j.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rest := fmt.Sprintf(" WHERE node = ? AND sequence > ? ORDER BY sequence LIMIT %d", mostFollowed)
		return scan(ctx, tx, rest, []any{j.Node(), after}, func(r row) error {
			e, err := r.entry()
			entries = append(entries, e)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("cannot follow the journal: %w", err)
	}
	return entries, nil
}
