// SPDX-License-Identifier: Apache-2.0

package holdfast

import (
	"context"
	"time"
)

// A Request is what a guard judges.
type Request struct {
	Caller Caller
	Action Action
	Input  any
}

// A Guard judges a request before it runs. Judge returns nil to allow, a *Refusal to refuse; any
// other error refuses too, for a guard that cannot tell refuses.
type Guard struct {
	Name    string
	Summary string
	// Judges tells, from the declaration alone, whether this guard looks at an action.
	Judges func(Action) bool
	Judge  func(context.Context, Request) error
}

// A Refusal is a guard's no: who refused, why, and what would help.
type Refusal struct {
	Guard      string        `json:"guard"`
	Reason     string        `json:"reason"`
	Remedy     string        `json:"remedy,omitempty"`
	RetryAfter time.Duration `json:"retry_after,omitempty"`
}

func (r *Refusal) Error() string {
	text := "refused by guard " + r.Guard + ": " + r.Reason
	if r.Remedy != "" {
		text += "; " + r.Remedy
	}
	return text
}
