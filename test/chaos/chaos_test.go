// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/holdfasttest/need"
	"holdfast/test/outside"
)

func TestMain(m *testing.M) {
	outside.Guardian()
	outside.Clocked()
	os.Exit(m.Run())
}

func compiler(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		need.Missing(t, "there is no C compiler for the units")
	}
}

type logged struct{ t *testing.T }

func (l logged) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// TestChaos disturbs a real house: two minutes, or until the long form's counts are reached.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	t.Parallel()
	compiler(t)
	o := options{
		duration: variable(t, "DURATION", 2*time.Minute, time.ParseDuration), bin: need.Programs(t), margin: 12 * time.Second, out: logged{t}, fullDown: true,
		units: variable(t, "UNITS", 100, strconv.Atoi), seed: variable(t, "SEED", 0, unsigned),
	}
	o.long()
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func unsigned(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }

func variable[T any](t *testing.T, name string, otherwise T, parse func(string) (T, error)) T {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	value, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}

// TestCatchesWrongs runs a real house and does what a broken supervisor would: each must be caught.
func TestCatchesWrongs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	t.Parallel()
	compiler(t)
	bin := need.Programs(t)
	var group sync.WaitGroup
	several := make(chan struct{}, 4) // they mostly wait
	for wrong, want := range map[string]string{
		wrongDouble:  "runs twice",
		wrongOrphan:  "outlived its launch",
		wrongBare:    "outlived its launch",
		wrongCheck:   "outlived its house",
		wrongHeld:    "is held",
		wrongAbsent:  "is wanted and has not run",
		wrongIntent:  "in var/intent.json",
		wrongLine:    "are lost|shrank", // whatever comes first
		wrongTwice:   "is there twice",
		wrongJournal: "the journal does not verify",
		wrongLeft:    "are left",
	} {
		catch := func(t *testing.T) {
			dir, err := os.MkdirTemp("", "wrong-") //nolint:usetesting // what t.TempDir gives is too long for sockets
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			s := saboteur{wrong: wrong}
			o := options{duration: 3 * time.Minute, seed: 11, bin: bin, units: 20, margin: 8 * time.Second, instead: s.work, out: logged{t}, dir: dir}
			err = run(t.Context(), o)
			broken, ok := errors.AsType[*violation](err)
			if !ok || !regexp.MustCompile(want).MatchString(broken.what) {
				t.Fatalf("a %s was not caught: %v", wrong, err)
			}
		}
		group.Go(func() {
			several <- struct{}{}
			defer func() { <-several }()
			t.Run(wrong, catch)
		})
	}
	group.Wait()
}

// A bookTest writes logs and acknowledgements as counters and keepers would.
type bookTest struct {
	*ledger
	t *testing.T
}

func newBook(t *testing.T) bookTest {
	t.Helper()
	p := place{work: t.TempDir()}
	for _, dir := range []string{p.logs(), p.acks()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return bookTest{newLedger(p), t}
}

func (b bookTest) ack(id string, n uint64) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.acks(), "ack.u."+id), binary.NativeEndian.AppendUint64(nil, n), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b bookTest) write(name, text string) {
	b.t.Helper()
	f, err := os.OpenFile(filepath.Join(b.logs(), name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(text); err != nil {
		b.t.Fatal(err)
	}
}

func said(id string, n uint64) string { return fmt.Sprintf("C u %s %d %s\n", id, n, letters(n)) }

func kept(id string, n uint64) string {
	stream := "stderr"
	if n%2 == 1 {
		stream = "stdout"
	}
	return "2026-01-31T12:00:00.000000000Z " + stream + " F " + said(id, n)
}

// TestLedgerFindsLosses: what is whole passes, and each way of losing a line is told.
func TestLedgerFindsLosses(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		ack     uint64
		err     string
		missing int
	}{
		"whole":               {said("1-1", 1) + said("1-1", 2) + said("1-1", 3), 3, "", 0},
		"streams apart":       {kept("1-1", 2) + kept("1-1", 1) + kept("1-1", 3), 3, "", 0},
		"two launches":        {kept("1-1", 1) + kept("2-2", 1) + kept("2-2", 2), 1, "", 0},
		"one more than acked": {kept("1-1", 1) + kept("1-1", 2), 1, "", 0},
		"last one missing":    {kept("1-1", 1) + kept("1-1", 2), 3, "", 1},
		"nothing there":       {"", 2, "", 2},
		"a gap":               {kept("1-1", 1) + kept("1-1", 5), 5, "are lost", 0},
		"twice":               {kept("1-1", 1) + kept("1-1", 1), 1, "is there twice", 0},
		"the first missing":   {kept("1-1", 3), 3, "are lost", 0},
		"torn in the middle":  {"C u 1-1 1 bbbb\n" + kept("1-1", 3), 3, "was cut off, and line", 0},
		"torn at the end":     {"C u 1-1 1 bbbb\n", 0, "", 0},
		"another's letters":   {strings.Replace(kept("1-1", 1), "bbbb", "bxbb", 1), 1, "is not what was written", 0},
		"two in one":          {strings.Replace(kept("1-1", 1), ".\n", "", 1) + said("1-1", 3), 3, "is not what was written", 0},
		"in parts": {"2026-01-31T12:00:00.000000000Z stdout P C u 1-1 1 " + letters(1)[:9] + "\n" +
			"2026-01-31T12:00:00.000000000Z stdout F:C " + letters(1)[9:] + "\n", 1, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t)
			b.write("u.log", c.text)
			b.ack("1-1", c.ack)
			err := b.read("u")
			if (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
				t.Fatalf("got %v, want %q", err, c.err)
			}
			if missing := b.missing(b.acknowledged()); err == nil && len(missing) != c.missing {
				t.Errorf("missing %v, want %d", missing, c.missing)
			}
		})
	}
}

