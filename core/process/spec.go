// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// signalNames are the signals that a unit may be stopped with, and those it commonly dies of.
var signalNames = [...]struct {
	signal syscall.Signal
	name   string
}{
	{syscall.SIGTERM, "TERM"},
	{syscall.SIGINT, "INT"},
	{syscall.SIGHUP, "HUP"},
	{syscall.SIGQUIT, "QUIT"},
	{syscall.SIGUSR1, "USR1"},
	{syscall.SIGUSR2, "USR2"},
	{syscall.SIGKILL, "KILL"},
	{syscall.SIGABRT, "ABRT"},
	{syscall.SIGSEGV, "SEGV"},
	{syscall.SIGBUS, "BUS"},
	{syscall.SIGPIPE, "PIPE"},
	{syscall.SIGILL, "ILL"},
	{syscall.SIGFPE, "FPE"},
	{syscall.SIGTRAP, "TRAP"},
	{syscall.SIGALRM, "ALRM"},
	{syscall.SIGSYS, "SYS"},
	{syscall.SIGXCPU, "XCPU"},
	{syscall.SIGXFSZ, "XFSZ"},
}

// SignalByName gives the signal of a name, with or without SIG; TERM for the empty name.
func SignalByName(name string) (syscall.Signal, bool) {
	name = strings.TrimPrefix(strings.ToUpper(name), "SIG")
	if name == "" {
		return syscall.SIGTERM, true
	}
	for _, s := range signalNames {
		if s.name == name {
			return s.signal, true
		}
	}
	return 0, false
}

// SignalName is the name of a signal without SIG.
func SignalName(signal syscall.Signal) string {
	for _, s := range signalNames {
		if s.signal == signal {
			return s.name
		}
	}
	return fmt.Sprintf("%d", int(signal))
}

// environment is the spec's environment with the mark in front, where it is found soonest, and
// with no other mark.
func (s Spec) environment() []string {
	env := make([]string, 0, len(s.Env)+1)
	env = append(env, MarkVariable+"="+s.Mark.String())
	for _, entry := range s.Env {
		if !strings.HasPrefix(entry, MarkVariable+"=") {
			env = append(env, entry)
		}
	}
	return env
}

// program finds the file to execute as execvp would, but with the PATH of the new process.
func (s Spec) program() (string, error) {
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		return "", errors.New("cannot start: the argument vector is empty")
	}
	name := s.Argv[0]
	if strings.ContainsRune(name, '/') {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.Dir, path)
		}
		return path, executable(path)
	}
	for dir := range strings.SplitSeq(s.variable("PATH"), ":") {
		if !filepath.IsAbs(dir) {
			continue
		}
		if path := filepath.Join(dir, name); executable(path) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("cannot find program %q in PATH", name)
}

func (s Spec) variable(name string) string {
	i := slices.IndexFunc(s.Env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
	if i < 0 {
		return ""
	}
	return s.Env[i][len(name)+1:]
}

func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("cannot find program: %w", err)
	case info.IsDir():
		return fmt.Errorf("cannot execute %s: it is a folder", path)
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("cannot execute %s: it is not executable", path)
	}
	return nil
}

// checkDir makes a missing working folder a clear error; the kernel says only "no such file".
func (s Spec) checkDir() error {
	if s.Dir == "" {
		return nil
	}
	info, err := os.Stat(s.Dir)
	if err != nil {
		return fmt.Errorf("cannot enter working folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("cannot enter working folder %s: it is not a folder", s.Dir)
	}
	return nil
}

// files opens the null device where a standard stream is not given, and lists all descriptors.
func (s Spec) files() (fds []uintptr, release func(), err error) {
	release = func() {}
	streams := []*os.File{s.Stdin, s.Stdout, s.Stderr}
	if slices.Contains(streams, nil) {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return nil, release, fmt.Errorf("cannot open null device: %w", err)
		}
		release = func() { _ = null.Close() }
		for i := range streams {
			if streams[i] == nil {
				streams[i] = null
			}
		}
	}
	for _, f := range streams {
		fds = append(fds, f.Fd())
	}
	return append(fds, s.Extra...), release, nil
}
