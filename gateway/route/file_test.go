// SPDX-License-Identifier: Apache-2.0

package route

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/core/home/disk"
)

// at is a router with its file and a clock.
func at(path string, now *time.Time) *Router {
	return New(Options{File: path, Now: func() time.Time { return *now }})
}

func limited(d time.Duration) Failure {
	return Failure{RetryAfter: d, Reason: "is rate limited", Limited: true}
}

func TestRestartsKeepCooldowns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gateway", "cooldowns.json")
	now := time.Unix(1_700_000_000, 0)
	r := at(path, &now)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file for nothing")
	}
	chain := chainOf("one", "two")
	if _, err := ask(t.Context(), r, chain, ill(limited(10*time.Minute), "one")); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	now = now.Add(4 * time.Minute)
	again := at(path, &now)
	again.Load()
	got := again.Cooldowns()
	if len(got) != 1 || !got[0].Until.Equal(now.Add(6*time.Minute)) || !got[0].Told || !got[0].Limited || got[0].Failures != 1 || again.Fault() != "" {
		t.Fatalf("%+v %s", got, again.Fault())
	}
	if last, ok := again.Last("chat"); !ok || last.Model != "two" {
		t.Errorf("last %v", last)
	}
	if asked, err := ask(t.Context(), again, chain, well); err != nil || asked[0] != "two" {
		t.Errorf("%v %v", asked, err)
	}
}

// TestClocksThatJump: whatever the wall clock did between two processes, no more is left of a
// cooldown than it had.
func TestClocksThatJump(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ jump, left time.Duration }{
		"on time":       {time.Minute, 9 * time.Minute},
		"back a minute": {-time.Minute, 10 * time.Minute},
		"back a year":   {-365 * 24 * time.Hour, 10 * time.Minute},
		"on a while":    {20 * time.Minute, -10 * time.Minute}, // one call probes
		"on a year":     {365 * 24 * time.Hour, 0},             // forgotten
	} {
		path := filepath.Join(t.TempDir(), "cooldowns.json")
		now := time.Unix(1_700_000_000, 0)
		r := at(path, &now)
		_, _ = ask(t.Context(), r, chainOf("one", "two"), ill(limited(10*time.Minute), "one"))
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
		now = now.Add(c.jump)
		r = at(path, &now)
		r.Load()
		got := r.Cooldowns()
		if c.left == 0 {
			if len(got) != 0 {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Until.Sub(now) != c.left || got[0].Since.After(now) {
			t.Errorf("%s: %+v at %s", name, got, now)
		}
	}
}

// TestEveryTornFile: a file cut at any byte, or with any byte wrong, is set aside and told of, or
// says what it can; nothing panics and the house goes on.
func TestEveryTornFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "cooldowns.json")
	now := time.Unix(1_700_000_000, 0)
	r := at(path, &now)
	_, _ = ask(t.Context(), r, chainOf("one", "two", "three"), ill(limited(10*time.Minute), "one", "two"))
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) - 2 {
		var log bytes.Buffer
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		r := New(Options{File: path, Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil))})
		r.Load()
		aside, err := os.ReadFile(path + asideSuffix)
		if len(r.Cooldowns()) != 0 || r.Fault() == "" || !strings.Contains(log.String(), "kept as") || err != nil || !bytes.Equal(aside, whole[:cut]) {
			t.Fatalf("cut at %d: %+v, fault %q, log %s, %v", cut, r.Cooldowns(), r.Fault(), &log, err)
		}
		if _, err := ask(t.Context(), r, chainOf("one", "two"), ill(down, "one")); err != nil || r.Flush() != nil {
			t.Fatalf("cut at %d: it does not go on: %v", cut, err)
		}
	}
}

