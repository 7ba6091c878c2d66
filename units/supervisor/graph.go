// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
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
