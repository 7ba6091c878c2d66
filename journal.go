// SPDX-License-Identifier: Apache-2.0

package holdfast

import (
	"encoding/json"
	"time"
)

// An Outcome is how a journaled act stands.
type Outcome string

// The outcomes of chapter 10.
const (
	OutcomeStarted Outcome = "started"
	OutcomeDone    Outcome = "done"
	OutcomeFailed  Outcome = "failed"
	OutcomeRefused Outcome = "refused"
	OutcomeNoted   Outcome = "noted"
)

// An Entry is one record of the journal. Sequence, Time, Node and Hash are given by the journal.
type Entry struct {
	Sequence int64         `json:"sequence"`
	Time     time.Time     `json:"time"`
	Node     string        `json:"node"`
	Caller   string        `json:"caller"`
	Tier     Tier          `json:"tier"`
	Action   string        `json:"action"`
	Subject  string        `json:"subject,omitempty"`
	Outcome  Outcome       `json:"outcome"`
	Duration time.Duration `json:"duration_ns,omitempty"`
	// Detail is a JSON object without secrets: it is marshalled from typed values, and a Secret
	// marshals as its mask.
	Detail json.RawMessage `json:"detail,omitempty"`
	// Hash is the SHA-256, in hex, of this entry's stored text and the hash before it.
	Hash string `json:"hash"`
}
