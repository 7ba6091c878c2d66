// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"holdfast/core/home"
	"holdfast/core/process"
)

const (
	// beatEvery is how often the house asks the keeper whether it lives; one that does not answer
	// strikesMost times in a row is replaced, and one that has just been started after strikesStart.
	beatEvery    = 2 * time.Second
	strikesMost  = 2
	strikesStart = 10
	// sweepEvery is how often pipes that are not needed any more are looked for, unused how long one
	// must not have been needed.
	sweepEvery = time.Minute
	unused     = 10 * time.Minute
	// restFirst is how long the house keeps the logs itself before it trusts a keeper again. That
	// doubles with every one that ends soon.
	restFirst = time.Minute
	// exitWait is how long the keeper gets to find out how a process ended, exitLook how often it is
	// asked.
	exitWait = 2 * time.Second
	exitLook = 10 * time.Millisecond
)

// Program is the name of the program that holds the keeper; it stands beside the house's own.
const Program = "holdfast-watch"

// Options are what a client needs.
type Options struct {
	Home home.Home
	// Binary is the program with the role keep; empty means Program beside this one.
	Binary string
	Log    *slog.Logger
}

// A Standing is how the logs of a house are kept.
type Standing struct {
	// PID is the keeper, 0 when there is none.
	PID int
	// Replaced counts the keepers that died or hung.
	Replaced int
	// Lacks says what is not as it should be, empty when all is well.
	Lacks string
	// Trouble is what the keeper cannot write.
	Trouble Trouble
}

// A Trouble is a log that cannot be written: its lines wait in its pipes, and are given up when that
// lasts.
type Trouble struct {
	// Since is zero when there is none.
	Since time.Time
	// Log is the first that was found so; there may be more.
	Log string
	Why string
}

// There tells whether there is a trouble.
func (t Trouble) There() bool { return !t.Since.IsZero() }

// A Client is the house's side: it starts and watches the keeper and hands out the pipes. Where
// there is no keeper, units write straight to their log files.
type Client struct {
	starter
	beat time.Duration
	rest time.Duration // before a keeper outside is trusted again

	mu       sync.Mutex
	settings Settings
	straight bool // units write to their files themselves
	standing Standing
	held     map[string]*held
	keeper   *runner
	ask      int
	mark     []byte        // ends a launch
	changed  chan struct{} // has one element when the settings changed
}

// A held is one log whose pipes the house holds open.
type held struct {
	pipes [streams]int
	// launches are the processes that write to it.
	launches map[process.Identity]bool
	// unmarked are streams that were full when a launch ended.
	unmarked [streams]bool
	used     time.Time
}

// A runner is the keeper: a process of its own, or within this one.
type runner struct {
	pid    int
	inside bool
	done   <-chan struct{}
	// end signals the process, which may be gone; one within this process hears only what is asked.
	end func(os.Signal)
	// why is how it ended, nil when in order or unknown; to be read when done is closed.
	why error
}

// New makes a client. It does no I/O.
func New(o Options) *Client {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{
		starter: starter{home: o.Home, binary: o.Binary, log: o.Log}, beat: beatEvery, rest: restFirst, settings: DefaultSettings(),
		held: map[string]*held{}, ask: -1, changed: make(chan struct{}, 1), straight: true,
	}
}

// Standing tells how the logs are kept.
func (c *Client) Standing() Standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.standing
}

// Configure says how logs are kept from now on; the keeper is told.
func (c *Client) Configure(s Settings) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settings == s {
		return
	}
	c.settings = s
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// A starter finds or starts the keeper's process.
type starter struct {
	home   home.Home
	binary string
	log    *slog.Logger
}

// program finds the keeper's program.
func (s starter) program() (string, error) {
	path := s.binary
	if path == "" {
		own, err := os.Executable()
		if err != nil {
			return "", err
		}
		path = filepath.Join(filepath.Dir(own), Program)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case info.IsDir() || info.Mode()&0o111 == 0:
		return "", fmt.Errorf("%s is no program", path)
	}
	return path, nil
}

// Open gives what a launch gets as its standard output and error; the caller closes both. They
// are the pipes of the log, else the log file itself.
func (c *Client) Open(log string) (out, err *os.File, fail error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.straight {
		return openStraight(c.home, log)
	}
	return c.openPipes(log)
}

// openStraight opens a log file for a unit that writes it itself.
func openStraight(h home.Home, log string) (out, err *os.File, fail error) {
	open := func() (*os.File, error) {
		return os.OpenFile(logFile(h, log), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	}
	if out, fail = open(); fail == nil {
		if err, fail = open(); fail == nil {
			return out, err, nil
		}
		fail = errors.Join(fail, out.Close())
	}
	return nil, nil, fmt.Errorf("cannot open log: %w", fail)
}

// Exit tells how a process ended that nobody of this house saw end; false when nobody knows. A
// keeper may be about to find out, so it gets a moment.
func (c *Client) Exit(ctx context.Context, id process.Identity) (process.Exit, bool) {
	exit, there := readDeath(c.home, id)
	c.mu.Lock()
	straight := c.straight
	c.mu.Unlock()
	for end := time.Now().Add(exitWait); !there && !straight && ctx.Err() == nil && time.Now().Before(end); {
		waitFor(ctx, nil, exitLook)
		exit, there = readDeath(c.home, id)
	}
	return exit, there && exit.Known
}

// waitFor waits for the end of a process.
func waitFor(ctx context.Context, done <-chan struct{}, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
