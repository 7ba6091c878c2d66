// SPDX-License-Identifier: Apache-2.0

// Command telemetry measures how the session logs of coding agents are read, beside ccusage in the
// same run: 525 MB in 300 files cold, a look at 5,000 files that did not change, and the status line.
//
// It is for finding out, not for asserting: it says of each bar whether it holds here and now, and of a
// miss how busy the machine was. It makes its logs in a temporary folder, wants the
// programs in bin/ (make bench builds them) and ccusage from npm ci in test/clients.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"holdfast/gateway/telemetry/scan"
	"holdfast/gateway/telemetry/scan/corpus"
)

func main() {
	child := flag.String("scan", "", "be the program that is measured: read the logs of this user's folder")
	looks := flag.Int("looks", 1, "how often it looks")
	megabytes := flag.Int64("mb", 525, "how many megabytes of logs")
	files := flag.Int("files", 300, "in how many files")
	runs := flag.Int("runs", 7, "how often each is measured; the median counts")
	flag.Parse()
	err := error(nil)
	if *child != "" {
		err = look(*child, *looks)
	} else {
		err = measure(context.Background(), *megabytes<<20, *files, *runs)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench/telemetry: %v\n", err)
		os.Exit(1)
	}
}

// A count is what one program made of the logs.
type count struct {
	Input, Output, Written, Read int64
	// Looks are how long each look took.
	Looks []time.Duration
}

