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
	// failed is what an answer says went wrong, though the action was done; nil where none can. It stands
	// on standard error, in place of the answer where a person reads, and the command fails.
	failed func(input, out json.RawMessage) error
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

// spendingOf shows an answer about the house, models, tokens and money; nil shows lines and tables.
func spendingOf(action string) func(Terminal, json.RawMessage, json.RawMessage) error {
	switch action {
	case "token.summary", "token.usage", "token.calls":
		return printSums("no calls")
	case "token.sessions":
		return printSums("no sessions")
	case "token.blocks":
		return printSums("no calls, so no blocks")
	case "price.list", "price.show":
		return printPrices
	case "key.create", "key.rotate":
		return printMade
	case "key.update", "budget.set", "budget.remove", "breaker.set_thresholds":
		return printChange
	case "breaker.status", "breaker.thresholds":
		return printBreaker
	case "breaker.history":
		return printBreakerHistory
	case "budget.report":
		return printBudgets
	case "budget.reset":
		return printReset
	case "budget.parked":
		return sayingNone("no call waits for approval")
	case "cooldown.list":
		return printCooldowns
	case "model.ask":
		return printAnswer
	case "model.list", "model.policy":
		return printModels
	case "house.report":
		return printReports
	case "house.status":
		return printHouse
	case "cooldown.clear":
		return sayingNone("no model cooled down")
	case "gateway.rehearse", "gateway.end_rehearsal":
		return sayingNone("no rehearsal is on now")
	}
	return nil
}

// toolsOf shows an answer about tools and agents; nil shows lines and tables.
func toolsOf(action string) func(Terminal, json.RawMessage, json.RawMessage) error {
	switch action {
	case "tool.list":
		return printTools
	case "tool.show":
		return printTool
	case "agent.traces":
		return printTraces
	case "agent.show":
		return printAgent
	case "agent.trace":
		return printTrace
	case "agent.list":
		return inOrder("name", "kind", "model", "tools", "alone", "steps", "tokens", "seconds", "summary")
	case "approval.list":
		return printApprovals
	case "approval.show":
		return printApproval
	case "remote-mcp.list":
		return printRemotes
	case "mcp-hub.list", "mcp-hub.show", "mcp-hub.add", "mcp-hub.update":
		return printHubs
	case "resource.list":
		return inOrder("uri", "uriTemplate", "source", "size", "description")
	case "skill.list":
		return inOrder("name", "source", "description", "uri")
	case "preset.tools":
		return inOrder("name", "enabled", "passthrough", "source")
	case "prompt.list":
		return inOrder("name", "source", "description")
	case "template.list":
		return inOrder("name", "title", "found", "program", "summary")
	case "template.show":
		return printTemplate
	case "grant.list":
		return inOrder("id", "name", "user", "scopes", "used", "expires", "ended", "reason")
	case "client.list":
		return inOrder("id", "name", "grants", "kind", "created", "used")
	case "grant.revoke", "client.revoke":
		return sayingNone("no access ended, for there was none")
	}
	return nil
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
	case "tool.call":
		return view{failed: callFailed}
	case "approval.allow":
		return view{failed: allowedFailed}
	}
	if answer := toolsOf(action); answer != nil {
		return view{answer: answer}
	}
	return view{answer: spendingOf(action)}
}
