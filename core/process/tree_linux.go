// SPDX-License-Identifier: Apache-2.0

package process

import (
	"cmp"
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
	// lookAgain is how often the ends of processes that cannot be waited for are looked at.
	lookAgain = 10 * time.Millisecond
	// killPatience is how long SIGKILL may take: a process in an uninterruptible wait outlives it.
	killPatience = 10 * time.Second
)

// Marked lists the living processes that carry a mark of the house, oldest first.
func Marked(house string) ([]Found, error) {
	all, err := table()
	if err != nil {
		return nil, err
	}
	boot := bootID()
	var found []Found
	for _, s := range all {
		if s.dead() || s.pid == os.Getpid() {
			continue
		}
		mark, ok, err := environMark(s.pid)
		if err != nil || !ok || house != "" && mark.House != house {
			continue
		}
		found = append(found, Found{
			Identity: Identity{PID: s.pid, Start: s.start, Boot: boot, Mark: mark},
			Parent:   s.parent, Name: s.name, Leader: s.session == s.pid,
		})
	}
	// Start counts in hundredths of a second; within one the lower pid is nearly always the elder.
	slices.SortFunc(found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
	})
	return found, nil
}

// EndMarked ends every process that carries exactly this mark, with its descendants.
func EndMarked(ctx context.Context, m Mark, s syscall.Signal, grace time.Duration) error {
	return (&tree{mark: m}).end(ctx, s, grace)
}

// End ends the whole tree of the launch: the signal goes to the group, and once the first process
// has ended, to those who left the group; SIGKILL to all that outlives the grace.
func (p *Process) End(ctx context.Context, signal syscall.Signal, grace time.Duration) error {
	t := &tree{mark: p.id.Mark, leader: p}
	return t.end(ctx, signal, grace)
}

// A tree is what must be gone when a launch has ended.
type tree struct {
	mark   Mark
	leader *Process // nil when only the mark is known
	// seen are those found so far, by pid and start: a process that is dying has no environment any
	// more, and still counts until it is dead.
	seen map[int]uint64
}

func (t *tree) end(ctx context.Context, signal syscall.Signal, grace time.Duration) error {
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	if t.ask(ctx, signal, deadline) {
		return nil
	}
	return t.kill()
}

// ask tells whether all is gone before the grace is over, the context ends, or nothing can be seen.
func (t *tree) ask(ctx context.Context, signal syscall.Signal, deadline *time.Timer) bool {
	if t.leader != nil {
		if err := t.leader.Signal(signal); err != nil && !errors.Is(err, ErrGone) {
			return false
		}
		select {
		case <-t.leader.done:
		case <-deadline.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	asked := map[int]uint64{}
	for {
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
			}
		}
		select {
		case <-time.After(lookAgain):
		case <-deadline.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// kill sends SIGKILL until nobody is left; who forks faster than it is killed loses in the end,
// for the group is killed at once and each look takes all that is there.
func (t *tree) kill() error {
	patience := time.NewTimer(killPatience)
	defer patience.Stop()
	for {
		if t.leader != nil {
			_ = t.leader.Signal(syscall.SIGKILL)
		}
		left, err := t.members()
		if err != nil {
			return err
		}
		if len(left) == 0 && t.leaderDone() {
			return nil
		}
		for _, s := range left {
			_ = signalOne(s, syscall.SIGKILL)
		}
		select {
		case <-time.After(lookAgain):
		case <-patience.C:
			return fmt.Errorf("cannot end %s: %d processes outlive SIGKILL: %v", t.mark, len(left), pids(left))
		}
	}
}

func (t *tree) leaderDone() bool {
	if t.leader == nil {
		return true
	}
	select {
	case <-t.leader.done:
		return true
	case <-time.After(lookAgain):
		return false
	}
}

// members looks who lives of the launch: who carries the mark, is in the leader's group or
// session while the leader holds their number, and all descendants of these.
func (t *tree) members() ([]stat, error) {
	all, err := table()
	if err != nil {
		return nil, err
	}
	leader := t.leaderIn(all)
	in := map[int]bool{}
	var members []stat
	if t.seen == nil {
		t.seen = map[int]uint64{}
	}
	take := func(s stat) {
		in[s.pid], t.seen[s.pid] = true, s.start
		members = append(members, s)
	}
	for _, s := range all {
		if start, known := t.seen[s.pid]; known && start == s.start || t.own(s, leader) {
			take(s)
		}
	}
	for grown := true; grown; { // parents may come after their children in the list
		grown = false
		for _, s := range all {
			if in[s.parent] && !in[s.pid] && s.pid != os.Getpid() {
				take(s)
				grown = true
			}
		}
	}
	return slices.DeleteFunc(members, stat.dead), nil
}

// leaderIn gives the leader's number while nobody else can have it, else 0.
func (t *tree) leaderIn(all []stat) int {
	if t.leader == nil {
		return 0
	}
	id := t.leader.id
	for _, s := range all {
		if s.pid == id.PID {
			if s.start != id.Start {
				return 0
			}
			return id.PID
		}
	}
	// Nobody has the number as pid, so a group or session of that number is still the old one.
	return id.PID
}

func (t *tree) own(s stat, leader int) bool {
	if s.pid == os.Getpid() || t.leader != nil && s.start < t.leader.id.Start {
		return false
	}
	if leader != 0 && (s.group == leader || s.session == leader) {
		return true
	}
	if s.dead() {
		return false
	}
	mark, found, err := environMark(s.pid)
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
	return out
}
