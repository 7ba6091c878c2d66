// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/core/store"
)

const seed = 20260601

// A recording is one victim's life: the home before it, and all its calls in order.
type recording struct {
	plan  plan
	start string // a copy of the home before
	calls []call
}

// record runs a victim whose every call is followed to its end, until kill says otherwise.
func record(t *testing.T, p plan, kill func(call) bool) recording {
	t.Helper()
	start := planted(t)
	tr := &tracer{home: p.dir, whole: true, kill: kill}
	runVictim(t, tr, p)
	return recording{plan: p, start: start, calls: tr.calls}
}

// cut is the home as found when the power went before call n.
func (r recording) cut(t *testing.T, n int, luck *rand.Rand) (plan, history) {
	t.Helper()
	d, err := diskOf(r.start)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.calls[:n] {
		if c.said != "" || c.path == "socket" {
			continue
		}
		if err := d.see(c); err != nil {
			t.Fatal(err)
		}
	}
	p := r.plan
	p.dir = filepath.Join(scratch(t), "home")
	if err := d.lose(p.dir, luck); err != nil {
		t.Fatal(err)
	}
	return p, historyOf(r.calls[:n])
}

// cuts are n places at which the power goes: half of them where it hurts most, just before and
// after a sync or a word, half of them anywhere.
func (r recording) cuts(n int, luck *rand.Rand) []int {
	var sharp []int
	for i, c := range r.calls {
		if strings.HasSuffix(c.name, "sync") || strings.HasPrefix(c.said, "ack") {
			sharp = append(sharp, i, i+1)
		}
	}
	slices.Sort(sharp)
	sharp = slices.Compact(sharp)
	luck.Shuffle(len(sharp), func(i, j int) { sharp[i], sharp[j] = sharp[j], sharp[i] })
	chosen := sharp[:min(n/2, len(sharp))]
	for len(chosen) < n {
		chosen = append(chosen, luck.IntN(len(r.calls)+1))
	}
	return chosen
}

// TestPowerLossWithSQLite plays losses of power at many places of one victim's life.
func TestPowerLossWithSQLite(t *testing.T) {
	n := 40
	if long() {
		n = 1000
	}
	r := record(t, plan{dir: planted(t), url: store.SQLite}, nil)
	places := map[int]bool{}
	luck := rand.New(rand.NewPCG(seed, 1))
	for _, at := range r.cuts(n, luck) {
		places[at] = true
		t.Run(r.name(at), func(t *testing.T) {
			p, past := r.cut(t, at, luck)
			for _, problem := range check(t.Context(), p, past) {
				t.Error(problem)
			}
			keepFailed(t, p.dir)
		})
	}
	t.Logf("%d cuts at %d places of %d calls, seed %d", n, len(places), len(r.calls), seed)
}

func (r recording) name(at int) string {
	if at == len(r.calls) {
		return "at the end"
	}
	if said := r.calls[at].said; said != "" {
		return said
	}
	return r.calls[at].site()
}

// TestPowerLossWithPostgres kills a victim and loses of its home what was not certain; the
// database, whose durability is its own, holds what it was told until then.
func TestPowerLossWithPostgres(t *testing.T) {
	n := 12
	if long() {
		n = 200
	}
	sites := undisturbed(t, store.Postgres)
	luck := rand.New(rand.NewPCG(seed, 2))
	for range n {
		site := sites[luck.IntN(len(sites))]
		t.Run(site, func(t *testing.T) {
			p := plan{dir: planted(t), url: stores()[store.Postgres](t)}
			r := record(t, p, func(c call) bool { return c.site() == site })
			p, past := r.cut(t, len(r.calls), luck)
			for _, problem := range check(t.Context(), p, past) {
				t.Error(problem)
			}
		})
	}
	t.Logf("%d cuts, seed %d", n, seed)
}

// TestHarnessesCatchWrongs proves that they can fail: each deliberate wrong breaks a promise in
// one of them.
func TestHarnessesCatchWrongs(t *testing.T) {
	for _, wrong := range []string{wrongRename, wrongEarly, wrongStore} {
		t.Run("power/"+wrong, func(t *testing.T) {
			r := record(t, plan{dir: planted(t), url: store.SQLite, wrong: wrong}, nil)
			luck := rand.New(rand.NewPCG(seed, 3))
			for i, at := range r.cuts(400, luck) {
				p, past := r.cut(t, at, luck)
				if problems := check(t.Context(), p, past); len(problems) > 0 {
					t.Logf("caught at cut %d, %s: %s", i+1, r.name(at), problems[0])
					return
				}
			}
			t.Error("nothing was caught")
		})
	}
	for _, wrong := range []string{wrongPlace, wrongEarly} {
		t.Run("kill/"+wrong, func(t *testing.T) {
			for nth := 1; nth < 100; nth++ {
				p := plan{dir: planted(t), url: store.SQLite, wrong: wrong}
				seen := 0
				tr := &tracer{home: p.dir, kill: func(c call) bool {
					if strings.HasPrefix(c.step, "keys/") {
						seen++
					}
					return seen == nth
				}}
				runVictim(t, tr, p)
				if tr.killed == nil {
					break
				}
				if problems := check(t.Context(), p, historyOf(tr.calls)); len(problems) > 0 {
					t.Logf("caught at %s: %s", tr.killed.site(), problems[0])
					return
				}
			}
			t.Error("nothing was caught")
		})
	}
}
