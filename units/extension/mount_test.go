// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/process/processtest"
	"holdfast/units/supervisor"
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

// Two houses, one after the other, over one machine: the page that the first started and never saw
// ready has no port there; to the second it is one that was there before.
func TestAnAdoptedPageKeepsItsPort(t *testing.T) {
	b := newBench(t)
	b.put("full/config.json", "{}")
	b.put("full/ui/start.sh", "#!/bin/sh\n")
	machine := &processtest.Host{}
	for i, want := range []bool{false, true} {
		keeper := supervisor.New(supervisor.Options{Home: b.home, Host: machine})
		c := keeper.Capability()
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		b.renew()
		b.needs.Units = keeper
		b.settings = Settings{UIPorts: unused(t), ServicePorts: "5300-5399"}
		b.sync()
		for changed := keeper.Changed(); len(machine.Of("full.ui")) == 0 || keeper.List()[0].PID == 0; changed = keeper.Changed() {
			await(t, changed)
		}
		if st := keeper.List()[0]; st.State != holdfast.UnitStarting {
			t.Fatalf("house %d: the page is %s", i, st.State)
		}
		if got := b.Mounts()[0].Port; (got != 0) != want {
			t.Errorf("house %d: the path goes to port %d", i, got)
		}
	}
	if n := len(machine.Of("full.ui")); n != 1 {
		t.Errorf("the page was started %d times", n)
	}
}

// unused is a range of one port on which nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port + "-" + port
}
