// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"fmt"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/gateway/breaker/halt"
)

// sight knows who judged last, and when: a breaker that nobody looks through is blind.
type sight struct {
	files halt.Files
	now   func() time.Time
	epoch time.Time // of the monotonic times below; the clock that people set does not count

	begun   atomic.Bool  // the house judges from now on
	judged  atomic.Int64 // when the house judged last, since the epoch
	asked   atomic.Int64 // when the watch was asked for last
	outside atomic.Bool  // the watch judged in time, when it was asked
	told    atomic.Bool  // the blindness was told
}

// seen says that the house judged just now.
func (s *sight) seen() { s.judged.Store(int64(s.now().Sub(s.epoch))) }

// askEvery is how often a house that is blind itself looks whether the watch judges.
const askEvery = time.Second

// blind tells since when nobody judged, when that is longer than allowed.
func (s *sight) blind(at time.Time, limit time.Duration) (dark time.Duration, blind bool) {
	now := int64(at.Sub(s.epoch))
	dark = time.Duration(now - s.judged.Load())
	if dark <= limit || !s.begun.Load() {
		return 0, false
	}
	if now-s.asked.Load() > int64(askEvery) {
		s.asked.Store(now)
		j, known := s.files.Judgement()
		s.outside.Store(known && at.Sub(j.At).Abs() <= limit)
	}
	return dark, !s.outside.Load()
}

func blindRefusal(dark time.Duration) *holdfast.Refusal {
	return &holdfast.Refusal{
		Guard: "breaker", Reason: fmt.Sprintf("%s: nobody has judged the burn for %s", halt.Blind, dark.Round(time.Second)),
		Remedy: "see `holdfast breaker status`; `holdfast breaker tick` judges now", RetryAfter: halt.Every,
	}
}

// A Judge is who judges the breaker.
type Judge struct {
	By        string    `json:"by" help:"house or watch"`
	At        time.Time `json:"at" help:"when it judged last"`
	Level     string    `json:"level,omitempty"`
	Telemetry bool      `json:"telemetry,omitempty" help:"it also reads what sessions record, while no house tells the burn"`
	Fault     string    `json:"fault,omitempty"`
}

// judges lists who judged, the house first.
func (s *sight) judges(started bool) []Judge {
	list := []Judge{}
	if started {
		list = append(list, Judge{By: "house", At: s.epoch.Add(time.Duration(s.judged.Load())).UTC()})
	}
	if j, known := s.files.Judgement(); known {
		list = append(list, Judge{By: "watch", At: j.At, Level: j.Level, Telemetry: j.Telemetry, Fault: j.Fault})
	}
	return list
}

// silent is since when the watch has not judged, when it judged for this house before and no longer
// does.
func (s *sight) silent(limit time.Duration) time.Time {
	j, known := s.files.Judgement()
	if !known || j.At.Before(s.epoch) || s.now().Sub(j.At).Abs() <= limit {
		return time.Time{}
	}
	return j.At
}
