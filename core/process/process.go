// SPDX-License-Identifier: Apache-2.0

// Package process starts, watches, finds and ends processes of the operating system, each launch
// as a whole tree: in a session of its own and with a mark in its environment.
//
// It is for the supervisor, for those who run tool servers, and for the surfaces that ask who is
// at the other end of a socket. It is not for deciding what should run (units/supervisor).
// It guarantees that a signal never reaches a reused pid, that a zombie counts as dead, and that
// what End ended is gone with its descendants, sessions of their own included, unless they
// stripped their environment as well. Linux has all of it; other systems what POSIX and ps give.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"holdfast"
)

// MarkVariable is the environment variable that carries the mark of a launch.
const MarkVariable = "HOLDFAST_UNIT"

// ErrGone says that the process of an identity does not live any more.
var ErrGone = errors.New("the process is gone")

// A Refusal says that the system does not let a launch be made as it is asked for: to try again is of
// no use until somebody changes what it asks for, or what is allowed.
type Refusal struct{ Why string }

func (r *Refusal) Error() string { return r.Why }

// A Mark names one launch of one unit of one house; all that the launch starts inherits it.
type Mark struct {
	House  string
	Unit   string
	Launch string
}

// UnreadableMark stands for a process whose environment cannot be read: it counts as marked.
func UnreadableMark() Mark { return Mark{Unit: "unreadable"} }

// String is the mark as the environment carries it: house/unit/launch.
func (m Mark) String() string { return m.House + "/" + m.Unit + "/" + m.Launch }

// MarshalText writes the mark as its string.
func (m Mark) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a mark from its string.
func (m *Mark) UnmarshalText(text []byte) error {
	mark, ok := ParseMark(string(text))
	if !ok {
		return fmt.Errorf("%q is no mark: want house/unit/launch", text)
	}
	*m = mark
	return nil
}

// ParseMark reads house/unit/launch; the unit may hold slashes, house and launch may not.
func ParseMark(text string) (Mark, bool) {
	house, rest, ok := strings.Cut(text, "/")
	if !ok {
		return Mark{}, false
	}
	i := strings.LastIndexByte(rest, '/')
	if i < 0 {
		return Mark{}, false
	}
	return Mark{House: house, Unit: rest[:i], Launch: rest[i+1:]}, true
}

// An Identity tells one process from every other that had, has or will have its pid.
type Identity struct {
	PID int `json:"pid"`
	// Start is the start time in the system's own unit; on Linux clock ticks since boot.
	Start uint64 `json:"start"`
	// Boot is the boot that Start counts from, where the system has such an id.
	Boot string `json:"boot,omitempty"`
	Mark Mark   `json:"mark"`
}

// A Spec says what to start and how.
type Spec struct {
	// Argv is the argument vector; a program name without a slash is looked for in Env's PATH.
	Argv []string
	Dir  string
	// Env is the whole environment, without the mark.
	Env []string
	// Stdin, Stdout and Stderr are the null device when nil. The caller closes its copies.
	Stdin, Stdout, Stderr *os.File
	// Extra are descriptors that the process gets as 3 and up; they stay the caller's.
	Extra []uintptr
	Mark  Mark
	// Credential is another user to run as, nil for the same.
	Credential *syscall.Credential
	// Limits and Sandbox are put on the launch before its program runs.
	Limits  holdfast.Limits
	Sandbox *holdfast.Sandbox
	// Hidden are paths that a sandbox must not show although they lie in the system's folders.
	Hidden []string
	// Helper is the program that confines launches; empty means HelperName beside this program.
	Helper string
}

// An Exit is how a process ended.
type Exit struct {
	// Known is false for a process that was not our child, where the system keeps no status for us.
	Known  bool
	Code   int
	Signal syscall.Signal
	At     time.Time
	// Memory tells that the kernel killed it for passing its launch's memory limit.
	Memory bool
}

