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
	// orphanLooks is how often new corpses among the orphans are taken for what is left of a launch,
	// and not for the track of one that goes on.
	orphanLooks = 3
)

func (g *ground) endMarked(ctx context.Context, m Mark, s syscall.Signal, grace time.Duration) error {
	t := &tree{ground: g, mark: m, brand: brandOf(m), berth: g.find(m, 0)}
	return t.end(ctx, s, grace)
}

// End ends the whole tree of the launch: the signal goes to the group, and once the first process
// has ended, to those who left the group; SIGKILL to all that outlives the grace.
func (p *Process) End(ctx context.Context, signal syscall.Signal, grace time.Duration) error {
	t := &tree{ground: p.ground, mark: p.id.Mark, brand: p.brand, leader: p, berth: p.berth}
	if p.berth.unified == "" { // a group has even the first moments, and is nobody else's
		t.tint = p.ground.tintOf(p.brand)
	}
	if err := t.end(ctx, signal, grace); err != nil {
		return err
	}
	_ = p.pidfd.Close() // nobody is left to be signalled
	return nil
}

// A tree is what must be gone when a launch has ended.
type tree struct {
	ground *ground
	mark   Mark
	brand  brand
	tint   tint     // 0 when the launch has none of its own or needs none, or only the mark is known
	leader *Process // nil when only the mark is known
	berth  *berth
	// seen are those found so far, by pid and start: a process that is dying has no environment any
	// more, and still counts until it is dead.
	seen map[int]uint64
	// corpses are those that were seen dead.
	corpses map[int]uint64
}

func (t *tree) end(ctx context.Context, signal syscall.Signal, grace time.Duration) error {
	t.seen, t.corpses = map[int]uint64{}, map[int]uint64{}
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	if !t.ask(ctx, signal, deadline) {
		if err := t.kill(); err != nil {
			return err
		}
	}
	t.ground.leave(t.berth)
	return nil
}

// ask tells whether all is gone before the grace is over, the context ends, or nothing can be seen.
func (t *tree) ask(ctx context.Context, signal syscall.Signal, deadline *time.Timer) bool {
	if t.leader != nil && !t.askLeader(ctx, signal, deadline) {
		return false
	}
	asked := map[int]uint64{}
	for pause := lookSoon; ; pause = min(2*pause, lookAgain) {
		left, over, err := t.look()
		if err != nil {
			return false
		}
		if over {
			return true
		}
		for _, s := range left {
			if asked[s.pid] != s.start {
				asked[s.pid] = s.start
				_ = signalOne(s, signal)
				_ = signalOne(s, syscall.SIGCONT) // who is stopped cannot heed it
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
	if t.leader.ended() {
		return true
	}
	t.note()
	if err := t.leader.Signal(signal); err != nil && !errors.Is(err, ErrGone) {
		return false
	}
	_ = t.leader.Signal(syscall.SIGCONT) // who is stopped cannot heed the other
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
		_, _, _ = t.look()
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
		left, over, err := t.look()
		if err != nil {
			return err
		}
		if over && ended {
			return nil
		}
		for _, s := range left {
			_ = signalOne(s, syscall.SIGKILL)
		}
		if ended && t.hunt() {
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

// look tells who lives of the launch: who is in its groups, carries its brand or mark, is in the
// leader's group or session while the leader holds their number, and all descendants of these. It
// is over when nobody does and nobody new has died: a process that goes on in another and another
// is seen only by its dead.
func (t *tree) look() (left []stat, over bool, err error) {
	nothing, tracks := t.leftNothing()
	if nothing {
		return nil, true, nil
	}
	all, err := t.ground.census.take()
	if err != nil {
		return nil, false, err
	}
	over = !tracks
	for i := range t.of(all) {
		s := all.all[i]
		t.seen[s.pid] = s.start
		if s.dead() {
			over = !t.bury(s) && over
			continue
		}
		left, over = append(left, s), false
	}
	return left, over && !t.berth.populated(), nil
}

// of finds the processes of the launch in a scan, the dead among them.
func (t *tree) of(all *scan) map[int]bool {
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
	return in
}

// bury tells whether one has died since the last look: it may have gone on in another, who came
// after the look had begun. It takes the status of an orphan, for whom nobody waits: a bomb's corpses
// use up the numbers of processes.
func (t *tree) bury(s stat) (fresh bool) {
	fresh = t.corpses[s.pid] != s.start
	t.corpses[s.pid] = s.start
	if s.parent == os.Getpid() && t.carriedBy(s.pid) {
		t.ground.bury(s.pid)
	}
	return fresh
}

// carriedBy tells whether a process has the brand, or has none and the tint. Another house may have
// given the same tint to a launch that it has not branded yet, whose environment says so.
func (t *tree) carriedBy(pid int) bool {
	if now := readBrand(pid); now.valid() || t.tint == 0 || readTint(pid) != t.tint {
		return now == t.brand
	}
	environ, err := readEnviron(pid)
	if now := readBrand(pid); now.valid() { // it was branded meanwhile
		return now == t.brand
	}
	mark, found := findMark(environ)
	return err != nil || !found || mark == t.mark
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
	if t.tint != 0 && all.tint(i) == t.tint {
		return t.carriedBy(s.pid)
	}
	if s.dead() {
		return false
	}
	mark, found, err := all.mark(i)
	return err == nil && found && mark == t.mark
}

// leftNothing tells that the launch of a child of this process is over, without a look at all
// processes: its groups are empty, and of the orphans that came to this process none is of it. Else
// it tells whether there were tracks of one that goes on in another and another.
func (t *tree) leftNothing() (nothing, tracks bool) {
	p := t.leader
	if p == nil || !p.child || !p.reaper || !p.ended() || !isSubreaper() || !t.berth.vacant() {
		return false, false
	}
	for range orphanLooks {
		alive, dead := t.orphans()
		if alive || !dead {
			return !alive, tracks || dead
		}
		tracks = true
	}
	return false, tracks
}

// orphans tells whether orphans of the launch live, or died and were not seen before.
func (t *tree) orphans() (alive, dead bool) {
	for _, pid := range t.ground.orphans(t.brand) {
		s, mine := t.bore(pid)
		switch {
		case !mine:
		case !s.dead():
			return true, dead
		default:
			dead = t.bury(s) || dead
		}
	}
	return false, dead
}

// bore tells whether an orphan comes from the launch.
func (t *tree) bore(pid int) (stat, bool) {
	b := readBrand(pid)
	if b.valid() && b != t.brand {
		return stat{}, false
	}
	s, err := readStat(pid)
	switch {
	case err != nil || s.start < t.leader.id.Start:
		return s, false
	case b == t.brand || t.seen[s.pid] == s.start || t.carriedBy(pid):
		return s, true
	case s.dead() || s.parent != os.Getpid(): // its parent lives, and is asked about
		return s, false
	case s.group == t.leader.id.PID || s.session == t.leader.id.PID:
		return s, true
	}
	mark, found, err := environMark(pid)
	return s, err == nil && found && mark == t.mark
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
