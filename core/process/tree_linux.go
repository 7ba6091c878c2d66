// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lookSoon and lookAgain are how soon, and then how often, the ends of processes that cannot be
	// waited for are looked at.
	lookSoon  = time.Millisecond
	lookAgain = 10 * time.Millisecond
	// killPatience is how long SIGKILL may take: a process in an uninterruptible wait outlives it.
	killPatience = 10 * time.Second
)

// EndMarked ends every process that carries exactly this mark, with its descendants.
func EndMarked(ctx context.Context, m Mark, s syscall.Signal, grace time.Duration) error {
	return NewMachine(Options{}).EndMarked(ctx, m, s, grace)
}

func (g *ground) endMarked(ctx context.Context, m Mark, s syscall.Signal, grace time.Duration) error {
	t := &tree{ground: g, mark: m, brand: brandOf(m), berth: g.find(m, 0)}
	return t.end(ctx, s, grace)
}

// End ends the whole tree of the launch: the signal goes to the group, and once the first process
// has ended, to those who left the group; SIGKILL to all that outlives the grace.
func (p *Process) End(ctx context.Context, signal syscall.Signal, grace time.Duration) error {
	t := &tree{ground: p.ground, mark: p.id.Mark, brand: p.brand, leader: p, berth: p.berth}
	return t.end(ctx, signal, grace)
}

// A tree is what must be gone when a launch has ended.
type tree struct {
	ground *ground
	mark   Mark
	brand  brand
	leader *Process // nil when only the mark is known
	berth  *berth
	// seen are those found so far, by pid and start: a process that is dying has no environment any
	// more, and still counts until it is dead.
	seen map[int]uint64
}

func (t *tree) end(ctx context.Context, signal syscall.Signal, grace time.Duration) error {
	t.seen = map[int]uint64{}
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	if !t.ask(ctx, signal, deadline) {
		if err := t.kill(); err != nil {
			return err
		}
	}
	t.ground.leave(t.berth, t.brand)
	return nil
}

