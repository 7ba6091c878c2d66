// SPDX-License-Identifier: Apache-2.0

// Command bench measures the house and prints one table: each figure beside its bar.
//
// It is for finding out, not for asserting: no test times anything. It runs the programs in bin/
// (make bench builds them) in homes of its own on loopback and stops what it starts.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"
)

// A figure is one line of the table.
type figure struct{ what, measured, bar string }

func main() {
	ctx := context.Background()
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "FIGURE\tMEASURED\tBAR")
	failed := false
	for _, measure := range []func(context.Context) ([]figure, error){sizes, house, tenUnits, waist} {
		figures, err := measure(ctx)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			failed = true
		}
		for _, f := range figures {
			fmt.Fprintf(table, "%s\t%s\t%s\n", f.what, f.measured, f.bar)
		}
	}
	_ = table.Flush()
	for _, other := range []struct{ program, bar string }{
		{"./bench/journal", "≥ 5,000 acknowledged entries/s from 64 callers"},
		{"./bench/supervise", "the goals in its table; test/setup installs the other supervisors, npm ci in bench/supervise/peers brings pm2"},
		{"./bench/gateway", "CPU a call stated beside a peer run the same way"},
		{"./bench/mcp", "tools/call of a tool in process ≤ 1.5 × the CPU of the bare SDK server; RSS flat over sessions"},
		{"./bench/telemetry", "525 MB of session logs cold ≤ 1.0 s and ≤ 172 MB, the totals those of ccusage"},
	} {
		fmt.Printf("\n%s (bar: %s)\n", other.program, other.bar)
		if err := run(ctx, other.program); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", other.program, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// sizes states how large the programs are.
func sizes(context.Context) ([]figure, error) {
	var figures []figure
	for _, name := range []string{"holdfast", "holdfast-edge"} {
		info, err := os.Stat(filepath.Join("bin", name))
		if err != nil {
			return figures, fmt.Errorf("cannot find the program (make build): %w", err)
		}
		figures = append(figures, figure{"size of " + name, fmt.Sprintf("%.1f MB", float64(info.Size())/1e6), "stated"})
	}
	return figures, nil
}

// run runs a measurement that has a program of its own.
func run(ctx context.Context, program string) error {
	cmd := exec.CommandContext(ctx, "go", "run", program)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
