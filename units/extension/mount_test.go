// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
)

func TestOnlyAUnitThatServesHasItsPort(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.sync()
	before, after := b.begun.Add(-time.Hour), b.begun.Add(time.Second)
	for name, c := range map[string]struct {
		status holdfast.UnitStatus
		port   int
	}{
		"running":             {holdfast.UnitStatus{State: holdfast.UnitRunning, PID: 7}, 5200},
		"ready":               {holdfast.UnitStatus{State: holdfast.UnitReady, PID: 7}, 5200},
		"unhealthy":           {holdfast.UnitStatus{State: holdfast.UnitUnhealthy, PID: 7}, 5200},
		"adopted, asked anew": {holdfast.UnitStatus{State: holdfast.UnitStarting, PID: 7, Since: before}, 5200},
		"starting":            {holdfast.UnitStatus{State: holdfast.UnitStarting, PID: 7, Since: after}, 0},
		"waiting to start":    {holdfast.UnitStatus{State: holdfast.UnitStarting, Since: before}, 0},
		"blocked":             {holdfast.UnitStatus{State: holdfast.UnitBlocked, Detail: "port 5200 is held by nginx (pid 7)"}, 0},
		"held":                {holdfast.UnitStatus{State: holdfast.UnitHeld}, 0},
		"stopped":             {holdfast.UnitStatus{State: holdfast.UnitStopped}, 0},
		"stopping":            {holdfast.UnitStatus{State: holdfast.UnitStopping, PID: 7, Since: before}, 0},
		"backing off":         {holdfast.UnitStatus{State: holdfast.UnitBackingOff}, 0},
		"failed":              {holdfast.UnitStatus{State: holdfast.UnitFailed}, 0},
	} {
		b.units.stands("full.ui", c.status)
		mounts := b.Mounts()
		if len(mounts) != 2 || mounts[0].Path != "/ext/full/" || mounts[0].Port != c.port || mounts[1].Port != 5300 {
			t.Errorf("%s: %+v", name, mounts)
		}
	}
}

func TestAUnitThatNobodyTookServesNothing(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.units.fail = func(string, []holdfast.Unit) error { return context.DeadlineExceeded }
	b.sync()
	for _, m := range b.Mounts() {
		if m.Port != 0 {
			t.Errorf("%s goes to port %d, and nobody took its unit", m.Path, m.Port)
		}
	}
}

func TestMountsFollowTheirUnits(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.sync()
	synctest.Test(t, func(t *testing.T) {
		units := newTold()
		units.units = b.units.units
		b.needs.Units, b.keys.changed, b.changed = units, make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.run(ctx) }()
		synctest.Wait()
		for _, c := range []struct {
			state holdfast.UnitState
			told  bool
			port  int
		}{
			{holdfast.UnitReady, false, 5200},
			{holdfast.UnitStopping, true, 0},
			{holdfast.UnitBlocked, false, 0},
			{holdfast.UnitStarting, false, 0},
			{holdfast.UnitReady, true, 5200},
			{holdfast.UnitUnhealthy, false, 5200},
		} {
			changed := b.Changed()
			units.stands("full.ui", holdfast.UnitStatus{State: c.state, Since: time.Now()})
			synctest.Wait()
			told := false
			select {
			case <-changed:
				told = true
			default:
			}
			if got := b.Mounts()[0].Port; told != c.told || got != c.port {
				t.Errorf("%s: told %v, port %d", c.state, told, got)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
