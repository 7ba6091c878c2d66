// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast"
)

const (
	// leastMemory is less than any program starts with.
	leastMemory = 1 << 20
	// shortestIdle is how short an idle time may be.
	shortestIdle = time.Second
	networkOff   = "off"
)

// checkUnits finds what is wrong with the declarations of one owner, before anything changes.
func checkUnits(units []holdfast.Unit) []holdfast.Problem {
	var problems []holdfast.Problem
	seen := map[string]bool{}
	logs := map[string]holdfast.Unit{}
	for _, u := range units {
		problems = append(problems, checkUnit(u)...)
		if seen[u.Name] {
			problems = append(problems, holdfast.Problem{Field: u.Name, Message: "is declared twice"})
			continue
		}
		seen[u.Name] = true
		if other, shared := logs[logName(u)]; shared {
			problems = append(problems, sharedLog(u, other))
		}
		logs[logName(u)] = u
	}
	return problems
}

// ownLogs are the logs under var/logs that are no unit's, and whose they are.
func ownLogs(log string) (whose string) {
	switch log {
	case "house":
		return "the house"
	case "watch":
		return "the watch"
	case "logkeeper":
		return "the log keeper"
	}
	return ""
}

// sharedLog says that two units would write to one log, where nobody could tell them apart.
func sharedLog(u, other holdfast.Unit) holdfast.Problem {
	return holdfast.Problem{
		Field: u.Name, Message: fmt.Sprintf("%s and %s would both write to %s", u.Name, other.Name, logPath(u)),
		Remedy: "give one of them another name",
	}
}

func checkUnit(u holdfast.Unit) []holdfast.Problem {
	var problems []holdfast.Problem
	add := func(field, message, remedy string) {
		problems = append(problems, holdfast.Problem{Field: u.Name + "." + field, Message: message, Remedy: remedy})
	}
	if !validName(u.Name) {
		problems = append(problems, holdfast.Problem{
			Field: u.Name, Message: fmt.Sprintf("%q is no name for a unit", u.Name),
			Remedy: "use letters, digits, '.', '-' and '_', at most 100, and start with a letter or digit",
		})
	}
	if whose := ownLogs(logName(u)); whose != "" {
		problems = append(problems, holdfast.Problem{
			Field: u.Name, Message: fmt.Sprintf("%s would write to %s, which is the log of %s", u.Name, logPath(u), whose),
			Remedy: "give it another name",
		})
	}
	if u.Kind != "" && u.Kind != holdfast.KindProcess {
		add("kind", notBuiltIn(u.Kind), "leave it out, or give process")
		return problems
	}
	if u.Blocked == "" && (len(u.Run) == 0 || u.Run[0] == "") {
		add("run", "is empty", "give the argument vector: [program, argument, …]")
	}
	for _, n := range u.Needs {
		if !slices.Contains([]string{"", untilBooted, untilReady, untilHealthy}, n.Until) {
			add("needs", fmt.Sprintf("%q is no stage of a unit", n.Until), "use booted, ready or healthy")
		}
	}
	if _, ok := signalOf(u.Stop); !ok {
		add("stop.signal", fmt.Sprintf("%q is no signal", u.Stop.Signal), "use TERM, INT, HUP, QUIT, USR1, USR2 or KILL")
	}
	if u.Stop.Grace < 0 {
		add("stop.grace", "is negative", "give a span such as 10s, or leave it out")
	}
	if u.Port < 0 || u.Port > 65535 {
		add("port", fmt.Sprintf("%d is no port", u.Port), "use 1 to 65535")
	}
	if u.RestartCap < 0 || u.RestartCap > 0 && u.RestartCap < firstDelay {
		add("restart.cap", fmt.Sprintf("%s is less than the first delay", u.RestartCap), "give 1s or more, or leave it out for 5m")
	}
	if u.Idle < 0 || u.Idle > 0 && u.Idle < shortestIdle {
		add("idle", fmt.Sprintf("%s is too short to tell an idle unit", u.Idle), "give "+shortestIdle.String()+" or more")
	}
	problems = append(problems, checkEnv(u)...)
	problems = append(problems, checkBounds(u)...)
	problems = append(problems, checkProbe(u, "ready", u.Ready)...)
	return append(problems, checkProbe(u, "healthy", u.Healthy)...)
}

// checkEnv finds variables that no environment can hold.
func checkEnv(u holdfast.Unit) []holdfast.Problem {
	var problems []holdfast.Problem
	for _, name := range slices.Sorted(maps.Keys(u.Env)) {
		field := holdfast.Problem{Field: u.Name + ".env"}
		switch {
		case name == "":
			field.Message, field.Remedy = "has a variable without a name", "give it one, or take it out"
		case strings.ContainsAny(name, "=\x00"):
			field.Message, field.Remedy = fmt.Sprintf("%q is no name for a variable", name), "write NAME: value, without = in the name"
		case strings.Contains(u.Env[name], "\x00"):
			field.Message, field.Remedy = fmt.Sprintf("the value of %s holds a zero byte", name), "take it out"
		default:
			continue
		}
		problems = append(problems, field)
	}
	return problems
}

