// SPDX-License-Identifier: Apache-2.0

package home

import (
	"errors"
	"os"
	"testing"
)

// TestRoles wants a role to be one process's, known as that, and free when that lets go.
func TestRoles(t *testing.T) {
	h := At(t.TempDir())
	if h.Taken("watch") {
		t.Error("a role is taken in a home without folders")
	}
	if _, err := h.Take("watch"); err == nil || errors.Is(err, ErrTaken) {
		t.Errorf("a role was taken in a home without folders: %v", err)
	}
	if err := os.MkdirAll(h.Var("run"), 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := h.Take("watch")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Take("watch"); !errors.Is(err, ErrTaken) {
		t.Errorf("a second one had %v", err)
	}
	other, err := h.Take("keeper")
	if err != nil || !h.Taken("watch") {
		t.Errorf("another role: %v; the first is taken: %v", err, h.Taken("watch"))
	}
	if err := errors.Join(first.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	if h.Taken("watch") {
		t.Error("it is taken after it was let go")
	}
}

// TestLooksDoNotTake wants those who only look never to keep a role from who takes it.
func TestLooksDoNotTake(t *testing.T) {
	h := At(t.TempDir())
	if err := os.MkdirAll(h.Var("run"), 0o700); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				h.Taken("watch")
			}
		}
	}()
	for range 200 {
		f, err := h.Take("watch")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-stopped
}
