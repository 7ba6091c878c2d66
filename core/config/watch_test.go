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

// a watched file with two who watch it.
type watched struct {
	*testing.T
	*Master
	at       home.Home
	one, two <-chan struct{}
}

func (w *watched) write(text string) {
	w.Helper()
	next := w.at.MasterFile() + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	if err := os.Rename(next, w.at.MasterFile()); err != nil {
		w.Fatal(err)
	}
}

// expect holds that both were woken since it was last asked, or neither.
func (w *watched) expect(what string, want bool) {
	w.Helper()
	synctest.Wait()
	for name, of := range map[string]<-chan struct{}{"one": w.one, "two": w.two} {
		woken := false
		select {
		case <-of:
			woken = true
		default:
		}
		if woken != want {
			w.Errorf("%s: %s is woken: %v", what, name, woken)
		}
	}
}

// TestAWatcherIsWokenByEachChange, whoever saw it first, and by nothing else.
func TestAWatcherIsWokenByEachChange(t *testing.T) {
	at := home.At(t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		m := NewMaster(at)
		w := &watched{T: t, Master: m, at: at, one: m.Watch(t.Context()), two: m.Watch(t.Context())}
		w.expect("at once", true)
		first, there := w.Look()
		if there || first == 0 {
			t.Errorf("a file that is not there: %d, %v", first, there)
		}
		w.expect("its first state", true)
		<-time.After(10 * lookEvery)
		w.expect("nothing happened", false)
		w.write("{}")
		<-time.After(lookEvery)
		w.expect("the file came", true)
		w.write(`{"a":1}`)
		second, there := w.Look() // somebody sees it before the next tick
		w.expect("somebody looked", true)
		if again, _ := w.Look(); !there || second == first || again != second {
			t.Errorf("states are %d, %d, %d", first, second, again)
		}
		<-time.After(10 * lookEvery)
		w.expect("it was told already", false)
		if err := os.Remove(at.MasterFile()); err != nil {
			t.Fatal(err)
		}
		<-time.After(lookEvery)
		w.expect("the file went", true)
	})
}

// TestNobodyLooksWhenNobodyWatches: the looking ends with the last who watches, or synctest tells of what
// is left; and begins again with the next.
func TestNobodyLooksWhenNobodyWatches(t *testing.T) {
	at := home.At(t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		m := NewMaster(at)
		ctx, cancel := context.WithCancel(t.Context())
		w := &watched{T: t, Master: m, at: at, one: m.Watch(ctx), two: m.Watch(ctx)}
		w.expect("at once", true)
		cancel()
		synctest.Wait()
		w.write(`{}`)
		<-time.After(10 * lookEvery)
		w.Look()
		w.expect("nobody watches", false)
		w.one, w.two = m.Watch(t.Context()), m.Watch(t.Context())
		w.expect("at once again", true)
		w.write(`{"b":1}`)
		<-time.After(lookEvery)
		w.expect("who watches later", true)
	})
}
