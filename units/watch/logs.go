// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"log/slog"
	"os"
	"time"

	"holdfast/core/home"
	"holdfast/units/logkeeper"
)

// keeperEvery is how often the log keeper is looked after while there is no house.
const keeperEvery = 2 * time.Second

// A scribe sees to it that units can write while there is no house: it holds their pipes, and starts
// a log keeper in place of one that died.
type scribe struct {
	home home.Home
	log  *slog.Logger
	now  func() time.Time
	seen time.Time
}

// begin holds the units' pipes until ctx ends or end is called, which returns when they are let go.
func (s *scribe) begin(ctx context.Context) (end func()) {
	ctx, release := context.WithCancel(ctx)
	held := make(chan struct{})
	go func() {
		defer close(held)
		s.hold(ctx)
	}()
	return func() {
		release()
		<-held
	}
}

// hold holds the units' pipes until ctx ends.
func (s *scribe) hold(ctx context.Context) {
	for ctx.Err() == nil {
		if err := logkeeper.Hold(ctx, s.home); err != nil {
			s.log.Error("cannot hold the units' pipes", slog.Any("error", err))
		}
		pause(ctx, keeperEvery)
	}
}

// tend starts a log keeper where the units have pipes and nobody reads them.
func (s *scribe) tend(context.Context) {
	if s.now().Sub(s.seen) < keeperEvery {
		return
	}
	s.seen = s.now()
	pipes, err := os.ReadDir(s.home.Var("run", "pipes"))
	if err != nil || len(pipes) == 0 || logkeeper.Lives(s.home) {
		return
	}
	s.log.Warn("the log keeper is gone, and no house is there; another one is started")
	program, err := os.Executable()
	if err == nil {
		err = logkeeper.Begin(s.home, program, s.log)
	}
	if err != nil {
		s.log.Error("cannot start the log keeper", slog.Any("error", err))
	}
}
