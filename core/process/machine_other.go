// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

import (
	"context"
	"syscall"
	"time"

	"holdfast"
)

// A ground is what the launches of one Machine share: nothing here.
type ground struct{}

func newGround(Options) *ground { return &ground{} }

// Start starts a launch.
func (Machine) Start(spec Spec) (Child, error) { return asChild(Start(spec)) }

// Adopt watches a living process.
func (Machine) Adopt(id Identity) (Child, error) { return asChild(Adopt(id)) }

// EndMarked ends all that carries a mark.
func (Machine) EndMarked(ctx context.Context, m Mark, s syscall.Signal, grace time.Duration) error {
	return endMarked(ctx, nil, m, s, grace)
}

// PortHolder tells who listens on a port.
func (Machine) PortHolder(port int) (Holder, bool) { return PortHolder(port) }

// Sweep has nothing to do: there are no control groups here.
func (Machine) Sweep(string) {}

// lacks lists the limits that only control groups enforce.
func lacks(l holdfast.Limits) []string {
	var list []string
	for _, limit := range []struct {
		what string
		set  bool
	}{{"memory", l.Memory > 0}, {"cpu", l.CPU > 0}, {"processes", l.Processes > 0}} {
		if limit.set {
			list = append(list, limit.what+" is not limited: this system has no control groups")
		}
	}
	return list
}
