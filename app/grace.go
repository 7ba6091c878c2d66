// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"time"

	"holdfast/units/supervisor"
)

// takeUnits remembers the section units that was read anew, once it is in effect.
func (h *House) takeUnits(take func(context.Context, any) error) func(context.Context, any) error {
	return func(ctx context.Context, fresh any) error {
		if err := take(ctx, fresh); err != nil {
			return err
		}
		if units, ok := fresh.(*supervisor.Section); ok {
			h.fresh.Store(units)
		}
		return nil
	}
}

// longestGrace is the longest that a unit of the configuration may take to end.
func (h *House) longestGrace() time.Duration {
	units := h.fresh.Load()
	for _, c := range h.Capabilities {
		if section, ok := c.Config.(*supervisor.Section); ok && units == nil {
			units = section
		}
	}
	if units == nil {
		return 0
	}
	var longest time.Duration
	for _, entry := range *units {
		if grace := entry.Stop.Grace; grace != nil {
			longest = max(longest, grace.Std())
		}
	}
	return longest
}
