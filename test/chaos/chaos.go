// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	_ "embed"

	"holdfast/test/outside"
)

//go:embed actor/actor.c
var actorSource []byte

// A chaos is one run.
type chaos struct {
	place
	options

	rng    *rand.Rand
	units  []*unit
	ledger *ledger
	judge  *judge
	counts map[string]int
	story  []string                 // what was done, the newest last
	steps  *os.File                 // all of it
	first  map[outside.ID]time.Time // when processes of the house's own were first seen
	killed map[outside.ID]bool
	step   int
	began  time.Time
	// undo is what is to be taken back, and when.
	undo []undo
	// answers are commands that run beside the disturbances.
	answers chan answer
	asked   int
	parts   parts
	clock   *outside.Clock // the one of the house
	// watchTurn tells that a dead house is left to the watch; deadSince when it was found dead.
	watchTurn bool
	deadSince time.Time
}

// parts tells which parts of the house this build has.
type parts struct{ watch, keeper, mounted, clock bool }

type undo struct {
	at   time.Time
	what string
	do   func()
}

// An answer is how a command went that ran beside the disturbances.
type answer struct {
	unit *unit
	wish wish
	args []string
	out  string
	err  error
	// began is when it was asked.
	began time.Time
}

func newChaos(p place, o options) *chaos {
	c := &chaos{
		place: p, options: o, rng: rand.New(rand.NewPCG(o.seed, 1)), ledger: newLedger(p),
		counts: map[string]int{}, first: map[outside.ID]time.Time{}, killed: map[outside.ID]bool{}, answers: make(chan answer, 16), began: time.Now(),
		clock: &outside.Clock{}, parts: parts{clock: os.Geteuid() == 0},
	}
	c.units = kindsOf(o.units, c.rng)
	c.judge = newJudge(p, c.units, o.margin)
	return c
}

func (c *chaos) say(format string, args ...any) {
	line := fmt.Sprintf("%7.1fs step %d: %s", time.Since(c.began).Seconds(), c.step, fmt.Sprintf(format, args...))
	c.story = append(c.story, line)
	if len(c.story) > 400 {
		c.story = c.story[100:]
	}
	if c.steps != nil {
		fmt.Fprintln(c.steps, line)
	}
}

// command runs one of the operator's commands.
func (c *chaos) command(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.program("holdfast"), append([]string{"--home", c.home()}, args...)...)
	cmd.Dir = c.work
	cmd.Env = c.environment()
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), err
}

func (p place) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.work, "LANG=C.UTF-8", "NO_COLOR=1"}
}

// prepare makes the home, mounts the small disk of its logs, and starts the house.
func (c *chaos) prepare(ctx context.Context) error {
	for _, dir := range []string{c.logs(), c.acks()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	var err error
	if c.steps, err = os.Create(filepath.Join(c.work, "steps.txt")); err != nil {
		return err
	}
	source := c.actor() + ".c"
	if err := os.WriteFile(source, actorSource, 0o600); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "gcc", "-O2", "-static", "-o", c.actor(), source).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build the actor (test/setup installs gcc): %w\n%s", err, out)
	}
	if err := syscall.Mount("tmpfs", c.logs(), "tmpfs", 0, "size=256m"); err == nil {
		c.parts.mounted = true
	}
	if err := ports(c.units); err != nil {
		return err
	}
	if err := c.writeConfig(ctx); err != nil {
		return err
	}
	runtime.GOMAXPROCS(runtime.NumCPU() + 2) // the house waits for what its clock is told
	if out, err := c.startHouse(ctx); err != nil {
		return fmt.Errorf("cannot start the house: %w\n%s", err, out)
	}
	c.judge.undisturbed()
	_ = c.await(ctx, 30*time.Second, func(s sight) bool { return len(s.watch) > 0 && len(s.keeper) > 0 })
	s := c.look()
	c.parts.watch, c.parts.keeper = len(s.watch) > 0, len(s.keeper) > 0
	fmt.Fprintf(c.out, "chaos: seed %d, %d units, %s, watch %v, log keeper %v, small disk %v, clock %v, home %s\n",
		c.seed, len(c.units), c.duration, c.parts.watch, c.parts.keeper, c.parts.mounted, c.parts.clock, c.home())
	return c.checkpoint(ctx)
}

