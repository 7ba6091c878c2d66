// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// stops counts what of a unit is left when its supervisor says that it is stopped.
func (b *bench) stops(ctx context.Context) {
	units := []unit{{name: "forker", mode: "fork"}, {name: "stubborn", mode: "stubborn"}}
	figures := map[string]string{"forker": "survivors: detached grandchild", "stubborn": "survivors: TERM-ignoring child"}
	b.together(func(p peer) {
		r, _, err := b.prepared(ctx, p, units)
		if err != nil {
			b.locked(func() { b.failed("survivors: detached grandchild", p, err) })
			return
		}
		defer r.close(ctx, p)
		until(ctx, 3*time.Second, func() bool { return len(r.descendants("forker")) > 0 && len(r.descendants("stubborn")) > 0 })
		for _, u := range units {
			born := r.descendants(u.name)
			began := time.Now()
			err := p.stop(ctx, r, u.name)
			// What ends late is not left: the supervisor may still be at it.
			until(ctx, 3*time.Second, func() bool { return len(r.children(u.name)) == 0 })
			left := len(r.children(u.name))
			b.locked(func() {
				if err != nil || len(born) == 0 {
					b.failed(figures[u.name], p, errors.Join(err, errors.New("no descendant, or no answer")))
					return
				}
				b.put(figures[u.name], p, float64(left), "%s", survivors(left, time.Since(began)))
			})
		}
	})
}

func survivors(left int, took time.Duration) string {
	if left > 0 {
		return "alive"
	}
	return "0 after " + took.Round(100*time.Millisecond).String()
}

func (r *run) descendants(unit string) []int {
	var list []int
	for _, s := range r.told() {
		if s.what == "descendant" && s.unit == unit {
			list = append(list, s.pid)
		}
	}
	return list
}

// killed kills the supervisor's main process while a unit writes numbered lines and another one
// dies, and starts it again unless it came back by itself.
func (b *bench) killed(ctx context.Context) {
	b.together(func(p peer) {
		if err := b.killedOf(ctx, p); err != nil {
			b.locked(func() { b.failed("supervisor SIGKILLed: units lost", p, err) })
		}
	})
}

func (b *bench) killedOf(ctx context.Context, p peer) error {
	acknowledged := filepath.Join(b.work, "acknowledged-"+p.name())
	r, _, err := b.prepared(ctx, p, []unit{
		{name: "writer", mode: "count", more: []string{acknowledged}, logged: true}, {name: "calm", mode: "wait"}, {name: "other", mode: "wait"},
	})
	if err != nil {
		return err
	}
	defer r.close(ctx, p)
	wait(ctx, 11*time.Second)
	writer, calm := r.children("writer"), r.children("calm")
	boss, ok := p.main(r)
	if !ok || len(writer) != 1 || len(calm) != 1 {
		return errors.New("cannot find the supervisor or its units")
	}
	_ = syscall.Kill(boss.PID, syscall.SIGKILL)
	killedAt := monotonic()
	_ = syscall.Kill(calm[0].PID, syscall.SIGKILL)
	wait(ctx, 3*time.Second)
	lost := 0
	if !writer[0].Alive() {
		lost++
	}
	others := len(r.children("other"))
	by, at := "itself", r.startedAfter("calm", calm[0].PID)
	if at == 0 {
		by, killedAt = "start", monotonic()
		if err := p.start(ctx, r); err != nil {
			b.locked(func() { b.note("%s, started again: %v", p.name(), err) })
		}
		until(ctx, 8*time.Second, func() bool { at = r.startedAfter("calm", calm[0].PID); return at > 0 })
	}
	wait(ctx, 2*time.Second)
	doubles := len(r.children("writer")) - 1
	for _, c := range r.children("writer") {
		_ = syscall.Kill(c.PID, syscall.SIGSTOP) // so that nothing is written while we count
	}
	wait(ctx, 2*time.Second)
	missing := r.missing(p, acknowledged)
	b.locked(func() {
		b.put("supervisor SIGKILLed: units lost", p, float64(lost+1-others), "%d of 2", lost+1-others)
		b.put("supervisor SIGKILLed: doubles", p, float64(max(doubles, 0)), "%d", max(doubles, 0))
		b.put("supervisor SIGKILLed: lines lost", p, float64(missing.lost), "%d of %d", missing.lost, missing.of)
		if at == 0 {
			b.put("supervisor SIGKILLed: resumed", p, 0, "never")
			return
		}
		took := (at - killedAt).Seconds()
		b.put("supervisor SIGKILLed: resumed", p, took, "%.2f s by %s", took, by)
	})
	return nil
}

type losses struct{ lost, of int }

// missing counts the lines that were written and are in no log.
func (r *run) missing(p peer, acknowledged string) losses {
	data, err := os.ReadFile(acknowledged)
	if err != nil || len(data) < 8 {
		return losses{}
	}
	last := int(binary.NativeEndian.Uint64(data))
	got := numbers(p.log(r, "writer"), "count ")
	lost := 0
	for n := 1; n <= last; n++ {
		if got[n] == 0 {
			lost++
		}
	}
	return losses{lost, last}
}
