// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"

	"holdfast"
	"holdfast/core/house"
	"holdfast/core/process"
)

// Capability is what the supervisor contributes to the house.
func (s *Supervisor) Capability() house.Capability {
	return house.Capability{
		Name: "supervisor", Section: "units", Config: &s.section,
		Actions: desk{s}.actions(),
		Streams: []holdfast.Stream{
			{Action: "unit.list", Run: desk{s}.streamList},
			{Action: "unit.usage", Run: desk{s}.streamUsage},
		},
		Guards: []holdfast.Guard{intentGuard(s.holds), singleGuard(s.roster)},
		Alerts: []holdfast.AlertRule{loopRule(s.roster)},
		Start:  s.start, Run: s.run, Stop: s.close,
		Reason: "units are declared to it by all that follow, and it journals what becomes of them",
	}
}

// start makes this process the parent of orphans before the first unit may leave one.
func (s *Supervisor) start(ctx context.Context) error {
	if err := process.TakeOrphans(); err != nil {
		return err
	}
	sweep(s.options.Host, s.house) // what a killed house left empty
	return s.open(ctx)
}

// sweep removes the empty groups of a house, where the host makes groups.
func sweep(host process.Host, house string) {
	if machine, ok := host.(interface{ Sweep(house string) }); ok {
		machine.Sweep(house)
	}
}
