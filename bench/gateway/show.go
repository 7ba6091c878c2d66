// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

func show(rows []figures, o options) {
	fmt.Printf("%s %s/%s, %d CPUs, Go %s; %d connections, %d calls, %d streams of 64 chunks\n\n",
		time.Now().UTC().Format("2006-01-02"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(),
		o.connections, o.requests, o.streams)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "gateway\tCPU µs a call\tcalls/s\tCPU µs a stream\tc1 p50\tdirect beside it\tRSS MB idle\tof it anonymous\twarm\tloaded")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\n", r.name, r.plainCPU, r.plainRate, r.streamCPU,
			r.c1.Round(time.Microsecond), r.direct.Round(time.Microsecond), r.idle, r.idleAnon, r.warm, r.loaded)
	}
	if len(rows) == 2 {
		_, _ = fmt.Fprintf(w, "ratio\t%.3f\t%.2f\t%.3f\t%.2f\t\t%.2f\t\t%.2f\t%.2f\n",
			rows[0].plainCPU/rows[1].plainCPU, rows[0].plainRate/rows[1].plainRate, rows[0].streamCPU/rows[1].streamCPU,
			float64(rows[0].c1)/float64(rows[1].c1), rows[0].idle/rows[1].idle, rows[0].warm/rows[1].warm, rows[0].loaded/rows[1].loaded)
	}
	_ = w.Flush()
}

func showTrials(rows []figures) {
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "gateway\tfirst piece, one at a time: p50\tp99\tdirect p50\tp99\tfour: p50\tp99\tdirect p50\tp99")
	for _, r := range rows {
		_, _ = fmt.Fprint(w, r.name)
		for _, f := range []first{r.alone, r.crowded} {
			_, _ = fmt.Fprintf(w, "\t%s\t%s\t%s\t%s", f.through.p50, f.through.p99, f.direct.p50, f.direct.p99)
		}
		_, _ = fmt.Fprintln(w)
	}
	_, _ = fmt.Fprintln(w, "\ngateway\t512 streams: broken\tstood still > 1 s\tlongest gap\tcalls to a dead primary of 200\tupstreams cancelled of 5")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%d\t%d\n", r.name, r.broken, r.gaps, r.longest.Round(time.Millisecond), r.wasted, r.cancelled)
	}
	_ = w.Flush()
}

// A bar is a figure that chapter 30 promises, and what was measured.
type bar struct {
	name, want, got string
	holds           bool
}

// bars compares what was measured with what is promised. The first row is the house's; without a peer
// beside it the ratios are not known.
func bars(rows []figures, admitted []admission) []bar {
	r := rows[0]
	below := func(name string, got, most float64, form string) bar {
		return bar{name, "≤ " + fmt.Sprintf(form, most), fmt.Sprintf(form, got), got <= most}
	}
	list := []bar{
		below("c1 p50 beside direct", float64(r.c1)/float64(r.direct), 4, "%.2f ×"),
		below("added time to first token, p99, one at a time", milliseconds(r.alone.added()), 1, "%.2f ms"),
		below("the same, four at a time", milliseconds(r.crowded.added()), 1, "%.2f ms"),
		below("RSS idle", r.idle, 40, "%.0f MB"),
		below("RSS that load adds", r.loaded-r.idle, 30, "%.0f MB"),
		below("512 streams: broken or stood still", float64(r.broken+r.gaps), 0, "%.0f"),
		below("calls to a dead primary of 200", float64(r.wasted), 5, "%.0f"),
		{"upstreams cancelled of 5", "= 5", fmt.Sprint(r.cancelled), r.cancelled == hangups},
	}
	for _, a := range admitted {
		if a.gateway != r.name {
			continue
		}
		exact := a.calls == [4]int{capCalls, capCalls, capCalls, capCalls}
		list = append(list, bar{"admitted of 64 against a budget of the " + a.budget, "= 10", strings.Trim(fmt.Sprint(a.calls), "[]"), exact})
	}
	if len(rows) < 2 {
		return list
	}
	return append([]bar{
		below("CPU a plain call, of "+rows[1].name+"'s", r.plainCPU/rows[1].plainCPU, 0.12, "%.3f ×"),
		below("CPU a stream, of "+rows[1].name+"'s", r.streamCPU/rows[1].streamCPU, 0.28, "%.3f ×"),
	}, list...)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func showBars(list []bar) {
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "bar\twanted\tmeasured\tholds")
	for _, b := range list {
		word := "yes"
		if !b.holds {
			word = "NO"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", b.name, b.want, b.got, word)
	}
	_ = w.Flush()
}