// writeConfig writes holdfast.yaml; settings that this build does not know are left out.
func (c *chaos) writeConfig(ctx context.Context) error {
	var listen []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer func() { _ = l.Close() }()
		listen = append(listen, l.Addr().String())
	}
	text := fmt.Sprintf("edge: {listen: %q}\napi: {listen: %q}\nunits:\n", listen[0], listen[1])
	for _, u := range c.units {
		text += u.entry(c.actor(), c.acks())
	}
	file := filepath.Join(c.home(), "holdfast.yaml")
	for _, more := range []string{
		"watch: {hung_after: 10s, cap: 5s}\n", "logs: {size: 300KB, files: 0}\n", "logs: {rotate: 300KB, files: 0}\n",
	} {
		if err := os.WriteFile(file, []byte(text+more), 0o600); err != nil {
			return err
		}
		if _, err := c.command(ctx, "config", "check"); err == nil {
			text += more
		} else {
			c.say("not known: %s", strings.TrimSpace(more))
		}
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

// await looks until something is so.
func (c *chaos) await(ctx context.Context, patience time.Duration, so func(sight) bool) bool {
	for deadline := time.Now().Add(patience); ctx.Err() == nil; c.pause(ctx, 100*time.Millisecond) {
		if so(c.look()) {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
	return false
}

func (c *chaos) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// later takes something back after a while.
func (c *chaos) later(d time.Duration, what string, do func()) {
	c.undo = append(c.undo, undo{time.Now().Add(d), what, do})
}

// due takes back what is due; everything when all is set.
func (c *chaos) due(all bool) {
	var rest []undo
	for _, u := range c.undo {
		if !all && time.Now().Before(u.at) {
			rest = append(rest, u)
			continue
		}
		u.do()
		c.say("%s", u.what)
	}
	c.undo = rest
}

// release takes everything back at the end.
func (c *chaos) release() { c.due(true) }

// keep writes down what was found, and saves what a mount would take along.
func (c *chaos) keep(v *violation) {
	var text strings.Builder
	fmt.Fprintf(&text, "VIOLATION: %s\nseed %d, step %d, %s after the start\n\n%s\n\nlast steps:\n", v.what, c.seed, c.step, time.Since(c.began).Round(time.Millisecond), v.evidence)
	for _, line := range c.story[max(0, len(c.story)-60):] {
		fmt.Fprintln(&text, line)
	}
	text.WriteString("\nprocesses:\n")
	for _, p := range outside.Within(c.work) {
		fmt.Fprintln(&text, p.String())
	}
	for _, name := range []string{"house.log", "watch.log", "logkeeper.log"} {
		if data, err := os.ReadFile(filepath.Join(c.logs(), name)); err == nil {
			fmt.Fprintf(&text, "\n%s:\n%s\n", name, tail(string(data), 60))
		}
	}
	fmt.Fprint(c.out, text.String())
	_ = os.WriteFile(filepath.Join(c.work, "violation.txt"), []byte(text.String()), 0o600)
	_ = os.CopyFS(filepath.Join(c.work, "logs"), os.DirFS(c.logs()))
	fmt.Fprintf(c.out, "\nkept: %s (its logs as they were: %s)\n", c.home(), filepath.Join(c.work, "logs"))
}

func tail(text string, lines int) string {
	list := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(list[max(0, len(list)-lines):], "\n")
}

// summary is the last line: what was done, and how it ended.
func (c *chaos) summary(err error) string {
	var done []string
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		done = append(done, fmt.Sprintf("%d %s", c.counts[name], name))
	}
	verdict := "0 violations"
	if _, ok := errors.AsType[*violation](err); ok {
		verdict = "VIOLATED: " + err.Error()
	} else if err != nil {
		verdict = "not finished: " + err.Error()
	}
	return fmt.Sprintf("chaos: seed %d, %d units, %d steps in %s: %s; %d lines read, %d cut off by kills; most leaders seen %s. %s",
		c.seed, len(c.units), c.step, time.Since(c.began).Round(time.Second), strings.Join(done, ", "), c.ledger.lines, c.ledger.tornAll, c.judge.tally(), verdict)
}

// intents reads which units are held, from the file.
func (p place) intents() (map[string]json.RawMessage, error) {
	data, err := os.ReadFile(filepath.Join(p.home(), "var", "intent.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var file struct {
		Held map[string]json.RawMessage `json:"held"`
	}
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	return file.Held, err
}
