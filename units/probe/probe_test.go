// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

// touch gives the heartbeat a time of its own choice, as a clock that jumps does.
func touch(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestHeartbeatWhateverTheClockSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beat")
	synctest.Test(t, func(t *testing.T) {
		ask := func(q *Question) error {
			return NewProber(&processtest.Host{}).Ask(t.Context(), q, process.Spec{})
		}
		stale := func(err error) bool { _, is := errors.AsType[*Stale](err); return is }
		u := holdfast.Unit{Healthy: &holdfast.Probe{Heartbeat: path, Every: 10 * time.Second}}
		touch(t, path, time.Now().Add(time.Hour)) // an earlier launch's, when the clock was ahead
		c := NewCheckup(u, "")
		q := c.Healthy
		if q.Failures != 1 || q.Within != 20*time.Second {
			t.Errorf("failures %d, within %s", q.Failures, q.Within)
		}
		if err := ask(q); !errors.Is(err, errNotYet) {
			t.Errorf("an earlier launch's beat: %v", err)
		}
		<-time.After(19 * time.Second)
		if err := ask(q); !errors.Is(err, errNotYet) {
			t.Errorf("within the start period: %v", err)
		}
		// The clock jumps about; each beat counts, for it is a change.
		for _, jump := range []time.Duration{0, -24 * time.Hour, 24 * time.Hour, -time.Second, 365 * 24 * time.Hour} {
			touch(t, path, time.Now().Add(jump))
			if err := ask(q); err != nil {
				t.Errorf("a beat after a jump by %s: %v", jump, err)
			}
			<-time.After(20 * time.Second)
			if err := ask(q); err != nil {
				t.Errorf("a beat within its time after a jump by %s: %v", jump, err)
			}
		}
		<-time.After(time.Second)
		if err := ask(q); !stale(err) {
			t.Errorf("no beat for 21 s, the last one from the future: %v", err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := ask(q); !stale(err) {
			t.Errorf("the file is gone: %v", err)
		}
		touch(t, path, time.Now())
		if err := ask(q); err != nil {
			t.Errorf("it beats again: %v", err)
		}
	})
}

func TestHeartbeatThatCannotBeRead(t *testing.T) {
	u := holdfast.Unit{Ready: &holdfast.Probe{Heartbeat: filepath.Join(t.TempDir(), strings.Repeat("x", 300))}}
	err := NewProber(&processtest.Host{}).Ask(t.Context(), NewCheckup(u, "").Ready, process.Spec{})
	if _, stale := errors.AsType[*Stale](err); err == nil || stale || errors.Is(err, errNotYet) {
		t.Errorf("answer = %v", err)
	}
}

func TestCheckup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		no := errors.New("no")
		u := holdfast.Unit{Port: 9000, Ready: &holdfast.Probe{TCP: true, Within: 20 * time.Second}, Healthy: &holdfast.Probe{HTTP: "/", Failures: 2}}
		c := NewCheckup(u, "")
		if c.Ready.Port != 9000 || c.Healthy.Port != 9000 || c.Healthy.Every != 30*time.Second || c.Healthy.Timeout != 5*time.Second {
			t.Errorf("defaults: %+v %+v", c.Ready.Probe, c.Healthy.Probe)
		}
		at := func(s int) time.Time { return c.Began.Add(time.Duration(s) * time.Second) }
		for _, step := range []struct {
			at    int
			err   error
			want  Verdict
			pause time.Duration
		}{
			{1, no, Unchanged, 10 * time.Millisecond},
			{19, no, Unchanged, 20 * time.Millisecond},
			{20, nil, CameReady, 10 * time.Millisecond},
			{21, no, Unchanged, 30 * time.Second}, // the default start period of 10 s is over
			{22, nil, IsWell, 30 * time.Second},
			{23, no, Unchanged, 30 * time.Second},
			{24, no, IsUnwell, 30 * time.Second},
			{25, no, IsUnwell, 30 * time.Second},
			{26, nil, IsWell, 30 * time.Second},
			{27, errNotYet, Unchanged, 30 * time.Second},
		} {
			if got := c.Answer(step.err, at(step.at)); got != step.want {
				t.Errorf("at %d s: verdict %d, want %d", step.at, got, step.want)
			}
			if got := c.Pause(); got != step.pause {
				t.Errorf("at %d s: pause %s, want %s", step.at, got, step.pause)
			}
		}
		late := NewCheckup(u, "")
		if got := late.Answer(no, late.Began.Add(20*time.Second)); got != NotInTime {
			t.Errorf("verdict %d, want not in time", got)
		}
		early := NewCheckup(holdfast.Unit{Healthy: u.Healthy}, "")
		for range 5 {
			if got := early.Answer(no, early.Began.Add(9*time.Second)); got != Unchanged || early.Failures != 0 {
				t.Errorf("a failure in the start period counts: %d", got)
			}
		}
	})
}