// Success tells whether the process is known to have ended with status 0.
func (e Exit) Success() bool { return e.Known && e.Code == 0 && e.Signal == 0 }

func (e Exit) String() string {
	switch {
	case !e.Known:
		return "ended with unknown status"
	case e.Memory:
		return "killed for passing its memory limit"
	case e.Signal != 0:
		return "killed by signal " + SignalName(e.Signal)
	}
	return fmt.Sprintf("exited with status %d", e.Code)
}

// A Usage is what a launch uses, the whole tree of it.
type Usage struct {
	// CPU is the processor time since the launch.
	CPU time.Duration
	// Memory is the sum of what its processes keep in memory, what they share counted for each.
	Memory    int64
	Processes int
}

// A Found is a marked process that lives.
type Found struct {
	Identity
	Parent int
	Name   string
	// Leader tells that the process leads its session, as the first process of a launch does.
	Leader bool
}

// A Holder is the process that listens on a port. PID is 0 when it cannot be seen.
type Holder struct {
	PID  int
	Name string
	Mark Mark
}

func (h Holder) String() string {
	switch {
	case h.PID == 0:
		return "a process of another user"
	case h.Mark.Unit != "":
		return fmt.Sprintf("%s (pid %d, unit %s)", h.Name, h.PID, h.Mark.Unit)
	}
	return fmt.Sprintf("%s (pid %d)", h.Name, h.PID)
}

// A Child is one launch under watch: ours by birth or adopted.
type Child interface {
	Identity() Identity
	// Done is closed when the first process of the launch has ended.
	Done() <-chan struct{}
	// Exit is how it ended; call it after Done.
	Exit() Exit
	// Signal goes to the whole process group.
	Signal(syscall.Signal) error
	// End ends the whole tree: the signal, the grace, then SIGKILL. It may be called after Done,
	// for what the first process left behind.
	End(ctx context.Context, signal syscall.Signal, grace time.Duration) error
}

// A Host starts and finds processes: the Machine, or the fake of processtest.
type Host interface {
	Start(Spec) (Child, error)
	// Adopt watches a process that lives and is not ours by birth; ErrGone when it does not live.
	Adopt(Identity) (Child, error)
	// Marked lists the living processes that carry a mark of the house, of any house when it is empty.
	Marked(house string) ([]Found, error)
	// EndMarked ends all processes that carry exactly this mark, and their descendants.
	EndMarked(ctx context.Context, mark Mark, signal syscall.Signal, grace time.Duration) error
	// PortHolder tells who listens on a TCP port of this machine, false when it is free.
	PortHolder(port int) (Holder, bool)
}

// GroupsVariable in the environment of a house switches control groups off when it is "off".
const GroupsVariable = "HOLDFAST_CGROUPS"

// Options choose among the ways to hold a launch together.
type Options struct {
	// NoGroups makes no control groups, as on a machine that allows none.
	NoGroups bool
	// noChildren asks the kernel for no list of children, as where it was built without.
	noChildren bool
	// leastScore is what the oom_score_adj of a launch is raised to.
	leastScore int
	// noBrand leaves launches with their tint alone, as in the moment before they are branded.
	noBrand bool
}

// A Machine is the Host that is this machine. Those who start many launches share one made by
// NewMachine; the zero Machine does the same more slowly.
type Machine struct{ ground *ground }

var _ Host = Machine{}

// NewMachine makes a Machine, which looks at nothing before it is used.
func NewMachine(o Options) Machine { return Machine{newGround(o)} }

// asChild keeps a nil *Process from becoming a Child that is not nil.
func asChild(p *Process, err error) (Child, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Identity tells which process this is.
func (p *Process) Identity() Identity { return p.id }

// Done is closed when the process has ended; our own children are reaped by then.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how the process ended.
func (p *Process) Exit() Exit { return p.exit }

// Wait waits for the end of the process.
func (p *Process) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-p.done:
		return p.exit, nil
	case <-ctx.Done():
		return Exit{}, ctx.Err()
	}
}
