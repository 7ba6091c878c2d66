// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"holdfast/core/store"
)

// A Verification is what a walk over the chains found.
type Verification struct {
	Entries int64  `json:"entries" help:"entries that hold"`
	Chains  int    `json:"chains" help:"nodes whose chain was walked"`
	Broken  *Break `json:"broken,omitempty" help:"the first entry that does not hold"`
}

// A Break is the first entry of a chain that does not hold.
type Break struct {
	Node     string `json:"node,omitempty"`
	Sequence int64  `json:"sequence"`
	Reason   string `json:"reason"`
}

func (b Break) String() string {
	return fmt.Sprintf("entry %d of node %s: %s", b.Sequence, b.Node, b.Reason)
}

// Verify walks every chain from its first entry to its head and stops at the first entry that
// was changed, moved, taken out or put in, or at the end of a chain that was cut off. Who can
// rewrite a whole chain with its head can only be caught by an export kept elsewhere.
func (j *Journal) Verify(ctx context.Context) (Verification, error) {
	var v Verification
	err := j.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
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

// allHeads lists the chains: those with a head, and those with entries and, wrongly, no head.
func allHeads(ctx context.Context, tx store.Tx) (map[string]head, error) {
	rows, err := tx.Query(ctx, `SELECT node, sequence, hash FROM journal_heads
		UNION ALL SELECT DISTINCT node, 0, '' FROM journal WHERE node NOT IN (SELECT node FROM journal_heads)`)
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
	var last head
	err := scan(ctx, tx, " WHERE node = ? ORDER BY sequence", []any{node}, func(r row) error {
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
