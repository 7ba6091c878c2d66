// SPDX-License-Identifier: Apache-2.0

// Command ledger measures whether anything grows with the books: a settlement, a summary of today, a
// month's usage and a start, on a ledger of a thousand calls today and on one of a million.
//
// It is not a test and fails on no figure. People and the figures in docs run it:
//
//	go run ./bench/ledger [-rows 1000,100000,1000000] [-dir DIR]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/ledger"
	"holdfast/gateway/price"
)

func main() {
	sizes := flag.String("rows", "1000,100000,1000000", "how many calls of today the books hold")
	dir := flag.String("dir", "", "where the books are kept meanwhile; a folder of its own by default")
	flag.Parse()
	if err := run(*sizes, *dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(sizes, dir string) error {
	if dir == "" {
		own, err := os.MkdirTemp("", "holdfast-bench-ledger-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(own) }()
		dir = own
	}
	fmt.Println("| calls today | file, MB | settle µs CPU | reserve+settle µs CPU | summary ms | usage 30 d ms | sessions ms | start ms |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, text := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-rows: %q is no number of calls", text)
		}
		if err := measure(filepath.Join(dir, text+".db"), n); err != nil {
			return err
		}
	}
	return nil
}

// open admits everything.
type open struct{}

func (open) Admit(ledger.Claim, judge.Burn) error { return nil }
func (open) Booked(ledger.Claim, judge.Burn)      {}

func start(ctx context.Context, path string) (*store.Store, *ledger.Ledger, error) {
	s := store.New(path)
	if err := s.Open(ctx, store.Options{Migrations: []store.Migration{{Package: "ledger", FS: ledger.Migrations()}}}); err != nil {
		return nil, nil, err
	}
	l := ledger.New(ledger.Needs{Store: s, Dir: path + ".log", Node: "bench", Gate: open{}, Prices: price.New(price.Needs{})})
	return s, l, l.Start(ctx)
}

// fill books calls of today as observations, of few agents and models and of a session for each 500.
func fill(ctx context.Context, l *ledger.Ledger, n int) error {
	now := time.Now()
	since := now.Truncate(24 * time.Hour)
	var list []ledger.Observation
	for i := range n {
		list = append(list, ledger.Observation{
			Key: "bench-" + strconv.Itoa(i), Source: "claude", Time: since.Add(now.Sub(since) * time.Duration(i) / time.Duration(n)),
			Session: "s" + strconv.Itoa(i/500), Agent: "agent" + strconv.Itoa(i%5), Project: "/p", Provider: "anthropic",
			Model: []string{"claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"}[i%3], ResponseID: "msg_" + strconv.Itoa(i),
			Usage: holdfast.Usage{Input: 100, CachedRead: 5000, Output: 300},
		})
		if len(list) == 1024 || i == n-1 {
			if err := l.Observe(ctx, list); err != nil {
				return err
			}
			list = list[:0]
		}
	}
	return nil
}

func measure(path string, n int) (err error) {
	ctx := context.Background()
	s, l, err := start(ctx, path)
	if err != nil {
		return err
	}
	if err := fill(ctx, l, n); err != nil {
		return err
	}
	if err := errors.Join(l.Stop(ctx), s.Close()); err != nil {
		return err
	}
	began := time.Now()
	if s, l, err = start(ctx, path); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Stop(ctx), s.Close()) }()
	startup := time.Since(began)
	booking, err := calls(ctx, l, 2000, false)
	if err != nil {
		return err
	}
	both, err := calls(ctx, l, 2000, true)
	if err != nil {
		return err
	}
	summary, err := ask(ctx, l, "token.summary", `{"hours":24}`)
	if err != nil {
		return err
	}
	usage, err := ask(ctx, l, "token.usage", `{"by":"model","since":"30d"}`)
	if err != nil {
		return err
	}
	sessions, err := ask(ctx, l, "token.sessions", `{"since":"1d","limit":50}`)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Printf("| %d | %d | %d | %d | %.1f | %.1f | %.1f | %.1f |\n", n, info.Size()>>20,
		booking.Microseconds(), both.Microseconds(), ms(summary), ms(usage), ms(sessions), ms(startup))
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// calls books calls and gives the processor's time for one. With reserve, sixteen reserve at once, as
// callers of the gateway do.
func calls(ctx context.Context, l *ledger.Ledger, n int, reserve bool) (time.Duration, error) {
	call := ledger.Call{Caller: "agent:bench", Agent: "bench", Alias: "chat", Provider: "anthropic", Model: "claude-opus-4-5", Dialect: "openai.chat"}
	result := ledger.Result{Provider: "anthropic", Model: "claude-opus-4-5", Status: ledger.StatusOK, Usage: holdfast.Usage{Input: 30, Output: 12}}
	began := processor()
	errs := make(chan error, 16)
	for worker := range cap(errs) {
		go func() {
			var err error
			for i := 0; i < n/cap(errs) && err == nil; i++ {
				mine, truth := call, result
				mine.RequestID = fmt.Sprintf("%d-%d", worker, i)
				truth.ResponseID = "chatcmpl-" + mine.RequestID
				err = one(ctx, l, mine, truth, reserve)
			}
			errs <- err
		}()
	}
	var all error
	for range cap(errs) {
		all = errors.Join(all, <-errs)
	}
	_, err := l.Summary(ctx, 1) // everything is written
	return (processor() - began) / time.Duration(n), errors.Join(all, err)
}

func one(ctx context.Context, l *ledger.Ledger, call ledger.Call, result ledger.Result, reserve bool) error {
	if !reserve {
		l.Book(call, result, 0)
		return nil
	}
	r, err := l.Reserve(ctx, call, 30, 100)
	if err == nil {
		r.Settle(result)
	}
	return err
}

// ask runs an action as a surface would and gives the median time of eleven.
func ask(ctx context.Context, l *ledger.Ledger, name, input string) (time.Duration, error) {
	for _, a := range l.Capability().Actions {
		if a.Name != name {
			continue
		}
		in, err := a.Decode(json.RawMessage(input))
		if err != nil {
			return 0, err
		}
		var times []time.Duration
		for range 11 {
			began := time.Now()
			if _, err := a.Run(ctx, in); err != nil {
				return 0, err
			}
			times = append(times, time.Since(began))
		}
		slices.Sort(times)
		return times[len(times)/2], nil
	}
	return 0, fmt.Errorf("there is no action %s", name)
}

// processor is the time that this process has had of all processors.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
