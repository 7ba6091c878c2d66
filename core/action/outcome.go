// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"fmt"
	"log/slog"

	"holdfast"
	"holdfast/core/store"
)

// What came of a request that was allowed; beside these there are the outcomes done and failed.
//
//	running ──end──▶ done | failed
//	   └──start of the next house──▶ unknown
const (
	outcomeRunning = "running"
	outcomeUnknown = "unknown"
	endedAmid      = "the house ended in the midst of it, so it may have been done, or not: look whether it was. It is not done again by itself"
)

// Recover ends what an earlier house was carrying out when it died: nobody knows whether it was done.
// Call it at the start of a house, before anything can be allowed.
func (r *Registry) Recover(ctx context.Context) error {
	left, err := approvals{r}.leftRunning(ctx)
	if err != nil {
		return fmt.Errorf("cannot find the approvals that an earlier house was carrying out: %w", err)
	}
	by := holdfast.Internal("approvals", "")
	for _, a := range left {
		r.note(ctx, holdfast.Entry{
			Caller: by.String(), Tier: by.Tier, Action: "approval.interrupted", Subject: a.Action, Outcome: holdfast.OutcomeNoted,
			Detail: detail(map[string]string{"approval": a.ID, "kind": a.Kind, "for": a.Subject, "allowed_by": a.Answerer, "outcome": outcomeUnknown}),
		})
	}
	err = r.needs.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for _, a := range left {
			if _, err := tx.Exec(ctx, `UPDATE approvals SET outcome = ?, payload = '' WHERE id = ?`, outcomeUnknown, a.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot end the approvals that an earlier house was carrying out: %w", err)
	}
	r.housed.Store(true)
	return nil
}

func (r approvals) leftRunning(ctx context.Context) ([]Approval, error) {
	ours, node := store.OfNode(r.needs.Store.Dialect(), r.needs.node())
	return r.all(ctx, approvalColumns+` WHERE outcome = ? AND `+ours+` ORDER BY answered, id`, append([]any{outcomeRunning}, node...)...)
}

// outcome is what came of a request, as far as this process can know: without a house nothing runs.
func (r approvals) outcome(kept string) string {
	if kept == outcomeRunning && !r.housed.Load() {
		return outcomeUnknown
	}
	return kept
}

// begun is the outcome of a request with its answer.
func begun(state string) string {
	if state == "allowed" {
		return outcomeRunning
	}
	return ""
}

// ended keeps what came of an action that was allowed. What is not kept is unknown after the next start.
func (r approvals) ended(ctx context.Context, id string, failed error) {
	outcome := holdfast.OutcomeDone
	if failed != nil {
		outcome = holdfast.OutcomeFailed
	}
	err := r.needs.Store.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE approvals SET outcome = ? WHERE id = ?`, string(outcome), id)
		return err
	})
	if err != nil {
		r.needs.Log.Error("cannot keep what came of an approval", slog.String("approval", id), slog.Any("error", err))
	}
}
