// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"holdfast"
	"holdfast/core/house"
	"holdfast/core/process"
)

// outsider is the program of the watch and the log keeper. They are no units, whatever mark they
// inherited from who started the house.
const outsider = "holdfast-watch"

// labelWorker is on actions, other than the start of a unit, that start workers.
const labelWorker = "worker"

// Workers is the section workers of holdfast.yaml.
type Workers struct {
	// Cap is how many workers are meant to run at the same time. No worker is started while more than
	// twice as many live on this machine, those of other houses included.
	Cap int `json:"cap" min:"1"`
}

const defaultWorkers = 8

// A crowd counts the workers of the whole machine, from their marks and not from memory: those that
// were left behind or forgotten count as well.
type crowd struct {
	host process.Host

	mu       sync.Mutex
	cap      int
	admitted map[string]bool // units about to start, which no mark shows yet
}

// limit takes another cap.
func (c *crowd) limit(most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cap = most
}

// full tells why no further worker may start, empty when one may.
func (c *crowd) full() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count()
}

// admit lets a unit start, or tells why not; started must follow.
func (c *crowd) admit(unit string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.admitted, unit)
	reason := c.count()
	if reason == "" {
		c.admitted[unit] = true
	}
	return reason
}

// started says that an admitted unit shows its mark now, or will not.
func (c *crowd) started(unit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.admitted, unit)
}

// count compares the workers that live with the cap; the caller holds the lock.
func (c *crowd) count() string {
	found, err := c.host.Marked("")
	if err != nil {
		return fmt.Sprintf("cannot tell how many workers live: %v", err)
	}
	launches := map[process.Mark]bool{}
	for _, f := range found {
		if f.Name != outsider && isWorker(f.Mark) {
			f.Mark.Launch = strings.TrimSuffix(f.Mark.Launch, probeSuffix)
			launches[f.Mark] = true
		}
	}
	if n := len(launches) + len(c.admitted); n > 2*c.cap {
		return fmt.Sprintf("%d workers live on this machine already, more than twice the cap of %d", n, c.cap)
	}
	return ""
}

// zombieGuard refuses to start workers when too many live.
func zombieGuard(r *roster, c *crowd) holdfast.Guard {
	return holdfast.Guard{
		Name: "zombie", Summary: "refuses starting a worker when more than twice the cap of workers live on the machine",
		Judges: func(a holdfast.Action) bool { return labelled(a, labelStart) || labelled(a, labelWorker) },
		Judge: func(_ context.Context, req holdfast.Request) error {
			if !labelled(req.Action, labelWorker) {
				name, err := subject(req)
				if err != nil {
					return err
				}
				if u, err := r.look(name); err != nil || !u.unit.Worker {
					return nil // the action itself says what is wrong with an unknown unit
				}
			}
			reason := c.full()
			if reason == "" {
				return nil
			}
			return &holdfast.Refusal{
				Guard: "zombie", Reason: reason,
				Remedy: "`holdfast unit strays` lists what was left behind, `workers: {cap: …}` in holdfast.yaml allows more",
			}
		},
	}
}

// Workers is what the supervisor contributes for workers: their section, and the guard over them.
func (s *Supervisor) Workers() house.Capability {
	return house.Capability{
		Name: "workers", Config: &s.workers, Guards: []holdfast.Guard{zombieGuard(s.roster, s.crowd)},
		Start: func(context.Context) error {
			s.crowd.limit(s.workers.Cap)
			return nil
		},
		Reason: "the cap stands before the first unit starts",
	}
}

// withoutOutsiders leaves the watch and the log keeper out.
func withoutOutsiders(found []process.Found) []process.Found {
	return slices.DeleteFunc(found, func(f process.Found) bool { return f.Name == outsider })
}
