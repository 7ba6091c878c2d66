// SPDX-License-Identifier: Apache-2.0

// Command gateway measures what a model call costs in Holdfast's gateway, and in Portkey's run the
// same way beside it: CPU of the serving process, latency and memory, against a local upstream.
//
//	go run ./bench/gateway            both (node 20 and npm are needed for Portkey)
//	go run ./bench/gateway -peer=""   Holdfast alone
//	go run ./bench/gateway -quick     CPU, latency and memory alone
//	go run ./bench/gateway -profile d writes d/plain.pprof, d/stream.pprof and d/allocs.pprof of the house
//
// It is not a benchmark of networks: everything runs on this machine and shares its cores. The
// whole house runs, with its ledger (SQLite, synchronous=FULL) and breaker on. Callers: people.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

type options struct {
	requests    int
	streams     int
	connections int
	peer        string
	profile     string
	quick       bool
}

func main() {
	role := os.Getenv("HOLDFAST_BENCH_ROLE")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch role {
	case "upstream":
		err = serveUpstream(ctx)
	case "profiled":
		os.Exit(serveProfiled()) //nolint:gocritic // as the program holdfast does
	default:
		err = measure(ctx, parse())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/gateway:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func parse() options {
	var o options
	flag.IntVar(&o.requests, "n", 30000, "plain calls")
	flag.IntVar(&o.streams, "streams", 3000, "streamed calls of 64 chunks")
	flag.IntVar(&o.connections, "c", 16, "connections")
	flag.StringVar(&o.peer, "peer", "portkey", "the gateway beside ours; empty for none")
	flag.StringVar(&o.profile, "profile", "", "the folder for profiles of the house; profiling costs some CPU")
	flag.BoolVar(&o.quick, "quick", false, "leave out the trials: dead primary, hang-ups, 512 streams, budgets")
	flag.Parse()
	return o
}

// figures is one gateway's row.
type figures struct {
	name               string
	plainCPU           float64 // µs a request
	plainRate          float64 // requests a second
	streamCPU          float64 // µs a stream
	direct, c1         time.Duration
	idle, warm, loaded float64 // MB
	idleAnon           float64 // of it, what is not the program's own file
	trials
}

func measure(ctx context.Context, o options) error {
	up, err := start(ctx, "upstream", nil)
	if err != nil {
		return err
	}
	defer up.stop()
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program, err := build(ctx, dir)
	if err != nil {
		return err
	}
	rows := []figures{}
	for _, peer := range []string{"holdfast", o.peer} {
		if peer == "" {
			continue
		}
		row, err := measureOne(ctx, peer, program, up.url, o)
		if err != nil {
			return fmt.Errorf("%s: %w", peer, err)
		}
		rows = append(rows, row)
	}
	show(rows, o)
	if o.quick {
		return nil
	}
	admitted, err := admissions(ctx, o.peer, program, up.url)
	if err != nil {
		return fmt.Errorf("admission: %w", err)
	}
	showTrials(rows)
	showAdmissions(admitted)
	showBars(bars(rows, admitted))
	return nil
}

func measureOne(ctx context.Context, name, program, upstream string, o options) (figures, error) {
	f := figures{name: name}
	server, err := startGateway(ctx, name, program, upstream, o.profile != "")
	if err != nil {
		return f, err
	}
	defer server.stop()
	if !wait(ctx, atRest) {
		return f, ctx.Err()
	}
	f.idle, f.idleAnon = server.rss()
	base, headers := server.url+"/v1", server.headers("")
	if err := load(ctx, base, headers, o.requests/10, o.connections, shape{}); err != nil { // warm up
		return f, err
	}
	f.warm, _ = server.rss()
	if f.direct, f.c1, err = latencies(ctx, upstream+"/v1", base, headers, 500); err != nil {
		return f, err
	}
	began := time.Now()
	f.plainCPU, err = server.costs(o.requests, func() error {
		return server.profiled(ctx, o.profile, "plain", func() error { return load(ctx, base, headers, o.requests, o.connections, shape{}) })
	})
	if err != nil {
		return f, err
	}
	f.plainRate = float64(o.requests) / time.Since(began).Seconds()
	f.streamCPU, err = server.costs(o.streams, func() error {
		return server.profiled(ctx, o.profile, "stream", func() error { return load(ctx, base, headers, o.streams, o.connections, shape{stream: true}) })
	})
	if err != nil {
		return f, err
	}
	f.loaded, _ = server.rss()
	if !o.quick {
		f.trials, err = try(ctx, server, upstream)
	}
	return f, err
}

// atRest is how long a gateway that just started is left alone before its memory counts as idle.
const atRest = 2 * time.Second

// costs is the CPU that n runs took of the process, in µs each.
func (c *child) costs(n int, run func() error) (float64, error) {
	before := c.cpu()
	err := run()
	return float64((c.cpu() - before).Microseconds()) / float64(n), err
}
