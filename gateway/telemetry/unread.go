// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"fmt"
	"time"

	"holdfast"
	"holdfast/gateway/telemetry/scan"
)

// mostAlerts is how many files are alerted of one by one; the rest is a number.
const mostAlerts = 20

// alerts tells of logs that cannot be read: what they hold is neither counted nor judged.
func (t *Telemetry) alerts() []holdfast.AlertRule {
	return []holdfast.AlertRule{{
		Name: "telemetry_unread", Severity: holdfast.SeverityWarning, Summary: "a log of a coding agent cannot be read: what it spent is not counted",
		Firing: func(context.Context) []holdfast.Alert {
			t.mu.Lock()
			defer t.mu.Unlock()
			if !t.needs.Config.Enabled {
				return nil
			}
			return t.unread
		},
	}}
}

// note remembers what a look found, and says each problem once until it is gone.
func (t *Telemetry) note(tick scan.Tick, began time.Time) {
	said, problems := map[string]time.Time{}, make([]string, 0, len(tick.Problems))
	var alerts []holdfast.Alert
	for _, p := range tick.Problems {
		since, again := t.eyes.said[p.Path]
		if !again {
			since = began.UTC()
			t.needs.Log.Warn("cannot read a log of a coding agent", "path", p.Path, "error", p.Err)
		}
		said[p.Path] = since
		problems = append(problems, p.Err.Error())
		if len(alerts) < mostAlerts {
			alerts = append(alerts, holdfast.Alert{Subject: p.Path, Message: p.Err.Error(), Since: since})
		}
	}
	if more := tick.Unread - len(alerts); more > 0 {
		alerts = append(alerts, holdfast.Alert{Subject: "more", Message: fmt.Sprintf("%d more logs cannot be read: holdfast telemetry status", more)})
	}
	t.eyes.said = said
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.status
	s.Looked, s.Took = began.UTC(), time.Since(began).Round(time.Microsecond).String()
	s.Files, s.Problems, s.Unread = tick.Files, problems, tick.Unread
	s.Read, s.Bytes, s.Calls, s.Passed = s.Read+tick.Read, s.Bytes+tick.Bytes, s.Calls+tick.Records, s.Passed+tick.Passed
	t.unread = alerts
}
