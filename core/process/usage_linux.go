// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os"
	"time"
)

// tick is the unit of processor times in /proc, the same on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// remembered is what the environment of a process said, or its tint where it said nothing, as long as
// it is the same process.
type remembered struct {
	start uint64
	mark  Mark
	found bool
	tint  tint
}

// Usage measures all launches of a house that live, from one look at all processes. A launch's
// processor time may fall when a process of it ends that its parent did not wait for.
func (m Machine) Usage(house string) (map[Mark]Usage, error) {
	g := m.on()
	all, err := g.census.take()
	if err != nil {
		return nil, err
	}
	g.metering.Lock()
	defer g.metering.Unlock()
	t := tally{
		scan: all, house: house, marks: marksOf(g.berths()), said: g.said, heard: map[int]remembered{}, tinted: map[tint]Mark{},
		owners: make([]owner, len(all.all)),
	}
	for b, mark := range t.marks {
		t.tinted[b.tint()] = mark
	}
	sums := map[Mark]Usage{}
	for i, s := range all.all {
		mark, ok := t.owner(i, 0)
		if !ok || s.dead() {
			continue
		}
		sum := sums[mark]
		sum.add(s)
		sums[mark] = sum
	}
	g.said = t.heard
	return sums, nil
}

// A tally finds out to which launch of a house each process of a scan belongs.
type tally struct {
	*scan
	house  string
	marks  map[brand]Mark // launches that are known
	tinted map[tint]Mark
	said   map[int]remembered
	heard  map[int]remembered
	owners []owner
}

type owner struct {
	asked, found bool
	mark         Mark
}

// owner tells by brand, else by environment, else by the parent.
func (t *tally) owner(i, depth int) (Mark, bool) {
	o := &t.owners[i]
	if o.asked || depth > maxAncestors {
		return o.mark, o.found
	}
	o.asked = true
	s := t.all[i]
	if o.mark, o.found = t.marks[t.brands[i]]; !o.found {
		o.mark, o.found = t.say(i)
	}
	if o.found {
		o.found = o.mark.House == t.house
		return o.mark, o.found
	}
	if parent, there := t.at[s.parent]; there && s.parent != os.Getpid() {
		o.mark, o.found = t.owner(parent, depth+1)
	}
	return o.mark, o.found
}

// say reads the environment of a process once in its life.
func (t *tally) say(i int) (Mark, bool) {
	s := t.all[i]
	if s.dead() || s.pid == os.Getpid() {
		return Mark{}, false
	}
	r, known := t.said[s.pid]
	if !known || r.start != s.start {
		r = remembered{start: s.start}
		if r.mark, r.found, _ = t.mark(i); !r.found {
			r.tint = t.tint(i)
		}
	}
	t.heard[s.pid] = r
	if mark, known := t.tinted[r.tint]; known {
		return mark, true
	}
	return r.mark, r.found
}
