// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/core/home"
	"holdfast/gateway/breaker/judge"
)

func filesIn(t *testing.T) Files {
	t.Helper()
	f := In(home.At(t.TempDir()))
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestWhateverStandsThereIsAHalt puts things in the flag's place that are no flag: none hangs the
// reader, all halt, and the owner can take each away.
func TestWhateverStandsThereIsAHalt(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(path string) error{
		"a folder":             func(p string) error { return os.MkdirAll(filepath.Join(p, "with", "things"), 0o700) },
		"a dangling link":      func(p string) error { return os.Symlink("nowhere", p) },
		"a link to all zeroes": func(p string) error { return os.Symlink("/dev/zero", p) },
		"a loop":               func(p string) error { return os.Symlink(p, p) },
		"a pipe":               func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"a huge file":          func(p string) error { return os.WriteFile(p, make([]byte, 32<<20), 0o600) },
		"escapes":              func(p string) error { return os.WriteFile(p, []byte("\x1b[31mred\xff\x00"), 0o600) },
		"not a flag":           func(p string) error { return os.WriteFile(p, []byte(`["reason"]`), 0o600) },
		"odd values":           func(p string) error { return os.WriteFile(p, []byte(`{"reason":7,"since":"x"}`), 0o600) },
		"a cause of its own":   func(p string) error { return os.WriteFile(p, []byte(`{"reason":"r","cause":"mine"}`), 0o600) },
		"a false scope":        func(p string) error { return os.WriteFile(p, []byte(`{"reason":"r","scope":"key:x"}`), 0o600) },
		"an absurd cooldown": func(p string) error {
			return os.WriteFile(p, []byte(`{"reason":"r","cooldown_until":"9999-01-01T00:00:00Z"}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := filesIn(t)
			if err := put(f.FlagPath(House)); err != nil {
				t.Fatal(err)
			}
			flag, stands := f.Flag(House, time.Now())
			if !stands || !f.Stands(House) || flag.Reason == "" || flag.EndsItself() || !flag.Covers("", "") {
				t.Fatalf("%v: %+v", stands, flag)
			}
			if len(flag.Reason) > 2*mostReason || strings.ContainsAny(flag.Reason, "\x1b\x00\n") {
				t.Errorf("reason %q", flag.Reason)
			}
			if r := flag.Refusal(time.Now()); r.RetryAfter < Every || r.RetryAfter > mostRetry {
				t.Errorf("retry after %s", r.RetryAfter)
			}
			if first, err := f.Raise(Flag{Reason: "ours", Cause: CauseBurn}); first || err != nil {
				t.Errorf("another is raised over it: %v, %v", first, err)
			}
			if err := f.Lower(House, time.Now()); err != nil || f.Stands(House) {
				t.Errorf("it cannot be taken away: %v", err)
			}
			if left, _ := filepath.Glob(f.path("HALT_FLAG.folder-*/with/things")); name == "a folder" && len(left) != 1 {
				t.Error("a folder of somebody's was destroyed")
			}
		})
	}
}

// TestOneOfManyRaises has judges of several processes' worth of files raise at once.
func TestOneOfManyRaises(t *testing.T) {
	t.Parallel()
	for _, s := range []Scope{House, Tenant("acme/€ ../x"), Key("ci")} {
		f := filesIn(t)
		var first atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				yes, err := f.Raise(Flag{Reason: fmt.Sprint("by ", i), Cause: CauseBurn, Scope: s})
				if err != nil {
					t.Error(err)
				}
				if yes {
					first.Add(1)
				}
			})
		}
		wg.Wait()
		if first.Load() != 1 {
			t.Errorf("%s: %d were first", s.Subject(), first.Load())
		}
		if flag, stands := f.Flag(s, time.Now()); !stands || !strings.HasPrefix(flag.Reason, "by ") || flag.Scope != s {
			t.Errorf("%+v", flag)
		}
		if left, _ := filepath.Glob(f.path(raising + "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		if s != House && (len(f.Standing()) != 1 || f.Standing()[0] != s || f.Stands(House)) {
			t.Errorf("standing %v", f.Standing())
		}
	}
}

func TestSweepTakesOldLeavings(t *testing.T) {
	t.Parallel()
	f := filesIn(t)
	for _, name := range []string{raising + "1.1", raising + "2.2"} {
		if err := os.WriteFile(f.path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(f.path(raising+"1.1"), old, old); err != nil {
		t.Fatal(err)
	}
	f.Sweep(time.Now())
	if left, _ := filepath.Glob(f.path(raising + "*")); len(left) != 1 || filepath.Base(left[0]) != raising+"2.2" {
		t.Errorf("left %v", left)
	}
}

func TestThresholdsByHand(t *testing.T) {
	t.Parallel()
	f := filesIn(t)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(f.ThresholdsPath(), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := f.Thresholds(); err != nil || !got.Equal(judge.Defaults()) {
		t.Errorf("%+v, %v", got, err)
	}
	write(`{"hard_cap_per_hour": 7, "tenants": {"acme": {"hard_cap_per_day": 3}}}`)
	good, err := f.Thresholds()
	if err != nil || good.HardCapPerHour != 7 || good.Tenants["acme"].HardCapPerDay != 3 || good.HardCapPerDay != judge.Defaults().HardCapPerDay {
		t.Fatalf("%+v, %v", good, err)
	}
	if err := f.Keep(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "{", `{"hard_cap_per_hour": -1}`, `{"hard_cap_per_hourr": 5}`, `{"hard_cap_per_hour": 5} {}`, `{"hard_cap_per_hour": 1e30}`,
		`{"tenants": {"a": 5}}`, `{"soft_cap_pct": 2}`, `[]`, `{"blind_seconds": 0}`, "\x00",
	} {
		write(bad)
		if got, err := f.Thresholds(); err == nil || !got.Equal(good) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
	if err := errors.Join(os.Remove(f.ThresholdsPath()), syscall.Mkfifo(f.ThresholdsPath(), 0o600)); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Thresholds(); err == nil || !got.Equal(good) {
		t.Errorf("a pipe: %+v, %v", got, err)
	}
}

func TestDiary(t *testing.T) {
	t.Parallel()
	d := filesIn(t).Diary()
	long := strings.Repeat("x", 100_000)
	for range 40 {
		if err := d.Tell(Event{Event: EventWarn, Reason: long}); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{d.historyPath(), d.historyPath() + ".1"} {
		if info, err := os.Stat(path); err != nil || info.Size() > 2*mostHistory {
			t.Errorf("%s: %v", path, err)
		}
	}
	torn, err := os.OpenFile(d.historyPath(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := torn.WriteString(`{"event":"ha`); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(torn.Close(), d.Tell(Event{Event: EventHalt})); err != nil {
		t.Fatal(err)
	}
	if last, err := d.History(2); err != nil || len(last) != 2 || last[0].Event != EventHalt || last[1].Event != EventWarn {
		t.Errorf("a torn line took others with it: %d, %v", len(last), err)
	}
}

// TestUntoldIsToldOnce also when the one who journals dies or fails over it.
func TestUntoldIsToldOnce(t *testing.T) {
	t.Parallel()
	d := filesIn(t).Diary()
	for _, reason := range []string{"a", "b"} {
		if err := d.Leave(Event{Event: EventWarn, Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Untold(func(Event) error { return errors.New("the journal is full") }); err == nil {
		t.Fatal("a failure is not told")
	}
	if err := d.Leave(Event{Event: EventWarn, Reason: "c"}); err != nil {
		t.Fatal(err)
	}
	said := ""
	full := func(e Event) error {
		if said != "" {
			return errors.New("the journal has room for one")
		}
		said += e.Reason
		return nil
	}
	if err := d.Untold(full); err == nil {
		t.Fatal("a failure is not told")
	}
	for range 3 {
		if err := d.Untold(func(e Event) error { said += e.Reason; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if said != "abc" {
		t.Errorf("told %q", said)
	}
}

func FuzzFlag(f *testing.F) {
	for _, text := range []string{"", "stop", `{"reason":"x","cause":"burn","cooldown_until":"2026-01-01T00:00:00Z"}`, `{"reason":"`, "\xff\xfe", `{"boot":{"since":-1},"cause":"burn"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		now := time.Now()
		flag := read(data, Flag{Cause: CauseUnknown, Since: now})
		if r := flag.Refusal(now); !strings.HasPrefix(r.Reason, Reason) || r.RetryAfter < Every || r.RetryAfter > mostRetry {
			t.Errorf("%q: %+v", data, r)
		}
		if strings.ContainsAny(flag.Reason+flag.By, "\x00\x1b\n") {
			t.Errorf("%q shows %q by %q", data, flag.Reason, flag.By)
		}
		flag.Cooled(now, &Moment{})
	})
}
