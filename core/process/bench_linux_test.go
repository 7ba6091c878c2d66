// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

func BenchmarkTable(b *testing.B) {
	for b.Loop() {
		all, err := table()
		if err != nil || len(all) == 0 {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadStat(b *testing.B) {
	for b.Loop() {
		if _, err := readStat(1); err != nil {
			b.Fatal(err)
		}
	}
}

// tiny writes a static program without any runtime that says "!" and waits: what a start costs is
// then what starting costs.
func tiny(tb testing.TB) string {
	tb.Helper()
	if runtime.GOARCH != "amd64" {
		tb.Skip("the tiny program is written for amd64")
	}
	code := []byte{
		0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0x48, 0x8d, 0x35, 16, 0, 0, 0, 0xba, 1, 0, 0, 0, 0x0f, 0x05, // write(1, "!", 1)
		0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7, '!', // pause(), for ever
	}
	const base, headers = 0x400000, 64 + 56
	le := binary.LittleEndian
	elf := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	for _, half := range []uint16{2, 62} {
		elf = le.AppendUint16(elf, half)
	}
	elf = le.AppendUint32(elf, 1)
	for _, word := range []uint64{base + headers, 64, 0} {
		elf = le.AppendUint64(elf, word)
	}
	elf = le.AppendUint32(elf, 0)
	for _, half := range []uint16{64, 56, 1, 64, 0, 0} {
		elf = le.AppendUint16(elf, half)
	}
	elf = le.AppendUint32(le.AppendUint32(elf, 1), 5)
	size := uint64(headers + len(code))
	for _, word := range []uint64{0, base, base, size, size, 0x1000} {
		elf = le.AppendUint64(elf, word)
	}
	path := filepath.Join(tb.TempDir(), "tiny")
	if err := os.WriteFile(path, append(elf, code...), 0o700); err != nil {
		tb.Fatal(err)
	}
	return path
}

// A yard is a machine with launches of the tiny program.
type yard struct {
	tb      testing.TB
	machine Machine
	program string
	house   string
	count   int
	said    chan time.Time
	read    *os.File
	write   *os.File
}

func newYard(tb testing.TB, o Options) *yard {
	tb.Helper()
	if err := TakeOrphans(); err != nil {
		tb.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	y := &yard{
		tb: tb, machine: NewMachine(o), program: tiny(tb), house: "bench-" + strconv.Itoa(os.Getpid()),
		said: make(chan time.Time, 1000), read: r, write: w,
	}
	go func() {
		var one [1]byte
		for {
			if n, err := r.Read(one[:]); n != 1 || err != nil {
				return
			}
			y.said <- time.Now()
		}
	}()
	tb.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return y
}

func (y *yard) launch() *Process {
	y.tb.Helper()
	y.count++
	p, err := y.machine.ground.start(Spec{
		Argv: []string{y.program}, Stdout: y.write, Env: []string{"PATH=/bin"},
		Mark: Mark{House: y.house, Unit: "tiny", Launch: strconv.Itoa(y.count)},
	})
	if err != nil {
		y.tb.Fatal(err)
	}
	return p
}

// crowd starts bystanders and ends them after the test.
func (y *yard) crowd(n int) []*Process {
	y.tb.Helper()
	var all []*Process
	for range n {
		all = append(all, y.launch())
		<-y.said
	}
	y.tb.Cleanup(func() { y.endAll(all) })
	return all
}

func (y *yard) endAll(all []*Process) {
	var running sync.WaitGroup
	for _, p := range all {
		running.Go(func() {
			if err := p.End(context.Background(), syscall.SIGTERM, 5*time.Second); err != nil {
				y.tb.Error(err)
			}
		})
	}
	running.Wait()
}

// eachWay runs a benchmark with and without control groups, beside 0, 100 and 500 launches.
func eachWay(b *testing.B, bench func(b *testing.B, y *yard, crowd []*Process)) {
	for _, way := range []struct {
		name    string
		options Options
	}{{"groups", Options{}}, {"plain", Options{NoGroups: true}}, {"nolist", Options{NoGroups: true, noChildren: true}}} {
		for _, n := range []int{0, 100, 500} {
			b.Run(way.name+"/"+strconv.Itoa(n), func(b *testing.B) {
				y := newYard(b, way.options)
				bench(b, y, y.crowd(n))
			})
		}
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// BenchmarkStart measures from the call to the program's first instruction.
func BenchmarkStart(b *testing.B) {
	eachWay(b, func(b *testing.B, y *yard, _ []*Process) {
		var all []time.Duration
		for b.Loop() {
			begun := time.Now()
			p := y.launch()
			all = append(all, (<-y.said).Sub(begun))
			b.StopTimer()
			y.endAll([]*Process{p})
			b.StartTimer()
		}
		b.ReportMetric(micros(median(all)), "µs-median")
	})
}

// BenchmarkRestart measures from kill -9 through the end of the old launch to the first instruction
// of its replacement, and apart the question whether the old one left anything.
func BenchmarkRestart(b *testing.B) {
	eachWay(b, func(b *testing.B, y *yard, _ []*Process) {
		p := y.launch()
		<-y.said
		var all, cleared []time.Duration
		for b.Loop() {
			begun := time.Now()
			_ = syscall.Kill(p.id.PID, syscall.SIGKILL)
			<-p.Done()
			dead := time.Now()
			if err := p.End(context.Background(), syscall.SIGKILL, 0); err != nil {
				b.Fatal(err)
			}
			cleared = append(cleared, time.Since(dead))
			p = y.launch()
			all = append(all, (<-y.said).Sub(begun))
		}
		y.endAll([]*Process{p})
		b.ReportMetric(micros(median(all)), "µs-median")
		b.ReportMetric(micros(median(cleared)), "µs-end")
	})
}

// BenchmarkStops measures the end of 500 launches at once.
func BenchmarkStops(b *testing.B) {
	for name, options := range map[string]Options{"groups": {}, "plain": {NoGroups: true}, "nolist": {NoGroups: true, noChildren: true}} {
		b.Run(name, func(b *testing.B) {
			y := newYard(b, options)
			for b.Loop() {
				b.StopTimer()
				all := y.crowd(500)
				b.StartTimer()
				y.endAll(all)
			}
		})
	}
}

// BenchmarkUsage measures 500 launches.
func BenchmarkUsage(b *testing.B) {
	y := newYard(b, Options{})
	y.crowd(500)
	for b.Loop() {
		all, err := y.machine.Usage(y.house)
		if err != nil || len(all) != 500 {
			b.Fatal(len(all), err)
		}
	}
}
