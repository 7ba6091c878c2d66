// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"maps"
	"syscall"
	"testing"
	"time"

	"holdfast/core/process"
)

func TestSpent(t *testing.T) {
	eachWay(t, func(d den) {
		if spent := d.machine.Spent(); spent != nil {
			d.t.Errorf("without a launch: %v", spent)
		}
		calm := d.launch("wait")
		number(d.t, calm.Reader)
		if len(calm.groups) == 0 {
			if spent := d.machine.Spent(); spent != nil {
				d.t.Errorf("a launch in no group used %v", spent)
			}
			calm.end(syscall.SIGKILL, 0)
			return
		}
		rested := func() bool {
			before := d.machine.Spent()
			pause := time.NewTimer(50 * time.Millisecond)
			<-pause.C
			return before != nil && maps.Equal(before, d.machine.Spent())
		}
		eventually(d.t, "a launch at rest uses nothing", rested)
		before := d.machine.Spent()
		busy := d.launch("spin")
		number(d.t, busy.Reader)
		eventually(d.t, "a busy launch uses something", func() bool { return !rested() })
		busy.end(syscall.SIGKILL, 0)
		if after := d.machine.Spent(); len(after) != 1 || maps.Equal(before, after) {
			d.t.Errorf("spent %v before and %v after a launch that is over", before, after)
		}
		calm.end(syscall.SIGKILL, 0)
		var none process.Machine
		if spent := none.Spent(); spent != nil {
			d.t.Errorf("a machine without launches: %v", spent)
		}
	})
}

// TestGlance wants the same of the groups as a look at all processes tells, of those who came later,
// too.
func TestGlance(t *testing.T) {
	eachWay(t, func(d den) {
		calm, busy := d.launch("deaf"), d.launch("spin")
		number(d.t, calm.Reader)
		number(d.t, busy.Reader)
		first, ok := d.machine.Glance(testHouse())
		if len(calm.groups) == 0 {
			if ok {
				d.t.Errorf("without groups: %v", first)
			}
		} else {
			eventually(d.t, "a glance tells of all that a look does", func() bool {
				seen, _ := d.machine.Glance(testHouse())
				whole, err := d.machine.Usage(testHouse())
				a, b := seen[calm.Identity().Mark], whole[calm.Identity().Mark]
				return err == nil && len(seen) == 2 && a.Processes == 2 && a.Processes == b.Processes && a.Memory > 1<<20 && b.Memory > 1<<20
			})
			eventually(d.t, "who is busy has used more since", func() bool {
				seen, _ := d.machine.Glance(testHouse())
				return seen[busy.Identity().Mark].CPU > first[busy.Identity().Mark].CPU
			})
			if others, ok := d.machine.Glance("another"); !ok || len(others) != 0 {
				d.t.Errorf("of another house: %v %v", others, ok)
			}
		}
		calm.end(syscall.SIGKILL, 0)
		busy.end(syscall.SIGKILL, 0)
	})
}
