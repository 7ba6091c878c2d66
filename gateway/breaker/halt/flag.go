// SPDX-License-Identifier: Apache-2.0

// Package halt is what the breaker keeps on the disk, and the judging that needs no house.
//
// Files are the flags, what is remembered beside them, the thresholds, the burn that the house tells,
// and the history; Outside is the judge in holdfast-watch. It is not for the house's own judging
// (gateway/breaker) nor for what a verdict is (gateway/breaker/judge). A flag is written whole or not
// at all, by one of several writers, also on a disk that has just filled up; and whatever stands in
// its place is a HALT. Callers: gateway/breaker, cmd/holdfast-watch, and app for `breaker check`.
package halt

import (
	"strings"
	"time"
	"unicode"

	"holdfast"
)

// The words by which refusals of the breaker are known.
const (
	Reason = "breaker_halt"
	Blind  = "breaker_blind"
)

// Every is how often the burn is judged.
const Every = 15 * time.Second

// The causes of a HALT. Only one of the burn may end by itself.
const (
	CauseBurn    = "burn"
	CausePerson  = "person"
	CauseUnknown = "unknown"
)

// A Scope is whose HALT it is: empty for the whole house, "tenant:NAME" or "key:NAME".
type Scope string

// House is the scope of all.
const House Scope = ""

// Tenant and Key are the scopes of one.
func Tenant(name string) Scope { return Scope(tenantPrefix + name) }

// Key is the scope of one virtual key.
func Key(name string) Scope { return Scope(keyPrefix + name) }

const (
	tenantPrefix = "tenant:"
	keyPrefix    = "key:"
)

// Check says what is wrong with a scope that somebody typed.
func (s Scope) Check() []holdfast.Problem {
	for _, prefix := range []string{tenantPrefix, keyPrefix} {
		if name, ok := strings.CutPrefix(string(s), prefix); ok && name != "" && len(name) <= mostName {
			return nil
		}
	}
	if s == House {
		return nil
	}
	return []holdfast.Problem{{Field: "scope", Message: "must be tenant:NAME or key:NAME, or left out for the house"}}
}

const mostName = 100

// Name is the tenant's or key's, and which of the two it is.
func (s Scope) Name() (name string, tenant bool) {
	if name, ok := strings.CutPrefix(string(s), tenantPrefix); ok {
		return name, true
	}
	return strings.TrimPrefix(string(s), keyPrefix), false
}

// Subject is the scope in journal and alerts.
func (s Scope) Subject() string {
	if s == House {
		return "house"
	}
	return string(s)
}

// A Flag is what HALT_FLAG says.
type Flag struct {
	Reason string    `json:"reason"`
	Cause  string    `json:"cause"`
	By     string    `json:"by"`
	Since  time.Time `json:"since"`
	Window string    `json:"window,omitempty"`
	Burn   int64     `json:"burn,omitempty"`
	Cap    int64     `json:"cap,omitempty"`
	// CooldownUntil is when the HALT may end by itself; a person's HALT has none.
	CooldownUntil *time.Time `json:"cooldown_until,omitempty"`
	// Scope is empty for a HALT of the whole house.
	Scope Scope `json:"scope,omitempty"`
	// Boot is when it was raised by the machine's own clock, which nobody sets.
	Boot *Moment `json:"boot,omitempty"`
}

// A Moment is a time since a start of the machine.
type Moment struct {
	ID    string        `json:"id"`
	Since time.Duration `json:"since"`
}

// EndsItself tells whether the HALT may end without a person.
func (f Flag) EndsItself() bool { return f.Cause == CauseBurn && f.CooldownUntil != nil }

// Cooled tells whether the cooldown is over. The machine's own clock counts while the machine was
// not started anew, for anybody may set the other one.
func (f Flag) Cooled(now time.Time, boot *Moment) bool {
	if f.CooldownUntil == nil {
		return false
	}
	if f.Boot != nil && boot != nil && f.Boot.ID == boot.ID {
		return boot.Since-f.Boot.Since >= f.CooldownUntil.Sub(f.Since)
	}
	return !now.Before(*f.CooldownUntil)
}

// Covers tells whether calls of a tenant with a key are halted by it.
func (f Flag) Covers(tenant, key string) bool {
	return f.Scope == House || tenant != "" && f.Scope == Tenant(tenant) || key != "" && f.Scope == Key(key)
}

// Refusal is what the HALT answers.
func (f Flag) Refusal(now time.Time) *holdfast.Refusal {
	resume := "holdfast breaker resume"
	if f.Scope != House {
		resume += " --scope " + string(f.Scope)
	}
	r := &holdfast.Refusal{
		Guard: "breaker", Reason: Reason + ": " + f.Reason,
		Remedy: "see `holdfast breaker status`; the owner ends it with `" + resume + "`",
	}
	r.RetryAfter = Every
	if f.CooldownUntil != nil && f.CooldownUntil.After(now) {
		r.RetryAfter = min(f.CooldownUntil.Sub(now), mostRetry)
	}
	return r
}

// mostRetry bounds what a flag of any origin may tell clients.
const mostRetry = 31 * 24 * time.Hour

// printable makes a text of anybody's fit to be shown.
func printable(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.TrimSpace(text)
}
