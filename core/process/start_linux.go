// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// start starts a launch in a session and process group of its own, and in the control groups that
// it may have; a confined one is there when its program runs.
func (g *ground) start(spec Spec) (*Process, error) {
	program, err := spec.check() // no group is made for what cannot start
	if err != nil {
		return nil, err
	}
	b := g.berth(spec.Mark, spec.Limits)
	g.claim(b)
	p, err := g.enter(spec, program, b)
	if err != nil {
		g.leave(b)
		return nil, err
	}
	return p, nil
}

func (g *ground) enter(spec Spec, program string, b *berth) (*Process, error) {
	doors := b.entrances()
	helper := len(doors) == 0 || spec.hasHelper()
	if !helper {
		doors = nil
	}
	e, err := spec.entrance(program, doors)
	if err != nil {
		return nil, err
	}
	defer e.release()
	p, err := g.spawn(spec, e, b)
	if err != nil {
		return nil, err
	}
	shelter{g}.expose(p.id.PID, b.unified)
	if !helper {
		b.admit(p.id.PID)
	}
	if err := e.passed(); err != nil {
		_ = p.End(context.Background(), syscall.SIGKILL, 0) // a helper that cannot be heard may still be there
		return nil, err
	}
	return p, nil
}

// hasHelper tells whether the program is there that enters groups before the launch's own runs.
func (s Spec) hasHelper() bool {
	_, err := s.helper()
	return err == nil
}

// admit moves a launch that runs already into its version 1 groups, where there is no helper to do
// it before; what it started in between is moved too.
func (b *berth) admit(pid int) {
	for _, door := range b.entrances() {
		_ = writeFile(door, strconv.Itoa(pid))
		for _, child := range inGroup(b.unified) {
			_ = writeFile(door, strconv.Itoa(child))
		}
	}
}

// spawn makes the process and watches it. The brand comes in the first moments of the program's
// life, and before it the tint.
func (g *ground) spawn(spec Spec, e *entrance, b *berth) (*Process, error) {
	mine, pidfd := brandOf(spec.Mark), -1
	takeOff, tinted := func() {}, false
	if g.reserve(mine) {
		takeOff, tinted = mine.tint().wear()
	}
	pid, err := g.clone(b, e.program, e.argv, &syscall.ProcAttr{
		Dir: spec.Dir, Env: spec.environment(), Files: e.files,
		Sys: &syscall.SysProcAttr{Setsid: true, Credential: e.credential, PidFD: &pidfd},
	})
	takeOff()
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", e.program, err)
	}
	branded := !g.options.noBrand && mine.apply(pid)
	id := Identity{PID: pid, Boot: bootID(), Mark: spec.Mark}
	if s, err := readStat(pid); err == nil { // it is not reaped yet, so this is it
		id.Start = s.start
	}
	if pidfd < 0 {
		if pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
			_, _ = wait4(pid, 0)
			return nil, fmt.Errorf("cannot watch pid %d: %w", pid, err)
		}
	}
	p, err := g.watch(&Process{id: id, child: true, reaper: isSubreaper(), brand: mine, branded: branded, berth: b}, pidfd)
	if err == nil && b.unified == "" && !tinted {
		g.brandEarly(p)
	}
	return p, err
}

// clone starts the program in its version 2 group. Where the kernel or a filter does not allow it,
// the group is given up, and so is trying again.
func (g *ground) clone(b *berth, program string, argv []string, attr *syscall.ProcAttr) (int, error) {
	if b.unified == "" {
		pid, _, err := syscall.StartProcess(program, argv, attr)
		return pid, err
	}
	pid, err := cloneInto(b.unified, program, argv, attr)
	if err == nil || !forbidden(err) {
		return pid, err
	}
	pid, _, again := syscall.StartProcess(program, argv, attr)
	if again != nil {
		return 0, again
	}
	if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) { // then only this group was taken away
		g.refused.Store(true)
	}
	b.giveUp(err)
	return pid, nil
}

func cloneInto(group, program string, argv []string, attr *syscall.ProcAttr) (int, error) {
	dir, err := unix.Open(group, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(dir) }()
	attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, dir
	defer func() { attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = false, 0 }()
	pid, _, err := syscall.StartProcess(program, argv, attr)
	return pid, err
}

// forbidden tells of errors that come of starting in a group, and not only of the program.
func forbidden(err error) bool {
	return slices.ContainsFunc([]error{
		unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM, unix.EACCES, unix.EINVAL, unix.E2BIG, unix.EBUSY, unix.ENOENT, unix.ENODEV,
	}, func(one error) bool { return errors.Is(err, one) })
}

// giveUp leaves the version 2 group to nobody.
func (b *berth) giveUp(why error) {
	removeGroup(b.unified)
	removeEmpty(filepath.Dir(b.unified))
	for _, what := range b.bound {
		b.lacks = append(b.lacks, fmt.Sprintf("%s is not limited: this machine starts no process in a control group: %v", what, why))
	}
	if b.memory == b.unified {
		b.memory = ""
	}
	b.unified, b.bound = "", nil
}

// adopt watches a living process by its identity.
func (g *ground) adopt(id Identity) (*Process, error) {
	pidfd, err := unix.PidfdOpen(id.PID, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("cannot watch pid %d: %w", id.PID, err)
	}
	if !lives(id) {
		_ = unix.Close(pidfd)
		return nil, ErrGone
	}
	mine := brandOf(id.Mark)
	if readTint(id.PID) == mine.tint() {
		g.reserve(mine)
	}
	return g.watch(&Process{id: id, brand: mine, branded: readBrand(id.PID) == mine, berth: g.find(id.Mark, id.PID)}, pidfd)
}
