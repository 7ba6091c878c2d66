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
	if !long() {
		sites = spread(sites, 1)
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

// TestPowerLossWhileRecovering cuts the power during the start that recovers from a crash, whose
// own leavings were not certain either.
func TestPowerLossWhileRecovering(t *testing.T) {
	each := 4
	if long() {
		each = 60
	}
	luck := rand.New(rand.NewPCG(seed, 4))
	total := 0
	sites := undisturbed(t, store.SQLite)
	for _, step := range []string{"trash/keep", "trash/restore", "operation-done/do-keep", "operation-failed/undo-keep", "migrate/open"} {
		w := crashAt(t, store.SQLite, middle(t, sites, step), step)
		again := w.copied(t)
		tr := &tracer{home: again.plan.dir, whole: true}
		runVictim(t, tr, again.plan)
		r := recording{plan: again.plan, start: w.plan.dir, calls: tr.calls}
		for _, at := range r.cuts(each, luck) {
			total++
			t.Run(strings.ReplaceAll(step, "/", "-")+"/"+r.name(at), func(t *testing.T) {
				p, _ := r.cut(t, at, luck)
				for _, problem := range check(t.Context(), p, w.past) {
					t.Error(problem)
				}
				keepFailed(t, p.dir)
			})
		}
	}
	t.Logf("%d cuts, seed %d", total, seed)
}