func TestDoubt(t *testing.T) {
	begun := time.Now()
	q := newQuestion(&holdfast.Probe{Heartbeat: "/x", Every: 10 * time.Second}, holdfast.Unit{}, "", true)
	other := newQuestion(&holdfast.Probe{TCP: true, Failures: 2}, holdfast.Unit{Port: 1}, "", false)
	no := errors.New("refused")
	sleeps := Vital{Known: true, State: 'S', CPU: time.Second}
	with := func(change func(*Vital)) Vital { v := sleeps; change(&v); return v }
	same := func(v Vital) func(int) Vital { return func(int) Vital { return v } }
	for _, c := range []struct {
		name string
		see  func(second int) Vital
		// at is when the second sign is found, looking every second; -1 for never within a minute.
		at   int
		want string
	}{
		{"it is stopped", same(with(func(v *Vital) { v.State = 'T' })), 0, "stopped by a signal"},
		{"its leader is a zombie", same(with(func(v *Vital) { v.State = 'Z' })), 0, "zombie"},
		{"a debugger holds it, and it uses no CPU", same(with(func(v *Vital) { v.State = 't' })), 10, "used no CPU and wrote no line for 10s"},
		{"it sleeps", same(sleeps), 10, "used no CPU and wrote no line for 10s"},
		{"it computes", func(s int) Vital {
			return with(func(v *Vital) { v.CPU += time.Duration(s) * 20 * time.Millisecond })
		}, -1, ""},
		{"next to nothing is nothing", func(s int) Vital {
			return with(func(v *Vital) { v.CPU += time.Duration(s) * time.Millisecond })
		}, 10, "used no CPU"},
		{"it writes", func(s int) Vital { return with(func(v *Vital) { v.Log.Size = int64(s) }) }, -1, ""},
		{"it writes to a log that is rotated", func(s int) Vital {
			return with(func(v *Vital) { v.Log = LogMark{Changed: int64(s)} })
		}, -1, ""},
		{"it stops writing", func(s int) Vital { return with(func(v *Vital) { v.Log.Size = int64(min(s, 7)) }) }, 17, "used no CPU"},
		{"its processes come and go", func(s int) Vital {
			return with(func(v *Vital) { v.CPU -= time.Duration(s%2) * 50 * time.Millisecond })
		}, -1, ""},
		{"nobody can tell", same(Vital{}), -1, ""},
		{"nobody can tell, and another probe fails", same(Vital{Asked: true, Other: no}), 1, "readiness check fails, too: refused"},
		{"another probe fails", same(with(func(v *Vital) { v.Asked, v.Other = true, no })), 1, "readiness check fails, too"},
		{"another probe fails now and then", func(s int) Vital {
			return with(func(v *Vital) {
				v.Asked, v.CPU = true, v.CPU+time.Duration(s)*time.Second
				if s%2 == 0 {
					v.Other = no
				}
			})
		}, -1, ""},
		{"another probe goes well, and it does nothing", same(with(func(v *Vital) { v.Asked = true })), 10, "used no CPU"},
	} {
		var d Doubt
		at, why := -1, ""
		for s := 0; s < 60 && why == ""; s++ {
			if why = d.Look(c.see(s), q, other, begun.Add(time.Duration(s)*time.Second)); why != "" {
				at = s
			}
		}
		if at != c.at || !strings.Contains(why, c.want) {
			t.Errorf("%s: %q after %d s, want %q after %d s", c.name, why, at, c.want, c.at)
		}
	}
}
