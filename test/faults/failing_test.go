// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/core/store"
)

// TestEveryCallMayFail has one system call of a victim's life fail, as those of a failing or full
// disk do: a sync that fails above all. The victim goes on or ends with an error; either way it
// acknowledged nothing that is not there, and the next start finds nothing half done.
func TestEveryCallMayFail(t *testing.T) {
	if !canRefuse {
		t.Skip("failing a call is not known on this architecture")
	}
	ways := []unix.Errno{unix.EIO, unix.ENOSPC}
	for _, dialect := range []string{store.SQLite, store.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			var sites []string
			for _, site := range undisturbed(t, dialect) {
				if !strings.Contains(site, " socket ") {
					sites = append(sites, site)
				}
			}
			if !long() {
				sites = append(spread(sites, 12), commits(sites)...)
			}
			ended := 0
			for i, site := range sites {
				way := ways[i%len(ways)]
				t.Run(fmt.Sprintf("%s %s", site, unix.ErrnoName(way)), func(t *testing.T) {
					if failAt(t, dialect, site, way) {
						ended++
					}
				})
			}
			t.Logf("%d calls failed, %d victims ended by it", len(sites), ended)
		})
	}
}

// commits are the syncs of SQLite's log by which rows are committed or not.
func commits(sites []string) (out []string) {
	for _, site := range sites {
		wal := strings.Contains(site, " fsync var/house.db-wal ")
		if wal && (strings.HasPrefix(site, "rows/") || strings.HasPrefix(site, "trash/")) {
			out = append(out, site)
		}
	}
	return out
}

// failAt fails one call and tells whether the victim ended by it.
func failAt(t *testing.T, dialect, site string, errno unix.Errno) (ended bool) {
	p := plan{dir: planted(t), url: stores()[dialect](t)}
	tr := &tracer{home: p.dir, fail: func(c call) unix.Errno {
		if c.site() == site {
			return errno
		}
		return 0
	}}
	said := runFailing(t, tr, p)
	if strings.Contains(said, "panic") || strings.Contains(said, "goroutine ") {
		t.Errorf("%s: the victim panicked: %s", site, said)
	}
	past := historyOf(tr.calls)
	past.stuck = strings.Contains(site, "/undo-")
	if step, why, _ := strings.Cut(said, ": "); strings.Contains(why, "nothing was committed") {
		past.denied = step
	}
	for _, problem := range check(t.Context(), p, past) {
		t.Errorf("%s failed with %s, then: %s (the victim said %q)", site, unix.ErrnoName(errno), problem, said)
	}
	keepFailed(t, p.dir)
	return said != ""
}
