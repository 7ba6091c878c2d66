// SPDX-License-Identifier: Apache-2.0

//go:build linux

package outside

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// guardianVariable names, to a guardian, the folder that it guards; groupsVariable a word in the
// paths of the control groups that go with it; keepVariable is set when the folder stays.
const (
	guardianVariable = "HOLDFAST_TEST_GUARDIAN"
	groupsVariable   = "HOLDFAST_TEST_GROUPS"
	keepVariable     = "HOLDFAST_TEST_KEEP"
)

// Guardian runs the guardian when this process was started as one, and then never returns. Programs
// that use Guard call it first.
func Guardian() {
	dir := os.Getenv(guardianVariable)
	if dir == "" {
		return
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // ends when the one who is guarded ends, however it does
	if err := Clear(dir, os.Getenv(groupsVariable), os.Getenv(keepVariable) == ""); err != nil {
		fmt.Fprintln(os.Stderr, "guardian:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Guard starts a guardian of a folder: when this process is gone, however it ended, the guardian
// ends what has to do with the folder, takes away its mounts, the control groups with a word in
// their path, and, unless told to keep it, the folder. The answer lets it do the same at once.
func Guard(dir, groups string, keep bool) (end func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find the program itself: %w", err)
	}
	cmd := exec.Command(self)
	cmd.Env = []string{guardianVariable + "=" + dir, groupsVariable + "=" + groups}
	if keep {
		cmd.Env = append(cmd.Env, keepVariable+"=1")
	}
	cmd.Stderr = os.Stderr
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the guardian: %w", err)
	}
	return func() error {
		err := pipe.Close()
		return errors.Join(err, cmd.Wait())
	}, nil
}

// guards tells whether a process is a guardian, which ends by itself.
func guards(p *Process) bool { return strings.Contains(string(p.Env), guardianVariable+"=") }

// Clear ends every process that has to do with a folder, and takes away its mounts, the control
// groups with a word in their path and, when asked, the folder itself.
func Clear(dir, groups string, remove bool) error {
	left := End(dir)
	unmount(dir)
	var err error
	for _, group := range Cgroups(groups) {
		err = errors.Join(err, syscall.Rmdir(group))
	}
	if remove {
		err = os.RemoveAll(dir)
	}
	if len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("cannot end %v", left))
	}
	return err
}

// End kills every process that has to do with a folder until none is left, for ten seconds at most.
func End(dir string) []Process {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		left := All(func(p *Process) bool { return p.Of(dir) && !guards(p) })
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		// Those that start others first: what is about to be started again is not missed.
		slices.SortFunc(left, func(a, b Process) int { return a.PID - b.PID })
		for _, p := range left {
			if p.Alive() {
				_ = syscall.Kill(p.PID, syscall.SIGSTOP)
			}
		}
		for _, p := range left {
			if p.Alive() {
				_ = syscall.Kill(p.PID, syscall.SIGKILL)
			}
		}
	}
}

// Mounts lists what is mounted beneath a folder, the innermost first.
func Mounts(dir string) []string {
	data, _ := os.ReadFile("/proc/self/mounts")
	var list []string
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 1 && (f[1] == dir || strings.HasPrefix(f[1], dir+"/")) {
			list = append(list, f[1])
		}
	}
	slices.Reverse(list)
	return list
}

func unmount(dir string) {
	for _, at := range Mounts(dir) {
		if syscall.Unmount(at, 0) != nil {
			_ = syscall.Unmount(at, syscall.MNT_DETACH)
		}
	}
}

// Cgroups lists the control groups whose path has a word in it, the innermost first.
func Cgroups(word string) []string {
	var list []string
	if word == "" {
		return nil
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(path, word) {
			list = append(list, path)
		}
		return nil
	})
	slices.Reverse(list)
	return list
}
