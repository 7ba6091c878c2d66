// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command chaos runs a real house with some hundred units of many kinds, disturbs it at random, and
// looks from outside, by /proc and files, whether it keeps its promises: no unit twice, no orphan,
// no held unit running, every wanted unit running, no acknowledged line lost, the journal whole.
//
//	make chaos DURATION=10m SEED=7 UNITS=100
//
// docs/chaos.md tells what is disturbed and what must hold. It is not for timing (bench/supervise).
// On a violation it prints seed, step and evidence, keeps the home and ends with status 1. It ends
// all that it started, even when it is killed. Callers: people, make chaos, make test.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"holdfast/test/outside"
)

// Options are what a person may choose.
type options struct {
	duration   time.Duration
	seed       uint64
	units      int
	bin        string
	dir        string        // where the work folder is made
	unitKills  int           // at least so many, however long it takes
	houseKills int           // likewise
	margin     time.Duration // what is allowed beyond a unit's backoff
	fullDown   bool          // `down` while the disk of the logs is full, too
	// instead is done in place of the disturbances, by the tests of this program.
	instead func(context.Context, *chaos, sight)
	out     io.Writer
}

func main() {
	outside.Guardian()
	outside.Clocked()
	o := options{out: os.Stdout}
	flag.DurationVar(&o.duration, "duration", 2*time.Minute, "how long")
	flag.Uint64Var(&o.seed, "seed", 0, "the seed of the sequence; by the time when 0")
	flag.IntVar(&o.units, "units", 100, "how many units, about")
	flag.StringVar(&o.bin, "bin", "bin", "folder of the programs under test")
	flag.StringVar(&o.dir, "dir", "", "folder for the home; the system's temporary one when empty")
	flag.IntVar(&o.unitKills, "kills", 0, "at least so many kills of units")
	flag.IntVar(&o.houseKills, "house-kills", 0, "at least so many kills of the house")
	flag.BoolVar(&o.fullDown, "down-when-full", true, "bring the house down while the disk of its logs is full, too")
	flag.DurationVar(&o.margin, "margin", 12*time.Second, "what a unit may take beyond its backoff")
	flag.Parse()
	o.long()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// long asks for the counts of the long form when HOLDFAST_LONG=1.
func (o *options) long() {
	if os.Getenv("HOLDFAST_LONG") == "1" {
		o.unitKills, o.houseKills = max(o.unitKills, 10_000), max(o.houseKills, 200)
	}
}

// run is one whole run. What it made is gone afterwards, but for the home after a violation.
func run(ctx context.Context, o options) (err error) {
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(o.dir, "hfchaos-")
	if err != nil {
		return err
	}
	c := newChaos(place{work: work, bin: bin}, o)
	end, err := outside.Guard(work, c.house(), true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.finish(err, end)) }()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.disturbAll(ctx); err != nil {
		return err
	}
	return c.close(ctx)
}

// finish ends everything, and says what was found.
func (c *chaos) finish(err error, end func() error) error {
	c.release()
	broken, violated := errors.AsType[*violation](err)
	if violated {
		c.keep(broken)
	}
	_ = c.steps.Close()
	left := outside.End(c.work)
	endErr := end()
	if len(left) > 0 {
		endErr = errors.Join(endErr, fmt.Errorf("cannot end %v", left))
	}
	fmt.Fprintln(c.out, c.summary(err))
	if violated {
		return endErr
	}
	return errors.Join(endErr, os.RemoveAll(c.work))
}

// A violation is a promise that was not kept.
type violation struct {
	what     string
	evidence string
}

func (v *violation) Error() string { return v.what }

func violated(evidence string, format string, args ...any) error {
	return &violation{what: fmt.Sprintf(format, args...), evidence: evidence}
}
