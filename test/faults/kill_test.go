// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// A list is the sites at which a victim was killed and the home held its promises.
type list struct {
	mu    sync.Mutex
	sites map[string]map[string]call // by store and name
}

func (l *list) add(dialect string, c call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sites == nil {
		l.sites = map[string]map[string]call{}
	}
	if l.sites[dialect] == nil {
		l.sites[dialect] = map[string]call{}
	}
	l.sites[dialect][c.site()] = c
}

// report counts the sites by step, and names them all.
func (l *list) report() (summary, all string, total int) {
	var short, every strings.Builder
	for _, dialect := range slices.Sorted(maps.Keys(l.sites)) {
		sites := l.sites[dialect]
		steps, kinds := map[string]int{}, map[string]bool{}
		for _, name := range slices.Sorted(maps.Keys(sites)) {
			steps[sites[name].step]++
			kinds[sites[name].kind()] = true
			fmt.Fprintf(&every, "%s %s\n", dialect, name)
		}
		fmt.Fprintf(&short, "%s: %d sites, of %d kinds (step, call, file) without their ordinals, in %d steps\n", dialect, len(sites), len(kinds), len(steps))
		for _, step := range slices.Sorted(maps.Keys(steps)) {
			fmt.Fprintf(&short, "  %4d %s\n", steps[step], step)
		}
		total += len(sites)
	}
	return short.String(), every.String(), total
}

// stores are what every test runs on: the dialect, and the URL of a new database.
func stores() map[string]func(*testing.T) string {
	return map[string]func(*testing.T) string{
		store.SQLite:   func(*testing.T) string { return store.SQLite },
		store.Postgres: func(t *testing.T) string { t.Helper(); return storetest.Postgres(t) },
	}
}

// TestKilledAtEverySystemCall lists the victim's system calls in a run that nothing disturbs, and
// then kills a victim before each of them (in the short form, before a spread of them). Then it
// does the same to the start that recovers from such a kill.
func TestKilledAtEverySystemCall(t *testing.T) {
	done := &list{}
	for _, dialect := range []string{store.SQLite, store.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			every := undisturbed(t, dialect)
			sites, steps := every, recoverable()
			if !long() {
				sites, steps = spread(every, 25), spread(steps, 5)
			}
			for _, site := range sites {
				t.Run(site, func(t *testing.T) { killAt(t, dialect, site, done) })
			}
			kills := len(sites)
			for _, step := range steps {
				kills += killRecoveries(t, dialect, middle(t, every, step), step, done)
			}
			t.Logf("%d kills", kills)
		})
	}
	summary, all, total := done.report()
	t.Logf("%d distinct sites\n%s", total, summary)
	if path := os.Getenv("HOLDFAST_FAULTS_LIST"); path != "" {
		if err := os.WriteFile(path, fmt.Appendf(nil, "%d distinct sites\n%s\n%s", total, summary, all), 0o600); err != nil {
			t.Error(err)
		}
	}
	if least := 500; long() && total < least {
		t.Errorf("%d distinct sites, want %d", total, least)
	}
}

// recoverable are the steps in whose middle a crash leaves most for the next start to do.
func recoverable() []string {
	return []string{
		"start/open", "trash/keep", "trash/restore", "trash/waste", "trash/empty", "operation-done/do-keep",
		"operation-done/do-master-ended", "operation-failed/undo-row", "journal/archive", "operation-failed/undo-keep", "migrate/open",
	}
}

// undisturbed runs a victim to its end, checks it, and returns its sites in order.
func undisturbed(t *testing.T, dialect string) []string {
	t.Helper()
	p := plan{dir: planted(t), url: stores()[dialect](t)}
	tr := &tracer{home: p.dir}
	runVictim(t, tr, p)
	if !tr.status.Exited() || tr.status.ExitStatus() != 0 {
		t.Fatalf("the victim ended by itself with %v", tr.status)
	}
	past := historyOf(tr.calls)
	for _, a := range acts() {
		if !past.begun[a.name] {
			t.Errorf("the victim never began %s", a.name)
		}
	}
	if problems := check(t.Context(), p, past); len(problems) > 0 {
		t.Fatalf("without any fault: %s", strings.Join(problems, "\n"))
	}
	var sites []string
	for _, c := range tr.calls {
		if c.said == "" {
			sites = append(sites, c.site())
		}
	}
	return sites
}

// runVictim runs a victim that must not fail by itself.
func runVictim(t *testing.T, tr *tracer, p plan) {
	t.Helper()
	if said := runFailing(t, tr, p); said != "" {
		t.Fatalf("the victim said: %s", said)
	}
}

// runFailing runs a victim and returns what it said of its failure.
func runFailing(t *testing.T, tr *tracer, p plan) (said string) {
	t.Helper()
	said, err := tr.run(t.Context(), "FAULTS_URL="+p.url, "FAULTS_WRONG="+p.wrong, "FAULTS_AFTER="+p.after)
	if errors.Is(err, unix.EPERM) && os.Getenv("CI") != "true" {
		t.Skipf("this process may not trace another: %v", err)
	}
	if err != nil {
		t.Fatalf("cannot trace: %v", err)
	}
	return said
}

func spread(all []string, n int) []string {
	var out []string
	for i := range min(n, len(all)) {
		out = append(out, all[i*len(all)/n])
	}
	return out
}

// killAt kills a victim at a site. Goroutines make runs differ a little: one that never comes
// there runs to its end and is checked all the same.
func killAt(t *testing.T, dialect, site string, done *list) {
	p := plan{dir: planted(t), url: stores()[dialect](t)}
	tr := &tracer{home: p.dir, kill: func(c call) bool { return c.site() == site }}
	runVictim(t, tr, p)
	if tr.killed != nil && tr.status.Signal() != syscall.SIGKILL {
		t.Fatalf("the victim was to be killed and ended with %v", tr.status)
	}
	problems := check(t.Context(), p, historyOf(tr.calls))
	for _, problem := range problems {
		t.Errorf("killed before %s: %s", site, problem)
	}
	if tr.killed != nil && len(problems) == 0 {
		done.add(dialect, *tr.killed)
	}
	keepFailed(t, p.dir)
}

// keepFailed copies a home that broke a promise to where HOLDFAST_FAULTS_KEEP says.
func keepFailed(t *testing.T, dir string) {
	to := os.Getenv("HOLDFAST_FAULTS_KEEP")
	if to == "" || !t.Failed() {
		return
	}
	to = filepath.Join(to, fmt.Sprintf("%x", time.Now().UnixNano()))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Log(err)
	}
	t.Logf("kept in %s", to)
}
