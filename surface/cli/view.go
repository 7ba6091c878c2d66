// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
)

// A view shows what an action answers in a form of its own. An action without one is shown as lines
// and tables; --json shows every answer as it is. A view only shows: it asks for nothing.
type view struct {
	// answer shows the answer; nil shows lines and tables.
	answer func(t Terminal, input, out json.RawMessage) error
	// events makes what shows the events of the action's stream, one after the other, and may
	// remember those before; nil shows each on a line.
	events func(t Terminal, input json.RawMessage) func(json.RawMessage) error
	// tames tells that it makes texts fit for a terminal itself.
	tames bool
	// lenses are more commands that look at the same action.
	lenses []lens
}

// A lens is a command of its own that shows an action or its stream, such as `top`.
type lens struct {
	// name is the command; noun puts it below the action's noun instead of at the top.
	name    string
	noun    bool
	summary string
	help    string
	example string
	look    func(ctx context.Context, t Terminal, caller Caller, action string, input json.RawMessage) error
	// follows tells that it looks at the stream, so that --json shows its events.
	follows bool
}

// viewOf is the view of an action, by its name.
func viewOf(action string) view {
	switch action {
	case "unit.usage":
		return view{answer: printUsage, events: usageEvents, lenses: []lens{top()}}
	case "unit.show":
		return view{answer: printUnit}
	case "unit.history":
		return view{answer: printHistory}
	case "unit.list":
		return view{lenses: []lens{unitGraph()}}
	case "log.show":
		return view{answer: printLog, events: logEvents, tames: true}
	}
	return view{}
}