func checkProbe(u holdfast.Unit, field string, p *holdfast.Probe) []holdfast.Problem {
	if p == nil {
		return nil
	}
	kinds := 0
	for _, set := range []bool{p.HTTP != "", p.TCP, len(p.Exec) > 0, p.Heartbeat != "", p.Line != ""} {
		if set {
			kinds++
		}
	}
	name := u.Name + "." + field
	switch {
	case kinds != 1:
		return []holdfast.Problem{{Field: name, Message: "needs exactly one of http, tcp, exec, heartbeat and line"}}
	case (p.HTTP != "" || p.TCP) && p.Port == 0 && u.Port == 0:
		return []holdfast.Problem{{Field: name, Message: "asks a port, and none is given", Remedy: "add port"}}
	case p.HTTP != "" && !strings.HasPrefix(p.HTTP, "/"):
		return []holdfast.Problem{{Field: name + ".http", Message: fmt.Sprintf("%q is no path", p.HTTP), Remedy: "start it with /"}}
	case p.Heartbeat != "" && !filepath.IsAbs(p.Heartbeat):
		return []holdfast.Problem{{Field: name + ".heartbeat", Message: fmt.Sprintf("%q is no absolute path", p.Heartbeat)}}
	case p.Within < 0 || p.Every < 0 || p.Timeout < 0 || p.Failures < 0:
		return []holdfast.Problem{{Field: name, Message: "has a negative time or count"}}
	}
	if _, err := regexp.Compile(p.Line); err != nil {
		return []holdfast.Problem{{
			Field: name + ".line", Message: fmt.Sprintf("%q is no regular expression: %v", p.Line, err),
			Remedy: "write a backslash before a character that stands for itself",
		}}
	}
	return nil
}

// validName keeps a unit's name fit for a file name, a mark and a path of the API.
func validName(name string) bool {
	if name == "" || len(name) > 100 {
		return false
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", r)) {
			return false
		}
	}
	return true
}

// checkBounds finds limits, sandboxes and users that no system can grant.
func checkBounds(u holdfast.Unit) []holdfast.Problem {
	var problems []holdfast.Problem
	add := func(field, message, remedy string) {
		problems = append(problems, holdfast.Problem{Field: u.Name + "." + field, Message: message, Remedy: remedy})
	}
	problems = append(problems, checkLimits(u.Name+".limits", u.Limits)...)
	if strings.ContainsAny(u.User, "/: \t\n") {
		add("user", fmt.Sprintf("%q is no account", u.User), "give a name or a number")
	}
	if box := u.Sandbox; box != nil {
		problems = append(problems, checkSandbox(u.Name, box)...)
	}
	return problems
}

// checkLimits finds limits that no system can grant; field is where they stand.
func checkLimits(field string, l holdfast.Limits) []holdfast.Problem {
	one := func(name, message, remedy string) []holdfast.Problem {
		return []holdfast.Problem{{Field: field + "." + name, Message: message, Remedy: remedy}}
	}
	switch {
	case l.Memory < 0 || l.Memory > 0 && l.Memory < leastMemory:
		return one("memory", fmt.Sprintf("%d bytes is less than any program starts with", l.Memory), "give an amount such as 256MiB, or leave it out for no limit")
	case l.CPU < 0:
		return one("cpu", fmt.Sprintf("%v cores is no amount", l.CPU), "give cores, such as 0.5 or 2, or leave it out for no limit")
	case l.Processes < 0:
		return one("processes", fmt.Sprintf("%d is no count", l.Processes), "give 1 or more, or leave it out for no limit")
	case l.Nice < -20 || l.Nice > 19:
		return one("nice", fmt.Sprintf("%d is no priority", l.Nice), "give -20 (first) to 19 (last)")
	}
	return nil
}

func checkSandbox(unit string, box *holdfast.Sandbox) []holdfast.Problem {
	var problems []holdfast.Problem
	add := func(field, message, remedy string) {
		problems = append(problems, holdfast.Problem{Field: unit + ".sandbox." + field, Message: message, Remedy: remedy})
	}
	for field, paths := range map[string][]string{"read": box.Read, "write": box.Write} {
		for _, path := range paths {
			if !filepath.IsAbs(path) {
				add(field, fmt.Sprintf("%q is no absolute path", path), "begin it with /")
			}
		}
	}
	if !slices.Contains([]string{"", "on", networkOff}, box.Network) {
		add("network", fmt.Sprintf("%q is neither on nor off", box.Network), "give on or off")
	}
	return problems
}

// notBuiltIn says why a kind cannot be had.
func notBuiltIn(kind holdfast.UnitKind) string {
	switch kind {
	case holdfast.KindContainer:
		return "containers are not built into this version"
	case holdfast.KindCommands:
		return "command sets are not built into this version"
	case holdfast.KindProcess:
	}
	return fmt.Sprintf("%q is no kind of unit", kind)
}
