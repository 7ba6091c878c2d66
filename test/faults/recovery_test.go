// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/core/store"
)

// A wreck is a home whose house was killed in the middle of a step, and that house's history.
type wreck struct {
	plan plan
	past history
	site string
}

// middle is a site in the middle of a step's calls.
func middle(t *testing.T, sites []string, step string) string {
	t.Helper()
	var own []string
	for _, site := range sites {
		if strings.HasPrefix(site, step+" ") {
			own = append(own, site)
		}
	}
	if len(own) == 0 {
		t.Fatalf("the victim does nothing at %s", step)
	}
	return own[len(own)*2/3]
}

// crashAt kills a victim at a site of a step.
func crashAt(t *testing.T, dialect, site, step string) wreck {
	t.Helper()
	w := wreck{plan: plan{dir: planted(t), url: stores()[dialect](t)}, site: site}
	tr := &tracer{home: w.plan.dir, kill: func(c call) bool { return c.site() == site }}
	runVictim(t, tr, w.plan)
	w.past = historyOf(tr.calls)
	w.plan.after = step
	return w
}

// copied is a wreck with a home of its own.
func (w wreck) copied(t *testing.T) wreck {
	t.Helper()
	d, err := diskOf(w.plan.dir)
	if err != nil {
		t.Fatal(err)
	}
	w.plan.dir = filepath.Join(scratch(t), "home")
	if err := d.root.put(w.plan.dir, nil); err != nil {
		t.Fatal(err)
	}
	return w
}

// killRecoveries kills the start that follows a crash at each of its own calls, and returns how
// many that were.
func killRecoveries(t *testing.T, dialect, site, step string, done *list) (kills int) {
	w := crashAt(t, dialect, site, step)
	probe := w.copied(t)
	tr := &tracer{home: probe.plan.dir}
	runVictim(t, tr, probe.plan)
	var sites []string
	for _, c := range tr.calls {
		if c.said == "" {
			sites = append(sites, c.site())
		}
	}
	switch {
	case !long():
		sites = spread(sites, 1)
	case dialect == store.Postgres:
		sites = spread(sites, 20) // each takes a database and a crash of its own
	}
	for _, site := range sites {
		t.Run(site, func(t *testing.T) {
			again := w.copied(t)
			if dialect == store.Postgres {
				// A server's data is not copied as a folder is: each start has a crash of its own.
				again = crashAt(t, dialect, w.site, step)
			}
			second := &tracer{home: again.plan.dir, kill: func(c call) bool { return c.site() == site }}
			runVictim(t, second, again.plan)
			problems := check(t.Context(), again.plan, again.past)
			for _, problem := range problems {
				t.Errorf("killed before %s: %s", site, problem)
			}
			if second.killed != nil && len(problems) == 0 {
				done.add(dialect, *second.killed)
			}
			keepFailed(t, again.plan.dir)
		})
	}
	return len(sites)
}

// TestPowerLossWhileRecovering cuts the power during the start that recovers from a kill: neither
// what that start nor what the killed house did last was certain.
func TestPowerLossWhileRecovering(t *testing.T) {
	each := 4
	if long() {
		each = 60
	}
	luck := rand.New(rand.NewPCG(seed, 4))
	total := 0
	for _, site := range doubtful(t, undisturbed(t, store.SQLite)) {
		step, _, _ := strings.Cut(site, " ")
		r := record(t, plan{dir: planted(t), url: store.SQLite}, func(c call) bool { return c.site() == site })
		killed := len(r.calls)
		next := r.plan
		next.after = step
		tr := &tracer{home: next.dir, whole: true}
		runVictim(t, tr, next)
		r.calls = append(r.calls, tr.calls...)
		for range each {
			at := killed + luck.IntN(len(tr.calls)+1)
			total++
			t.Run(site+"/"+r.name(at), func(t *testing.T) {
				p, past := r.cut(t, at, luck)
				for _, problem := range check(t.Context(), p, past) {
					t.Error(problem)
				}
				keepFailed(t, p.dir)
			})
		}
	}
	t.Logf("%d cuts, seed %d", total, seed)
}

// doubtful are sites between an act on names and the sync that makes it certain: what the next
// start finds there may be gone after a loss of power.
func doubtful(t *testing.T, sites []string) []string {
	t.Helper()
	out := []string{middle(t, sites, "migrate/open"), middle(t, sites, "operation-failed/undo-keep")}
	for i, site := range sites[1:] {
		if strings.Contains(site, " fsync ") && strings.Contains(sites[i], " rename") {
			out = append(out, site)
		}
	}
	if !long() {
		out = append(out[:2], spread(out[2:], 8)...)
	}
	return out
}
