// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"fmt"
	"strings"

	"holdfast"
	"holdfast/agent/upstream"
)

// alarming is after how many failures in a row a tool server is an alert.
const alarming = 3

// check answers how the tool servers stand.
func (d desk) check(context.Context) holdfast.CheckResult {
	result := holdfast.CheckResult{Check: "tools", Status: holdfast.StatusOK, Values: map[string]float64{}}
	var wrong []string
	servers := d.Servers()
	for _, s := range servers {
		result.Values["tools"] += float64(s.Tools)
		if text := s.complaint(); text != "" {
			wrong = append(wrong, text)
		}
	}
	result.Values["servers"], result.Values["failing"] = float64(len(servers)), float64(len(wrong))
	if len(wrong) > 0 {
		result.Status = holdfast.StatusWarn
		result.Detail = strings.Join(wrong, "; ")
		return result
	}
	result.Detail = fmt.Sprintf("%d tool servers, %d tools", len(servers), int(result.Values["tools"]))
	return result
}

// complaint is what is wrong with a server, empty for nothing.
func (s Server) complaint() string {
	switch {
	case s.State == upstream.StateWaiting || s.State == upstream.StateBlocked:
		return s.Name + ": " + s.Error
	case len(s.Problems) > 0:
		return fmt.Sprintf("%s: %s could not be loaded: %s", s.Name, s.Problems[0].Part, s.Problems[0].Error)
	}
	return ""
}

func (d desk) alert() holdfast.AlertRule {
	return holdfast.AlertRule{
		Name: "tool_server_failing", Severity: holdfast.SeverityWarning,
		Summary: "A tool server fails to start or keeps ending, or one of its modules cannot be loaded",
		Firing: func(context.Context) []holdfast.Alert {
			var firing []holdfast.Alert
			for _, s := range d.Servers() {
				if s.complaint() == "" || (len(s.Problems) == 0 && s.State != upstream.StateBlocked && s.Failures < alarming) {
					continue
				}
				firing = append(firing, holdfast.Alert{
					Name: "tool_server_failing", Severity: holdfast.SeverityWarning,
					Subject: s.Name, Message: s.complaint(), Since: s.Since,
				})
			}
			return firing
		},
	}
}
