// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
)

const (
	// endWithin is how long a watch may take to end before it is killed.
	endWithin = 2 * time.Second
	// showsAfter is how long a watch may show no sign of life; it is looked at every beatLook.
	showsAfter = time.Minute
	beatLook   = 10 * time.Second
)

// An Outsider is the watch as the house sees it: it starts it, keeps one alive, and ends it.
type Outsider struct {
	Home home.Home
	// Program is holdfast-watch.
	Program string
	Log     *slog.Logger

	mu    sync.Mutex
	child subject // the watch that this house started; nil for none
}

// Ensure makes sure that a watch of this very program and environment lives.
func (o *Outsider) Ensure(ctx context.Context) error {
	if _, err := os.Stat(o.Program); err != nil {
		return fmt.Errorf("nothing watches this house: %w", err)
	}
	if Lives(o.Home) {
		if last, known, err := ReadReport(o.Home); err == nil && known && last.Print == o.print() {
			return nil
		}
		if err := o.End(ctx); err != nil {
			return err
		}
	}
	return o.start()
}

func (o *Outsider) start() error {
	cmd := exec.CommandContext(context.Background(), o.Program, "watch", "--home", o.Home.Dir(), "--print", o.print())
	cmd.Env, cmd.Dir = environment(), "/"
	child, err := apart(o.Home, "watch", cmd)
	if err != nil {
		return fmt.Errorf("nothing watches this house: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.child = child
	return nil
}

// unwatchedMost is how long a house waits before it starts another watch, at most: what dies again
// and again costs little, and meanwhile nobody would bring a dead house back.
const unwatchedMost = 15 * time.Second

// Run keeps a watch alive until ctx ends: it replaces one that died, and one that shows no sign of
// life.
func (o *Outsider) Run(ctx context.Context) {
	again := backoff{most: unwatchedMost}
	for ctx.Err() == nil {
		began := time.Now()
		child, err := o.living(ctx)
		if err == nil {
			o.attend(ctx, child)
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > calm {
			again.reset()
		}
		delay := again.next()
		o.Log.Warn("the watch is gone; another one is started", slog.Duration("in", delay), slog.Any("error", err))
		pause(ctx, delay)
		if ctx.Err() == nil {
			if err := o.Ensure(ctx); err != nil {
				o.Log.Error("cannot start the watch", slog.Any("error", err))
			}
		}
	}
}

// attend waits until the watch has died, or kills one that hangs.
func (o *Outsider) attend(ctx context.Context, child subject) {
	p := &pulse{every: beatLook, limit: showsAfter}
	p.look(time.Now(), o.sign(), nil)
	tick := time.NewTicker(beatLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-child.Done():
			return
		case <-tick.C:
		}
		if p.look(time.Now(), o.sign(), func() bool { return false }) {
			o.Log.Warn("the watch hangs, and is replaced")
			_ = child.SignalFirst(syscall.SIGKILL)
		}
	}
}

// sign is the watch's sign of life.
func (o *Outsider) sign() string {
	info, err := os.Stat(reportFile(o.Home))
	if err != nil {
		return ""
	}
	return info.ModTime().String()
}

// living finds the watch: the one that this house started, or the one that holds the lock.
func (o *Outsider) living(ctx context.Context) (subject, error) {
	if child := o.mine(); child != nil {
		select {
		case <-child.Done(): // it may have found another one alive
		default:
			return child, nil
		}
	}
	return find(ctx, o.Home)
}

func (o *Outsider) mine() subject {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.child
}

// find finds the watch that holds the lock. One that has just begun has not said its name yet.
func find(ctx context.Context, h home.Home) (subject, error) {
	bounded, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	for Lives(h) {
		if last, known, err := ReadReport(h); err == nil && known {
			if child, err := adopt(last.Identity); err == nil {
				return child, nil
			}
		}
		if pause(bounded, 10*time.Millisecond); bounded.Err() != nil {
			return nil, errors.New("cannot tell which process is the watch")
		}
	}
	return nil, process.ErrGone
}

// End ends the home's watch, whoever started it, and returns when it has ended.
func (o *Outsider) End(ctx context.Context) error { return End(ctx, o.Home) }

// End ends the home's watch, whoever started it, and returns when it has ended.
func End(ctx context.Context, h home.Home) error {
	for {
		child, err := find(ctx, h)
		if errors.Is(err, process.ErrGone) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := endOne(ctx, child); err != nil {
			return err
		}
	}
}

func endOne(ctx context.Context, child subject) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = child.SignalFirst(signal) // it may be gone
		bounded, cancel := context.WithTimeout(ctx, endWithin)
		select {
		case <-child.Done():
			cancel()
			return nil
		case <-bounded.Done():
			cancel()
		}
	}
	return errors.New("the watch does not end")
}

// print covers the program and its environment.
func (o *Outsider) print() string {
	sum := sha256.New()
	if info, err := os.Stat(o.Program); err == nil {
		fmt.Fprintln(sum, o.Program, info.Size(), info.ModTime().UnixNano())
	}
	env := environment()
	slices.Sort(env)
	for _, entry := range env {
		fmt.Fprintln(sum, entry)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// environment is this process's, without the mark of a unit, for the watch belongs to none, and
// without what is for one command of a person alone.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, process.MarkVariable+"=") || strings.HasPrefix(entry, holdfast.BypassVariable+"=")
	})
}
