// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/core/store"
)

const (
	// parkedMany and parkedSize bound what all conversations that wait take; beyond them the oldest go.
	parkedMany = 1000
	parkedSize = 32 << 20
	// parkedAfter is how long a conversation may go on after its approvals have expired.
	parkedAfter = 24 * time.Hour
	callPrefix  = "call_"
)

// a parking keeps what a client does not see of a request that ended with calls for it to decide on:
// the plans and results before them, so that the next request of the conversation goes on from there,
// also in another life of the house.
type parking struct {
	id      string
	segment []json.RawMessage      // from the first plan to the results that are there already
	calls   map[string]waitingCall // by the id that the client was given
}

// a waitingCall is one call of a parking.
type waitingCall struct {
	toolCall // as the model knows it
	// Approval is its id in the queue; empty for a call of the client's own tools.
	Approval string `json:"approval,omitempty"`
}

// parkings keeps them in the store.
type parkings struct {
	store *store.Store
	now   func() time.Time
}

// newParking gives the calls ids that no other request has.
func newParking(segment []json.RawMessage, calls []toolCall, ours func(toolCall) bool) (*parking, []toolCall) {
	one := &parking{id: strings.ToLower(rand.Text()[:14]), segment: segment, calls: map[string]waitingCall{}}
	shown := make([]toolCall, 0, len(calls))
	for i, c := range calls {
		mine := waitingCall{toolCall: c}
		name := fmt.Sprintf("%s-%d", one.id, i+1)
		if ours(c) {
			mine.Approval = name
		}
		c.ID, c.Type = callPrefix+name, "function"
		one.calls[c.ID] = mine
		shown = append(shown, c)
	}
	return one, shown
}

// keep writes a conversation down, within a transaction.
func (p parkings) keep(ctx context.Context, tx store.Tx, owner string, life time.Duration, one *parking) error {
	kept, asked := string(encode(one.segment)), string(encode(one.calls))
	now := p.now()
	_, err := tx.Exec(ctx, `INSERT INTO agent_parkings (id, owner, created, expires, size, segment, calls) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		one.id, owner, now.UnixNano(), now.Add(life+parkedAfter).UnixNano(), len(kept)+len(asked), kept, asked)
	if err != nil {
		return err
	}
	return p.prune(ctx, tx, now)
}

// prune forgets what is too old, and the oldest of what is too much.
func (p parkings) prune(ctx context.Context, tx store.Tx, now time.Time) error {
	if _, err := tx.Exec(ctx, `DELETE FROM agent_parkings WHERE expires < ?`, now.UnixNano()); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT id, size FROM agent_parkings ORDER BY created DESC, id`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var many, size int64
	var gone []string
	for rows.Next() {
		var id string
		var of int64
		if err := rows.Scan(&id, &of); err != nil {
			return err
		}
		many, size = many+1, size+of
		if many > parkedMany || size > parkedSize {
			gone = append(gone, id)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, id := range gone {
		if _, err := tx.Exec(ctx, `DELETE FROM agent_parkings WHERE id = ?`, id); err != nil {
			return err
		}
	}
	return nil
}

// find is the parking of exactly these calls of this owner; nil when there is none.
func (p parkings) find(ctx context.Context, owner string, ids []string) (*parking, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	id, numbered := strings.CutPrefix(ids[0], callPrefix)
	id, _, cut := strings.Cut(id, "-")
	if !numbered || !cut {
		return nil, nil
	}
	one := &parking{id: id}
	var segment, calls string
	err := p.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		row := tx.QueryRow(ctx, `SELECT segment, calls FROM agent_parkings WHERE id = ? AND owner = ? AND expires > ?`, id, owner, p.now().UnixNano())
		return row.Scan(&segment, &calls)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err == nil:
		err = errors.Join(json.Unmarshal([]byte(segment), &one.segment), json.Unmarshal([]byte(calls), &one.calls))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot find the conversation that waited for approval: %w", err)
	}
	if len(ids) != len(one.calls) || slices.ContainsFunc(ids, func(id string) bool { _, ok := one.calls[id]; return !ok }) {
		return nil, nil
	}
	return one, nil
}
