// SPDX-License-Identifier: Apache-2.0

// Command gateway measures what a model call costs in Holdfast's gateway, and in Portkey's run the
// same way beside it: CPU of the serving process, latency and memory, against a local upstream.
//
//	go run ./bench/gateway            both (node 20 and npm are needed for Portkey)
//	go run ./bench/gateway -peer=""   Holdfast alone
//
// It is not a benchmark of networks: everything runs on this machine and shares its cores. The
// whole house runs, with its ledger (SQLite, synchronous=FULL) and breaker on. Callers: people.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"text/tabwriter"
	"time"

	"holdfast/app"
)

type options struct {
	requests    int
	streams     int
	connections int
	peer        string
}

func main() {
	role := os.Getenv("HOLDFAST_BENCH_ROLE")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch role {
	case "upstream":
		err = serveUpstream(ctx)
	case "command":
		os.Exit(app.Main(os.Args[1:])) //nolint:gocritic // as the program holdfast does
	case "holdfast":
		err = serveHoldfast(os.Getenv("HOLDFAST_BENCH_API"), os.Getenv("HOLDFAST_BENCH_EDGE"))
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
	flag.Parse()
	return o
}

// figures is one gateway's row.
type figures struct {
	name         string
	plainCPU     float64 // µs a request
	plainRate    float64 // requests a second
	streamCPU    float64 // µs a stream
	c1           time.Duration
	idle, loaded float64 // MB
	trials
}

func measure(ctx context.Context, o options) error {
	up, err := start(ctx, "upstream", nil)
	if err != nil {
		return err
	}
	defer up.stop()
	direct, err := latency(ctx, up.url+"/v1", nil, 500)
	if err != nil {
		return err
	}
	first, first99, err := firstPieces(ctx, gateway{up, func(string) http.Header { return nil }})
	if err != nil {
		return err
	}
	rows := []figures{}
	for _, peer := range []string{"holdfast", o.peer} {
		if peer == "" {
			continue
		}
		row, err := measureOne(ctx, peer, up.url, o)
		if err != nil {
			return fmt.Errorf("%s: %w", peer, err)
		}
		rows = append(rows, row)
	}
	admitted, err := admissions(ctx, o.peer, up.url)
	if err != nil {
		return fmt.Errorf("admission: %w", err)
	}
	show(rows, direct, first, first99, o)
	showAdmissions(admitted)
	return nil
}

func measureOne(ctx context.Context, name, upstream string, o options) (figures, error) {
	f := figures{name: name}
	server, err := startGateway(ctx, name, upstream)
	if err != nil {
		return f, err
	}
	defer server.stop()
	base, headers := server.url+"/v1", server.headers("")
	if err := load(ctx, base, headers, o.requests/10, o.connections, shape{}); err != nil { // warm up
		return f, err
	}
	f.idle = server.rss()
	if f.c1, err = latency(ctx, base, headers, 500); err != nil {
		return f, err
	}
	cpu, began := server.cpu(), time.Now()
	if err := load(ctx, base, headers, o.requests, o.connections, shape{}); err != nil {
		return f, err
	}
	f.plainCPU = float64((server.cpu() - cpu).Microseconds()) / float64(o.requests)
	f.plainRate = float64(o.requests) / time.Since(began).Seconds()
	cpu = server.cpu()
	if err := load(ctx, base, headers, o.streams, o.connections, shape{stream: true}); err != nil {
		return f, err
	}
	f.streamCPU = float64((server.cpu() - cpu).Microseconds()) / float64(o.streams)
	f.loaded = server.rss()
	f.trials, err = try(ctx, server, upstream)
	return f, err
}

func show(rows []figures, direct, first, first99 time.Duration, o options) {
	fmt.Printf("%s %s/%s, %d CPUs, Go %s; %d connections, %d calls, %d streams of 64 chunks; direct c1 p50 %s\n\n",
		time.Now().UTC().Format("2006-01-02"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(),
		o.connections, o.requests, o.streams, direct.Round(time.Microsecond))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "gateway\tCPU µs a call\tcalls/s\tCPU µs a stream\tc1 p50\tRSS MB warm\tRSS MB loaded")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%s\t%.0f\t%.0f\n",
			r.name, r.plainCPU, r.plainRate, r.streamCPU, r.c1.Round(time.Microsecond), r.idle, r.loaded)
	}
	if len(rows) == 2 {
		_, _ = fmt.Fprintf(w, "ratio\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\n",
			rows[0].plainCPU/rows[1].plainCPU, rows[0].plainRate/rows[1].plainRate, rows[0].streamCPU/rows[1].streamCPU,
			float64(rows[0].c1)/float64(rows[1].c1), rows[0].idle/rows[1].idle, rows[0].loaded/rows[1].loaded)
	}
	_ = w.Flush()
	showTrials(rows, first, first99)
}

func showTrials(rows []figures, first, first99 time.Duration) {
	fmt.Printf("\nfirst piece of a stream, direct: p50 %s, p99 %s\n\n", first.Round(time.Microsecond), first99.Round(time.Microsecond))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "gateway\tfirst piece p50\tp99\tadded p99\t512 streams: broken\tstood still > 1 s\tlongest gap\tcalls to a dead primary of 200\tupstreams cancelled of 5")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%d\t%d\n", r.name, r.first.Round(time.Microsecond), r.first99.Round(time.Microsecond),
			(r.first99 - first99).Round(time.Microsecond), r.broken, r.gaps, r.longest.Round(time.Millisecond), r.wasted, r.cancelled)
	}
	_ = w.Flush()
}
