// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"holdfast/core/home"
	"holdfast/core/process"
)

// role is what only one process of a home may be at a time: its watch.
const role = "watch"

// A Companion does its own work beside the watch, for as long as the watch lives. The watch waits for
// none, and is not held up by one that hangs.
type Companion interface {
	Run(ctx context.Context, h home.Home, log *slog.Logger)
}

// Main is the role of holdfast-watch that watches a house; it returns the exit status.
func Main(args []string, beside ...Companion) int {
	flags := flag.NewFlagSet("holdfast-watch watch", flag.ContinueOnError)
	dir := flags.String("home", "", "the home of the house")
	seal := flags.String("print", "", "what covers this program and its environment")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *dir == "" {
		fmt.Fprintln(os.Stderr, "holdfast-watch watch: give --home DIR")
		return 2
	}
	debug.SetGCPercent(25) // it is there for months and does nearly nothing
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	signal.Ignore(syscall.SIGHUP)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := watch(ctx, home.At(*dir), *seal, log, beside); err != nil {
		log.Error("cannot watch", slog.Any("error", err))
		return 1
	}
	return 0
}

// watch watches until ctx ends or nothing is left to watch. Where a watch lives already it does nothing.
func watch(ctx context.Context, h home.Home, seal string, log *slog.Logger, beside []Companion) error {
	lock, err := h.Take(role)
	if errors.Is(err, home.ErrTaken) {
		log.Info("another watch of this home lives")
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	self, err := process.Self()
	if err != nil {
		return err
	}
	logs := &scribe{home: h, log: log, now: time.Now}
	defer logs.begin(ctx)()
	w := &Watch{home: h, log: log, machine: real{h, log}, lock: lock, tend: logs.tend, report: Report{Identity: self, Print: seal, Since: time.Now().UTC()}}
	if last, known, err := ReadReport(h); err == nil && known {
		w.report.Restarts, w.report.History = last.Restarts, last.History
	}
	w.say("begun")
	for _, c := range beside {
		go c.Run(ctx, h, log) // until the process ends
	}
	w.run(ctx)
	return nil
}

// Lives tells whether the home has a watch.
func Lives(h home.Home) bool { return h.Taken(role) }
