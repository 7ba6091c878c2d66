// SPDX-License-Identifier: Apache-2.0

//go:build unix

package confine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
)

// Main is the role confine: PROFILE STATUS PROGRAM ARG0 ARG… It reads the profile from descriptor
// PROFILE, applies it and becomes PROGRAM. When that fails it says why on standard error and on
// descriptor STATUS, which closes when the program runs, and returns what to exit with.
func Main(args []string) int {
	runtime.LockOSThread() // priority, capabilities and filter are a thread's own; this one becomes the program
	l, err := parse(args)
	if err == nil {
		err = l.run()
	}
	fmt.Fprintln(os.Stderr, "holdfast-watch:", err)
	if l.status != nil {
		_, _ = l.status.WriteString(tell(err))
	}
	return Status
}

type launch struct {
	profile, status *os.File
	program         string
	argv            []string
}

func parse(args []string) (l launch, err error) {
	if len(args) < 4 {
		return l, errors.New("cannot confine: want PROFILE STATUS PROGRAM ARG0…, as the house gives them")
	}
	if l.profile, err = descriptor(args[0]); err != nil {
		return l, err
	}
	if l.status, err = descriptor(args[1]); err != nil {
		return l, err
	}
	l.program, l.argv = args[2], args[3:]
	closeRest(int(l.status.Fd()))
	return l, nil
}

// descriptor takes an inherited descriptor, which the program will not get.
func descriptor(text string) (*os.File, error) {
	fd, err := strconv.Atoi(text)
	if err != nil || fd <= 2 {
		return nil, fmt.Errorf("cannot confine: %q is no descriptor of a profile", text)
	}
	var info syscall.Stat_t
	if err := syscall.Fstat(fd, &info); err != nil {
		return nil, fmt.Errorf("cannot confine: descriptor %d is not open", fd)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "descriptor "+text), nil
}

// run returns only when the program does not run.
func (l launch) run() error {
	p, err := decode(l.profile)
	if err != nil {
		return fmt.Errorf("cannot confine %q: %w", l.program, err)
	}
	_ = l.profile.Close()
	if err := p.apply(); err != nil {
		return fmt.Errorf("cannot confine %q: %w", l.program, err)
	}
	err = syscall.Exec(l.program, l.argv, os.Environ())
	if p.Sandbox != nil && errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("cannot start %q: %w: its sandbox does not list it or its interpreter", l.program, err)
	}
	return fmt.Errorf("cannot start %q: %w", l.program, err)
}

// apply confines this process, step by step from what needs the most rights to what takes them.
func (p *Profile) apply() error {
	if err := p.enterCgroups(); err != nil {
		return err // its groups may just be taken away
	}
	for _, step := range []func() error{p.limit, p.becomeUser, p.enterDir} {
		if err := step(); err != nil {
			return judged(err)
		}
	}
	if p.Sandbox == nil {
		return nil
	}
	return judged(p.Sandbox.apply())
}

// enterCgroups moves the process, and so all that it will start, into each group.
func (p *Profile) enterCgroups() error {
	for _, path := range p.Cgroups {
		if err := enterCgroup(path); err != nil {
			return fmt.Errorf("cannot enter cgroup %q: %w", path, bare(err))
		}
	}
	return nil
}

func enterCgroup(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("0")
	return errors.Join(err, f.Close())
}

func (p *Profile) limit() error {
	if p.NoFile != 0 {
		limit := syscall.Rlimit{}
		setLimit(&limit, p.NoFile)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return fmt.Errorf("cannot limit open files to %d: %w", p.NoFile, within(err, fewerFiles(p.NoFile)))
		}
	}
	if p.Nice != 0 {
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, p.Nice); err != nil {
			return fmt.Errorf("cannot set priority %d: %w", p.Nice, within(err, lessPriority(p.Nice)))
		}
	}
	return nil
}

// within adds to an error what would be allowed.
func within(err error, allowed string) error {
	if allowed == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, allowed)
}

func (p *Profile) becomeUser() error {
	u := p.User
	if u == nil {
		return nil
	}
	groups := make([]int, len(u.Groups))
	for i, g := range u.Groups {
		groups[i] = int(g)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("cannot take the groups of user %d: %w", u.UID, err)
	}
	if err := setGID(int(u.GID)); err != nil {
		return fmt.Errorf("cannot take group %d: %w", u.GID, err)
	}
	if err := setUID(int(u.UID)); err != nil {
		return fmt.Errorf("cannot become user %d: %w", u.UID, err)
	}
	return nil
}

// enterDir enters the working folder anew: the user may not be allowed what the house is.
func (p *Profile) enterDir() error {
	if p.Dir == "" {
		return nil
	}
	if err := os.Chdir(p.Dir); err != nil {
		return fmt.Errorf("cannot enter working folder %q: %w", p.Dir, bare(err))
	}
	return nil
}

// bare leaves the path out of an error, for it is said already.
func bare(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
