// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"holdfast/core/store"
)

// A Verification is what a walk over the chains found.
type Verification struct {
	Entries   int64  `json:"entries" help:"entries in the table that hold"`
	Chains    int    `json:"chains" help:"nodes whose chain was walked"`
	Archives  int    `json:"archives" help:"archive files that hold"`
	Archived  int64  `json:"archived" help:"entries in them"`
	Elsewhere int    `json:"elsewhere,omitempty" help:"archive files of other nodes, which lie with them"`
	Broken    *Break `json:"broken,omitempty" help:"the first entry that does not hold"`
}

// A Break is the first entry of a chain that does not hold.
type Break struct {
	Node     string `json:"node,omitempty"`
	Sequence int64  `json:"sequence"`
	File     string `json:"file,omitempty" help:"the archive, when the entry lies in one"`
	Reason   string `json:"reason"`
}

func (b Break) String() string {
	if b.File != "" {
		return fmt.Sprintf("archive %s, which begins with entry %d of node %s: it %s", b.File, b.Sequence, b.Node, b.Reason)
	}
	return fmt.Sprintf("entry %d of node %s: %s", b.Sequence, b.Node, b.Reason)
}

// Verify walks every chain from its first entry to its head and stops at the first entry that
// was changed, moved, taken out or put in, or at the end of a chain that was cut off. What was
// archived is read from its files, each of which must be there and whole; those of another node
// only when they are here. Who can rewrite a whole chain with its head can only be caught by an
// export kept elsewhere.
func (j *Journal) Verify(ctx context.Context) (Verification, error) {
	v, err := j.archive.verify(ctx)
	if err != nil || v.Broken != nil {
		return v, err
	}
	err = j.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		heads, err := allHeads(ctx, tx)
		if err != nil {
			return err
		}
		for _, node := range slices.Sorted(maps.Keys(heads)) {
			if err := v.walk(ctx, tx, node, heads[node]); err != nil || v.Broken != nil {
				return err
			}
			v.Chains++
		}
		return nil
	})
	if err != nil {
		return v, fmt.Errorf("cannot verify the journal: %w", err)
	}
	return v, nil
}

// verify reads every archive back, oldest first.
func (a *archiver) verify(ctx context.Context) (v Verification, err error) {
	all, err := a.j.Archived(ctx, Query{})
	if err != nil {
		return v, err
	}
	last := map[string]head{}
	slices.SortFunc(all, func(a, b Archive) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.First, b.First)) })
	for _, one := range all {
		if err := ctx.Err(); err != nil {
			return v, fmt.Errorf("cannot verify the journal: %w", err)
		}
		reason := "does not follow the archive before it"
		if last[one.Node] == (head{sequence: one.First - 1, hash: one.previous}) {
			reason = a.judge(one, &v)
		}
		if reason != "" {
			v.Broken = &Break{Node: one.Node, Sequence: one.First, File: one.File, Reason: reason}
			return v, nil
		}
		last[one.Node] = one.head()
	}
	return v, nil
}

// judge reads one archive back, unless it lies with another node.
func (a *archiver) judge(one Archive, v *Verification) (reason string) {
	path := a.home.Path(one.File)
	if a.j.store.Dialect() != store.SQLite && one.Node != a.j.Node() {
		if there, err := exists(path); err == nil && !there {
			v.Elsewhere++
			return ""
		}
	}
	if reason = readBack(path, &one); reason == "" {
		v.Archives++
		v.Archived += one.Last - one.First + 1
	}
	return reason
}

// headsOf lists the chains by their heads.
func headsOf(ctx context.Context, tx store.Tx) (map[string]head, error) {
	return queryHeads(ctx, tx, "SELECT node, sequence, hash FROM journal_heads")
}

// allHeads lists the chains: those with a head, and those with entries and, wrongly, no head.
func allHeads(ctx context.Context, tx store.Tx) (map[string]head, error) {
	return queryHeads(ctx, tx, `SELECT node, sequence, hash FROM journal_heads
		UNION ALL SELECT DISTINCT node, 0, '' FROM journal WHERE node NOT IN (SELECT node FROM journal_heads)`)
}

func queryHeads(ctx context.Context, tx store.Tx, query string) (map[string]head, error) {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	heads := map[string]head{}
	for rows.Next() {
		var node string
		var h head
		if err := rows.Scan(&node, &h.sequence, &h.hash); err != nil {
			return nil, err
		}
		heads[node] = h
	}
	return heads, rows.Err()
}

// errBroken ends a walk at the entry that v.Broken names.
type errBroken struct{}

func (errBroken) Error() string { return "broken" }

func (v *Verification) walk(ctx context.Context, tx store.Tx, node string, end head) error {
	last, err := anchorOf(ctx, tx, node)
	if err != nil {
		return err
	}
	err = scan(ctx, tx, " WHERE node = ? ORDER BY sequence", []any{node}, func(r row) error {
		if reason := r.wrong(last, end); reason != "" {
			v.Broken = &Break{Node: node, Sequence: min(r.sequence, last.sequence+1), Reason: reason}
			return errBroken{}
		}
		last = head{sequence: r.sequence, hash: r.hash}
		v.Entries++
		return nil
	})
	if v.Broken != nil {
		return nil
	}
	if err == nil && last != end {
		v.Broken = &Break{Node: node, Sequence: last.sequence + 1, Reason: fmt.Sprintf("missing: the chain was cut off here, its head is %d", end.sequence)}
	}
	return err
}

// wrong says what does not hold about a row that should follow last, empty when all does.
func (r row) wrong(last, end head) string {
	var text record
	switch {
	case r.sequence > last.sequence+1:
		return "missing"
	case r.sequence <= last.sequence:
		return fmt.Sprintf("put back: entries up to %d are archived", last.sequence)
	case r.sequence > end.sequence:
		return fmt.Sprintf("put in after the head, which is %d", end.sequence)
	case chained(last.hash, r.text) != r.hash:
		return "changed, or moved: its text does not follow from the entry before it"
	case json.Unmarshal([]byte(r.text), &text) != nil:
		return "changed: its text is no entry"
	case text.Sequence != r.sequence || text.Node != r.node:
		return "moved: its text belongs to another place"
	case text.TimeNS != r.time || text.Caller != r.caller || text.Action != r.action || string(text.Outcome) != r.outcome:
		return "changed: its columns differ from its text"
	case r.sequence == end.sequence && r.hash != end.hash:
		return "changed: it is not what the head names"
	}
	return ""
}
