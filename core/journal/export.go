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

// Export writes the entries that q chooses as JSON lines, oldest first. An export without gaps
// also proves its order; one that a query thinned proves each of its lines.
func (j *Journal) Export(ctx context.Context, w io.Writer, q Query) error {
	out := bufio.NewWriterSize(w, 64<<10)
	err := j.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		where, args := q.conditions()
		query := `SELECT j.entry, j.hash, coalesce(p.hash, '') FROM (SELECT * FROM journal` + where + `) AS j
			LEFT JOIN journal AS p ON p.node = j.node AND p.sequence = j.sequence - 1
			ORDER BY j.node, j.sequence`
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var text, hash, previous string
			if err := rows.Scan(&text, &hash, &previous); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(out, `{"previous":%q,"hash":%q,"entry":%s}`+"\n", previous, hash, text); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err = errors.Join(err, out.Flush()); err != nil {
		return fmt.Errorf("cannot export the journal: %w", err)
	}
	return nil
}

const mostLine = 1 << 20

// VerifyExport checks an export from its text alone. Broken names the first line that does not
// hold, by the sequence it claims, or by the line's number when it claims none.
func VerifyExport(r io.Reader) (Verification, error) {
	var v Verification
	last := map[string]head{}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), mostLine)
	for number := int64(1); lines.Scan(); number++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if v.Broken = wrongLine(lines.Bytes(), number, last); v.Broken != nil {
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

func wrongLine(line []byte, number int64, last map[string]head) *Break {
	var l exported
	var r record
	if json.Unmarshal(line, &l) != nil || json.Unmarshal(l.Entry, &r) != nil || r.Sequence < 1 {
		return &Break{Sequence: number, Reason: "the line is no exported entry"}
	}
	before, known := last[r.Node]
	last[r.Node] = head{sequence: r.Sequence, hash: l.Hash}
	switch {
	case chained(l.Previous, string(l.Entry)) != l.Hash:
		return &Break{Node: r.Node, Sequence: r.Sequence, Reason: "changed: its text does not make its hash"}
	case known && r.Sequence <= before.sequence:
		return &Break{Node: r.Node, Sequence: r.Sequence, Reason: "moved: it stands after a later entry"}
	case known && r.Sequence == before.sequence+1 && l.Previous != before.hash:
		return &Break{Node: r.Node, Sequence: r.Sequence, Reason: "changed, or the entry before it: they do not chain"}
	case r.Sequence == 1 && l.Previous != "":
		return &Break{Node: r.Node, Sequence: r.Sequence, Reason: "changed: the first entry follows nothing"}
	}
	return nil
}
