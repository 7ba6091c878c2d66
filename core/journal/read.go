// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/store"
)

// A Query chooses entries. Empty fields choose all.
type Query struct {
	// Since chooses entries of that time or a later one, and what their chains hold after them, also
	// when a clock that went back made it older. After an entry from the future only that counts.
	Since time.Time
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

// conditions writes the query as SQL on the entries of one node. When nothing can fit, found is false.
func (q Query) conditions(ctx context.Context, tx store.Tx, node string, top int64) (where string, args []any, found bool, err error) {
	parts, args := []string{"node = ?"}, []any{node}
	add := func(part string, values ...any) {
		parts = append(parts, part)
		args = append(args, values...)
	}
	after := q.After
	if !q.Since.IsZero() {
		since := nanos(q.Since)
		r, found, err := reachOf(ctx, tx, node, since, top)
		if err != nil || !found {
			return "", nil, false, err
		}
		after = max(after, r.least-1)
		if r.least < r.first {
			add("(sequence >= ? OR time_ns >= ?)", r.first, since)
		}
	}
	if after > 0 {
		add("sequence > ?", after)
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
	return " WHERE " + strings.Join(parts, " AND "), args, true, nil
}

// subjectPattern finds a subject in the text of an entry, as that was marshalled.
func subjectPattern(subject string) string {
	text, err := json.Marshal(subject)
	if err != nil {
		return "" // texts always encode
	}
	return `%"subject":` + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(string(text)) + "%"
}

// Matches tells whether an entry is chosen, leaving aside Limit and Since, which other entries decide.
func (q Query) Matches(e holdfast.Entry) bool {
	return (q.Action == "" || e.Action == q.Action || strings.HasPrefix(e.Action, q.Action+".")) &&
		(q.Subject == "" || e.Subject == q.Subject) &&
		(q.Caller == "" || e.Caller == q.Caller || strings.HasPrefix(e.Caller, q.Caller+":")) &&
		(q.Outcome == "" || e.Outcome == q.Outcome) &&
		(q.Node == "" || e.Node == q.Node) &&
		e.Sequence > q.After
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

// Show returns the entries that q chooses, oldest first; with a limit, the newest of them. Within a
// node they stand in the order of its chain, whatever its clock did.
func (j *Journal) Show(ctx context.Context, q Query) ([]holdfast.Entry, error) {
	var chains []chain
	err := j.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		nodes, err := q.nodes(ctx, tx, headsOf)
		if err != nil {
			return err
		}
		for _, node := range nodes {
			c, err := q.chain(ctx, tx, node, j.now())
			if err != nil {
				return err
			}
			if len(nodes) > 1 && len(c.entries) > 0 {
				if c.reached, err = reachedBefore(ctx, tx, node, c.entries[0].Sequence, c.top); err != nil {
					return err
				}
			}
			chains = append(chains, c)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the journal: %w", err)
	}
	entries := merged(chains)
	if q.Limit > 0 {
		entries = entries[max(0, len(entries)-q.Limit):]
	}
	return entries, nil
}

const newestFirst = " AND sequence < ? ORDER BY sequence DESC"

// chain reads what is chosen of one node's entries, from the newest on.
func (q Query) chain(ctx context.Context, tx store.Tx, node string, now time.Time) (c chain, err error) {
	if c.top, err = ceiling(ctx, tx, node, now); err != nil {
		return c, err
	}
	where, args, found, err := q.conditions(ctx, tx, node, c.top)
	if err != nil || !found {
		return c, err
	}
	limit := ""
	if q.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	before := int64(math.MaxInt64)
	for more := true; more; {
		read := 0
		err := scan(ctx, tx, where+newestFirst+limit, append(slices.Clip(args), before), func(r row) error {
			e, err := r.entry()
			read, before = read+1, r.sequence
			if q.Subject == "" || e.Subject == q.Subject {
				c.entries = append(c.entries, e)
			}
			return err
		})
		if err != nil {
			return c, err
		}
		// The pattern of a subject finds more than it should, so what it found may be too little.
		more = q.Limit > 0 && read == q.Limit && len(c.entries) < q.Limit
	}
	slices.Reverse(c.entries)
	return c, nil
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
