// SPDX-License-Identifier: Apache-2.0

// Package judge decides, from numbers alone, what the token circuit breaker does: thresholds and
// the burn go in, a verdict comes out.
//
// It is not for reading ledgers, writing flags or telling anybody: it has no clock, no disk and no
// state, so that the house and the watch outside it judge alike. Callers: gateway/breaker, and
// gateway/ledger at every admission.
package judge

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"

	"holdfast"
)

// Ordinary is the size, in tokens, up to which one call is what agents usually send: a whole
// context window. A larger call that does not fit is refused alone; an ordinary one that does not
// fit means that the cap is reached.
const Ordinary = 200_000

// ResumeShare is the part of each cap below which a HALT may end by itself.
const ResumeShare = 0.5

// RecentSpan is how far back Burn.Recent looks.
const RecentSpan = 10 * time.Minute

// Thresholds are the owner's limits, as var/breaker/thresholds.json holds them.
type Thresholds struct {
	// HardCapPerHour is the most tokens that a sliding hour may burn.
	HardCapPerHour int64 `json:"hard_cap_per_hour"`
	// HardCapPerDay is the most tokens that a sliding day may burn.
	HardCapPerDay int64 `json:"hard_cap_per_day"`
	// SoftCapPct is the part of a cap from which the breaker warns.
	SoftCapPct float64 `json:"soft_cap_pct"`
	// HardCapPct is the part of a cap at which the breaker halts.
	HardCapPct float64 `json:"hard_cap_pct"`
	// CooldownHours is how long a HALT stands before it may end by itself.
	CooldownHours float64 `json:"cooldown_hours"`
	// NotifyOnly makes the breaker tell and never halt.
	NotifyOnly bool `json:"notify_only"`
	// CutStreams ends, with a HALT, also the streams that are under way.
	CutStreams bool `json:"cut_streams"`
	// BlindSeconds is how long nobody may judge before calls and dispatches are refused.
	BlindSeconds float64 `json:"blind_seconds"`
	// Tenants and Keys have caps of their own, by name, whose HALT is theirs alone.
	Tenants map[string]Caps `json:"tenants,omitempty"`
	Keys    map[string]Caps `json:"keys,omitempty"`
}

// Caps are the hard caps of one tenant or key; 0 is no cap.
type Caps struct {
	HardCapPerHour int64 `json:"hard_cap_per_hour,omitempty"`
	HardCapPerDay  int64 `json:"hard_cap_per_day,omitempty"`
}

// Defaults are the thresholds of a house whose owner set none.
func Defaults() Thresholds {
	return Thresholds{
		HardCapPerHour: 15_000_000, HardCapPerDay: 100_000_000,
		SoftCapPct: 0.80, HardCapPct: 1.00, CooldownHours: 4, CutStreams: true, BlindSeconds: 60,
	}
}

// Equal tells whether two owners' limits are the same.
func (t Thresholds) Equal(other Thresholds) bool {
	tenants, keys := maps.Equal(t.Tenants, other.Tenants), maps.Equal(t.Keys, other.Keys)
	t.Tenants, t.Keys, other.Tenants, other.Keys = nil, nil, nil, nil
	return tenants && keys && reflect.DeepEqual(t, other)
}

// For is what a tenant or key with caps of its own is judged by.
func (t Thresholds) For(c Caps) Thresholds {
	t.HardCapPerHour, t.HardCapPerDay = c.HardCapPerHour, c.HardCapPerDay
	return t
}

// Check lists what is wrong with thresholds.
func (t Thresholds) Check() []holdfast.Problem {
	var wrong []holdfast.Problem
	need := func(ok bool, field, message string) {
		if !ok {
			wrong = append(wrong, holdfast.Problem{Field: field, Message: message})
		}
	}
	need(t.HardCapPerHour > 0, "hard_cap_per_hour", "must be above 0")
	need(t.HardCapPerDay > 0, "hard_cap_per_day", "must be above 0")
	need(t.HardCapPct > 0 && t.HardCapPct <= 10, "hard_cap_pct", "must be above 0 and at most 10")
	need(t.SoftCapPct > 0 && t.SoftCapPct <= t.HardCapPct, "soft_cap_pct", "must be above 0 and at most hard_cap_pct")
	need(t.CooldownHours >= 0 && t.CooldownHours <= 720, "cooldown_hours", "must be from 0 to 720")
	need(t.BlindSeconds >= leastBlind && t.BlindSeconds <= 86_400, "blind_seconds", "must be from 20 to 86400: judging comes every 15 s")
	for _, kind := range []struct {
		name string
		caps map[string]Caps
	}{{"tenants", t.Tenants}, {"keys", t.Keys}} {
		need(len(kind.caps) <= mostScopes, kind.name, "must be at most 1000")
		for _, name := range slices.Sorted(maps.Keys(kind.caps)) {
			c := kind.caps[name]
			need(name != "", kind.name, "must have names")
			need(c.HardCapPerHour >= 0 && c.HardCapPerDay >= 0 && c.HardCapPerHour+c.HardCapPerDay > 0, kind.name+"."+name, "must have a cap above 0, and none below")
		}
	}
	return wrong
}

const (
	leastBlind = 20
	mostScopes = 1000
)

// Blind is how long nobody may judge.
func (t Thresholds) Blind() time.Duration {
	return time.Duration(t.BlindSeconds * float64(time.Second))
}

// Cooldown is the least time that a HALT stands.
func (t Thresholds) Cooldown() time.Duration {
	return time.Duration(t.CooldownHours * float64(time.Hour))
}

