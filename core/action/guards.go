// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"fmt"
	"reflect"

	"holdfast"
)

// tierGuard refuses a caller below an action's tier. A destroying action is different for the
// house's own agents: whatever their tier they may ask, because a person answers (see destroy).
func tierGuard() holdfast.Guard {
	return holdfast.Guard{
		Name:    "tier",
		Summary: "refuses a caller below the action's tier",
		Judges:  func(holdfast.Action) bool { return true },
		Judge: func(_ context.Context, req holdfast.Request) error {
			c, a := req.Caller, req.Action
			if c.Only != "" && c.Only != a.Name {
				return &holdfast.Refusal{Guard: "tier", Reason: fmt.Sprintf("%s was set up for %s alone", c, c.Only)}
			}
			if c.Tier >= a.Tier || mayAsk(c, a) {
				return nil
			}
			return &holdfast.Refusal{
				Guard:  "tier",
				Reason: fmt.Sprintf("%s needs tier %s, and %s has %s", a.Name, a.Tier, c, c.Tier),
				Remedy: "ask somebody of that tier",
			}
		},
	}
}

func mayAsk(c holdfast.Caller, a holdfast.Action) bool {
	return a.Effect == holdfast.EffectDestroy && c.Kind == holdfast.CallerAgent && c.Tier >= holdfast.TierTenantPeer
}

// inventoryGuard stands in the table for what Dispatch does with every destroying action.
func inventoryGuard() holdfast.Guard {
	return holdfast.Guard{
		Name:    "inventory",
		Summary: "refuses destruction without an inventory and a confirmation of each category",
		Judges:  func(a holdfast.Action) bool { return a.Effect == holdfast.EffectDestroy },
		Judge:   func(context.Context, holdfast.Request) error { return nil },
	}
}

// firstField is the value of an input's first string field: what most actions act on.
func firstField(input any) string {
	v := reflect.ValueOf(input)
	for _, f := range members(v.Type()) {
		if f.Type.Kind() == reflect.String {
			return v.FieldByIndex(f.Index).String()
		}
	}
	return ""
}
