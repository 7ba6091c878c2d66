// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
	"holdfast/units/usage"
)

// A gauge is a meter that shows what a test says.
type gauge struct {
	mu      sync.Mutex
	state   byte
	speed   time.Duration // CPU used in each second
	unknown bool
	began   time.Time
}

func newGauge() *gauge { return &gauge{state: 'S'} }

func (g *gauge) option(o *Options) { o.Meter = g }

func (g *gauge) set(state byte, speed time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state, g.speed = state, speed
}

func (g *gauge) Read(leaders []process.Identity) (map[process.Mark]usage.Reading, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.unknown {
		return nil, errors.New("nobody can tell")
	}
	if g.began.IsZero() {
		g.began = time.Now()
	}
	readings := map[process.Mark]usage.Reading{}
	for _, l := range leaders {
		readings[l.Mark] = usage.Reading{
			State: g.state, CPU: time.Duration(time.Since(g.began).Seconds() * float64(g.speed)), Processes: 1, Memory: 1 << 20,
		}
	}
	return readings, nil
}

func (g *gauge) Self() (usage.Reading, error) { return usage.Reading{Processes: 1}, nil }

// beat writes the heartbeat now.
func beat(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(time.Now().Format(time.RFC3339Nano)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func beating(path string) holdfast.Unit {
	u := plain("a")
	u.Healthy = &holdfast.Probe{Heartbeat: path, Every: 10 * time.Second}
	return u
}

func TestStaleAloneNeverKills(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beat")
	g := newGauge()
	g.set('R', time.Second)
	bubble(t, func(t *testing.T, r *rig) {
		r.set(beating(path))
		for range 6 {
			beat(t, path)
			pass(10 * time.Second)
		}
		r.is("a", holdfast.UnitRunning)
		pass(14 * time.Second)
		if st := r.is("a", holdfast.UnitUnhealthy); !strings.HasPrefix(st.Detail, "no heartbeat in beat for 2") {
			t.Errorf("detail = %q", st.Detail)
		}
		pass(2 * time.Hour) // it computes
		r.is("a", holdfast.UnitUnhealthy)
		if n := launchesOf(r, "a"); n != 1 {
			t.Fatalf("a unit that computes was killed for being stale: %d launches", n)
		}
		beat(t, path)
		pass(3 * time.Second)
		r.is("a", holdfast.UnitRunning)
	}, g.option)
}

func TestStaleAndQuietIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beat")
	g := newGauge()
	bubble(t, func(t *testing.T, r *rig) {
		never := beating(path)
		never.Name, never.Restart = "never", holdfast.RestartNever
		r.set(beating(path), never)
		beat(t, path)
		pass(25 * time.Second)
		r.is("a", holdfast.UnitUnhealthy)
		if n := launchesOf(r, "a"); n != 1 {
			t.Fatal("it was killed without a second sign")
		}
		pass(8 * time.Second)
		if n := launchesOf(r, "a"); n != 2 {
			t.Fatalf("%d launches after it was stale and did nothing, want 2", n)
		}
		found := false
		for _, line := range r.journal.subjects("unit.state") {
			found = found || strings.Contains(line, "no heartbeat in beat for") && strings.Contains(line, "and it used no CPU and wrote no line for 10s")
		}
		if !found {
			t.Errorf("both signs are not in the journal: %v", r.journal.subjects("unit.state"))
		}
		pass(time.Hour)
		r.is("never", holdfast.UnitUnhealthy)
		if launchesOf(r, "never") != 1 {
			t.Error("a unit that is never restarted was")
		}
	}, g.option)
}

func TestStaleAndStoppedIsKilledAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beat")
	g := newGauge()
	g.set('T', 0)
	bubble(t, func(t *testing.T, r *rig) {
		r.set(beating(path))
		beat(t, path)
		pass(20 * time.Second)
		if n := launchesOf(r, "a"); n != 1 {
			t.Error("it was killed before it was stale")
		}
		pass(3 * time.Second)
		if n := launchesOf(r, "a"); n != 2 {
			t.Errorf("%d launches of a unit that is stale and stopped, want 2", n)
		}
	}, g.option)
}

