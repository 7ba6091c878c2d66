// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"fmt"
	"strings"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/tools/pin"
	"holdfast/agent/upstream"
)

// alarming is after how many failures in a row a tool server is an alert.
const alarming = 3

// check answers how the tool servers stand.
func (d desk) check(context.Context) holdfast.CheckResult {
	result := holdfast.CheckResult{Check: "tools", Status: holdfast.StatusOK, Values: map[string]float64{}}
	var wrong []string
	servers := d.servers()
	for _, s := range servers {
		result.Values["tools"] += float64(s.Tools)
		if text := s.complaint(); text != "" {
			wrong = append(wrong, text)
		}
	}
	if fault := d.shelf.fault.Load(); fault != nil {
		wrong = append(wrong, "the switches of the tools are as they were: "+*fault)
	}
	for _, h := range d.Hubs() {
		if h.Problem != "" {
			wrong = append(wrong, "the hub "+h.Name+" does not answer: "+h.Problem)
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

// withheld tells of each thing that waits for a person's acceptance.
func (d desk) withheld() holdfast.AlertRule {
	return holdfast.AlertRule{
		Name: "tool_withheld", Severity: holdfast.SeverityWarning,
		Summary: "A tool changed since it was pinned, or its words could steer a model: it is not offered until it is accepted",
		Firing: func(context.Context) []holdfast.Alert {
			var firing []holdfast.Alert
			fire := func(kind, name, note string, standing pin.Standing, t pin.Thing) {
				if standing == "" {
					return
				}
				had := d.pins.Pinned(t)
				since := had.Since
				if standing == pin.Flagged {
					since = had.At
				}
				firing = append(firing, holdfast.Alert{
					Name: "tool_withheld", Severity: holdfast.SeverityWarning, Subject: kind + " " + name, Message: plain.Text(note, 1000), Since: since,
				})
			}
			shown := d.snapshot()
			for _, e := range shown.entries {
				fire(pin.KindTool, e.Name, e.Note, e.Standing, e.thing())
			}
			for _, e := range shown.prompts {
				fire(pin.KindPrompt, e.Name, e.Note, e.Standing, pin.Of(e.Source, pin.KindPrompt, e.own))
			}
			for _, s := range shown.speakers {
				t := pin.Of(s.source.label(), pin.KindInstructions, s.source.decl.Name)
				fire(pin.KindInstructions, s.source.decl.Name, note(s.standing, s.doubts), s.standing, t)
			}
			return firing
		},
	}
}

func (d desk) alert() holdfast.AlertRule {
	return holdfast.AlertRule{
		Name: "tool_server_failing", Severity: holdfast.SeverityWarning,
		Summary: "A tool server fails to start or keeps ending, or one of its modules cannot be loaded",
		Firing: func(context.Context) []holdfast.Alert {
			var firing []holdfast.Alert
			for _, s := range d.servers() {
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
