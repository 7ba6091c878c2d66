// SPDX-License-Identifier: Apache-2.0

// Command supervisor measures units/supervisor with real processes (/bin/sleep) and prints a table.
//
// It is for finding out, not for asserting. It works in a folder of its own and leaves nothing.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/units/supervisor"
)

func main() {
	for _, measure := range []func(context.Context, *bench) error{tenUnits, many(100), many(500), restarts, crashLoop} {
		if err := run(measure); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
}

// A bench is one supervisor on an empty home.
type bench struct {
	units *supervisor.Supervisor
	life  house.Capability
}

func run(measure func(context.Context, *bench) error) (err error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{units: supervisor.New(supervisor.Options{Home: home.At(dir)})}
	b.life = b.units.Capability()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := b.life.Start(ctx); err != nil {
		return err
	}
	ran := make(chan error, 1)
	go func() { ran <- b.life.Run(ctx) }()
	err = measure(ctx, b)
	begun := time.Now()
	if stopErr := b.life.Stop(context.Background()); err == nil {
		err = stopErr
	}
	fmt.Printf("%-44s %s\n", "  and all of it stopped in", ms(time.Since(begun)))
	cancel()
	<-ran
	return err
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func sleepers(n int, change func(*holdfast.Unit)) []holdfast.Unit {
	var units []holdfast.Unit
	for i := range n {
		u := holdfast.Unit{Name: fmt.Sprintf("unit%03d", i), Run: []string{"/bin/sleep", "infinity"}, Restart: holdfast.RestartAlways}
		if change != nil {
			change(&u)
		}
		units = append(units, u)
	}
	return units
}

// up waits until so many units satisfy a condition, told by their changes.
func (b *bench) up(ctx context.Context, units []holdfast.Unit, good func(holdfast.UnitStatus) bool) (time.Duration, error) {
	changes := b.units.Changes(ctx)
	begun := time.Now()
	if err := b.units.Set(ctx, "bench", units); err != nil {
		return 0, err
	}
	done := map[string]bool{}
	for change := range changes {
		if good(change.Status) {
			done[change.Status.Name] = true
		}
		if len(done) == len(units) {
			break
		}
	}
	return time.Since(begun), nil
}

func running(s holdfast.UnitStatus) bool { return s.State.Up() && s.PID != 0 }

func tenUnits(ctx context.Context, b *bench) error {
	took, err := b.up(ctx, sleepers(10, func(u *holdfast.Unit) {
		u.Ready = &holdfast.Probe{Exec: []string{"/bin/true"}}
		u.Healthy = &holdfast.Probe{Exec: []string{"/bin/true"}}
	}), running)
	fmt.Printf("%-44s %s\n", "10 units ready by an exec check in", ms(took))
	return err
}

func many(n int) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		before := memory()
		took, err := b.up(ctx, sleepers(n, nil), running)
		if err != nil {
			return err
		}
		<-time.After(time.Second)
		after := memory()
		fmt.Printf("%-44s %s\n", fmt.Sprintf("%d units running in", n), ms(took))
		fmt.Printf("%-44s %.1f MB\n", fmt.Sprintf("  what %d units add to the house (RSS)", n), float64(after-before)/1024)
		cpu := used()
		<-time.After(5 * time.Second)
		fmt.Printf("%-44s %.2f %%\n", "  CPU while idle", float64((used()-cpu).Microseconds())/50_000)
		return nil
	}
}

// restarts kills units that ran for ten seconds, one after the other.
func restarts(ctx context.Context, b *bench) error {
	if _, err := b.up(ctx, sleepers(50, nil), running); err != nil {
		return err
	}
	<-time.After(11 * time.Second)
	var took []time.Duration
	for _, st := range b.units.List() {
		follow, stop := context.WithCancel(ctx)
		changes := b.units.Changes(follow)
		begun := time.Now()
		if err := syscall.Kill(st.PID, syscall.SIGKILL); err != nil {
			stop()
			return err
		}
		for change := range changes {
			if running(change.Status) && change.Status.PID != st.PID {
				break
			}
		}
		took = append(took, time.Since(begun))
		stop()
	}
	slices.Sort(took)
	fmt.Printf("%-44s %s median, %s p95, of %d\n", "SIGKILL to the replacement running", ms(took[len(took)/2]), ms(took[len(took)*95/100]), len(took))
	return nil
}

// crashLoop keeps ten units that end at once for a while.
func crashLoop(ctx context.Context, b *bench) error {
	units := sleepers(10, func(u *holdfast.Unit) { u.Run = []string{"/bin/false"} })
	cpu := used()
	if err := b.units.Set(ctx, "bench", units); err != nil {
		return err
	}
	const span = 20 * time.Second
	<-time.After(span)
	starts := 0
	for _, st := range b.units.List() {
		starts += st.Restarts
	}
	fmt.Printf("%-44s %.2f starts/s, %.2f ms CPU/s a unit\n", "a crash loop costs in its first 20 s",
		float64(starts)/span.Seconds()/10, float64((used()-cpu).Milliseconds())/span.Seconds()/10)
	return nil
}

// memory is this process's resident set in KiB, after garbage was returned.
func memory() int {
	runtime.GC()
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(data) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kib, _ := strconv.Atoi(string(bytes.Fields(rest)[0]))
			return kib
		}
	}
	return 0
}

// used is the CPU time of this process so far.
func used() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
