// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"holdfast"
)

const (
	// cpuPeriod is the period of the CPU limit in microseconds, the kernel's own default.
	cpuPeriod = 100_000
	// leastCPU is the smallest quota that the kernel takes.
	leastCPU = 1_000
)

// A setting is one file of a control group and what to write there.
type setting struct {
	file, value string
	optional    bool // not there on every kernel
}

// A bound is one limit of a whole tree, as each version of control groups wants it said.
type bound struct {
	what            string // as people are told
	controller      string
	unified, legacy []setting
}

// boundsOf lists what of the limits only control groups can enforce.
func boundsOf(l holdfast.Limits) []bound {
	var list []bound
	if l.Memory > 0 {
		n := strconv.FormatInt(l.Memory, 10)
		list = append(list, bound{
			what: "memory", controller: "memory",
			unified: []setting{{"memory.max", n, false}, {"memory.swap.max", "0", true}, {"memory.oom.group", "1", true}},
			legacy:  []setting{{"memory.limit_in_bytes", n, false}, {"memory.memsw.limit_in_bytes", n, true}},
		})
	}
	if l.CPU > 0 {
		quota := strconv.FormatInt(max(leastCPU, int64(l.CPU*cpuPeriod)), 10)
		period := strconv.Itoa(cpuPeriod)
		list = append(list, bound{
			what: "cpu", controller: "cpu",
			unified: []setting{{"cpu.max", quota + " " + period, false}},
			legacy:  []setting{{"cpu.cfs_period_us", period, false}, {"cpu.cfs_quota_us", quota, false}},
		})
	}
	if l.Processes > 0 {
		n := []setting{{"pids.max", strconv.Itoa(l.Processes), false}}
		list = append(list, bound{what: "processes", controller: "pids", unified: n, legacy: n})
	}
	return list
}

// bind enforces one limit: in the version 2 group where its controller works there, else in a
// version 1 group of the launch.
func (b *berth) bind(all hierarchies, limit bound) error {
	if b.unified != "" {
		err := delegate(all[""].dir, filepath.Dir(b.unified), limit.controller)
		if err == nil {
			b.bound = append(b.bound, limit.what)
			return b.set(b.unified, limit.controller, limit.unified)
		}
		if _, ok := all[limit.controller]; !ok {
			return err
		}
	}
	h, ok := all[limit.controller]
	if !ok {
		return errors.New("this machine lets the house make no control group with that controller")
	}
	dir, err := makeGroup(h.dir, b.mark)
	if err != nil {
		return err
	}
	if err := b.set(dir, limit.controller, limit.legacy); err != nil {
		removeGroup(dir)
		return err
	}
	b.legacy = append(b.legacy, dir)
	return nil
}

func (b *berth) set(dir, controller string, settings []setting) error {
	for _, s := range settings {
		err := writeFile(filepath.Join(dir, s.file), s.value)
		if err != nil && !(s.optional && errors.Is(err, os.ErrNotExist)) {
			return err
		}
	}
	if controller == "memory" {
		b.memory = dir
	}
	return nil
}

// writeFile writes to a file of the kernel's, which is there or cannot be made.
func writeFile(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// delegate hands a controller down from the house's own group to its launches.
func delegate(own, house, controller string) error {
	if hasController(house, "cgroup.subtree_control", controller) {
		return nil
	}
	if !hasController(own, "cgroup.controllers", controller) {
		return fmt.Errorf("the control groups of this machine have no %s controller in version 2", controller)
	}
	err := enable(own, controller)
	if errors.Is(err, unix.EBUSY) { // processes may stand only in the leaves of a tree with controllers
		if err = vacate(own, house+ownSuffix); err == nil {
			err = enable(own, controller)
		}
	}
	if err != nil {
		return err
	}
	return enable(house, controller)
}

func enable(dir, controller string) error {
	if hasController(dir, "cgroup.subtree_control", controller) {
		return nil
	}
	return writeFile(filepath.Join(dir, "cgroup.subtree_control"), "+"+controller)
}

func hasController(dir, file, controller string) bool {
	data, err := os.ReadFile(filepath.Join(dir, file))
	return err == nil && slices.Contains(strings.Fields(string(data)), controller)
}

// vacate moves this process and its descendants from its group to a leaf of it. Who else is there
// stays, unless the whole group was delegated to this house by the service manager.
func vacate(own, leaf string) error {
	if err := unix.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("cannot make %s: %w", leaf, err)
	}
	data, err := os.ReadFile(filepath.Join(own, "cgroup.procs"))
	if err != nil {
		return err
	}
	all := delegated(own)
	for field := range bytes.FieldsSeq(data) {
		pid, err := strconv.Atoi(string(field))
		if err != nil || pid <= 0 || !all && !descends(pid) {
			continue
		}
		if err := writeFile(filepath.Join(leaf, "cgroup.procs"), string(field)); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// delegated tells whether systemd handed the group over for the house to arrange.
func delegated(dir string) bool {
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		var value [1]byte
		if n, err := unix.Getxattr(dir, name, value[:]); err == nil && n == 1 && value[0] == '1' {
			return true
		}
	}
	return false
}

// descends tells whether a process is this one or comes from it.
func descends(pid int) bool {
	for range maxAncestors {
		if pid == os.Getpid() {
			return true
		}
		s, err := readStat(pid)
		if err != nil || s.parent <= 1 {
			return false
		}
		pid = s.parent
	}
	return false
}

// memoryKills counts what the kernel killed in a group for passing its memory limit.
func memoryKills(dir string) int {
	for _, file := range []string{"memory.events", "memory.oom_control"} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
				count, _ := strconv.Atoi(strings.TrimSpace(n))
				return count
			}
		}
	}
	return 0
}
