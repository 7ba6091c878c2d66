// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"encoding/json"

	"holdfast"
)

// Nothing is the input or output of an action that has none.
type Nothing struct{}

// NewAction completes the declaration of a reading or changing action with its typed function.
// The fields of In and Out carry json, help, default, enum, min, max, required and positional
// tags; see Shape.
func NewAction[In, Out any](decl holdfast.Action, run func(context.Context, In) (Out, error)) holdfast.Action {
	decl.Input = shapeOf[In](true)
	decl.Output = shapeOf[Out](false)
	decl.Decode = func(raw json.RawMessage) (any, error) { return decode[In](raw) }
	decl.Run = func(ctx context.Context, input any) (any, error) { return run(ctx, input.(In)) }
	return decl
}

// NewDestroyer completes the declaration of a destroying action. Inventory lists what would be
// gone, in the declared categories and in a stable order; run is called only after a person
// confirmed exactly that inventory.
func NewDestroyer[In, Out any](
	decl holdfast.Action,
	inventory func(context.Context, In) ([]holdfast.Category, error),
	run func(context.Context, In) (Out, error),
) holdfast.Action {
	decl.Effect = holdfast.EffectDestroy
	built := NewAction(decl, run)
	built.Inventory = func(ctx context.Context, input any) (holdfast.Inventory, error) {
		categories, err := inventory(ctx, input.(In))
		return holdfast.Inventory{Action: decl.Name, Categories: categories}, err
	}
	return built
}
