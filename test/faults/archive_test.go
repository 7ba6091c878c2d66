// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/store"
)

// oldEntry is a journal entry as it is chained (docs/journal.md).
type oldEntry struct {
	Sequence int64            `json:"sequence"`
	TimeNS   int64            `json:"time_ns"`
	Node     string           `json:"node"`
	Caller   string           `json:"caller"`
	Tier     holdfast.Tier    `json:"tier"`
	Action   string           `json:"action"`
	Outcome  holdfast.Outcome `json:"outcome"`
}

const oldEntries = 6

// age gives a new chain entries of two months long ago, as if the house had run then.
func (h *house) age(ctx context.Context) error {
	err := h.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM journal").Scan(&n); err != nil || n > 0 {
			return err
		}
		hash := ""
		for i := range int64(oldEntries) {
			e := oldEntry{
				Sequence: i + 1, TimeNS: time.Date(2020, time.Month(1+i*2/oldEntries), int(1+i), 0, 0, 0, 0, time.UTC).UnixNano(),
				Node: h.journal.Node(), Caller: "test", Tier: holdfast.TierInternal, Action: "test.old", Outcome: holdfast.OutcomeNoted,
			}
			text, err := json.Marshal(e)
			if err != nil {
				return err
			}
			hash = fmt.Sprintf("%x", sha256.Sum256([]byte(hash+"\n"+string(text))))
			_, err = tx.Exec(ctx, "INSERT INTO journal (node, sequence, time_ns, caller, action, outcome, entry, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				e.Node, e.Sequence, e.TimeNS, e.Caller, e.Action, string(e.Outcome), string(text), hash)
			if err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO journal_heads (node, sequence, hash) VALUES (?, ?, ?)
			ON CONFLICT (node) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash`, h.journal.Node(), oldEntries, hash)
		return err
	})
	if err == nil {
		h.say("ack", "start/age")
	}
	return err
}

// archive moves old months out of the journal's table, as the house does each day.
func (h *house) archive(ctx context.Context) error {
	for _, a := range h.journal.Capability().Actions {
		if a.Name == "journal.archive" {
			_, err := a.Run(ctx, action.Nothing{})
			return err
		}
	}
	return errors.New("there is no action journal.archive")
}

func (h *house) archiveOld(ctx context.Context) error {
	err := h.archive(ctx)
	if err == nil {
		h.say("ack", "journal/archive")
	}
	return err
}

// archived checks that every old entry is in the table or in a file that verifies, and in one of
// them only.
func (f *finding) archived(ctx context.Context, inFiles int64) {
	var inTable int64
	err := f.h.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, "SELECT COUNT(*) FROM journal WHERE action = ?", "test.old").Scan(&inTable)
	})
	sum := inTable + inFiles
	if err != nil || sum != oldEntries && (sum != 0 || f.past.acked["start/age"]) {
		f.complain("of %d old entries %d are in the table and %d in files (%v)", oldEntries, inTable, inFiles, err)
	}
	if f.past.acked["journal/archive"] && inTable > 0 {
		f.complain("%d old entries are in the table after they were archived", inTable)
	}
}
