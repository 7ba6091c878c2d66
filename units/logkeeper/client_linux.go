// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/process"
)

// Start takes hold of the pipes that are there and sees to it that there is a keeper. A house
// without one still runs: Standing says what it lacks.
func (c *Client) Start(context.Context) error {
	if err := makeFolders(c.home); err != nil {
		return err
	}
	if err := makePipe(askFile(c.home)); err != nil {
		return err
	}
	ask, _, err := openPipe(askFile(c.home), unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ask, c.mark = ask, append(endMark(c.home), '\n')
	names, err := namesIn(pipesDir(c.home))
	if err != nil {
		return fmt.Errorf("cannot look for pipes: %w", err)
	}
	for _, name := range names {
		if log, _, ok := logOf(name); ok {
			if _, err := c.hold(log); err != nil {
				c.log.Error("cannot hold the pipes of a log", slog.String("log", log), slog.Any("error", err))
			}
		}
	}
	c.settings.leave(c.home, c.log)
	if _, err := c.program(); err != nil {
		c.standing.Lacks = fmt.Sprintf("the log keeper is missing (%v): units write their logs themselves, and nothing rotates them", err)
		if len(c.held) > 0 {
			c.keeper = c.inside() // of units that hold pipes
		}
		return nil
	}
	c.straight = false
	c.ensure()
	return nil
}

// hold opens the pipes of a log and makes them where they are not; the caller holds the lock.
func (c *Client) hold(log string) (*held, error) {
	h := c.held[log]
	if h != nil && h.there(c, log) {
		return h, nil
	}
	fresh := &held{pipes: [streams]int{-1, -1}, launches: map[process.Identity]bool{}, used: time.Now()}
	for i := range streams {
		path := pipeFile(c.home, log, i)
		err := makePipe(path)
		if err == nil {
			fresh.pipes[i], _, err = openPipe(path, unix.O_NONBLOCK)
		}
		if err != nil {
			fresh.close()
			return nil, err
		}
	}
	if h != nil { // somebody removed them; who writes to the old ones goes on to, and is kept
		fresh.launches = h.launches
		h.close()
	}
	c.held[log] = fresh
	return fresh, nil
}

// there tells whether the pipes still stand under their names.
func (h *held) there(c *Client, log string) bool {
	for i, fd := range h.pipes {
		var named, open unix.Stat_t
		if unix.Lstat(pipeFile(c.home, log, i), &named) != nil || unix.Fstat(fd, &open) != nil || named.Ino != open.Ino {
			return false
		}
	}
	return true
}

func (h *held) close() {
	for _, fd := range h.pipes {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// openPipes opens the pipes of a log for a launch, which thereby never sees one broken; the
// caller holds the lock.
func (c *Client) openPipes(log string) (out, err *os.File, fail error) {
	h, fail := c.hold(log)
	if fail != nil {
		return nil, nil, fail
	}
	h.used = time.Now()
	h.narrow()
	if len(h.launches) == 0 { // the last one may have ended while no house ran
		h.unmarked = [streams]bool{true, true}
	}
	c.endLines(h)
	var files [streams]*os.File
	for i := range streams {
		fd, _, fail := openPipe(pipeFile(c.home, log, i), 0) // it waits when it is full, as a pipe does
		if fail != nil {
			for _, f := range files[:i] {
				_ = f.Close()
			}
			return nil, nil, fail
		}
		files[i] = os.NewFile(uintptr(fd), log+streamNames[i].pipe)
	}
	return files[stdout], files[stderr], nil
}

// Began notes that a launch writes to the log, one that was adopted too.
func (c *Client) Began(log string, id process.Identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.held[log]; h != nil {
		h.launches[id] = true
		c.tell("watch", id)
	}
}

// Ended notes that a launch has ended whole: a line that it left open ends.
func (c *Client) Ended(log string, id process.Identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.held[log]
	if h == nil {
		return
	}
	delete(h.launches, id)
	h.used = time.Now()
	if len(h.launches) == 0 {
		h.unmarked = [streams]bool{true, true}
		c.endLines(h)
	}
	c.tell("forget", id)
}

// endLines writes the mark of an ended launch where that is still to be done. A full pipe is made
// wider for it: the mark must be in it before the next launch writes, and before this house may die.
// Where the system allows none wider, the mark waits.
func (c *Client) endLines(h *held) {
	for i, wanted := range h.unmarked {
		if !wanted {
			continue
		}
		_, err := unix.Write(h.pipes[i], c.mark)
		if errors.Is(err, unix.EAGAIN) && widen(h.pipes[i]) {
			_, err = unix.Write(h.pipes[i], c.mark)
		}
		h.unmarked[i] = errors.Is(err, unix.EAGAIN)
	}
}

// tell asks something of the keeper; what a dead one did not read the next one does.
func (c *Client) tell(word string, id process.Identity) { c.say(word + " " + wordsOf(id)) }

func (c *Client) say(line string) {
	if c.ask >= 0 {
		_, _ = unix.Write(c.ask, []byte(line+"\n"))
	}
}

// Run watches the keeper until ctx ends: one that dies or hangs is replaced.
func (c *Client) Run(ctx context.Context) error {
	began := time.Now()
	beat := time.NewTicker(c.beat)
	defer beat.Stop()
	w := &watchman{Client: c, trust: trust{first: c.rest}}
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.ended():
			w.replace(ctx)
		case <-c.changed:
			c.mu.Lock()
			c.settings.leave(c.home, c.log)
			c.say("reload")
			c.mu.Unlock()
		case <-beat.C:
			w.beat()
		case <-sweep.C:
			c.sweep(time.Now())
			forgetDeaths(c.home, began)
		}
	}
}

// A watchman replaces the keeper when it must be.
type watchman struct {
	*Client
	trust   trust
	silence silence
	// again is when the keeper within this process makes place for one outside; yielding that it was
	// told to.
	again    time.Time
	yielding bool
}

// ended is closed when the keeper has; nil, which never is, when there is none.
func (w *watchman) ended() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keeper == nil {
		return nil
	}
	return w.keeper.done
}