func TestAFileOfTomorrow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cooldowns.json")
	if err := os.WriteFile(path, []byte(`{"version":2,"cooldowns":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := New(Options{File: path})
	r.Load()
	if !strings.Contains(r.Fault(), "version 2") {
		t.Error(r.Fault())
	}
	if err := os.Mkdir(path, 0o700); err != nil { // no file at all
		t.Fatal(err)
	}
	r = New(Options{File: path})
	r.Load()
	if r.Fault() == "" {
		t.Error("a folder is read")
	}
}

// FuzzLoad: whatever the file holds, deadlines are bounded and calls are answered.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"version":1,"cooldowns":[{"provider":"p","model":"one","until":"2023-11-14T23:00:00Z","since":"2023-11-14T22:00:00Z","span_ns":600000000000,"failures":3}]}`))
	f.Add([]byte(`{"version":1,"cooldowns":[{"provider":"p","model":"one","until":"9999-11-14T23:00:00Z","span_ns":-5,"failures":99999999}],"answered":{"chat":{"provider":"p","model":"x"}}}`))
	f.Add([]byte(`{"version":1,"cooldowns":[{"provider":"p","model":"one","until":"0001-01-01T00:00:01Z","span_ns":9223372036854775807,"failures":1}]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		was, err := parse(data)
		if err != nil {
			return
		}
		now := time.Unix(1_700_000_000, 0)
		r := New(Options{Now: func() time.Time { return now }})
		r.take(was)
		for _, c := range r.Cooldowns() {
			if c.Until.Sub(now) > MostTold || c.Since.After(now) || len(c.Reason) > keptReason+3 {
				t.Fatalf("%+v", c)
			}
		}
		r.Clear(func(Target) bool { return true })
		if asked, err := ask(context.Background(), r, chainOf("one", "two"), ill(down, "one")); err != nil || len(asked) != 2 {
			t.Fatalf("%v %v", asked, err)
		}
	})
}

// TestRunGathers: a cooldown is written as it begins, what else changes is gathered; a disk that
// fails is tried again and told of, and keeps nobody waiting.
func TestRunGathers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cooldowns.json")
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{File: path})
		var writes atomic.Int64
		var full atomic.Bool
		full.Store(true)
		r.file.disk.Watch = func(e disk.Event) error {
			if e.Op == disk.OpRename && !e.Done {
				if writes.Add(1); full.Load() {
					return errors.New("no space left on device")
				}
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		for range 50 {
			_, _ = ask(ctx, r, chainOf("one", "two"), ill(down, "one"))
		}
		synctest.Wait()
		if writes.Load() != 1 || !strings.Contains(r.Fault(), "no space") {
			t.Errorf("%d writes, fault %q", writes.Load(), r.Fault())
		}
		began := time.Now()
		if _, err := ask(ctx, r, chainOf("other", "two"), ill(down, "other")); err != nil || time.Since(began) != 0 || writes.Load() != 1 {
			t.Errorf("%v after %s, %d writes", err, time.Since(began), writes.Load())
		}
		full.Store(false)
		waitFor(tryAgain)
		synctest.Wait()
		if writes.Load() != 2 || r.Fault() != "" {
			t.Errorf("%d writes, fault %q", writes.Load(), r.Fault())
		}
		_, _ = ask(ctx, r, chainOf("one", "two"), well) // one is well again, and answered last: that may wait
		synctest.Wait()
		if writes.Load() != 2 {
			t.Errorf("%d writes", writes.Load())
		}
		_, _ = ask(ctx, r, chainOf("three", "two"), ill(down, "three"))
		if writes.Load() != 3 {
			t.Errorf("%d writes", writes.Load())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := r.Flush(); err != nil || writes.Load() != 4 { // who answered last
			t.Errorf("%d writes, %v", writes.Load(), err)
		}
	})
}

// TestAThousandAtOnce: however many targets fail together, that is a write or two, every call waits
// for the one that holds its own, and the file has them all.
func TestAThousandAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cooldowns.json")
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{File: path})
		var writes atomic.Int64
		r.file.disk.Watch = func(e disk.Event) error {
			if e.Op == disk.OpRename && e.Done {
				writes.Add(1)
			}
			if e.Op == disk.OpSync && !e.Done {
				waitFor(20 * time.Millisecond) // as a disk takes
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		began := time.Now()
		var calls sync.WaitGroup
		for i := range mostKept {
			name := fmt.Sprintf("m%d", i)
			calls.Go(func() {
				if _, err := ask(ctx, r, chainOf(name, "two"), ill(down, name)); err != nil {
					t.Error(err)
				}
				if !onDisk(t, path, name) {
					t.Errorf("%s is answered for, and its cooldown is not on the disk", name)
				}
			})
		}
		calls.Wait()
		if took := time.Since(began); writes.Load() > 3 || took > 100*time.Millisecond {
			t.Errorf("%d writes, %s", writes.Load(), took)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// onDisk tells whether the file has a model's cooldown.
func onDisk(t *testing.T, path, model string) bool {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return false
	}
	return bytes.Contains(data, fmt.Appendf(nil, "%q: %q", "model", model))
}

// TestADiskThatHangs keeps no call longer than mostKeeping, and the end of the house lets all go.
func TestADiskThatHangs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cooldowns.json")
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{File: path})
		release := make(chan struct{})
		r.file.disk.Watch = func(e disk.Event) error {
			if e.Op == disk.OpSync && !e.Done {
				<-release
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		for _, chain := range []Chain{chainOf("one", "two"), chainOf("three")} { // answered, and refused
			began := time.Now()
			_, _ = ask(ctx, r, chain, ill(down, "one", "three"))
			if took := time.Since(began); took != mostKeeping {
				t.Errorf("%s kept a call", took)
			}
		}
		close(release)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if !onDisk(t, path, "three") {
			t.Error("the end of the house forgot a cooldown")
		}
	})
}

func TestHealthIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := New(Options{Now: func() time.Time { return now }})
	for i := range 3 * mostKept {
		name := "m" + strings.Repeat("x", i%50) + time.Duration(i).String()
		_, _ = ask(t.Context(), r, Chain{Targets: []Target{{"p", name}}}, func(Target) Failure { return down })
	}
	if n := len(r.circuits); n != mostKept {
		t.Errorf("%d are kept", n)
	}
	now = now.Add(2 * forgetAfter)
	_, _ = ask(t.Context(), r, chainOf("fresh", "two"), ill(down, "fresh"))
	if n := len(r.circuits); n != 1 {
		t.Errorf("%d are kept", n)
	}
}
