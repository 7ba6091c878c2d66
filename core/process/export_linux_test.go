// SPDX-License-Identifier: Apache-2.0

package process

// NoList are the options of a machine without groups whose kernel lists no children.
func NoList() Options { return Options{NoGroups: true, noChildren: true} }

// OnlyTint are the options of a machine that brands nobody.
func OnlyTint() Options { return Options{NoGroups: true, noBrand: true} }

// Groups are the folders of a launch among the control groups.
func (p *Process) Groups() []string { return p.berth.folders() }

// Delegate hands a controller down from a group to a house's folder in it.
func Delegate(own, house, controller string) error { return delegate(own, house, controller) }

// WithoutBrand takes the brand from a launch, as where no limit may be set.
func (p *Process) WithoutBrand() {
	p.branded = false
	_ = brand(1<<64 - 1).apply(p.id.PID)
}

// TintOf is the tint that a launch wears while no other one does.
func TintOf(m Mark) uint32 { return uint32(brandOf(m).tint()) }

// WithScore are options of a machine whose launches have a score of their own.
func WithScore(o Options, least int) Options {
	o.leastScore = least
	return o
}

// Unshelter takes from a process and what it started what was given to the house.
func Unshelter(o Options, pid int) { shelter{newGround(o)}.expose(pid, "") }
