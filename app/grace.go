// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"time"

	"holdfast/units/supervisor"
)

// graces are how long the units may take to end.
type graces struct{ *House }

// take remembers the section units that was read anew, once it is in effect.
func (h graces) take(then func(context.Context, any) error) func(context.Context, any) error {
	return func(ctx context.Context, fresh any) error {
		if err := then(ctx, fresh); err != nil {
			return err
		}
		if units, ok := fresh.(*supervisor.Section); ok {
			h.fresh.Store(units)
		}
		return nil
	}
}

// longest is the longest that a unit of the configuration may take to end.
func (h graces) longest() time.Duration {
	units := h.fresh.Load()
	for _, c := range h.Capabilities {
		if section, ok := c.Config.(*supervisor.Section); ok && units == nil {
			units = section
		}
	}
	if units == nil {
		return 0
	}
	var most time.Duration
	for _, entry := range *units {
		if grace := entry.Stop.Grace; grace != nil {
			most = max(most, grace.Std())
		}
	}
	return most
}