// ask tells whether all is gone before the grace is over, the context ends, or nothing can be seen.
func (t *tree) ask(ctx context.Context, signal syscall.Signal, deadline *time.Timer) bool {
	if t.leader != nil && !t.askLeader(ctx, signal, deadline) {
		return false
	}
	asked := map[int]uint64{}
	for pause := lookSoon; ; pause = min(2*pause, lookAgain) {
		left, err := t.members()
		if err != nil {
			return false
		}
		if len(left) == 0 {
			return true
		}
		for _, s := range left {
			if asked[s.pid] != s.start {
				asked[s.pid] = s.start
				_ = signalOne(s, signal)
				wake(s, signal)
			}
		}
		select {
		case <-time.After(pause):
		case <-deadline.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// askLeader signals the first process with its group and waits for its end.
func (t *tree) askLeader(ctx context.Context, signal syscall.Signal, deadline *time.Timer) bool {
	select {
	case <-t.leader.done:
		return true
	default:
	}
	t.note()
	if err := t.leader.Signal(signal); err != nil && !errors.Is(err, ErrGone) {
		return false
	}
	if s, err := readStat(t.leader.id.PID); err == nil && s.start == t.leader.id.Start {
		wake(s, signal)
	}
	select {
	case <-t.leader.done:
		return true
	case <-deadline.C:
		return false
	case <-ctx.Done():
		return false
	}
}

// note remembers the descendants of a first process whose launch neither a group nor a brand holds
// together: with its death they may come to be nobody's.
func (t *tree) note() {
	if t.berth.unified == "" && !t.leader.branded {
		_, _ = t.members()
	}
}

// wake lets a stopped process take the signal that it is to end by.
func wake(s stat, signal syscall.Signal) {
	if s.state == 'T' && signal != syscall.SIGKILL {
		_ = signalOne(s, syscall.SIGCONT)
	}
}

// kill sends SIGKILL until nobody is left.
func (t *tree) kill() error {
	patience := time.NewTimer(killPatience)
	defer patience.Stop()
	for pause := lookSoon; ; pause = min(2*pause, lookAgain) {
		if t.leader != nil {
			_ = t.leader.Signal(syscall.SIGKILL)
		}
		t.berth.kill()
		ended := t.leaderDone(pause)
		left, err := t.members()
		if err != nil {
			return err
		}
		if len(left) == 0 && ended {
			return nil
		}
		for _, s := range left {
			_ = signalOne(s, syscall.SIGKILL)
		}
		if len(left) > 0 && huntFor(t.brand) {
			pause = lookSoon
		}
		select {
		case <-time.After(pause):
		case <-patience.C:
			return fmt.Errorf("cannot end %s: %d processes outlive SIGKILL: %v", t.mark, len(left), pids(left))
		}
	}
}

func (t *tree) leaderDone(within time.Duration) bool {
	if t.leader == nil {
		return true
	}
	select {
	case <-t.leader.done:
		return true
	case <-time.After(within):
		return false
	}
}

// members looks who lives of the launch: who is in its groups, carries its brand or mark, is in the
// leader's group or session while the leader holds their number, and all descendants of these.
func (t *tree) members() ([]stat, error) {
	if t.leader != nil && t.leader.leftNothing(t) {
		return nil, nil
	}
	all, err := t.ground.census.take()
	if err != nil {
		return nil, err
	}
	self, leader, grouped := os.Getpid(), t.leaderIn(all), map[int]bool{}
	for _, pid := range t.berth.members() {
		grouped[pid] = true
	}
	in := map[int]bool{}
	for i, s := range all.all {
		if s.pid == self || t.leader != nil && s.start < t.leader.id.Start {
			continue
		}
		if start, known := t.seen[s.pid]; known && start == s.start || grouped[s.pid] || t.own(all, i, leader) {
			in[i] = true
		}
	}
	all.grow(in, self)
	var members []stat
	for i := range in {
		s := all.all[i]
		t.seen[s.pid] = s.start
		if s.dead() {
			t.bury(s)
			continue
		}
		members = append(members, s)
	}
	return members, nil
}

// bury takes the status of a dead orphan of the launch, for whom nobody waits: a bomb's corpses use
// up the numbers of processes.
func (t *tree) bury(s stat) {
	if s.parent == os.Getpid() && !t.ground.knows(s.pid) && readBrand(s.pid) == t.brand {
		t.ground.reap(s.pid)
	}
}

// leaderIn gives the leader's number while nobody else can have it, else 0.
func (t *tree) leaderIn(all *scan) int {
	if t.leader == nil {
		return 0
	}
	id := t.leader.id
	if i, there := all.at[id.PID]; there && all.all[i].start != id.Start {
		return 0
	}
	// Nobody has the number as pid, so a group or session of that number is still the old one.
	return id.PID
}

func (t *tree) own(all *scan, i, leader int) bool {
	s := all.all[i]
	if leader != 0 && (s.group == leader || s.session == leader) {
		return true
	}
	if b := all.brands[i]; b.valid() {
		return b == t.brand
	}
	if s.dead() {
		return false
	}
	mark, found, err := all.mark(i)
	return err == nil && found && mark == t.mark
}

// leftNothing tells that the launch of a child of this process is over, without a look at all
// processes: its groups are empty, and of the orphans that came to this process none is of it.
func (p *Process) leftNothing(t *tree) bool {
	select {
	case <-p.done:
	default:
		return false
	}
	if !p.child || !p.reaper || !isSubreaper() || !t.berth.empty() {
		return false
	}
	return !slices.ContainsFunc(p.ground.orphans(t.brand), t.bore)
}

// bore tells whether an orphan comes from the launch.
func (t *tree) bore(pid int) bool {
	b := readBrand(pid)
	if b.valid() && b != t.brand {
		return false
	}
	s, err := readStat(pid)
	if err != nil || s.start < t.leader.id.Start {
		return false
	}
	if s.dead() {
		t.bury(s)
		return false
	}
	if b == t.brand || t.seen[s.pid] == s.start {
		return true
	}
	if s.parent != os.Getpid() { // it comes from another one that lives, and that one is asked about
		return false
	}
	if s.group == t.leader.id.PID || s.session == t.leader.id.PID {
		return true
	}
	mark, found, err := environMark(pid)
	return err == nil && found && mark == t.mark
}

// signalOne signals exactly the process that was seen: its pidfd is opened first and its start
// compared after, so that a reused pid is never hit.
func signalOne(s stat, signal syscall.Signal) error {
	fd, err := unix.PidfdOpen(s.pid, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	now, err := readStat(s.pid)
	if err != nil || now.start != s.start {
		return ErrGone
	}
	return unix.PidfdSendSignal(fd, signal, nil, 0)
}

func pids(all []stat) []int {
	var out []int
	for _, s := range all {
		out = append(out, s.pid)
	}
	slices.Sort(out)
	return out
}
