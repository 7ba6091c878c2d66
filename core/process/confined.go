// SPDX-License-Identifier: Apache-2.0

//go:build unix

package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/process/confine"
)

// HelperName is the program that confines launches, which stands beside the house's own.
const HelperName = "holdfast-watch"

// confinePatience is how long a start waits to hear that the program runs.
const confinePatience = 5 * time.Second

// Lacks tells what of a sandbox this machine does not enforce, and why.
func Lacks(sandbox *holdfast.Sandbox) []string {
	if sandbox == nil {
		return nil
	}
	return confine.Lacks(sandbox.Network == "off")
}

// An entrance is what the kernel is asked to start: the program, or the helper that confines itself
// and becomes the program.
type entrance struct {
	program    string
	argv       []string
	files      []uintptr
	credential *syscall.Credential
	// status tells why the program does not run, and closes when it does; nil without a helper.
	status *os.File
	open   []io.Closer // for the start only
}

// check finds the program, so that what is wrong with it is said before anything is made for it, and
// the same with and without a helper.
func (s Spec) check() (program string, err error) {
	if err := s.checkDir(); err != nil {
		return "", err
	}
	return s.program()
}

// entrance opens what the start needs. cgroups are the files to be entered through the helper.
func (s Spec) entrance(program string, cgroups []string) (*entrance, error) {
	files, release, err := s.files()
	if err != nil {
		return nil, err
	}
	e := &entrance{program: program, argv: s.Argv, files: files, credential: s.Credential}
	e.open = append(e.open, closer(release))
	if s.confined() || len(cgroups) > 0 {
		if err := e.confine(s, cgroups); err != nil {
			e.release()
			return nil, fmt.Errorf("cannot confine %s: %w", program, err)
		}
	}
	return e, nil
}

type closer func()

func (c closer) Close() error { c(); return nil }

// confined tells whether the launch needs the helper, whatever its cgroups.
func (s Spec) confined() bool {
	return s.Limits.NoFile != 0 || s.Limits.Nice != 0 || s.Sandbox != nil && sandboxes
}

// confine puts the helper before the program.
func (e *entrance) confine(s Spec, cgroups []string) error {
	helper, err := s.helper()
	if err != nil {
		return err
	}
	profile, err := s.profile(cgroups)
	if err != nil {
		return err
	}
	text, err := profile.Encode()
	if err != nil {
		return err
	}
	sealed, err := profileFile(text)
	if err != nil {
		return fmt.Errorf("cannot hand over the profile: %w", err)
	}
	e.open = append(e.open, sealed)
	told, tell, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot make a pipe: %w", err)
	}
	e.status, e.open = told, append(e.open, tell)
	first := len(e.files)
	e.files = append(e.files, sealed.Fd(), tell.Fd())
	e.argv = append([]string{HelperName, "confine", strconv.Itoa(first), strconv.Itoa(first + 1), e.program}, e.argv...)
	e.program, e.credential = helper, nil
	return nil
}

// helper finds the program that confines.
func (s Spec) helper() (string, error) {
	path := s.Helper
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("cannot find %s: %w", HelperName, err)
		}
		path = filepath.Join(filepath.Dir(self), HelperName)
	}
	if executable(path) != nil {
		return "", fmt.Errorf("%s is not beside holdfast: there is no program %s", HelperName, path)
	}
	return path, nil
}

func (s Spec) profile(cgroups []string) (*confine.Profile, error) {
	p := &confine.Profile{NoFile: s.Limits.NoFile, Nice: s.Limits.Nice, Cgroups: cgroups}
	if c := s.Credential; c != nil {
		p.User = &confine.User{UID: c.Uid, GID: c.Gid, Groups: c.Groups}
		p.Dir = s.Dir
	}
	if s.Sandbox == nil {
		return p, nil
	}
	for _, path := range s.Sandbox.Write {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("cannot let it write: %w", err)
		}
	}
	p.Sandbox = &confine.Sandbox{
		Read:  append(confine.Base(s.variable("PATH"), s.Hidden...), s.Sandbox.Read...),
		Write: append([]string{}, s.Sandbox.Write...), Offline: s.Sandbox.Network == "off",
	}
	return p, nil
}

// release closes what only the start needed.
func (e *entrance) release() {
	e.shut()
	if e.status != nil {
		_ = e.status.Close()
	}
}

// shut closes what the new process has its own copies of.
func (e *entrance) shut() {
	for _, c := range e.open {
		_ = c.Close()
	}
	e.open = nil
}

// passed waits until the program runs, or says why it does not; call it once after the start.
func (e *entrance) passed() error {
	e.shut()
	if e.status == nil {
		return nil
	}
	_ = e.status.SetReadDeadline(time.Now().Add(confinePatience))
	why, err := io.ReadAll(io.LimitReader(e.status, 4<<10))
	if why, forGood := confine.Heard(string(why)); forGood {
		return &Refusal{Why: why}
	} else if why != "" {
		return errors.New(why)
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("cannot hear whether the program runs: %w", err)
	}
	return nil
}
