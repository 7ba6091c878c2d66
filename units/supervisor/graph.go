// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast"
)

// The three questions that a need may ask of a unit.
const (
	untilBooted  = "booted"
	untilReady   = "ready"
	untilHealthy = "healthy"
)

func stage(until string) string {
	if until == "" {
		return untilReady
	}
	return until
}

// checkUnits finds what is wrong with the declarations of one owner, before anything changes.
func checkUnits(units []holdfast.Unit) []holdfast.Problem {
	var problems []holdfast.Problem
	seen := map[string]bool{}
	for _, u := range units {
		if seen[u.Name] {
			problems = append(problems, holdfast.Problem{Field: u.Name, Message: "is declared twice"})
		}
		seen[u.Name] = true
		problems = append(problems, checkUnit(u)...)
	}
	return problems
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
	if u.Port < 0 || u.Port > 65535 {
		add("port", fmt.Sprintf("%d is no port", u.Port), "use 1 to 65535")
	}
	problems = append(problems, checkProbe(u, "ready", u.Ready)...)
	return append(problems, checkProbe(u, "healthy", u.Healthy)...)
}

func checkProbe(u holdfast.Unit, field string, p *holdfast.Probe) []holdfast.Problem {
	if p == nil {
		return nil
	}
	kinds := 0
	for _, set := range []bool{p.HTTP != "", p.TCP, len(p.Exec) > 0} {
		if set {
			kinds++
		}
	}
	name := u.Name + "." + field
	switch {
	case kinds != 1:
		return []holdfast.Problem{{Field: name, Message: "needs exactly one of http, tcp and exec"}}
	case len(p.Exec) == 0 && p.Port == 0 && u.Port == 0:
		return []holdfast.Problem{{Field: name, Message: "asks a port, and none is given", Remedy: "add port"}}
	case p.HTTP != "" && !strings.HasPrefix(p.HTTP, "/"):
		return []holdfast.Problem{{Field: name + ".http", Message: fmt.Sprintf("%q is no path", p.HTTP), Remedy: "start it with /"}}
	case p.Within < 0 || p.Every < 0 || p.Timeout < 0 || p.Failures < 0:
		return []holdfast.Problem{{Field: name, Message: "has a negative time or count"}}
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

// cycle finds a ring of needs, written from a unit back to itself, or nothing. It walks in the
// order of names, so that the same declarations give the same answer.
func cycle(units map[string]holdfast.Unit) []string {
	done := map[string]bool{}
	var path []string
	var visit func(name string) []string
	visit = func(name string) []string {
		if i := slices.Index(path, name); i >= 0 {
			return append(slices.Clone(path[i:]), name)
		}
		if done[name] {
			return nil
		}
		path = append(path, name)
		for _, need := range units[name].Needs {
			if ring := visit(need.Unit); ring != nil {
				return ring
			}
		}
		path = path[:len(path)-1]
		done[name] = true
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(units)) {
		if ring := visit(name); ring != nil {
			return ring
		}
	}
	return nil
}

func cycleProblem(ring []string) holdfast.Problem {
	return holdfast.Problem{
		Field: ring[0] + ".needs", Message: "units need each other in a circle: " + strings.Join(ring, " → "),
		Remedy: "take one of these needs away",
	}
}

// dependents turns needs around: who needs each unit.
func dependents(units map[string]holdfast.Unit) map[string][]string {
	out := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(units)) {
		for _, need := range units[name].Needs {
			if !slices.Contains(out[need.Unit], name) {
				out[need.Unit] = append(out[need.Unit], name)
			}
		}
	}
	return out
}