// TestLedgerFollowsRotation: the newest file becomes a rotated one and is packed, while it is read.
func TestLedgerFollowsRotation(t *testing.T) {
	b := newBook(t)
	b.write("u.log", kept("1-1", 1)+kept("1-1", 2))
	if err := b.read("u"); err != nil {
		t.Fatal(err)
	}
	b.write("u.log", kept("1-1", 3))
	path := filepath.Join(b.logs(), "u.log")
	if err := os.Rename(path, path+".20260131T120000000Z"); err != nil {
		t.Fatal(err)
	}
	b.write("u.log", kept("1-1", 4))
	pack(t, path+".20260131T120000000Z")
	b.write("u.log.20260131T120001000Z", "")
	b.ack("1-1", 4)
	if err := b.read("u"); err != nil {
		t.Fatal(err)
	}
	if missing := b.missing(b.acknowledged()); len(missing) > 0 || b.lines != 4 {
		t.Errorf("missing %v, %d lines", missing, b.lines)
	}
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	if err := b.read("u"); err == nil || !strings.Contains(err.Error(), "shrank") {
		t.Errorf("a file that lost lines: %v", err)
	}
}

func pack(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	_, _ = z.Write(data)
	if err := errors.Join(z.Close(), f.Close(), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
}

// A judgement is a sight and what the judge must say of it, empty for nothing.
type judgement struct {
	units []*unit
	want  string
	see   func(s *sight, j *judge)
}

// TestAForkedChildIsNotTheHouse: a process that the house forked and that is no other program yet comes
// behind it, whichever number it has.
func TestAForkedChildIsNotTheHouse(t *testing.T) {
	house, child, other := outside.Process{PID: 30000, Parent: 1}, outside.Process{PID: 12, Parent: 30000}, outside.Process{PID: 40, Parent: 1}
	got := eldersFirst([]outside.Process{child, other, house})
	if len(got) != 3 || got[0].PID != other.PID || got[1].PID != house.PID || got[2].PID != child.PID {
		t.Errorf("the order is %v", got)
	}
}

func judged(t *testing.T, p place, cases map[string]judgement) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			j := newJudge(p, c.units, 10*time.Second)
			s := sight{at: time.Now(), leaders: map[string][]outside.Process{}, members: map[string][]outside.Process{}}
			c.see(&s, j)
			err := j.see(s)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func calm(j *judge, since time.Duration) { j.calm = time.Now().Add(-since) }

// TestJudge gives the judge true and false sights, with real processes.
func TestJudge(t *testing.T) {
	p := place{work: t.TempDir()}
	one, two := marked(t, p, "a", "1", true), marked(t, p, "a", "2", true)
	judged(t, p, map[string]judgement{
		"well":  {[]*unit{{name: "a"}}, "", func(s *sight, j *judge) { s.leaders["a"], s.members["a"] = one, one; calm(j, time.Hour) }},
		"twice": {[]*unit{{name: "a"}}, "runs twice", func(s *sight, _ *judge) { s.leaders["a"] = append(one, two...) }},
		"on its way to detach itself": {[]*unit{{name: "a"}}, "", func(s *sight, _ *judge) {
			child := two[0]
			child.Parent, child.Env = one[0].PID, one[0].Env
			s.leaders["a"] = append(one[:1:1], child)
			s.members["a"] = s.leaders["a"]
		}},
		"held": {[]*unit{{name: "a", wish: held}}, "is held", func(s *sight, _ *judge) { s.members["a"] = one }},
		"absent": {[]*unit{{name: "a"}}, "has not run", func(_ *sight, j *judge) {
			j.absent["a"] = time.Now().Add(-time.Minute)
			calm(j, time.Minute)
		}},
		"absent in its backoff": {[]*unit{{name: "a"}}, "", func(_ *sight, j *judge) {
			j.absent["a"] = time.Now().Add(-2 * time.Second)
			calm(j, time.Minute)
		}},
		"back after down": {[]*unit{{name: "a"}}, "the house is down", func(s *sight, j *judge) {
			j.down, j.downAt, s.members["a"] = true, time.Now().Add(-time.Second), one
		}},
		"too many": {[]*unit{{name: "a", kind: bomb}}, "its limit", func(s *sight, _ *judge) {
			s.leaders["a"] = one
			for range bombLimit + 1 {
				s.members["a"] = append(s.members["a"], one...)
			}
		}},
		"two watches": {nil, "more than one watch", func(s *sight, j *judge) {
			s.watch = append(one, two...)
			j.several["watch"] = time.Now().Add(-time.Minute)
			calm(j, time.Minute)
		}},
	})
}

// TestJudgeOfOrphans does the same with processes whose launch or house may be gone.
func TestJudgeOfOrphans(t *testing.T) {
	p := place{work: t.TempDir()}
	one, stray, check := marked(t, p, "a", "1", true), marked(t, p, "b", "1", false), marked(t, p, "a", "1"+checkSuffix, false)
	long := func(j *judge, orphan outside.Process) {
		j.orphans[orphan.ID()] = time.Now().Add(-time.Minute)
		calm(j, time.Minute)
	}
	bare := func(s *sight, j *judge, led int) { // the leader started so much later
		leader, child := one[0], one[0]
		leader.Start, child.Env = leader.Start+uint64(led), nil
		s.leaders["a"], s.members["a"] = []outside.Process{leader}, []outside.Process{leader, child}
		long(j, child)
	}
	judged(t, p, map[string]judgement{
		"a fresh orphan": {nil, "", func(s *sight, j *judge) { s.members["b"] = stray; calm(j, time.Second) }},
		"an orphan": {nil, "outlived", func(s *sight, j *judge) {
			s.members["b"] = stray
			long(j, stray[0])
		}},
		"without a mark, of the launch":        {nil, "", func(s *sight, j *judge) { bare(s, j, -1) }},
		"without a mark, of an earlier launch": {nil, "outlived its launch", func(s *sight, j *judge) { bare(s, j, 1) }},
		"a check of the house": {nil, "", func(s *sight, j *judge) {
			s.house, s.checks = []outside.Process{{PID: check[0].Parent}}, check
			long(j, check[0])
		}},
		"a check of a dead house": {nil, "outlived its house", func(s *sight, j *judge) {
			s.house, s.checks = one, check
			long(j, check[0])
		}},
		"an orphan while no house is up": {nil, "", func(s *sight, j *judge) {
			s.members["b"] = stray
			j.orphans[stray[0].ID()] = time.Now().Add(-time.Minute)
		}},
	})
}

// TestLookSeesMarks finds a unit's processes in /proc.
func TestLookSeesMarks(t *testing.T) {
	p := place{work: t.TempDir()}
	leader := marked(t, p, "a", "1", true)
	member := marked(t, p, "a", "1", false)
	marked(t, p, "a", "1-check", true)
	s := p.look()
	if len(s.leaders["a"]) != 1 || s.leaders["a"][0].PID != leader[0].PID {
		t.Errorf("leaders %v, want %v", s.leaders["a"], leader)
	}
	if len(s.members["a"]) != 2 || !member[0].Alive() {
		t.Errorf("members %v", s.members["a"])
	}
}

// marked runs a process with the mark of a launch until the test ends.
func marked(t *testing.T, p place, unit, launch string, leader bool) []outside.Process {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "sleep", "300")
	cmd.Env = []string{"HOLDFAST_UNIT=" + p.house() + "/" + unit + "/" + launch}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: leader, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		if found, ok := outside.Read(cmd.Process.Pid); ok && found.Mark() != "" && len(found.Args) == 2 {
			return []outside.Process{found}
		}
	}
	t.Fatal("the process does not show its mark")
	return nil
}
