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

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/core/process"
)

// errTaken says that the home has its watch.
var errTaken = errors.New("another watch of this home lives")

func lockFile(h home.Home) string { return h.Var("run", "watch.lock") }

// Main is the role of holdfast-watch that watches a house; it returns the exit status.
func Main(args []string) int {
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
	if err := watch(ctx, home.At(*dir), *seal, log); err != nil {
		log.Error("cannot watch", slog.Any("error", err))
		return 1
	}
	return 0
}

// watch watches until ctx ends or nothing is left to watch. Where a watch lives already it does nothing.
func watch(ctx context.Context, h home.Home, seal string, log *slog.Logger) error {
	lock, err := take(h)
	if errors.Is(err, errTaken) {
		log.Info(err.Error())
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
	go logs.hold(ctx) // until the process ends
	w := &Watch{home: h, log: log, machine: real{h, log}, lock: lock, tend: logs.tend, report: Report{Identity: self, Print: seal, Since: time.Now().UTC()}}
	if last, known, err := ReadReport(h); err == nil && known {
		w.report.Restarts, w.report.History = last.Restarts, last.History
	}
	w.say("begun")
	w.run(ctx)
	return nil
}

// take takes the lock that makes a process the home's watch.
func take(h home.Home) (*os.File, error) {
	file, err := os.OpenFile(lockFile(h), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the lock: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errTaken
		}
		return nil, fmt.Errorf("cannot lock: %w", err)
	}
	return file, nil
}

// Lives tells whether the home has a watch.
func Lives(h home.Home) bool {
	file, err := os.OpenFile(lockFile(h), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	return errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}
