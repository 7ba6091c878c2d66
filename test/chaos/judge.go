// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/test/outside"
)

// A judge holds what it sees against what must be so at any time. It remembers since when something
// is not as it should be; only what lasts under an undisturbed house is a violation, but a double
// and a held unit that runs are one at once.
type judge struct {
	place
	units  []*unit
	margin time.Duration
	// calm is since when the house is up and undisturbed; zero while it is not.
	calm time.Time
	// down tells that `down` was done: nothing but workers may run.
	down    bool
	downAt  time.Time
	absent  map[string]time.Time // units that should run and do not
	orphans map[outside.ID]time.Time
	several map[string]time.Time // more than one house, watch, keeper
	limited bool                 // the machine bounds the processes of a unit
	sights  int
	leaders int
	// seen is the time that was looked at: a look stands for a second at the most, so that a machine
	// that stood still, and the test with it, is not taken for a house that did.
	seen, last time.Time
}

// watched moves the time that was looked at on to a look.
func (j *judge) watched(at time.Time) time.Time {
	if j.last.IsZero() {
		j.seen, j.last = at, at
	}
	j.seen = j.seen.Add(min(at.Sub(j.last), time.Second))
	j.last = at
	return j.seen
}

func newJudge(p place, units []*unit, margin time.Duration) *judge {
	return &judge{
		place: p, units: units, margin: margin, limited: true,
		absent: map[string]time.Time{}, orphans: map[outside.ID]time.Time{}, several: map[string]time.Time{},
	}
}

func (j *judge) tally() string { return fmt.Sprintf("%d in %d looks", j.leaders, j.sights) }

// undisturbed says that from now on nothing disturbs the house itself.
func (j *judge) undisturbed() { j.calm = j.watched(time.Now()) }

// disturbed says that the house is dead, frozen or ending: nothing is expected of it.
func (j *judge) disturbed() {
	j.calm = time.Time{}
	clear(j.absent)
	clear(j.orphans)
}

// since is how long something has been so, while the house could have done something about it.
func (j *judge) since(first, now time.Time) time.Duration {
	if j.calm.IsZero() {
		return 0
	}
	if first.Before(j.calm) {
		first = j.calm
	}
	return now.Sub(first)
}

// see judges one look.
func (j *judge) see(s sight) error {
	j.sights++
	j.leaders = max(j.leaders, len(s.leaders))
	now := j.watched(s.at)
	for _, check := range []func(sight) error{j.doubles, j.held, j.bombs, j.afterDown} {
		if err := check(s); err != nil {
			return err
		}
	}
	for _, lasting := range []func(sight, time.Time) error{j.strays, j.missing, j.single} {
		if err := lasting(s, now); err != nil {
			return err
		}
	}
	return nil
}

// doubles finds two living leaders of one unit. A look takes time: both must still live.
func (j *judge) doubles(s sight) error {
	for name := range s.leaders {
		list := s.first(name)
		if len(list) < 2 {
			continue
		}
		var living []string
		for range 2 {
			living = living[:0]
			for _, p := range list {
				if p.Alive() {
					living = append(living, p.String())
				}
			}
		}
		if len(living) > 1 {
			return violated(strings.Join(living, "\n"), "unit %s runs twice", name)
		}
	}
	return nil
}

// held finds processes of a unit that the operator stopped.
func (j *judge) held(s sight) error {
	for _, u := range j.units {
		if u.wish != held || u.since.After(s.at) {
			continue
		}
		for _, p := range s.members[u.name] {
			if p.Alive() {
				return violated(p.String(), "unit %s is held since %s, and runs", u.name, u.since.Format(time.TimeOnly))
			}
		}
	}
	return nil
}

// strays finds processes that have lost their leader or their house.
func (j *judge) strays(s sight, now time.Time) error {
	seen := map[outside.ID]bool{}
	for _, p := range s.forsaken() {
		seen[p.ID()] = true
		if j.orphans[p.ID()].IsZero() {
			j.orphans[p.ID()] = now
		}
		if late := j.since(j.orphans[p.ID()], now); late > j.margin && p.Alive() {
			whom := "launch"
			if strings.HasSuffix(launchOf(p), checkSuffix) {
				whom = "house"
			}
			return violated(p.String(), "a process of unit %s has outlived its %s by %s", unitOf(p), whom, late.Round(time.Millisecond))
		}
	}
	for id := range j.orphans {
		if !seen[id] {
			delete(j.orphans, id)
		}
	}
	return nil
}

// missing finds units that are wanted and have no process for longer than their backoff allows.
func (j *judge) missing(s sight, now time.Time) error {
	for _, u := range j.units {
		_, runs := s.leader(u.name)
		if runs || u.wish != wanted || u.stolen != nil || j.down {
			delete(j.absent, u.name)
			continue
		}
		if j.absent[u.name].IsZero() {
			j.absent[u.name] = now
		}
		bound := backoffCap*12/10 + j.margin
		if !u.freed.IsZero() && s.at.Sub(u.freed) < time.Minute {
			bound += 18 * time.Second // a port in use is looked at every 15 s at the least
		}
		if away := j.since(j.absent[u.name], now); away > bound && s.at.Sub(u.since) > bound {
			if j.started(u) < bound {
				j.absent[u.name] = now // it ran between two looks
				continue
			}
			return violated("", "unit %s is wanted and has not run for %s under an undisturbed house", u.name, away.Round(time.Millisecond))
		}
	}
	return nil
}

// started is how long ago the unit itself said that it started.
func (j *judge) started(u *unit) time.Duration {
	data, err := os.ReadFile(filepath.Join(j.acks(), "tape."+u.name))
	if err != nil {
		return math.MaxInt64
	}
	at := int64(0)
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "start" {
			at, _ = strconv.ParseInt(f[2], 10, 64)
		}
	}
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return math.MaxInt64
	}
	return time.Duration(now.Nano() - at)
}

// bombs finds units that passed their limit of processes.
func (j *judge) bombs(s sight) error {
	for _, u := range j.units {
		if n := len(s.members[u.name]); u.kind == bomb && j.limited && n > bombLimit {
			return violated("", "unit %s has %d processes, its limit is %d", u.name, n, bombLimit)
		}
	}
	return nil
}

// afterDown finds what `down` left or what came back.
func (j *judge) afterDown(s sight) error {
	if !j.down || s.at.Before(j.downAt) {
		return nil
	}
	for _, u := range j.units {
		if u.kind == worker {
			continue // it may finish what it does
		}
		for _, p := range s.members[u.name] {
			if p.Alive() {
				return violated(p.String(), "the house is down, and unit %s runs", u.name)
			}
		}
	}
	if len(s.house) > 0 && s.at.Sub(j.downAt) > 5*time.Second && s.house[0].Alive() {
		return violated(s.house[0].String(), "the house is down, and runs again")
	}
	return nil
}

// single finds more than one house, watch or log keeper that lasts.
func (j *judge) single(s sight, now time.Time) error {
	for what, list := range map[string][]outside.Process{"house": s.house, "watch": s.watch, "log keeper": s.keeper} {
		if len(list) < 2 {
			delete(j.several, what)
			continue
		}
		if j.several[what].IsZero() {
			j.several[what] = now
		}
		if late := j.since(j.several[what], now); late > j.margin {
			return violated(fmt.Sprint(list), "there is more than one %s for %s", what, late.Round(time.Millisecond))
		}
	}
	return nil
}
