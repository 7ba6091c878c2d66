// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/core/home"
)

// TestAWatcherIsWokenByEachChange, whoever saw it first, and by nothing else; nobody looks on when nobody
// watches.
func TestAWatcherIsWokenByEachChange(t *testing.T) {
	at := home.At(t.TempDir())
	write := func(text string) {
		t.Helper()
		next := at.MasterFile() + ".next"
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, at.MasterFile()); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		m := NewMaster(at)
		ctx, cancel := context.WithCancel(t.Context())
		one, two := m.Watch(ctx), m.Watch(ctx)
		woken := func() (a, b bool) {
			synctest.Wait()
			for of, so := range map[<-chan struct{}]*bool{one: &a, two: &b} {
				select {
				case <-of:
					*so = true
				default:
				}
			}
			return a, b
		}
		expect := func(what string, want bool) {
			t.Helper()
			if a, b := woken(); a != want || b != want {
				t.Errorf("%s: woken are %v and %v", what, a, b)
			}
		}
		expect("at once", true)
		first, there := m.Look()
		if there || first == 0 {
			t.Errorf("a file that is not there: %d, %v", first, there)
		}
		expect("its first state", true)
		<-time.After(10 * lookEvery)
		expect("nothing happened", false)
		write("{}")
		<-time.After(lookEvery)
		expect("the file came", true)
		write(`{"a":1}`)
		second, there := m.Look() // somebody sees it before the next tick
		expect("somebody looked", true)
		if again, _ := m.Look(); !there || second == first || again != second {
			t.Errorf("states are %d, %d, %d", first, second, again)
		}
		<-time.After(10 * lookEvery)
		expect("it was told already", false)
		if err := os.Remove(at.MasterFile()); err != nil {
			t.Fatal(err)
		}
		<-time.After(lookEvery)
		expect("the file went", true)
		cancel()
		synctest.Wait() // the looking ends, or synctest tells
		write(`{}`)
		m.Look()
		expect("nobody watches", false)
		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		one = m.Watch(ctx)
		<-one
		write(`{"b":1}`)
		<-time.After(lookEvery)
		synctest.Wait()
		select {
		case <-one:
		default:
			t.Error("who watches later is not woken")
		}
	})
}
