// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"encoding/json"
	"fmt"
	"time"

	"holdfast/core/home/disk"
)

// State is what is remembered beside the flags, so that a deleted one is noticed.
type State struct {
	Halt   *Flag           `json:"halt"`
	Scopes map[Scope]*Flag `json:"scopes,omitempty"`
	// SuspendedUntil rests the judging of the house after a forced resume; Suspended that of scopes.
	SuspendedUntil time.Time           `json:"suspended_until,omitzero"`
	Suspended      map[Scope]time.Time `json:"suspended,omitempty"`
	// Ended is since when the HALT stood that was ended last, so that whoever still knows of it
	// does not take its end for a deletion.
	Ended time.Time `json:"ended,omitzero"`
}

// Of is the HALT of a scope, nil for none.
func (s *State) Of(scope Scope) *Flag {
	if scope == House {
		return s.Halt
	}
	return s.Scopes[scope]
}

// Put remembers a HALT, unless it is known to have been ended.
func (s *State) Put(flag Flag) {
	if flag.Scope != House {
		if s.Scopes == nil {
			s.Scopes = map[Scope]*Flag{}
		}
		s.Scopes[flag.Scope] = &flag
		return
	}
	if s.Ended.IsZero() || !s.Ended.Equal(flag.Since) {
		s.Halt = &flag
	}
}

// End forgets the HALT of a scope, and rests its judging until then.
func (s *State) End(scope Scope, since, rest, now time.Time) {
	if scope == House {
		s.Halt, s.SuspendedUntil = nil, rest
		if !since.IsZero() {
			s.Ended = since
		}
		return
	}
	delete(s.Scopes, scope)
	if s.Suspended == nil {
		s.Suspended = map[Scope]time.Time{}
	}
	s.Suspended[scope] = rest
	for one, until := range s.Suspended {
		if !Rests(until, now) {
			delete(s.Suspended, one)
		}
	}
}

// State reads what is remembered; nothing was when the file is not there.
func (f Files) State() (State, error) {
	var s State
	data, err := readRegular(f.path(stateFile))
	if absent(err) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return State{}, fmt.Errorf("cannot read %s: %w", f.path(stateFile), err)
	}
	return s, nil
}

// How long the lock of the state is waited for: by judges, who try again, and by people.
const (
	Briefly   = 100 * time.Millisecond
	Patiently = 3 * time.Second
)

// Change changes what is remembered, durably, and then does the rest, which may be nil, both under the
// one lock of house, watch and commands: what another of them changed stays. A state that cannot be
// read begins anew with the flags that stand. No HALT waits for it: a flag is raised before.
func (f Files) Change(wait time.Duration, change func(*State), then func() error) error {
	release, err := claim(f, wait)
	if err != nil {
		return err
	}
	defer release()
	s, err := f.State()
	if err != nil {
		s = standing(f)
	}
	change(&s)
	if err := f.write(f.path(stateFile), s); err != nil {
		return err
	}
	if then == nil {
		return nil
	}
	return then()
}

// standing is the state that the flags tell of.
func standing(f Files) State {
	var s State
	for _, scope := range append(f.Standing(), House) {
		if flag, stands := f.Flag(scope, time.Now()); stands {
			s.Put(flag)
		}
	}
	return s
}

// claim takes the lock of the state.
func claim(f Files, wait time.Duration) (release func(), err error) {
	if err := (disk.Disk{}).MkdirAll(f.dir, 0o700); err != nil {
		return nil, err
	}
	return disk.Claim(f.path(lockFile), "change the breaker's state", wait)
}
