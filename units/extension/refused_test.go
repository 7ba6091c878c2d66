// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"slices"
	"strings"
	"testing"

	"holdfast"
)

// refusing lets the supervisor of the bench refuse an extension's units.
func (b *bench) refusing(name string, on bool) {
	b.units.mu.Lock()
	defer b.units.mu.Unlock()
	b.units.fail = func(o string, units []holdfast.Unit) error {
		if !on || o != owner(name) || len(units) == 0 {
			return nil
		}
		return holdfast.BadInput("cannot take the units of "+o, holdfast.Problem{
			Field: units[0].Name, Message: "is already a unit of config", Remedy: "give it another name",
		})
	}
}

func TestUnitsThatAreRefusedBlockTheirExtension(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.full("other")
	b.refusing("full", true)
	report := b.sync()
	const says = "full.ui: is already a unit of config (give it another name)"
	x := b.standing("full")
	if x.state != stateBlocked || !strings.Contains(x.reason, says) || strings.Contains(x.reason, "\n") {
		t.Errorf("it is %s: %q", x.state, x.reason)
	}
	if !slices.ContainsFunc(report.Problems, func(p holdfast.Problem) bool {
		return p.File == "extensions/full" && strings.Contains(p.Message, says)
	}) {
		t.Errorf("the report says %v", report.Problems)
	}
	for _, s := range b.ToolServers() {
		if (s.Name == "full") != strings.Contains(s.Blocked, says) {
			t.Errorf("the tools of %s: blocked %q", s.Name, s.Blocked)
		}
	}
	if other := b.standing("other"); other.state != stateReady {
		t.Errorf("the other is %s: %s", other.state, other.reason)
	}
	detail, err := desk{b.Extensions}.show("full")
	if err != nil || len(detail.Units) != 3 || detail.Units[0].State != holdfast.UnitBlocked || !strings.Contains(detail.Units[0].Detail, says) {
		t.Errorf("it shows %+v, %v", detail.Units, err)
	}
	if alerts := b.alerts(t.Context()); len(alerts) != 1 || !strings.HasPrefix(alerts[0].Message, "full is blocked: ") {
		t.Errorf("alerts %v", alerts)
	}
	b.refusing("full", false)
	b.sync()
	if x := b.standing("full"); x.state != stateReady || x.reason != "" || len(b.units.of("full")) != 3 || b.ToolServers()[0].Blocked != "" {
		t.Errorf("mended, it is %s: %q", x.state, x.reason)
	}
}

func TestRefusedUnitsAreTakenWhenTheirNameIsFree(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.refusing("full", true)
	b.sync()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.run(ctx) }()
	changed := b.Changed()
	b.refusing("full", false)
	b.units.stands("somebody's", holdfast.UnitStatus{State: holdfast.UnitStopped})
	await(t, changed)
	if x := b.standing("full"); x.state != stateReady || len(b.units.of("full")) != 3 {
		t.Errorf("it is %s: %q", x.state, x.reason)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A look at all units costs the more the more there are: only a change is a reason for one.
func TestNobodyLooksAtTheUnitsWithoutAChange(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.keys.asked = make(chan struct{}, 1)
	b.sync()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.run(ctx) }()
	await(t, b.keys.asked)
	changed := b.Changed()
	b.units.stands("full.ui", holdfast.UnitStatus{State: holdfast.UnitFailed})
	await(t, changed)
	b.units.mu.Lock()
	looks := b.units.looks
	b.units.mu.Unlock()
	for range 3 { // when it asks for the third, it is through with the second
		b.keys.set("ANY", "")
		await(t, b.keys.asked)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if b.units.looks != looks {
		t.Errorf("it looked %d times more", b.units.looks-looks)
	}
}

// A unit of another owner that has the name of an extension's page gets none of its visitors.
func TestAnotherOwnersUnitServesNoPathOfAnExtension(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.refusing("full", true)
	if err := b.units.Set(t.Context(), "config", []holdfast.Unit{{Name: "full.ui"}}); err != nil {
		t.Fatal(err)
	}
	b.sync()
	for _, m := range b.Mounts() {
		if m.Port != 0 {
			t.Errorf("%s goes to port %d", m.Path, m.Port)
		}
	}
}
