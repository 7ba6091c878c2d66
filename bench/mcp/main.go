// SPDX-License-Identifier: Apache-2.0

// Command mcp measures tools/call through the house beside the bare server of the MCP library: the
// processor time of the server's process a call, and the latency, in alternating rounds of one run,
// for a tool in process and one of a server over stdio, in both eras; and whether sessions that come
// and go leave memory behind.
//
// It is for finding out, not for asserting. It starts this program again in each role and stops what
// it starts. `go build ./cmd/...` into bin first: the house needs its helper there.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

const key = "sk-bench"

func main() {
	role := os.Getenv(roleVariable)
	if len(os.Args) == 2 && os.Args[1] == "stdio" { // started by the house
		role = "stdio"
	}
	if role != "" {
		if err := play(role); err != nil {
			fmt.Fprintln(os.Stderr, "mcp:", role+":", err)
			os.Exit(1)
		}
		return
	}
	calls := flag.Int("calls", 2000, "calls a round")
	rounds := flag.Int("rounds", 7, "rounds; the median counts")
	bin := flag.String("bin", "bin", "folder of the house's programs")
	profile := flag.String("profile", "", "write the profile of the house's processor time there")
	flag.Parse()
	if err := run(context.Background(), *bin, *profile, *calls, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "mcp:", err)
		os.Exit(1)
	}
}

// a subject is one way to a tool that is measured.
type subject struct {
	name, tool string
	at         *child
	path       string
	bare       *subject // what it is held against
	bar        string
	rounds     []round
}

func run(ctx context.Context, bin, profile string, calls, rounds int) error {
	bare, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer bare.end()
	house, err := startHouse(ctx, bin, profile)
	if err != nil {
		return err
	}
	defer house.end()
	fmt.Printf("%d rounds of %d calls by one client, and by eight at a time\n", rounds, calls)
	for _, e := range eras() {
		direct := &subject{name: "bare SDK server", tool: "greet", at: bare, path: e.path}
		subjects := []*subject{
			direct,
			{name: "house, tool in process", tool: "bench_greet", at: house, path: "/api/mcp", bare: direct, bar: "≤ 1.5 ×"},
			{name: "house, hub of an stdio server", tool: "greet", at: house, path: "/mcp/bench", bare: direct, bar: "stated"},
		}
		for range rounds {
			for _, s := range subjects {
				r, err := measure(ctx, s, e, calls)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				s.rounds = append(s.rounds, r)
			}
		}
		show(e, subjects)
	}
	return sessions(ctx, house)
}

func show(e era, subjects []*subject) {
	fmt.Println()
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(table, "%s\tCPU µs a call\tbeside bare\tbar\tp50 µs\tp99 µs\tp50 µs, 8 at a time\tp99 µs\n", e.name)
	for _, s := range subjects {
		beside, bar := "1", ""
		if s.bare != nil {
			beside, bar = fmt.Sprintf("%.2f ×", s.middle(round.cost)/s.bare.middle(round.cost)), s.bar
		}
		fmt.Fprintf(table, "%s\t%.0f\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\n", s.name, s.middle(round.cost), beside, bar,
			s.middle(func(r round) float64 { return r.one.at(50) }), s.middle(func(r round) float64 { return r.one.at(99) }),
			s.middle(func(r round) float64 { return r.eight.at(50) }), s.middle(func(r round) float64 { return r.eight.at(99) }))
	}
	_ = table.Flush()
}

// middle is the median over the rounds.
func (s *subject) middle(of func(round) float64) float64 {
	var list []float64
	for _, r := range s.rounds {
		list = append(list, of(r))
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// sessions opens sessions that nobody closes, again and again.
func sessions(ctx context.Context, house *child) error {
	const thousand = 1000
	fmt.Println()
	legacy := eras()[0]
	var sizes []string
	for range 5 {
		for range thousand {
			if _, err := legacy.open(ctx, house.url+"/api/mcp"); err != nil {
				return err
			}
		}
		time.Sleep(2 * time.Second) // the collector's turn
		size, err := house.resident()
		if err != nil {
			return err
		}
		sizes = append(sizes, fmt.Sprintf("%.1f", float64(size)/1e6))
	}
	fmt.Printf("RSS of the house in MB, after each 1,000 sessions that were opened and left: %v (bar: flat)\n", sizes)
	return nil
}