// look scans and prints what it found.
func look(home string, times int) error {
	var c count
	s := scan.New(scan.Options{Roots: scan.Roots(func(string) string { return "" }, home)})
	for range times {
		began := time.Now()
		_, err := s.Scan(context.Background(), func(records []scan.Record) error {
			for _, r := range records {
				c.Input += r.Usage.Input
				c.Output += r.Usage.Output
				c.Written += r.Usage.CacheWrite5m + r.Usage.CacheWrite1h
				c.Read += r.Usage.CachedRead
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.Looks = append(c.Looks, time.Since(began))
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}

// A cost is what one run took.
type cost struct {
	wall, cpu time.Duration
	rss       float64 // MB
}

// program is a command that is measured; say goes to its standard input.
type program struct {
	args []string
	home string
	say  string
}

func (p program) run(ctx context.Context) ([]byte, cost, error) {
	cmd := exec.CommandContext(ctx, p.args[0], p.args[1:]...)
	cmd.Env = []string{"HOME=" + p.home, "HOLDFAST_HOME=" + p.home, "PATH=" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader(p.say)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return nil, cost{}, fmt.Errorf("%s: %w: %s", filepath.Base(p.args[0]), err, problems.String())
	}
	c := cost{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.rss = float64(usage.Maxrss) / 1024
	}
	return out.Bytes(), c, nil
}

// median runs the programs in turn, so that what else the machine does meets all of them.
func median(ctx context.Context, runs int, programs ...program) (outs [][]byte, costs []cost, err error) {
	outs, all := make([][]byte, len(programs)), make([][]cost, len(programs))
	for range runs {
		for i, p := range programs {
			out, c, err := p.run(ctx)
			if err != nil {
				return nil, nil, err
			}
			outs[i], all[i] = out, append(all[i], c)
		}
	}
	for _, list := range all {
		slices.SortFunc(list, func(a, b cost) int { return cmp.Compare(a.wall, b.wall) })
		costs = append(costs, list[len(list)/2])
	}
	return outs, costs, nil
}

// holds says whether a bar is met; of a miss also how many wanted a processor meanwhile.
func holds(met bool) string {
	if met {
		return "holds"
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "MISSED"
	}
	last, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("MISSED (load %s on %d processors)", last, runtime.NumCPU())
}

// native is ccusage's own program, without the launcher that npm puts before it.
func native() (string, error) {
	found, err := filepath.Glob("test/clients/node_modules/@ccusage/ccusage-*/bin/ccusage")
	if err != nil || len(found) == 0 {
		return "", errors.Join(errors.New("cannot find ccusage: npm ci in test/clients"), err)
	}
	return filepath.Abs(found[0])
}

func measure(ctx context.Context, size int64, files, runs int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	other, err := native()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "holdfast-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "FIGURE\tHOLDFAST\tCCUSAGE 20.0.24\tBAR\t")
	defer func() { _ = table.Flush() }()
	big := filepath.Join(dir, "big")
	if err := corpus.Write(big, corpus.Options{Seed: 1, Claude: files, Bytes: size, Plain: true}); err != nil {
		return err
	}
	if err := cold(ctx, table, runs, program{args: []string{self, "-scan", big}, home: big},
		program{args: []string{other, "claude", "daily", "--offline", "--json", "--timezone", "UTC"}, home: big}); err != nil {
		return err
	}
	if err := again(ctx, table, self, filepath.Join(dir, "many")); err != nil {
		return err
	}
	return line(ctx, table, runs, dir, big, other)
}

func cold(ctx context.Context, table *tabwriter.Writer, runs int, ours, theirs program) error {
	outs, costs, err := median(ctx, runs, ours, theirs)
	if err != nil {
		return err
	}
	var us count
	var them struct {
		Totals struct{ InputTokens, OutputTokens, CacheCreationTokens, CacheReadTokens int64 }
	}
	if err := errors.Join(json.Unmarshal(outs[0], &us), json.Unmarshal(outs[1], &them)); err != nil {
		return err
	}
	row := func(what, bar, verdict string, of func(cost) string) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", what, of(costs[0]), of(costs[1]), bar, verdict)
	}
	row("read cold, the whole process", "≤ 1.0 s", holds(costs[0].wall <= time.Second), func(c cost) string { return fmt.Sprintf("%.2f s", c.wall.Seconds()) })
	row("CPU of it", "stated", "", func(c cost) string { return fmt.Sprintf("%.2f s", c.cpu.Seconds()) })
	row("largest resident memory", "≤ 172 MB", holds(costs[0].rss <= 172), func(c cost) string { return fmt.Sprintf("%.0f MB", c.rss) })
	t := them.Totals
	equal := us.Input == t.InputTokens && us.Output == t.OutputTokens && us.Written == t.CacheCreationTokens && us.Read == t.CacheReadTokens
	fmt.Fprintf(table, "tokens: input output written read\t%d %d %d %d\t%d %d %d %d\tequal\t%s\n",
		us.Input, us.Output, us.Written, us.Read, t.InputTokens, t.OutputTokens, t.CacheCreationTokens, t.CacheReadTokens, holds(equal))
	return nil
}

// again looks at 5,000 files time and again.
func again(ctx context.Context, table *tabwriter.Writer, self, home string) error {
	for n := range 5000 {
		name := filepath.Join(home, ".claude/projects", "-p"+strconv.Itoa(n%50), strconv.Itoa(n)+".jsonl")
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte("{}\n"), 0o600); err != nil {
			return err
		}
	}
	out, _, err := program{args: []string{self, "-scan", home, "-looks", "101"}, home: home}.run(ctx)
	if err != nil {
		return err
	}
	var c count
	if err := json.Unmarshal(out, &c); err != nil {
		return err
	}
	looks := c.Looks[1:]
	slices.Sort(looks)
	fmt.Fprintf(table, "a look at 5,000 files that did not change: best, p50\t%.1f ms, %.1f ms\treads all again\t< 15 ms\t%s\n",
		looks[0].Seconds()*1e3, looks[50].Seconds()*1e3, holds(looks[50] < 15*time.Millisecond))
	return nil
}

// line measures the status line over the large logs.
func line(ctx context.Context, table *tabwriter.Writer, runs int, dir, big, other string) error {
	ours, err := filepath.Abs("bin/holdfast")
	if err != nil {
		return err
	}
	if _, err := os.Stat(ours); err != nil {
		return fmt.Errorf("cannot find the program (make build): %w", err)
	}
	home := filepath.Join(dir, "home")
	if out, err := exec.CommandContext(ctx, ours, "init", home).CombinedOutput(); err != nil {
		return fmt.Errorf("init: %w\n%s", err, out)
	}
	logs, err := filepath.Glob(filepath.Join(big, ".claude/projects/*/*.jsonl"))
	if err != nil || len(logs) == 0 {
		return errors.Join(errors.New("no logs"), err)
	}
	say := fmt.Sprintf(`{"session_id":"%s","transcript_path":"%s","cwd":"/","model":{"id":"m","display_name":"M"},"workspace":{"current_dir":"/","project_dir":"/"},"version":"2.1.14","cost":{"total_cost_usd":1}}`,
		strings.TrimSuffix(filepath.Base(logs[0]), ".jsonl"), logs[0])
	_, costs, err := median(ctx, runs, program{args: []string{ours, "tokens", "statusline"}, home: home, say: say},
		program{args: []string{other, "statusline", "--offline", "--no-cache"}, home: big, say: say})
	if err != nil {
		return err
	}
	fmt.Fprintf(table, "status line, the whole process\t%.1f ms\t%.1f ms\t< 50 ms\t%s\n", costs[0].wall.Seconds()*1e3, costs[1].wall.Seconds()*1e3,
		holds(costs[0].wall < 50*time.Millisecond))
	fmt.Fprintf(table, "its memory\t%.0f MB\t%.0f MB\tstated\t\n", costs[0].rss, costs[1].rss)
	return nil
}
