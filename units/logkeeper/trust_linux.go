// SPDX-License-Identifier: Apache-2.0

package logkeeper

import "time"

const (
	// failuresMost is how often in a row a keeper may end soon after its start before the house keeps
	// the logs itself.
	failuresMost = 5
	// proven is how long a keeper must have lived for its end to be the first of a row.
	proven = time.Minute
	// restMost is how long the house keeps the logs itself, at most, before it trusts a keeper again.
	restMost   = time.Hour
	pauseFirst = 50 * time.Millisecond
	pauseMost  = 5 * time.Second
)

// A trust is how far keepers outside the house are trusted to live.
//
//	outside ── ends soon, the sixth in a row ──▶ within the house
//	   ▲                                              │
//	   └───────────────── after a rest ───────────────┘ the first that ends soon: back, for a longer rest
type trust struct {
	// first is the first rest.
	first    time.Duration
	began    time.Time // the last keeper outside
	failures int
	rest     time.Duration
}

// lost tells what comes after a keeper outside has ended: another one after a pause, or, when rest
// is not 0, the house itself for so long.
func (t *trust) lost(now time.Time) (pause, rest time.Duration) {
	if now.Sub(t.began) > proven {
		t.failures, t.rest = 0, 0
	}
	t.failures++
	if t.failures > failuresMost {
		t.rest = min(max(2*t.rest, t.first), restMost)
		return 0, t.rest
	}
	if t.failures > 1 {
		pause = min(pauseFirst<<t.failures, pauseMost)
	}
	return pause, 0
}

// A silence tells when a keeper has been silent for too long. One that was just started has longer:
// where the machine is so busy that it takes long, another would take as long.
type silence struct {
	seen     uint64 // the last sign of life
	strikes  int    // how often in a row there was no other
	starting bool   // the keeper has given no sign yet
}

// over takes how the keeper is at a beat, and tells whether it is to be replaced; told is false where
// that cannot be read.
func (s *silence) over(beat uint64, told bool) bool {
	if !told || beat != s.seen {
		*s = silence{seen: beat, starting: s.starting && !told}
		return false
	}
	most := strikesMost
	if s.starting {
		most = strikesStart
	}
	if s.strikes++; s.strikes < most {
		return false
	}
	s.strikes = 0 // it may take a while to die
	return true
}
