// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/store"
)

const (
	mostBatch  = 1024
	mostDetail = 64 << 10
	mostText   = 1 << 10
)

// record is the text of an entry as it is chained: this struct as compact JSON, in this order.
// The hash of an entry is SHA-256 over the hash before it in hex (nothing before the first), a
// line feed, and that text, byte for byte as stored.
type record struct {
	Sequence int64            `json:"sequence"`
	TimeNS   int64            `json:"time_ns"`
	Node     string           `json:"node"`
	Caller   string           `json:"caller"`
	Tier     holdfast.Tier    `json:"tier"`
	Action   string           `json:"action"`
	Subject  string           `json:"subject,omitempty"`
	Outcome  holdfast.Outcome `json:"outcome"`
	Duration int64            `json:"duration_ns,omitempty"`
	Detail   json.RawMessage  `json:"detail,omitempty"`
}

func chained(previous, text string) string {
	sum := sha256.New()
	sum.Write([]byte(previous))
	sum.Write([]byte{'\n'})
	sum.Write([]byte(text))
	return hex.EncodeToString(sum.Sum(nil))
}

func (r record) entry(hash string) holdfast.Entry {
	return holdfast.Entry{
		Sequence: r.Sequence,
		Time:     time.Unix(0, r.TimeNS).UTC(),
		Node:     r.Node,
		Caller:   r.Caller,
		Tier:     r.Tier,
		Action:   r.Action,
		Subject:  r.Subject,
		Outcome:  r.Outcome,
		Duration: time.Duration(r.Duration),
		Detail:   r.Detail,
		Hash:     hash,
	}
}

func recordOf(e holdfast.Entry) record {
	return record{
		Sequence: e.Sequence,
		TimeNS:   e.Time.UnixNano(),
		Node:     e.Node,
		Caller:   e.Caller,
		Tier:     e.Tier,
		Action:   e.Action,
		Subject:  e.Subject,
		Outcome:  e.Outcome,
		Duration: int64(e.Duration),
		Detail:   e.Detail,
	}
}

// tidy makes an entry fit to be stored on either database, and bounded: what is cut says so.
func tidy(e *holdfast.Entry) error {
	switch e.Outcome {
	case holdfast.OutcomeStarted, holdfast.OutcomeDone, holdfast.OutcomeFailed, holdfast.OutcomeRefused, holdfast.OutcomeNoted:
	default:
		return fmt.Errorf("unknown outcome %q", e.Outcome)
	}
	if e.Action == "" {
		return errors.New("the entry names no action")
	}
	e.Caller = clean(e.Caller, mostText)
	e.Action = clean(e.Action, mostText)
	e.Subject = clean(e.Subject, mostText)
	if len(e.Detail) == 0 {
		return nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, bytes.ToValidUTF8(e.Detail, []byte("�"))); err != nil {
		return fmt.Errorf("the detail is not JSON: %w", err)
	}
	e.Detail = compact.Bytes()
	if len(e.Detail) > mostDetail {
		e.Detail = fmt.Appendf(nil, `{"omitted_bytes":%d}`, len(e.Detail))
	}
	return nil
}

// clean drops what PostgreSQL's text cannot hold and cuts what is too long.
func clean(s string, most int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "�"), "�")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

type head struct {
	sequence int64
	hash     string
}

func headOf(ctx context.Context, tx store.Tx, node string) (head, error) {
	var h head
	err := tx.QueryRow(ctx, "SELECT sequence, hash FROM journal_heads WHERE node = ?", node).Scan(&h.sequence, &h.hash)
	if errors.Is(err, sql.ErrNoRows) {
		return head{}, nil
	}
	return h, err
}

// chain gives a batch its places after the head and stores it.
func (j *Journal) chain(ctx context.Context, tx store.Tx, batch []*pending) error {
	node := j.Node()
	last, err := headOf(ctx, tx, node)
	if err != nil {
		return err
	}
	rows := make([]any, 0, columns*len(batch))
	for _, p := range batch {
		e := &p.entry
		e.Sequence, e.Time, e.Node = last.sequence+1, j.now().UTC().Round(0), node
		text, err := json.Marshal(recordOf(*e))
		if err != nil {
			return err
		}
		e.Hash = chained(last.hash, string(text))
		last = head{sequence: e.Sequence, hash: e.Hash}
		rows = append(rows, e.Node, e.Sequence, e.Time.UnixNano(), e.Caller, e.Action, string(e.Outcome), string(text), e.Hash)
	}
	if err := insert(ctx, tx, rows); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO journal_heads (node, sequence, hash) VALUES (?, ?, ?)
		ON CONFLICT (node) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash`,
		node, last.sequence, last.hash)
	return err
}

const columns = 8

// insert stores rows by powers of two, so that few distinct statements are prepared.
func insert(ctx context.Context, tx store.Tx, rows []any) error {
	for size := 64; len(rows) > 0; {
		if len(rows) < size*columns {
			size /= 2
			continue
		}
		query := "INSERT INTO journal (node, sequence, time_ns, caller, action, outcome, entry, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)" +
			strings.Repeat(", (?, ?, ?, ?, ?, ?, ?, ?)", size-1)
		if _, err := tx.Exec(ctx, query, rows[:size*columns]...); err != nil {
			return err
		}
		rows = rows[size*columns:]
	}
	return nil
}

// Detail marshals a typed value for an entry. A Secret anywhere in it becomes its mask; an error,
// which JSON would show as nothing, becomes its text.
func Detail(value any) json.RawMessage {
	if err, ok := value.(error); ok {
		value = map[string]string{"error": err.Error()}
	}
	if fields, ok := value.(map[string]any); ok {
		value = withoutErrors(fields)
	}
	detail, err := json.Marshal(value)
	if err != nil {
		detail, _ = json.Marshal(map[string]string{"undescribed": fmt.Sprintf("%T", value), "reason": err.Error()})
	}
	return detail
}

func withoutErrors(fields map[string]any) map[string]any {
	out := make(map[string]any, len(fields))
	for name, value := range fields {
		switch v := value.(type) {
		case error:
			out[name] = v.Error()
		case map[string]any:
			out[name] = withoutErrors(v)
		default:
			out[name] = value
		}
	}
	return out
}
