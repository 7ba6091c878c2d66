// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"errors"
	"slices"
	"testing"
	"time"

	"holdfast/core/intent"
)

func TestJudge(t *testing.T) {
	down := intent.Intents{Down: &intent.Down{By: "me"}}
	house := func(stage Stage, watched bool) House { return House{Stage: stage, Watched: watched} }
	for name, c := range map[string]struct {
		f    facts
		want verdict
	}{
		"it lives":                        {facts{known: true, living: true, house: house(Up, true)}, attend},
		"it lives while down stands":      {facts{known: true, living: true, house: house(Ending, true), intents: down}, attend},
		"it lives and wants no watch":     {facts{known: true, living: true, house: house(Up, false)}, leave},
		"it died":                         {facts{known: true, house: house(Up, true)}, again},
		"it died while it started":        {facts{known: true, house: house(Starting, true)}, again},
		"it died between two programs":    {facts{known: true, house: house(Leaving, true)}, again},
		"it failed":                       {facts{known: true, house: house(Failed, true)}, again},
		"it died and wanted no watch":     {facts{known: true, house: house(Up, false)}, leave},
		"it died, asked to end":           {facts{known: true, house: house(Ending, true)}, leave},
		"it died while down stands":       {facts{known: true, house: house(Up, true), intents: down}, settle},
		"it died over down":               {facts{known: true, house: house(Ending, true), intents: down}, settle},
		"it failed over down":             {facts{known: true, house: house(Failed, true), intents: down}, settle},
		"it ended in order":               {facts{}, leave},
		"it ended in order by down":       {facts{intents: down}, leave},
		"another has the home":            {facts{known: true, held: true, house: house(Up, true)}, wait},
		"another has the home after it":   {facts{held: true}, wait},
		"an upgrade is under way":         {facts{known: true, house: house(Up, true), upgrading: true}, wait},
		"down counts more than upgrade":   {facts{known: true, house: house(Up, true), upgrading: true, intents: down}, settle},
		"the intents cannot be read":      {facts{known: true, house: house(Up, true), unreadable: errors.New("torn")}, wait},
		"unreadable intents, it lives":    {facts{known: true, living: true, house: house(Up, true), unreadable: errors.New("torn")}, attend},
		"what it said cannot be read":     {facts{unreadable: errors.New("torn")}, wait},
		"the home is gone":                {facts{gone: true, known: true, living: true, house: house(Up, true)}, leave},
		"the home is gone and unreadable": {facts{gone: true, unreadable: errors.New("torn")}, leave},
	} {
		if got, why := judge(c.f); got != c.want || got != attend && why == "" {
			t.Errorf("%s: %s (%s), want %s", name, got, why, c.want)
		}
	}
}

// TestNothingIsStartedUnlessEverythingIsKnown goes through all facts: a start needs a house that is
// known to have died unasked, with nobody else in the home and no down.
func TestNothingIsStartedUnlessEverythingIsKnown(t *testing.T) {
	for bits := range 1 << 8 {
		on := func(i int) bool { return bits>>i&1 == 1 }
		for _, stage := range []Stage{Starting, Up, Leaving, Ending, Failed} {
			f := facts{gone: on(0), known: on(1), living: on(2), held: on(3), upgrading: on(4), house: House{Stage: stage, Watched: on(5)}}
			if on(6) {
				f.intents.Down = &intent.Down{}
			}
			if on(7) {
				f.unreadable = errors.New("torn")
			}
			may := !f.gone && f.known && !f.living && !f.held && !f.upgrading && f.house.Watched && stage != Ending && f.intents.Down == nil && f.unreadable == nil
			if got, _ := judge(f); (got == again) != may {
				t.Errorf("%+v: %s", f, got)
			}
		}
	}
}

// at is a moment so many seconds after the pulse began.
func at(seconds float64) time.Time {
	return time.Unix(1000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func TestPulse(t *testing.T) {
	type look struct {
		at      float64
		beat    string
		answers bool
		hung    bool
	}
	for name, looks := range map[string][]look{
		"it beats":                             {{0, "1", false, false}, {5, "2", false, false}, {10, "3", false, false}, {100, "4", false, false}},
		"hung":                                 {{0, "1", false, false}, {5, "1", false, false}, {10, "1", false, false}, {15, "1", false, true}},
		"the beat alone is old":                {{0, "1", false, false}, {5, "1", true, false}, {10, "1", true, false}, {15, "1", true, false}, {20, "1", true, false}},
		"an answer in between begins anew":     {{0, "1", false, false}, {10, "1", false, false}, {15, "1", true, false}, {20, "1", false, false}, {25, "1", false, true}},
		"a beat in between begins anew":        {{0, "1", false, false}, {10, "1", false, false}, {15, "2", false, false}, {20, "2", false, false}, {25, "2", false, false}, {30, "2", false, true}},
		"the machine slept, then it beats":     {{0, "1", false, false}, {5000, "1", false, false}, {5005, "2", false, false}, {5010, "2", false, false}},
		"the machine slept, two looks at once": {{0, "1", false, false}, {9000, "1", false, false}, {9000.1, "2", false, false}},
		"the clock went back":                  {{1000, "1", false, false}, {1005, "1", false, false}, {10, "1", true, false}, {15, "1", true, false}},
		"no beat file at all":                  {{0, "", false, false}, {5, "", false, false}, {10, "", false, false}, {15, "", false, true}},
	} {
		p := &pulse{every: 5 * time.Second, limit: 10 * time.Second}
		for i, l := range looks {
			if got := p.look(at(l.at), l.beat, func() bool { return l.answers }); got != l.hung {
				t.Errorf("%s: look %d: %v", name, i, got)
			}
		}
	}
}

// TestPulseAsksOnlyAboutAnOldBeat: a house that beats is never asked.
func TestPulseAsksOnlyAboutAnOldBeat(t *testing.T) {
	p := &pulse{every: 5 * time.Second, limit: 10 * time.Second}
	asked := 0
	for i, beat := range []string{"1", "2", "2", "3", "3", "3"} {
		p.look(at(float64(5*i)), beat, func() bool { asked++; return false })
	}
	if asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
}

func TestBackoff(t *testing.T) {
	b := backoff{most: 10 * time.Second}
	var got []time.Duration
	for range 7 {
		got = append(got, b.next())
	}
	if want := []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	b.reset()
	if d := b.next(); d != 0 {
		t.Errorf("after a calm time the first comes after %s", d)
	}
	long := backoff{}
	for range 2000 {
		long.next()
	}
	if d := long.next(); d != defaultMost {
		t.Errorf("got %s, want %s", d, defaultMost)
	}
}