// beat asks for a sign of life, and kills a keeper that gave none twice.
func (w *watchman) beat() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.held {
		w.endLines(h)
	}
	if w.keeper == nil {
		w.yield(time.Now())
		return
	}
	now, err := readSign(stateFile(w.home))
	if err == nil {
		w.heard(now.trouble)
	}
	if w.keeper.inside {
		w.yield(time.Now())
		return
	}
	if w.silence.over(now.beat, err == nil) {
		w.log.Warn("the log keeper hangs and is replaced", slog.Int("pid", w.keeper.pid))
		w.keeper.end(unix.SIGKILL)
	}
	w.say("ping")
}

// heard takes what the keeper tells of its logs, and says so where the full disk is not, when it is new.
func (w *watchman) heard(t Trouble) {
	switch old := w.standing.Trouble; {
	case t.There() && (t.Log != old.Log || t.Why != old.Why):
		w.log.Error("a log cannot be written; its lines wait", slog.String("log", t.Log), slog.String("why", t.Why), slog.Time("since", t.Since))
	case old.There() && !t.There():
		w.log.Warn("all logs can be written again", slog.Duration("after", time.Since(old.Since).Round(time.Second)))
	}
	w.standing.Trouble = t
}

// yield has the keeper within this process make place for one outside when it is time to trust
// one again, and has units write to pipes when the program of the keeper is there by now. The change
// is in order: the one has ended and let go of its lock before the other begins (replace), and the
// lines wait in their pipes.
func (w *watchman) yield(now time.Time) {
	if _, err := w.program(); err != nil || w.yielding || now.Before(w.again) {
		return
	}
	w.straight = false
	if w.keeper == nil {
		w.launch(now)
		return
	}
	w.yielding = true
	w.say(fmt.Sprintf("stop %d", w.keeper.pid))
}

// launch starts a keeper outside; the caller holds the lock.
func (w *watchman) launch(now time.Time) {
	w.trust.began, w.silence = now, silence{seen: w.silence.seen, starting: true}
	w.ensure()
}

// replace has another keeper in the place of one that has ended.
func (w *watchman) replace(ctx context.Context) {
	wait, wanted := w.bury(time.Now())
	if wait > 0 {
		pause(ctx, wait)
	}
	if !wanted || ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.launch(time.Now())
}

// bury notes how the keeper ended. It tells whether one outside is wanted, and after how long; else
// this process keeps the logs from here on.
func (w *watchman) bury(now time.Time) (wait time.Duration, wanted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, gaveWay := w.keeper, w.yielding
	w.keeper, w.standing.PID, w.yielding = nil, 0, false
	switch {
	case gaveWay:
		return 0, true
	case last.inside:
		w.standing.Lacks = fmt.Sprintf("nobody keeps the logs: %v", last.why)
		return pauseMost, true
	}
	w.standing.Replaced++
	wait, rest := w.trust.lost(now)
	if rest == 0 {
		return wait, true
	}
	how := "var/logs/logkeeper.log says why"
	if last.why != nil {
		how = fmt.Sprintf("the last: %v; %s", last.why, how)
	}
	w.standing.Lacks = fmt.Sprintf("the log keeper ends again and again (%s): the house keeps the logs itself, and tries another in %s", how, rest)
	w.again, w.keeper = now.Add(rest), w.inside()
	return 0, false
}