func TestStaleWhereNobodyCanTell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beat")
	g := newGauge()
	g.unknown = true
	bubble(t, func(t *testing.T, r *rig) {
		asked := beating(path)
		asked.Name, asked.Ready = "asked", &holdfast.Probe{Exec: []string{"check"}, Failures: 2}
		r.set(beating(path))
		beat(t, path)
		pass(time.Hour)
		r.is("a", holdfast.UnitUnhealthy)
		if launchesOf(r, "a") != 1 {
			t.Error("killed on one sign")
		}
		fails := time.Now().Add(30 * time.Second)
		r.fake.OnStart = func(l *processtest.Launch) error {
			if strings.HasSuffix(l.Identity().Mark.Launch, probeSuffix) {
				well := time.Now().Before(fails)
				l.Quit(map[bool]int{true: 0, false: 1}[well])
			}
			return nil
		}
		r.set(beating(path), asked)
		r.is("asked", holdfast.UnitReady)
		beat(t, path)
		pass(25 * time.Second)
		r.is("asked", holdfast.UnitUnhealthy) // stale, and it still answers
		pass(15 * time.Second)
		if n := launchesOf(r, "asked"); n != 2 {
			t.Errorf("%d launches after its readiness check failed too, want 2", n)
		}
	}, g.option)
}

func TestReadyByALine(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		u := plain("a")
		u.Ready = &holdfast.Probe{Line: "^listening", Within: 20 * time.Second}
		log := filepath.Join(r.dir, logPath(u))
		r.fake.OnStart = func(l *processtest.Launch) error {
			if len(r.fake.Of("a")) == 1 { // the second launch says it after a while
				time.AfterFunc(3*time.Second, func() { say(t, log, "listening on 9000\n") })
			}
			return nil
		}
		say(t, log, "listening\n") // by an earlier launch
		r.set(u)
		pass(19 * time.Second)
		r.is("a", holdfast.UnitStarting)
		pass(2 * time.Second)
		r.is("a", holdfast.UnitStarting)
		if n := launchesOf(r, "a"); n != 2 {
			t.Fatalf("%d launches, want 2: the first never said it", n)
		}
		pass(4 * time.Second)
		r.is("a", holdfast.UnitReady)
	})
}

func say(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
}

// A line that a launch already said is not asked for a second time when its order changes.
func TestReadyLineOutlivesAnOrder(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		u := plain("a")
		u.Healthy = &holdfast.Probe{Line: "^alive", Every: 10 * time.Second}
		log := filepath.Join(r.dir, logPath(u))
		r.set(u)
		say(t, log, "alive\n")
		restarted := u
		restarted.Stop.Grace = time.Minute // does not concern the process
		r.set(restarted)
		proof := make(chan error, 1)
		go func() { proof <- r.Start(t.Context(), "a") }()
		pass(time.Second)
		select {
		case err := <-proof:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("not proven, and it said so")
		}
		r.is("a", holdfast.UnitRunning)
		if launchesOf(r, "a") != 1 {
			t.Error("restarted for nothing")
		}
	})
}

func TestIdleUnitEnds(t *testing.T) {
	g := newGauge()
	bubble(t, func(t *testing.T, r *rig) {
		u, busy, talks := plain("a"), plain("busy"), plain("talks")
		u.Idle, talks.Idle = 10*time.Minute, 10*time.Minute
		needs := plain("needs", "a")
		r.set(u, busy, talks, needs)
		log := filepath.Join(r.dir, logPath(talks))
		for range 11 {
			pass(time.Minute)
			say(t, log, "still here\n")
		}
		if st := r.is("a", holdfast.UnitStopped); !strings.HasPrefix(st.Detail, "idle for 1") {
			t.Errorf("detail = %q", st.Detail)
		}
		r.is("talks", holdfast.UnitRunning)
		r.is("busy", holdfast.UnitRunning)
		pass(time.Hour)
		r.is("a", holdfast.UnitStopped)
		if launchesOf(r, "a") != 1 {
			t.Error("an idle unit was started again by itself")
		}
		if err := r.Start(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		r.is("a", holdfast.UnitRunning)
		if st, _ := r.Status("a"); st.Restarts != 0 {
			t.Errorf("%d restarts: idleness is no failure", st.Restarts)
		}
		g.set('S', 100*time.Millisecond)
		pass(2 * time.Hour)
		r.is("a", holdfast.UnitRunning) // it computes
		synctest.Wait()
	}, g.option)
}
