// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command supervise measures Holdfast's supervisor beside those that operators use today, in one
// run, and prints one table: supervisord, runit and s6 from the distribution's packages, pm2 from
// npm, process-compose from the Go module proxy, and systemd's user manager.
//
//	make build && go run ./bench/supervise           the whole table, up to ten minutes
//	go run ./bench/supervise -quick                  fewer units, shorter spans: under two minutes
//	go run ./bench/supervise -only holdfast,runit    some of them
//
// All run the same static child, which tells its first instruction itself. It asserts nothing but
// that it ends all that it started, even when it is killed. Callers: people, make bench.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"holdfast/test/outside"
)

//go:embed child/unit.c
var childSource []byte

type options struct {
	quick bool
	only  string
	bin   string
	keep  bool
	parts string
}

func main() {
	outside.Guardian()
	var o options
	flag.BoolVar(&o.quick, "quick", false, "fewer units, shorter spans")
	flag.StringVar(&o.only, "only", "", "these supervisors, by comma; all when empty")
	flag.StringVar(&o.bin, "bin", "bin", "folder of Holdfast's programs")
	flag.BoolVar(&o.keep, "keep", false, "keep the work folder")
	flag.StringVar(&o.parts, "parts", "size,steady,crash,log,stop,killed", "what to measure, by comma")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := measure(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/supervise:", err)
		os.Exit(1)
	}
}

// A bench is one run of this program.
type bench struct {
	options

	work  string
	child string
	peers []peer
	rows  map[string]map[string]cell // figure → peer
	order []string
	notes []string
	runs  int
	mu    sync.Mutex // over rows, notes and runs, while several are measured at once
}

func (b *bench) locked(do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	do()
}

// A cell is a figure of one supervisor: a number to compare, and how to show it.
type cell struct {
	value float64
	text  string
}

func measure(ctx context.Context, o options) (err error) {
	began := time.Now()
	b := &bench{options: o, rows: map[string]map[string]cell{}}
	if b.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	if b.work, err = os.MkdirTemp("", "hfsup-"); err != nil {
		return err
	}
	end, err := outside.Guard(b.work, filepath.Base(b.work), o.keep)
	if err != nil {
		return err
	}
	defer func() {
		if left := outside.End(b.work); len(left) > 0 && err == nil {
			err = fmt.Errorf("cannot end what was started: %v", left)
		}
		if endErr := end(); err == nil {
			err = endErr
		}
		if left := outside.Within(b.work); len(left) > 0 && err == nil {
			err = fmt.Errorf("%d processes are left: %v", len(left), left)
		}
	}()
	if err := b.buildChild(ctx); err != nil {
		return err
	}
	b.peers = b.available(ctx)
	b.all(ctx, began)
	b.show(time.Since(began))
	return ctx.Err()
}

// all measures part after part; in the quick form the last ones at once.
func (b *bench) all(ctx context.Context, began time.Time) {
	var last sync.WaitGroup
	for _, part := range []struct {
		name string
		do   func(context.Context)
		late bool
	}{{"size", b.sizes, false}, {"steady", b.steady, false}, {"log", b.logs, false}, {"crash", b.crash, true}, {"stop", b.stops, true}, {"killed", b.killed, true}} {
		if ctx.Err() != nil || !slices.Contains(strings.Split(b.parts, ","), part.name) {
			continue
		}
		do := func() {
			part.do(ctx)
			fmt.Fprintf(os.Stderr, "%s: %s\n", time.Since(began).Round(time.Second), part.name)
		}
		if b.quick && part.late {
			last.Go(do)
		} else {
			do()
		}
	}
	last.Wait()
}

func (b *bench) buildChild(ctx context.Context) error {
	b.child = filepath.Join(b.work, "child")
	source := b.child + ".c"
	if err := os.WriteFile(source, childSource, 0o600); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "gcc", "-O2", "-static", "-o", b.child, source).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build the child (test/setup installs gcc): %w\n%s", err, out)
	}
	return nil
}

// available keeps the supervisors that this machine has, and names the rest.
func (b *bench) available(ctx context.Context) []peer {
	var list []peer
	for _, p := range []peer{&holdfastHouse{bin: b.bin}, &runit{}, &s6{}, &supervisord{}, &pm2{}, &processCompose{}, &systemd{}} {
		if b.only != "" && !slices.Contains(strings.Split(b.only, ","), p.name()) {
			continue
		}
		if err := p.have(ctx); err != nil {
			b.note("%s was left out: %v", p.name(), err)
			continue
		}
		list = append(list, p)
	}
	return list
}

func (b *bench) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if !slices.Contains(b.notes, line) {
		b.notes = append(b.notes, line)
	}
}

// put writes a figure of a supervisor into the table.
func (b *bench) put(figure string, p peer, value float64, format string, args ...any) {
	if b.rows[figure] == nil {
		b.rows[figure] = map[string]cell{}
		b.order = append(b.order, figure)
	}
	b.rows[figure][p.name()] = cell{value, fmt.Sprintf(format, args...)}
}

// failed writes that a figure could not be had.
func (b *bench) failed(figure string, p peer, err error) {
	b.put(figure, p, 0, "failed")
	b.note("%s, %s: %v", p.name(), figure, err)
}

// goals are the best that was measured so far, by figure.
func goals() map[string]string {
	return map[string]string{
		"100 units up": "≤ 0.3 s", "500 units up": "≤ 3 s",
		"100 units add, PSS": "≤ 10 MB", "500 units add, PSS": "≤ 48 MB",
		"idle CPU, 100 units": "≈ 0", "restart after SIGKILL, median": "≤ 4 ms",
		"crash loop, starts/s": "≤ 1/s", "crash loop, CPU": "≤ 5 ms/s", "log lines lost": "0",
		"survivors: detached grandchild": "0", "survivors: TERM-ignoring child": "0",
		"supervisor SIGKILLed: units lost": "0", "supervisor SIGKILLed: lines lost": "0",
		"supervisor SIGKILLed: resumed": "≤ 2 s",
	}
}

// show prints the table: one row a figure, ours beside the best of the others.
func (b *bench) show(took time.Duration) {
	fmt.Printf("%s, %d cores, %s, load %s, took %s\n\n", kernel(), runtime.NumCPU(), runtime.Version(), load(), took.Round(time.Second))
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	head := []string{"FIGURE", "GOAL"}
	for _, p := range b.peers {
		head = append(head, p.name())
	}
	fmt.Fprintln(table, strings.Join(append(head, "× best other"), "\t"))
	for _, figure := range b.order {
		row := []string{figure, goals()[figure]}
		ours, best := cell{}, 0.0
		for _, p := range b.peers {
			c, ok := b.rows[figure][p.name()]
			if !ok {
				c.text = "–"
			}
			row = append(row, c.text)
			switch {
			case p.name() == "holdfast":
				ours = c
			case c.value > 0 && (best == 0 || better(figure, c.value, best)):
				best = c.value
			}
		}
		ratio := ""
		if ours.value > 0 && best > 0 {
			ratio = fmt.Sprintf("%.2f", ours.value/best)
		}
		fmt.Fprintln(table, strings.Join(append(row, ratio), "\t"))
	}
	_ = table.Flush()
	for _, p := range b.peers {
		fmt.Printf("\n%s: %s", p.name(), p.note())
	}
	for _, line := range b.notes {
		fmt.Printf("\nnote: %s", line)
	}
	fmt.Println()
}

func better(figure string, a, b float64) bool {
	if strings.HasSuffix(figure, "lines/s") {
		return a > b
	}
	return a < b
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return "Linux " + strings.TrimSpace(string(text))
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
