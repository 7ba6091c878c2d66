// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"fmt"

	"holdfast"
	"holdfast/core/action"
)

type listInput struct {
	Kind  string                  `json:"kind" help:"one kind only"`
	State holdfast.OperationState `json:"state" help:"one state only" enum:"running,undoing,done,failed,cancelled,interrupted,stuck"`
	Limit int                     `json:"limit" help:"at most so many, the newest" default:"50" min:"1" max:"1000"`
}

type listOutput struct {
	Operations []holdfast.Operation `json:"operations" help:"newest first"`
}

type idInput struct {
	ID string `json:"id" help:"the operation's id" required:"true" pos:"1"`
}

// desk answers the actions of a Runner.
type desk struct{ r *Runner }

// Actions are operation.list, operation.show and operation.cancel.
func (r *Runner) Actions() []holdfast.Action {
	d := desk{r}
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "operation.list", Short: "operations", Summary: "List operations, newest first",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
			Examples: []string{"holdfast operation list --state stuck"},
		}, d.list),
		action.NewAction(holdfast.Action{
			Name: "operation.show", Summary: "Show one operation with its steps",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
			Examples: []string{"holdfast operation show 20260131-120000-1f2e3d4c --follow"},
		}, d.show),
		action.NewAction(holdfast.Action{
			Name: "operation.cancel", Summary: "End the step under way and undo what was done",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Safer: true,
			Examples: []string{"holdfast operation cancel 20260131-120000-1f2e3d4c"},
		}, d.cancel),
	}
}

// Streams are the followed operation.show.
func (r *Runner) Streams() []holdfast.Stream {
	return []holdfast.Stream{{Action: "operation.show", Run: desk{r}.stream}}
}

func (d desk) list(ctx context.Context, in listInput) (listOutput, error) {
	found, err := d.r.List(ctx, Query(in))
	return listOutput{Operations: found}, err
}

func (d desk) show(ctx context.Context, in idInput) (holdfast.Operation, error) {
	return d.r.Show(ctx, in.ID)
}

func (d desk) cancel(ctx context.Context, in idInput) (holdfast.Operation, error) {
	return d.r.Cancel(ctx, in.ID)
}

func (d desk) stream(ctx context.Context, input any, send func(any) error) error {
	in, ok := input.(idInput)
	if !ok {
		return fmt.Errorf("cannot follow an operation: input is %T", input)
	}
	for op, err := range d.r.Follow(ctx, in.ID) {
		if err != nil {
			return err
		}
		if err := send(op); err != nil {
			return err
		}
	}
	return nil
}