// Burn is what was spent, in tokens of every class. Hour and Day are settled calls of the sliding
// hour and day; Reserved is what the calls under way may still spend and belongs to both.
type Burn struct {
	Hour     int64 `json:"hour"`
	Day      int64 `json:"day"`
	Reserved int64 `json:"reserved"`
	// Recent is settled in the last RecentSpan: the present rate.
	Recent int64 `json:"recent"`
}

// A Level is how bad it is.
type Level int

// The levels.
const (
	Calm Level = iota
	Warn
	Halt
)

func (l Level) String() string {
	switch l {
	case Calm:
		return "calm"
	case Warn:
		return "warn"
	case Halt:
		return "halt"
	}
	return fmt.Sprintf("level(%d)", int(l))
}

// A Window is one of the two spans with its burn and its lines, in tokens.
type Window struct {
	Name    string // hour or day
	Span    time.Duration
	Settled int64
	Burn    int64 // settled plus reserved
	Cap     int64
	Soft    int64
	Hard    int64
}

// Capped tells whether the window has a cap at all: that of a tenant or key may have none.
func (w Window) Capped() bool { return w.Cap > 0 }

// Windows lays the burn beside the thresholds: the hour, then the day.
func Windows(b Burn, t Thresholds) [2]Window {
	window := func(name string, span time.Duration, settled, limit int64) Window {
		return Window{
			Name: name, Span: span, Settled: settled, Burn: settled + b.Reserved, Cap: limit,
			Soft: share(limit, t.SoftCapPct), Hard: share(limit, t.HardCapPct),
		}
	}
	return [2]Window{
		window("hour", time.Hour, b.Hour, t.HardCapPerHour),
		window("day", 24*time.Hour, b.Day, t.HardCapPerDay),
	}
}

func share(limit int64, pct float64) int64 {
	if pct == 1 {
		return limit
	}
	if lines := float64(limit) * pct; lines < math.MaxInt64 {
		return int64(lines)
	}
	return math.MaxInt64
}

// A Verdict is what the thresholds say of a burn.
type Verdict struct {
	Level  Level
	Window Window // the one that decides; the fuller one when calm
	// Projected is the time until a hard line at the present rate; 0 when it is not coming.
	Projected time.Duration
	// Burn is what was judged.
	Burn Burn
}

// Reason says the verdict in words.
func (v Verdict) Reason() string {
	w := v.Window
	return fmt.Sprintf("%d tokens burned in the sliding %s, cap %d", w.Burn, w.Name, w.Cap)
}

// Judge compares the burn with the thresholds. A HALT needs settled tokens at the line, or
// settled and reserved ones past it: calls that were admitted because they just fit are not cut.
func Judge(b Burn, t Thresholds) Verdict {
	windows := Windows(b, t)
	v := Verdict{Window: fuller(windows), Projected: projection(b, windows), Burn: b}
	for _, w := range windows {
		if level := w.level(); level > v.Level {
			v.Level, v.Window = level, w
		}
	}
	return v
}

func (w Window) level() Level {
	switch {
	case !w.Capped():
		return Calm
	case w.Settled >= w.Hard || w.Burn > w.Hard:
		return Halt
	case w.Burn >= w.Soft:
		return Warn
	}
	return Calm
}

func fuller(windows [2]Window) Window {
	hour, day := windows[0], windows[1]
	if !hour.Capped() || day.Capped() && float64(day.Burn)*float64(hour.Cap) > float64(hour.Burn)*float64(day.Cap) {
		return day
	}
	return hour
}

// projection is when the present rate meets a hard line. A rate that a whole window can bear
// never meets it, for the window slides.
func projection(b Burn, windows [2]Window) time.Duration {
	soonest := time.Duration(0)
	rate := float64(b.Recent) / RecentSpan.Seconds()
	for _, w := range windows {
		left := float64(w.Hard - w.Burn)
		if !w.Capped() || left <= 0 || rate*w.Span.Seconds() <= float64(w.Hard) {
			continue
		}
		until := time.Duration(left / rate * float64(time.Second))
		if soonest == 0 || until < soonest {
			soonest = until
		}
	}
	return soonest
}

// A Shortage says why a call was not admitted.
type Shortage struct {
	Window Window
	Need   int64
	// Reached tells that the cap is reached: an ordinary call would not fit even if nothing else
	// were under way.
	Reached bool
}

// Small is the shortage of one of many, whose cap may be below an ordinary call: it is reached by what
// was burned, from the soft line on, and not by calls that are larger than the whole of it.
func (s Shortage) Small() Shortage {
	if s.Window.Hard < Ordinary {
		s.Reached = s.Reached && !s.Never() && s.Window.Settled >= s.Window.Soft
	}
	return s
}

// Never tells that the call would not fit into the cap if nothing at all were burned.
func (s Shortage) Never() bool { return s.Need > s.Window.Hard }

// Admit tells whether a call that may burn so many tokens fits under both lines; nil when it does.
func Admit(b Burn, need int64, t Thresholds) *Shortage {
	for _, w := range Windows(b, t) {
		if w.Capped() && w.Burn+need > w.Hard {
			return &Shortage{Window: w, Need: need, Reached: w.Settled+need > w.Hard && (need <= Ordinary || w.Settled >= w.Soft)}
		}
	}
	return nil
}

// Over tells whether the burn is at or over a hard line, and which.
func Over(b Burn, t Thresholds) (Window, bool) {
	for _, w := range Windows(b, t) {
		if w.level() == Halt {
			return w, true
		}
	}
	return Window{}, false
}

// MayEnd tells whether a HALT whose cooldown is over may end by itself: the burn of every window is
// below half of its cap.
func MayEnd(b Burn, t Thresholds) bool {
	for _, w := range Windows(b, t) {
		if w.Capped() && float64(w.Burn) >= ResumeShare*float64(w.Cap) {
			return false
		}
	}
	return true
}
