// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhatIsWrittenByHandIsTakenUp once the file has stood still for a look, and never half of it.
func TestWhatIsWrittenByHandIsTakenUp(t *testing.T) {
	k := newKeys(t, "A=1\n")
	if err := k.Load(); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(k.home.EnvFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	value := func() string { v, _ := k.Get("A"); return v.Reveal() }
	last := k.look(k.look(look{}))
	changed := k.Changed()
	write("A=2\nB=hal")
	last = k.look(last)
	if value() != "1" {
		t.Error("a file that may be half is read at once")
	}
	write("A=2\nB=whole\n")
	last = k.look(last)
	if value() != "1" {
		t.Error("a file that did not stand still is read")
	}
	last = k.look(last)
	b, _ := k.Get("B")
	if value() != "2" || b.Reveal() != "whole" {
		t.Errorf("A is %q, B is %q", value(), b.Reveal())
	}
	select {
	case <-changed:
	default:
		t.Error("nobody is told")
	}
	quiet := k.Changed()
	last = k.look(k.look(last))
	if err := os.Remove(k.home.EnvFile()); err != nil {
		t.Fatal(err)
	}
	last = k.look(k.look(last))
	if value() != "2" {
		t.Error("the keys went with the file")
	}
	if err := os.Symlink("/dev/null", k.home.EnvFile()); err != nil {
		t.Fatal(err)
	}
	last = k.look(k.look(last))
	if value() != "2" {
		t.Error("what a link points to is read")
	}
	select {
	case <-quiet:
		t.Error("a change is told that was none")
	default:
	}
	if err := os.Remove(k.home.EnvFile()); err != nil {
		t.Fatal(err)
	}
	write("A=3\n")
	k.look(k.look(last))
	if value() != "3" {
		t.Errorf("A is %q", value())
	}
}

func TestFollowLooksAgainAndAgain(t *testing.T) {
	k := newKeys(t, "A=1\n")
	if err := k.Load(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		go func() { _ = k.Follow(t.Context()) }()
		<-time.After(3 * lookEvery)
		if err := os.WriteFile(k.home.EnvFile(), []byte("A=by hand\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		<-time.After(3 * lookEvery)
		if v, _ := k.Get("A"); v.Reveal() != "by hand" {
			t.Errorf("A is %q", v.Reveal())
		}
	})
}
