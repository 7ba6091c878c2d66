// SPDX-License-Identifier: Apache-2.0

// Command journal measures how many journal entries a second are acknowledged, durable, to many
// callers at once, and how long each waits.
//
// It is for the figures in the README, not for tests: it writes to a real disk, in a temporary
// folder under the given one. It prints one line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/journal"
	"holdfast/core/store"
)

type options struct {
	callers     int
	entries     int
	dir         string
	url         string
	synchronous string
}

func main() {
	var opt options
	flag.IntVar(&opt.callers, "callers", 64, "concurrent callers")
	flag.IntVar(&opt.entries, "entries", 50_000, "entries in all")
	flag.StringVar(&opt.dir, "dir", ".", "folder on the disk to measure")
	flag.StringVar(&opt.url, "store", store.SQLite, "sqlite, or postgres://user@host/database")
	flag.StringVar(&opt.synchronous, "synchronous", "FULL", "SQLite's: FULL, NORMAL or OFF")
	flag.Parse()
	if err := run(context.Background(), opt); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opt options) (err error) {
	dir, err := os.MkdirTemp(opt.dir, "bench-journal-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := store.New(filepath.Join(dir, "house.db"))
	err = s.Open(ctx, store.Options{
		URL:         opt.url,
		Synchronous: opt.synchronous,
		Migrations:  []store.Migration{{Package: "journal", FS: journal.Migrations()}},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	j := journal.New(s, "bench")
	waits, took, err := load(ctx, j, opt)
	if err != nil {
		return err
	}
	slices.Sort(waits)
	fmt.Printf("journal: %d entries from %d callers on %s, synchronous=%s: %.0f entries/s, p50 %s, p99 %s\n",
		len(waits), opt.callers, s.Dialect(), opt.synchronous, float64(len(waits))/took.Seconds(),
		waits[len(waits)/2].Round(time.Microsecond), waits[len(waits)*99/100].Round(time.Microsecond))
	v, err := j.Verify(ctx)
	if err == nil && v.Broken != nil {
		err = fmt.Errorf("the chain does not hold at %s", v.Broken)
	}
	return err
}

// load appends from all callers and returns each entry's wait.
func load(ctx context.Context, j *journal.Journal, opt options) ([]time.Duration, time.Duration, error) {
	each := max(1, opt.entries/opt.callers)
	waits := make([]time.Duration, each*opt.callers)
	errs := make([]error, opt.callers)
	begun := time.Now()
	var wg sync.WaitGroup
	for c := range opt.callers {
		wg.Go(func() {
			for i := range each {
				asked := time.Now()
				if _, errs[c] = j.Append(ctx, sample(c, i)); errs[c] != nil {
					return
				}
				waits[c*each+i] = time.Since(asked)
			}
		})
	}
	wg.Wait()
	return waits, time.Since(begun), errors.Join(errs...)
}

func sample(caller, i int) holdfast.Entry {
	return holdfast.Entry{
		Caller:   fmt.Sprintf("agent:companion-%d", caller),
		Tier:     holdfast.TierTenantPeer,
		Action:   "tool.call",
		Subject:  fmt.Sprintf("notes.add_note/%d", i),
		Outcome:  holdfast.OutcomeDone,
		Duration: 1200 * time.Microsecond,
		Detail:   journal.Detail(map[string]any{"input": map[string]any{"title": "milk", "body": "two litres"}}),
	}
}
