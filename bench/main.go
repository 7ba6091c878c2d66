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
	"strings"
	"text/tabwriter"
)

// A figure is one line of the table.
type figure struct{ what, measured, bar string }

func main() {
	ctx := context.Background()
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "FIGURE\tMEASURED\tBAR")
	failed := false
	for _, measure := range []func(context.Context) ([]figure, error){sizes, house, tenUnits, waist, journalRate, gatewayCost} {
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

// journalRate and gatewayCost have programs of their own, whose lines are taken over.
func journalRate(ctx context.Context) ([]figure, error) {
	return lines(ctx, "./bench/journal", "≥ 5,000/s")
}

func gatewayCost(ctx context.Context) ([]figure, error) {
	return lines(ctx, "./bench/gateway", "stated")
}

func lines(ctx context.Context, program, bar string) ([]figure, error) {
	cmd := exec.CommandContext(ctx, "go", "run", program)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	var figures []figure
	for line := range strings.Lines(string(out)) {
		if text := strings.TrimSpace(line); text != "" {
			figures = append(figures, figure{strings.TrimPrefix(program, "./bench/"), text, bar})
			bar = ""
		}
	}
	return figures, nil
}
