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
