// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/core/house"
	"holdfast/core/process"
)

// The labels by which the guards below know what they judge.
const (
	labelStart   = "start"
	labelRestart = "restart"
)

// Capability is what the supervisor contributes to the house.
func (s *Supervisor) Capability() house.Capability {
	return house.Capability{
		Name: "supervisor", Section: "units", Config: &s.config,
		Actions: s.actions(),
		Streams: []holdfast.Stream{
			{Action: "unit.list", Run: s.streamList},
			{Action: "log.show", Run: s.followLog},
		},
		Guards: []holdfast.Guard{s.intentGuard(), s.singleGuard()},
		Alerts: []holdfast.AlertRule{s.loopRule()},
		Start:  s.start, Run: s.run, Stop: s.close,
		Reason: "units are declared to it by all that follow, and it journals what becomes of them",
	}
}

// start makes this process the parent of orphans before the first unit may leave one.
func (s *Supervisor) start(ctx context.Context) error {
	if err := process.TakeOrphans(); err != nil {
		return err
	}
	return s.open(ctx)
}

// intentGuard refuses to restart what the operator stopped.
func (s *Supervisor) intentGuard() holdfast.Guard {
	return holdfast.Guard{
		Name: "intent", Summary: "refuses restarting a unit that the operator stopped on purpose",
		Judges: func(a holdfast.Action) bool { return labelled(a, labelRestart) },
		Judge: func(_ context.Context, req holdfast.Request) error {
			name, err := subject(req)
			if err != nil {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.refuseHeld(name)
		},
	}
}

// singleGuard refuses to start what runs already.
func (s *Supervisor) singleGuard() holdfast.Guard {
	return holdfast.Guard{
		Name: "single", Summary: "refuses starting a unit that runs already",
		Judges: func(a holdfast.Action) bool { return labelled(a, labelStart) },
		Judge: func(_ context.Context, req holdfast.Request) error {
			name, err := subject(req)
			if err != nil {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			k, ok := s.keepers[name]
			if !ok || k.child == nil || k.order.want != wantRun {
				return nil // the action itself says what is wrong with an unknown unit
			}
			return &holdfast.Refusal{
				Guard:  "single",
				Reason: fmt.Sprintf("%s runs already: pid %d since %s", name, k.status.PID, k.status.Since.UTC().Format(time.RFC3339)),
				Remedy: "`holdfast unit restart " + name + "` starts it anew",
			}
		},
	}
}

func labelled(a holdfast.Action, label string) bool { return slices.Contains(a.Labels, label) }

func subject(req holdfast.Request) (string, error) {
	if req.Action.Subject == nil {
		return "", fmt.Errorf("cannot tell which unit %s is about", req.Action.Name)
	}
	return req.Action.Subject(req.Input), nil
}

// loopRule fires for each unit that restarted more than three times within the hour.
func (s *Supervisor) loopRule() holdfast.AlertRule {
	const name, severity = "restart_loop", holdfast.SeverityCritical
	return holdfast.AlertRule{
		Name: name, Severity: severity, Summary: "a unit restarts again and again",
		Firing: func(context.Context) []holdfast.Alert {
			s.mu.Lock()
			defer s.mu.Unlock()
			var alerts []holdfast.Alert
			for unit, k := range s.keepers {
				recent := within(k.restarts, time.Now(), loopWindow)
				if len(recent) <= loopLimit {
					continue
				}
				alerts = append(alerts, holdfast.Alert{
					Name: name, Severity: severity, Subject: unit, Since: recent[loopLimit],
					Message: fmt.Sprintf("%s restarted %d times in the last hour; it is %s: %s", unit, len(recent), k.status.State, k.status.Detail),
				})
			}
			return alerts
		},
	}
}
