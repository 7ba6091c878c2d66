// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// What a path of a sandbox allows. Of writing, device nodes are left out: root could make one for a
// whole disk.
const (
	readFile   landlock.AccessFSSet = ll.AccessFSExecute | ll.AccessFSReadFile
	readFolder landlock.AccessFSSet = readFile | ll.AccessFSReadDir
	writeFile  landlock.AccessFSSet = readFile | ll.AccessFSWriteFile | ll.AccessFSTruncate
	writeUnder landlock.AccessFSSet = writeFile | readFolder | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile |
		ll.AccessFSMakeDir | ll.AccessFSMakeReg | ll.AccessFSMakeSock | ll.AccessFSMakeFifo |
		ll.AccessFSMakeSym | ll.AccessFSRefer | ll.AccessFSResolveUnix
	useDevice landlock.AccessFSSet = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSIoctlDev
)

// highest is the newest Landlock that is asked for; kernels give what they have of it.
func highest() landlock.Config { return landlock.V11 }

func setGID(gid int) error { return syscall.Setresgid(gid, gid, gid) }

func setUID(uid int) error { return syscall.Setresuid(uid, uid, uid) }

// closeRest keeps from the program what stands beyond the house's own descriptors: whatever the house
// was once started with.
func closeRest(last int) {
	if unix.CloseRange(uint(last)+1, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	entries, _ := os.ReadDir("/proc/self/fd") // before Linux 5.11
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > last {
			unix.CloseOnExec(fd)
		}
	}
}

// apply takes rights away: those that come with root, then files, then sockets.
func (s *Sandbox) apply() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot give up new privileges: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := s.closeFiles(); err != nil {
		return err
	}
	if !s.Offline {
		return nil
	}
	return s.closeSockets()
}

// closeFiles leaves what is listed, the terminal and null devices, and the streams that the program
// was handed. Signals, tracing and abstract sockets end at the sandbox too.
func (s *Sandbox) closeFiles() error {
	abi := landlockVersion()
	if abi == 0 {
		return nil
	}
	rules, err := s.rules(abi)
	if err != nil {
		return err
	}
	config := highest()
	if !s.Offline {
		config.HandledAccessNet = 0
	}
	if err := config.BestEffort().Restrict(rules...); err != nil {
		return fmt.Errorf("cannot close the sandbox: %w", err)
	}
	return nil
}

func landlockVersion() int {
	version, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return version
}

func (s *Sandbox) rules(abi int) ([]landlock.Rule, error) {
	var rules []landlock.Rule
	for _, path := range s.Read {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		rules = append(rules, rule(path, info, readFolder, abi).IgnoreIfMissing())
	}
	for _, path := range s.Write {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("cannot let it write %q: %w", path, bare(err))
		}
		rules = append(rules, rule(path, info, writeUnder, abi))
	}
	return append(rules, given(abi)...), nil
}

// rule allows access beneath a path, or what of it a file can have.
func rule(path string, info os.FileInfo, access landlock.AccessFSSet, abi int) landlock.FSRule {
	switch {
	case info.Mode()&os.ModeCharDevice != 0 && access != readFolder:
		access = useDevice
	case info.Mode()&os.ModeSocket != 0 && access != readFolder:
		access = writeFile | ll.AccessFSResolveUnix
	case !info.IsDir():
		access &= writeFile
	case path == "/dev" || strings.HasPrefix(path, "/dev/"):
		access |= ll.AccessFSIoctlDev
	}
	if abi < 2 {
		access &^= ll.AccessFSRefer // to ask for it would give up the sandbox there
	}
	return landlock.PathAccess(access, path)
}

// given are the devices that every program takes for granted, and the streams that this one was
// started with: /dev/stderr is opened anew by its path.
func given(abi int) []landlock.Rule {
	var rules []landlock.Rule
	for _, path := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/shm"} {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		rules = append(rules, rule(path, info, writeUnder, abi).IgnoreIfMissing())
	}
	for fd := range 3 {
		path := "/proc/self/fd/" + strconv.Itoa(fd)
		target, err := os.Readlink(path)
		if err != nil || !filepath.IsAbs(target) || strings.HasPrefix(target, "/memfd:") {
			continue // pipes and sockets have no path to be ruled
		}
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			access := useDevice
			if info.Mode()&os.ModeCharDevice == 0 {
				access &^= ll.AccessFSIoctlDev
			}
			rules = append(rules, landlock.PathAccess(access, path))
		}
	}
	return rules
}

// kept are the capabilities that a program of root keeps in a sandbox: those over files, which the
// sandbox bounds, over its own users, and over low ports. Without the others root reads no kernel
// memory, no packets of others, no raw disk.
func kept() []uintptr {
	return []uintptr{
		unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
		unix.CAP_SETGID, unix.CAP_SETUID, unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE,
	}
}

func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return fmt.Errorf("cannot read capabilities: %w", err)
	}
	if sets[0].Permitted|sets[1].Permitted == 0 {
		return nil
	}
	var mask [2]uint32
	for _, c := range kept() {
		mask[c/32] |= 1 << (c % 32)
	}
	if sets[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		for c := range uintptr(64) {
			if mask[c/32]&(1<<(c%32)) == 0 {
				if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); errors.Is(err, unix.EINVAL) {
					break // beyond the last that this kernel has
				} else if err != nil {
					return fmt.Errorf("cannot drop capability %d: %w", c, err)
				}
			}
		}
	}
	for i := range sets {
		sets[i].Permitted &= mask[i]
		sets[i].Effective &= mask[i]
		sets[i].Inheritable = 0
	}
	if err := unix.Capset(&header, &sets[0]); err != nil {
		return fmt.Errorf("cannot drop capabilities: %w", err)
	}
	return nil
}
