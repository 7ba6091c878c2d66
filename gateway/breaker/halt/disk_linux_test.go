// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"testing"
	"time"

	"holdfast/core/home"
	"holdfast/core/home/disk/disktest"
)

// TestAFullDiskTakesAFlag: what was kept for it suffices.
func TestAFullDiskTakesAFlag(t *testing.T) {
	dir := disktest.Mount(t, "256k")
	f := In(home.At(dir))
	if err := f.Spare(); err != nil {
		t.Fatal(err)
	}
	free := disktest.Fill(t, dir)
	until := time.Now().Add(time.Hour)
	first, err := f.Raise(Flag{Reason: "the last straw", Cause: CauseBurn, CooldownUntil: &until})
	if err != nil || !first {
		t.Fatalf("%v, %v", first, err)
	}
	if flag, stands := f.Flag(House, time.Now()); !stands || flag.Reason != "the last straw" || !flag.EndsItself() {
		t.Errorf("%v: %+v", stands, flag)
	}
	if _, err := f.Raise(Flag{Reason: "another", Scope: Key("ci")}); err == nil {
		t.Error("a second one found room on a full disk: the test fills nothing")
	}
	free()
	if err := f.Spare(); err != nil {
		t.Errorf("the room is not kept again: %v", err)
	}
}

func TestAReadOnlyDiskTakesNone(t *testing.T) {
	dir := disktest.Mount(t, "256k")
	f := In(home.At(dir))
	if err := f.Spare(); err != nil {
		t.Fatal(err)
	}
	disktest.ReadOnly(t, dir)
	if first, err := f.Raise(Flag{Reason: "x"}); err == nil || first {
		t.Errorf("%v, %v", first, err)
	}
}
