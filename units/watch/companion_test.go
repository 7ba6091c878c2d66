// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"holdfast/core/home"
)

// beside is a companion that never ends by itself.
type beside struct {
	began chan home.Home
	ended chan struct{}
}

func (b beside) Run(ctx context.Context, h home.Home, _ *slog.Logger) {
	b.began <- h
	<-ctx.Done()
	close(b.ended)
}

// TestACompanionRunsBesideTheWatch and neither waits for the other.
func TestACompanionRunsBesideTheWatch(t *testing.T) {
	t.Parallel()
	h := home.At(t.TempDir())
	if err := os.MkdirAll(h.Var("run"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := beside{make(chan home.Home), make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- watch(ctx, h, "", slog.New(slog.DiscardHandler), []Companion{c}) }()
	select {
	case got := <-c.began:
		if got.Dir() != h.Dir() {
			t.Errorf("it runs in %s", got.Dir())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not run")
	}
	if err := <-done; err != nil { // nothing is left to watch, and the companion goes on
		t.Error(err)
	}
	cancel()
	<-c.ended
}
