// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"holdfast/core/store"
)

// exported is one line of an export. Entry is the stored text byte for byte, so that each line
// verifies by itself: hash = SHA-256(previous, line feed, entry).
type exported struct {
	Previous string          `json:"previous"`
	Hash     string          `json:"hash"`
	Entry    json.RawMessage `json:"entry"`
}

func writeLine(w io.Writer, previous, hash, text string) error {
	_, err := fmt.Fprintf(w, `{"previous":%q,"hash":%q,"entry":%s}`+"\n", previous, hash, text)
	return err
}

// Export writes the entries of the table that q chooses as JSON lines, oldest first. An export without gaps
// also proves its order; one that a query thinned proves each of its lines.
func (j *Journal) Export(ctx context.Context, w io.Writer, q Query) error {
	out := bufio.NewWriterSize(w, 64<<10)
	err := j.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		nodes, err := q.nodes(ctx, tx, allHeads)
		if err != nil {
			return err
		}
		for _, node := range nodes {
			if err := j.exportChain(ctx, tx, out, q, node); err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, out.Flush()); err != nil {
		return fmt.Errorf("cannot export the journal: %w", err)
	}
	return nil
}

func (j *Journal) exportChain(ctx context.Context, tx store.Tx, w io.Writer, q Query, node string) error {
	top, err := ceiling(ctx, tx, node, j.now())
	if err != nil {
		return err
	}
	where, args, found, err := q.conditions(ctx, tx, node, top)
	if err != nil || !found {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT j.entry, j.hash, coalesce(p.hash, a.hash, '') FROM (SELECT * FROM journal`+where+`) AS j
		LEFT JOIN journal AS p ON p.node = j.node AND p.sequence = j.sequence - 1
		LEFT JOIN journal_archives AS a ON a.node = j.node AND a.last_sequence = j.sequence - 1
		ORDER BY j.sequence`, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text, hash, previous string
		if err := rows.Scan(&text, &hash, &previous); err != nil {
			return err
		}
		if err := writeLine(w, previous, hash, text); err != nil {
			return err
		}
	}
	return rows.Err()
}

const mostLine = 1 << 20

// VerifyExport checks an export from its text alone. Broken names the first line that does not
// hold, by the sequence it claims, or by the line's number when it claims none.
func VerifyExport(r io.Reader) (Verification, error) { return walkExport(r, nil) }

// walkExport checks each line, and asks also, unless nil, about each that holds.
func walkExport(r io.Reader, also func(exported, record) *Break) (Verification, error) {
	var v Verification
	last := map[string]head{}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), mostLine)
	for number := int64(1); lines.Scan(); number++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		line, rec, broken := wrongLine(lines.Bytes(), number, last)
		if broken == nil && also != nil {
			broken = also(line, rec)
		}
		if v.Broken = broken; broken != nil {
			break
		}
		v.Entries++
	}
	v.Chains = len(last)
	if err := lines.Err(); err != nil {
		return v, fmt.Errorf("cannot read the export: %w", err)
	}
	return v, nil
}

func wrongLine(line []byte, number int64, last map[string]head) (exported, record, *Break) {
	var l exported
	var r record
	if json.Unmarshal(line, &l) != nil || json.Unmarshal(l.Entry, &r) != nil || r.Sequence < 1 {
		return l, r, &Break{Sequence: number, Reason: "the line is no exported entry"}
	}
	before, known := last[r.Node]
	last[r.Node] = head{sequence: r.Sequence, hash: l.Hash}
	reason := ""
	switch {
	case chained(l.Previous, string(l.Entry)) != l.Hash:
		reason = "changed: its text does not make its hash"
	case known && r.Sequence <= before.sequence:
		reason = "moved: it stands after a later entry"
	case known && r.Sequence == before.sequence+1 && l.Previous != before.hash:
		reason = "changed, or the entry before it: they do not chain"
	case r.Sequence == 1 && l.Previous != "":
		reason = "changed: the first entry follows nothing"
	}
	if reason == "" {
		return l, r, nil
	}
	return l, r, &Break{Node: r.Node, Sequence: r.Sequence, Reason: reason}
}
