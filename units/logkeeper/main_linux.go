// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
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
)

// exitTaken is the status of a keeper that found another at work.
const exitTaken = 4

// Keep is the role of the process: `keep --home DIR`. It returns the exit status.
func Keep(args []string) int {
	flags := flag.NewFlagSet("keep", flag.ContinueOnError)
	dir := flags.String("home", "", "home whose logs are kept")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *dir == "" {
		fmt.Fprintln(os.Stderr, "cannot keep logs: --home DIR is missing")
		return 2
	}
	debug.SetGCPercent(50)
	err := keep(home.At(*dir), printer(os.Stderr), time.Now, true)
	switch {
	case errors.Is(err, home.ErrTaken):
		return exitTaken
	case err != nil:
		fmt.Fprintln(os.Stderr, "the log keeper ends:", err)
		return 1
	}
	return 0
}

// keep runs the one keeper of a home until it is told to end; with signals it heeds those too.
func keep(h home.Home, log *slog.Logger, now func() time.Time, signals bool) error {
	if err := makeFolders(h); err != nil {
		return err
	}
	lock, err := h.Take(role)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	k, err := newKeeper(h, log, now)
	if err != nil {
		return err
	}
	if err := writeSelf(h); err != nil {
		return errors.Join(err, k.close())
	}
	if !signals {
		return errors.Join(k.run(), k.close())
	}
	done := k.heed()
	err = k.run()
	close(done)
	return errors.Join(err, k.close())
}

func makeFolders(h home.Home) error {
	if !h.Exists() {
		return fmt.Errorf("cannot keep logs: there is no home %s", h.Dir())
	}
	for _, dir := range []string{pipesDir(h), exitsDir(h), logsDir(h)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("cannot make folder: %w", err)
		}
	}
	return nil
}

// A self is what a keeper tells of itself.
type self struct {
	PID   int       `json:"pid"`
	Start uint64    `json:"start"`
	Since time.Time `json:"since"`
}

func writeSelf(h home.Home) error {
	me := self{PID: os.Getpid(), Since: time.Now().UTC()}
	var err error
	if me.Start, err = startOf(me.PID); err != nil {
		return err
	}
	return home.Replace(selfFile(h), me, 0o600)
}

// heed turns signals into what the house asks by its pipe.
func (k *keeper) heed() (done chan struct{}) {
	done = make(chan struct{})
	signals := make(chan os.Signal, 4)
	signal.Ignore(unix.SIGXFSZ, unix.SIGPIPE)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	ask := k.ask
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case s := <-signals:
				word := fmt.Sprintf("stop %d\n", os.Getpid())
				if s == syscall.SIGHUP {
					word = "reload\n"
				}
				_, _ = unix.Write(ask, []byte(word))
			case <-done:
				return
			}
		}
	}()
	return done
}

// makePipe makes a pipe where there is none; another thing of that name is an error.
func makePipe(path string) error {
	err := unix.Mkfifo(path, 0o600)
	if err == nil || !errors.Is(err, unix.EEXIST) {
		return wrapPipe(path, err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return wrapPipe(path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return wrapPipe(path, errors.New("something else has its name"))
	}
	return nil
}

func wrapPipe(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot make pipe %s: %w", path, err)
}
