// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/core/intent"
)

// The labels by which the guards know what they judge.
const (
	labelStart   = "start"
	labelRestart = "restart"
)

// intentGuard refuses to restart what the operator stopped.
func intentGuard(h *intent.Book) holdfast.Guard {
	return holdfast.Guard{
		Name: "intent", Summary: "refuses restarting a unit that the operator stopped on purpose",
		Judges: func(a holdfast.Action) bool { return labelled(a, labelRestart) },
		Judge: func(_ context.Context, req holdfast.Request) error {
			name, err := subject(req)
			if err != nil {
				return err
			}
			return h.Refuse(name)
		},
	}
}

// singleGuard refuses to start what runs already.
func singleGuard(r *roster) holdfast.Guard {
	return holdfast.Guard{
		Name: "single", Summary: "refuses starting a unit that runs already",
		Judges: func(a holdfast.Action) bool { return labelled(a, labelStart) },
		Judge: func(_ context.Context, req holdfast.Request) error {
			name, err := subject(req)
			if err != nil {
				return err
			}
			u, err := r.look(name)
			if err != nil || u.child == nil || u.order.want != wantRun {
				return nil // the action itself says what is wrong with an unknown unit
			}
			return &holdfast.Refusal{
				Guard:  "single",
				Reason: fmt.Sprintf("%s runs already: pid %d since %s", name, u.pid(), u.since.UTC().Format(time.RFC3339)),
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
func loopRule(r *roster) holdfast.AlertRule {
	const name, severity = "restart_loop", holdfast.SeverityCritical
	return holdfast.AlertRule{
		Name: name, Severity: severity, Summary: "a unit restarts again and again",
		Firing: func(context.Context) []holdfast.Alert {
			var alerts []holdfast.Alert
			for _, u := range r.all() {
				recent := u.recent(time.Now())
				if len(recent) <= loopLimit || u.looping.IsZero() {
					continue
				}
				alerts = append(alerts, holdfast.Alert{
					Name: name, Severity: severity, Subject: u.unit.Name, Since: u.looping,
					Message: fmt.Sprintf("%s restarted %d times in the last hour; it is %s: %s", u.unit.Name, len(recent), u.state, u.detail),
				})
			}
			return alerts
		},
	}
}
