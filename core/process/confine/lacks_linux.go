// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// Lacks tells what of a sandbox this kernel does not enforce, and why. The kernel is asked once.
func Lacks(offline bool) []string {
	if offline {
		return slices.Clone(lacksOffline())
	}
	return slices.Clone(lacksOnline())
}

// What a sandbox lacks here, with and without the network taken.
var (
	lacksOffline = sync.OnceValue(func() []string { return lacks(landlockVersion(), filters(), true) })
	lacksOnline  = sync.OnceValue(func() []string { return lacks(landlockVersion(), filters(), false) })
)

// filters tells whether this kernel can take the network from a program.
func filters() bool { return machine() != 0 && hasSeccomp() }

// lacks judges by the version of Landlock, 0 for none.
func lacks(abi int, filters, offline bool) []string {
	var list []string
	if offline && !filters {
		list = append(list, "network off: this kernel has no seccomp filters for "+runtime.GOARCH)
	}
	if abi == 0 {
		return append(list, "the sandbox's files: Landlock is not in this kernel, or not switched on at boot (Linux 5.13 and lsm=landlock)")
	}
	for _, part := range []struct {
		since int
		what  string
		linux string
	}{
		{3, "truncating of files outside the sandbox", "6.2"},
		{5, "control of devices outside the sandbox", "6.10"},
		{6, "signals and abstract sockets out of the sandbox", "6.12"},
	} {
		if abi < part.since {
			list = append(list, fmt.Sprintf("%s: Landlock is of version %d here, %d is in Linux %s", part.what, abi, part.since, part.linux))
		}
	}
	return list
}
