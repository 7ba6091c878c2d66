// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast/test/outside"
)

func waiters(n int) []unit {
	var list []unit
	for i := range n {
		list = append(list, unit{name: fmt.Sprintf("u%03d", i), mode: "wait"})
	}
	return list
}

// sizes measures how long so many units take to run, and what they add to the supervisor's memory.
func (b *bench) sizes(ctx context.Context) {
	counts, settle := []int{0, 10, 100, 500}, 3*time.Second
	if b.quick {
		counts, settle = []int{0, 100}, time.Second
	}
	for _, p := range b.peers {
		empty := outside.Cost{}
		for _, n := range counts {
			figure := fmt.Sprintf("%d units up", n)
			took, cost, err := b.size(ctx, p, n, settle)
			switch {
			case err != nil:
				b.failed(figure, p, err)
			case n == 0:
				empty = cost
				b.put("no units, PSS", p, mb(cost.PSS), "%.1f MB", mb(cost.PSS))
			default:
				b.put(figure, p, took.Seconds(), "%.3f s", took.Seconds())
				pss, anonymous := mb(cost.PSS-empty.PSS), mb(cost.Anonymous-empty.Anonymous)
				b.put(fmt.Sprintf("%d units add, PSS", n), p, pss, "%.1f MB", pss)
				b.put(fmt.Sprintf("%d units add, anonymous", n), p, anonymous, "%.1f MB", anonymous)
			}
		}
	}
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

func (b *bench) size(ctx context.Context, p peer, n int, settle time.Duration) (time.Duration, outside.Cost, error) {
	r, err := b.newRun(p, waiters(n))
	if err != nil {
		return 0, outside.Cost{}, err
	}
	defer r.close(ctx, p)
	began := monotonic()
	if err := p.start(ctx, r); err != nil {
		return 0, outside.Cost{}, err
	}
	last, err := r.up(ctx, 60*time.Second)
	if err != nil {
		return 0, outside.Cost{}, err
	}
	wait(ctx, settle)
	return last - began, outside.Costs(r.supervisors()), nil
}

// steady keeps a hundred units under every supervisor at once: what they cost idle, and how long a
// killed unit is away.
func (b *bench) steady(ctx context.Context) {
	span, kills, killing := time.Minute, 100, 15*time.Second
	if b.quick {
		span, kills, killing = 11*time.Second, 40, 2500*time.Millisecond
	}
	runs := map[string]*run{}
	for _, p := range b.peers {
		r, err := b.newRun(p, waiters(100))
		if err == nil {
			defer r.close(ctx, p)
			if err = p.start(ctx, r); err == nil {
				_, err = r.up(ctx, 60*time.Second)
			}
		}
		if err != nil {
			b.failed("idle CPU, 100 units", p, err)
			continue
		}
		runs[p.name()] = r
	}
	wait(ctx, 3*time.Second)
	before := map[string]outside.Cost{}
	for name, r := range runs {
		before[name] = outside.Costs(r.supervisors())
	}
	wait(ctx, span)
	for _, p := range b.peers {
		if r := runs[p.name()]; r != nil {
			used := outside.Costs(r.supervisors()).CPU - before[p.name()].CPU
			ms := float64(used.Microseconds()) / 1000 / span.Seconds()
			b.put("idle CPU, 100 units", p, ms, "%.2f ms/s", ms)
		}
	}
	for _, p := range b.peers {
		if r := runs[p.name()]; r != nil && ctx.Err() == nil {
			b.kills(ctx, p, r, kills, killing)
		}
	}
}

// kills kills units one after the other, for so long; every one has run for more than eleven
// seconds.
func (b *bench) kills(ctx context.Context, p peer, r *run, n int, span time.Duration) {
	killed := map[string]time.Duration{}
	var order []string
	began := time.Now()
	for _, s := range r.told()[:n] {
		if time.Since(began) > span || ctx.Err() != nil {
			break
		}
		at := monotonic()
		if s.pid == 0 || syscall.Kill(s.pid, syscall.SIGKILL) != nil {
			continue
		}
		killed[s.unit] = at
		order = append(order, s.unit)
		until(ctx, 3*time.Second, func() bool { return r.startedAfter(s.unit, s.pid) > 0 })
	}
	var took []time.Duration
	until(ctx, 5*time.Second, func() bool {
		took = took[:0]
		starts := map[string]time.Duration{}
		for _, s := range r.told() {
			if at := killed[s.unit]; at > 0 && s.what == "start" && s.at >= at && starts[s.unit] == 0 {
				starts[s.unit] = s.at
				took = append(took, max(s.at-at, 0))
			}
		}
		return len(took) == len(order)
	})
	if len(took) == 0 {
		b.failed("restart after SIGKILL, median", p, errors.New("no unit came back within 5 s"))
		return
	}
	slices.Sort(took)
	median, p99 := took[len(took)/2], took[(len(took)-1)*99/100]
	b.put("restart after SIGKILL, median", p, median.Seconds(), "%.1f ms of %d", median.Seconds()*1000, len(took))
	b.put("restart after SIGKILL, p99", p, p99.Seconds(), "%.1f ms", p99.Seconds()*1000)
	if len(took) < len(order) {
		b.note("%s: %d of %d killed units were not back within 5 s", p.name(), len(order)-len(took), len(order))
	}
}

func (r *run) startedAfter(unit string, pid int) time.Duration {
	list := r.told()
	for _, s := range slices.Backward(list) {
		if s.unit == unit && s.what == "start" && s.pid != pid {
			return s.at
		}
	}
	return 0
}

// crash keeps one unit that ends at once, under every supervisor.
func (b *bench) crash(ctx context.Context) {
	span := 20 * time.Second
	if b.quick {
		span = 6 * time.Second
	}
	b.together(func(p peer) {
		r, _, err := b.prepared(ctx, p, []unit{{name: "crash", mode: "crash"}, {name: "calm", mode: "wait"}})
		if err != nil {
			b.locked(func() { b.failed("crash loop, starts/s", p, err) })
			return
		}
		defer r.close(ctx, p)
		before, starts := outside.Costs(r.supervisors()), r.starts("crash")
		wait(ctx, span)
		after, rate := outside.Costs(r.supervisors()), float64(r.starts("crash")-starts)/span.Seconds()
		used := after.CPU + after.Children - before.CPU - before.Children
		ms := float64(used.Microseconds()) / 1000 / span.Seconds()
		b.locked(func() {
			b.put("crash loop, starts/s", p, rate, "%.2f/s", rate)
			b.put("crash loop, CPU", p, ms, "%.1f ms/s", ms)
		})
	})
}

func (r *run) starts(unit string) int {
	n := 0
	for _, s := range r.told() {
		if s.unit == unit && s.what == "start" {
			n++
		}
	}
	return n
}

// prepared starts a supervisor and waits for its units; began is when the last one told its start.
func (b *bench) prepared(ctx context.Context, p peer, units []unit) (r *run, began time.Duration, err error) {
	b.locked(func() { r, err = b.newRun(p, units) })
	if err != nil {
		return nil, 0, err
	}
	if err = p.start(ctx, r); err == nil {
		began, err = r.up(ctx, 30*time.Second)
	}
	if err != nil {
		r.close(ctx, p)
		return nil, 0, err
	}
	return r, began, nil
}

// together measures all supervisors at once.
func (b *bench) together(measure func(peer)) {
	var all sync.WaitGroup
	for _, p := range b.peers {
		all.Go(func() { measure(p) })
	}
	all.Wait()
}

// logs measures how fast lines go through to the file, under one supervisor after the other.
func (b *bench) logs(ctx context.Context) {
	lines := 300_000
	if b.quick {
		lines = 60_000
	}
	for _, p := range b.peers {
		if err := b.logsOf(ctx, p, lines); err != nil {
			b.failed("log lines/s", p, err)
		}
	}
}

func (b *bench) logsOf(ctx context.Context, p peer, lines int) error {
	r, began, err := b.prepared(ctx, p, []unit{{name: "talker", mode: "log", more: []string{strconv.Itoa(lines)}, logged: true}})
	if err != nil {
		return err
	}
	defer r.close(ctx, p)
	var last time.Duration
	size, quiet := int64(0), time.Now()
	want := int64(lines) * 80
	until(ctx, 60*time.Second, func() bool {
		if now := sizeOf(p.log(r, "talker")); now != size {
			size, quiet, last = now, time.Now(), monotonic()
		}
		if size > want {
			quiet = minTime(quiet, time.Now().Add(-1500*time.Millisecond)) // all is there, and perhaps more
		}
		return time.Since(quiet) > 2*time.Second
	})
	got := numbers(p.log(r, "talker"), "line ")
	rate := float64(len(got)) / (last - began).Seconds()
	b.put("log lines/s", p, rate, "%.0f", rate)
	b.put("log lines lost", p, float64(lines-len(got)), "%d of %d", lines-len(got), lines)
	return nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func sizeOf(files []string) int64 {
	total := int64(0)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			total += info.Size()
		}
	}
	return total
}

// numbers collects the numbers that stand behind a word in files.
func numbers(files []string, word string) map[int]int {
	seen := map[int]int{}
	for _, file := range files {
		text, err := outside.Log(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			_, rest, ok := strings.Cut(line, word)
			if !ok || !strings.HasSuffix(line, "\n") {
				continue
			}
			digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
			if n, err := strconv.Atoi(digits); err == nil {
				seen[n]++
			}
		}
	}
	return seen
}
