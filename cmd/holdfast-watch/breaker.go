// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"holdfast/core/home"
	"holdfast/gateway/breaker/halt"
)

// The exit statuses: of a refusal of the house, and those by which hooks of coding agents refuse.
const (
	allowed   = 0
	wrongUse  = 1 // of which agents make nothing
	hookDeny  = 2
	refusedBy = 3
)

// standing reads `--home DIR` behind the other arguments, and the HALT of that home.
func standing(args []string) (flag halt.Flag, stands, ok bool) {
	if len(args) != 2 || args[0] != "--home" {
		return halt.Flag{}, false, false
	}
	flag, stands = halt.In(home.At(args[1])).Flag(halt.House, time.Now())
	return flag, stands, true
}

// check exits 3 while HALT stands.
func check(args []string, problems io.Writer) int {
	flag, stands, ok := standing(args)
	if !ok {
		fmt.Fprintln(problems, "holdfast-watch check: give --home DIR")
		return wrongUse
	}
	if !stands {
		return allowed
	}
	fmt.Fprintln(problems, flag.Refusal(time.Now()))
	return refusedBy
}

// answer says to a coding agent, before a tool or a prompt, whether it may go on. Both agents take
// exit status 2 with the reason on standard error as a no; Claude Code is also told to end its turn,
// where else it would ask the model again because a tool was refused. Codex does not take that, and
// lets pass what it does not take.
func answer(args []string, out, problems io.Writer) int {
	if len(args) < 2 || args[0] != "claude" && args[0] != "codex" {
		fmt.Fprintln(problems, "holdfast-watch hook: give claude or codex, the event, and --home DIR")
		return wrongUse
	}
	flag, stands, ok := standing(args[2:])
	if !ok {
		fmt.Fprintln(problems, "holdfast-watch hook: give --home DIR")
		return wrongUse
	}
	if !stands {
		return allowed
	}
	reason := flag.Refusal(time.Now()).Error()
	if args[0] == "claude" && args[1] == "PreToolUse" {
		if err := json.NewEncoder(out).Encode(denial(reason)); err == nil {
			return allowed
		}
	}
	fmt.Fprintln(problems, reason)
	return hookDeny
}

// A decision is how Claude Code reads the answer of a hook before a tool.
type decision struct {
	Continue   bool   `json:"continue"`
	StopReason string `json:"stopReason"`
	Output     struct {
		Event    string `json:"hookEventName"`
		Decision string `json:"permissionDecision"`
		Reason   string `json:"permissionDecisionReason"`
	} `json:"hookSpecificOutput"`
}

func denial(reason string) decision {
	d := decision{StopReason: reason}
	d.Output.Event, d.Output.Decision, d.Output.Reason = "PreToolUse", "deny", reason
	return d
}
