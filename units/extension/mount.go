// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"maps"
	"strings"
	"time"

	"holdfast"
)

// Mounts lists the paths of the front door that extensions serve. A path whose unit does not serve
// now stands without its port, so that the door says why nothing answers instead of handing people
// to whoever listens there.
func (e *Extensions) Mounts() []holdfast.Mount {
	serving := e.serving()
	var mounts []holdfast.Mount
	for _, x := range e.snapshot() {
		for _, m := range x.mounts {
			if !serving[m.Unit] {
				m.Port = 0
			}
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// serving names the units whose port is theirs now.
func (e *Extensions) serving() map[string]bool {
	serving := map[string]bool{}
	for _, u := range e.needs.Units.List() {
		if ofExtension(u) && serves(u, e.begun) {
			serving[u.Name] = true
		}
	}
	return serving
}

// ofExtension tells whether the unit is declared by the extension whose name it begins with: another
// owner may have taken the name.
func ofExtension(u holdfast.UnitStatus) bool {
	name, _, _ := strings.Cut(u.Name, ".")
	return u.Owner == owner(name)
}

// serves tells whether the unit's process is there and has answered. One that is older than this
// house served before, and goes on while it is asked anew.
func serves(u holdfast.UnitStatus, begun time.Time) bool {
	adopted := u.State == holdfast.UnitStarting && u.PID != 0 && u.Since.Before(begun)
	return u.State.Up() || u.State == holdfast.UnitUnhealthy || adopted
}

// notice tells who follows the mounts when a unit began or ceased to serve.
func (e *Extensions) notice() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unitsChanged() {
		e.wake()
	}
}

// unitsChanged tells whether other units serve than was told. The caller holds the lock, so that
// an older look never follows a newer one.
func (e *Extensions) unitsChanged() bool {
	before := e.served
	e.served = e.serving()
	return !maps.Equal(before, e.served)
}
