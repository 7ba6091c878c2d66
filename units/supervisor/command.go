// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"holdfast"
)

// Start clears the operator's hold, starts the unit and waits until it is proven up.
func (s *Supervisor) Start(ctx context.Context, name string) error {
	s.mu.Lock()
	k, err := s.keeper(name)
	if err == nil && k.unit.Blocked != "" {
		err = holdfast.Errorf(holdfast.CodeConflict, "cannot start %s: %s", name, k.unit.Blocked)
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	if err := s.release(name); err != nil {
		s.mu.Unlock()
		return err
	}
	proof := k.demand(false)
	s.mu.Unlock()
	return awaitProof(ctx, "start", name, proof)
}

// Restart ends the unit and starts it anew; it answers when the new launch is proven healthy.
func (s *Supervisor) Restart(ctx context.Context, name string) error {
	s.mu.Lock()
	k, err := s.keeper(name)
	if err == nil {
		err = s.refuseHeld(name)
	}
	if err == nil && k.order.want == wantStop {
		err = holdfast.Errorf(holdfast.CodeConflict, "cannot restart %s: it is disabled", name)
	}
	if err == nil && k.unit.Blocked != "" {
		err = holdfast.Errorf(holdfast.CodeConflict, "cannot restart %s: %s", name, k.unit.Blocked)
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	proof := k.demand(true)
	s.mu.Unlock()
	return awaitProof(ctx, "restart", name, proof)
}

// Stop ends the unit and holds it: nothing but Start starts it again, not even the next
// house. It stops first and reports after when the hold could not be written.
func (s *Supervisor) Stop(ctx context.Context, name string) error {
	s.mu.Lock()
	k, err := s.keeper(name)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	k.give(order{want: wantHold})
	unkept := s.hold(name, holdfast.CallerFrom(ctx).String())
	ended := k.order.ended
	s.mu.Unlock()
	select {
	case <-ended:
	case <-ctx.Done():
		return fmt.Errorf("cannot wait for %s to end: %w", name, ctx.Err())
	}
	if st, err := s.Status(name); err != nil || st.State != holdfast.UnitHeld {
		return holdfast.Errorf(holdfast.CodeConflict, "cannot stop %s: %w", name, errSuperseded)
	}
	if unkept != nil {
		return fmt.Errorf("%s is stopped, but held only until the house restarts: %w", name, unkept)
	}
	if left := k.survivors(); left != nil {
		return fmt.Errorf("cannot stop %s whole: %w", name, left)
	}
	return nil
}

func awaitProof(ctx context.Context, verb, name string, proof <-chan error) error {
	select {
	case err := <-proof:
		if err != nil {
			return holdfast.Errorf(holdfast.CodeFailed, "cannot %s %s: %w", verb, name, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot tell whether %s came up: %w", name, ctx.Err())
	}
}

// errSuperseded answers who waits for a unit that got another order meanwhile.
var errSuperseded = errors.New("another order came in between")

func cycleProblem(ring []string) holdfast.Problem {
	return holdfast.Problem{
		Field: ring[0] + ".needs", Message: "units need each other in a circle: " + strings.Join(ring, " → "),
		Remedy: "take one of these needs away",
	}
}