func pause(ctx context.Context, d time.Duration) { waitFor(ctx, nil, d) }

// sweep removes pipes that nobody has needed for a while and that are empty.
func (c *Client) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for log, h := range c.held {
		if len(h.launches) > 0 || now.Sub(h.used) < unused || !h.empty() {
			continue
		}
		for i := range streams {
			_ = os.Remove(pipeFile(c.home, log, i))
		}
		h.close()
		delete(c.held, log)
	}
}

func (h *held) empty() bool {
	for _, fd := range h.pipes {
		if n, err := unix.IoctlGetInt(fd, unix.TIOCINQ); err != nil || n > 0 {
			return false
		}
	}
	return true
}

// Stop ends the keeper once it has taken all that was written, unless units still run; those it
// goes on to serve. It is for an orderly end: a house that is killed, or makes place for another
// version, leaves the keeper as it is.
func (c *Client) Stop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	busy := false
	for _, h := range c.held {
		busy = busy || len(h.launches) > 0
		c.endLines(h)
	}
	finished := c.stopInside(ctx, busy)
	switch {
	case c.straight || finished:
	case !busy:
		c.finish(ctx)
	case c.keeper == nil || c.keeper.ended():
		c.ensure() // for what it is worth: without one the units wait when their pipes are full
	}
	for _, h := range c.held {
		h.close()
	}
	clear(c.held)
	if c.ask >= 0 {
		_ = unix.Close(c.ask)
		c.ask = -1
	}
	c.keeper = nil
	return nil
}

// stopInside ends the keeper within this process, and tells whether that took all that was written.
func (c *Client) stopInside(ctx context.Context, busy bool) (finished bool) {
	if c.keeper == nil || !c.keeper.inside {
		return false
	}
	word := "finish"
	if busy {
		word = "stop"
	}
	c.say(fmt.Sprintf("%s %d", word, c.keeper.pid))
	if !waitFor(ctx, c.keeper.done, finishMost) {
		return true // there is no other way to end it than this process's end
	}
	c.keeper = nil
	return !busy && allEmpty(c.held)
}

func allEmpty(all map[string]*held) bool {
	return !slices.ContainsFunc(slices.Collect(maps.Values(all)), func(h *held) bool { return !h.empty() })
}

// finish has the keeper take what is left and end; one that died or hangs is replaced for that.
func (c *Client) finish(ctx context.Context) {
	for range 3 {
		if c.keeper == nil || c.keeper.ended() {
			c.ensure()
		}
		before, _ := readSign(stateFile(c.home))
		c.say(fmt.Sprintf("finish %d", c.keeper.pid))
		if !waitFor(ctx, c.keeper.done, finishMost) {
			if now, err := readSign(stateFile(c.home)); err == nil && now.beat != before.beat+1 && now.beat != before.beat {
				c.log.Warn("the log keeper outlives the house, for it waits for room to write the last lines",
					slog.Int("pid", c.keeper.pid), slog.String("why", now.trouble.Why))
				return
			}
			c.log.Warn("the log keeper did not end in time and is killed", slog.Int("pid", c.keeper.pid))
			c.keeper.end(unix.SIGKILL)
			waitFor(ctx, c.keeper.done, finishMost)
			continue
		}
		if allEmpty(c.held) {
			return
		}
	}
	c.log.Error("lines are left in the pipes of units, for no log keeper took them")
}

func (r *runner) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// finishMost is how long a keeper may take to finish.
const finishMost = 6 * time.Second

// inside keeps the logs within this process.
func (s starter) inside() *runner {
	done := make(chan struct{})
	r := &runner{pid: os.Getpid(), inside: true, done: done, end: func(os.Signal) {}}
	go func() {
		defer close(done)
		if r.why = keep(s.home, s.log, time.Now, false); r.why != nil {
			s.log.Error("cannot keep the logs", slog.Any("error", r.why))
		}
	}()
	return r
}

// environment is what the keeper gets: nothing secret, and no mark of a unit.
func environment() []string {
	var env []string
	for _, name := range []string{"PATH", "TZ", "LANG", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok && !strings.Contains(value, "\n") {
			env = append(env, name+"="+value)
		}
	}
	return env
}
