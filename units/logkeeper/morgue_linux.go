// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/core/process"
)

// reapWait is how long a dead unit may wait for its parent before its status counts as unknown.
const reapWait = 5 * time.Second

// A morgue learns how units end while no house watches them. While the house lives it watches
// itself: what the morgue learned meanwhile of the units that this house told is written down only
// when the house is found dead, or another takes its place.
type morgue struct {
	home  home.Home
	epoll int
	// living are those that are watched, by the descriptors of their processes.
	living map[int]process.Identity
	// told are those that the present house watches, too.
	told map[int]bool
	// zombies wait to be reaped, which tells their status, until a time.
	zombies map[int]time.Time
	dead    []death
	house   int // its descriptor, -1 for none that lives
	// lookAt is when zombies are to be looked at again, zero for never.
	lookAt time.Time
}

func newMorgue(h home.Home, epoll int) *morgue {
	return &morgue{home: h, epoll: epoll, living: map[int]process.Identity{}, told: map[int]bool{}, zombies: map[int]time.Time{}, house: -1}
}

func (m *morgue) close() {
	for fd := range m.living {
		_ = unix.Close(fd)
	}
	if m.house >= 0 {
		_ = unix.Close(m.house)
	}
}

// recall watches the units that the last house wrote down, for a keeper that begins while there is
// none. A house tells its own.
func (m *morgue) recall() {
	data, err := os.ReadFile(m.home.Var("run", "units.json"))
	var units map[string]process.Identity
	if err != nil || json.Unmarshal(data, &units) != nil {
		return // what is unknown counts as a failure
	}
	for _, id := range units {
		if id.PID > 0 {
			_ = m.watch(id)
		}
	}
}

// peopled tells whether there is a house or a unit.
func (m *morgue) peopled() bool { return m.house >= 0 || len(m.living) > 0 }

// obey takes up the house or a unit, or forgets a unit.
func (m *morgue) obey(word, rest string) error {
	id, err := identityOf(rest)
	if err != nil {
		return err
	}
	switch word {
	case "house":
		return m.takeHouse(id)
	case "watch":
		return m.watchToo(id)
	}
	m.forget(id)
	return nil
}

// open gives a descriptor of a process that lives; gone tells that it does not.
func (m *morgue) open(id process.Identity) (fd int, gone bool, err error) {
	fd, err = unix.PidfdOpen(id.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return -1, true, nil
	}
	if err != nil {
		return -1, false, fmt.Errorf("cannot watch process %d: %w", id.PID, err)
	}
	if start, err := startOf(id.PID); err != nil || start != id.Start {
		return -1, true, unix.Close(fd)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: int32(fd)}
	if err := unix.EpollCtl(m.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return -1, false, errors.Join(fmt.Errorf("cannot watch process %d: %w", id.PID, err), unix.Close(fd))
	}
	return fd, false, nil
}

// takeHouse takes up a house. What the one before it did not live to see is written down, for this
// one asks soon; it may also be the same process, which runs another program by now.
func (m *morgue) takeHouse(id process.Identity) error {
	m.writeDown()
	clear(m.told)
	if m.house >= 0 {
		_ = unix.Close(m.house)
		m.house = -1
	}
	fd, gone, err := m.open(id)
	if err == nil && !gone {
		m.house = fd
	}
	return err
}

// watchToo watches what the house watches itself.
func (m *morgue) watchToo(id process.Identity) error {
	err := m.watch(id)
	for fd, known := range m.living {
		if known.PID == id.PID && known.Start == id.Start {
			m.told[fd] = true
		}
	}
	return err
}

func (m *morgue) watch(id process.Identity) error {
	for _, known := range m.living {
		if known.PID == id.PID && known.Start == id.Start {
			return nil
		}
	}
	fd, gone, err := m.open(id)
	if err == nil && !gone {
		m.living[fd] = id
	}
	return err
}

// forget lets go of a unit whose end the house saw.
func (m *morgue) forget(id process.Identity) {
	for fd, known := range m.living {
		if known.PID == id.PID && known.Start == id.Start {
			m.letGo(fd)
		}
	}
	for i, d := range m.dead {
		if d.PID == id.PID && d.Start == id.Start {
			m.dead = append(m.dead[:i], m.dead[i+1:]...)
			break
		}
	}
	_ = os.Remove(exitFile(m.home, id))
}

func (m *morgue) letGo(fd int) {
	delete(m.living, fd)
	delete(m.zombies, fd)
	delete(m.told, fd)
	_ = unix.Close(fd)
}

// happened hears that a process has ended, or that a dead one was reaped.
func (m *morgue) happened(fd int, _ uint32) {
	if fd == m.house {
		_ = unix.Close(fd)
		m.house = -1
		m.writeDown()
		return
	}
	if _, ok := m.living[fd]; !ok {
		return
	}
	if !m.bury(fd) && m.zombies[fd].IsZero() {
		m.zombies[fd] = time.Now().Add(reapWait)
		m.lookAt = time.Now().Add(reapWait / 50)
	}
}

// bury takes the status of a process that was reaped; false when it was not yet.
func (m *morgue) bury(fd int) bool {
	exit := process.ExitStatus(fd)
	if !exit.Known {
		return false
	}
	m.keep(fd, exit)
	return true
}

func (m *morgue) keep(fd int, exit process.Exit) {
	exit.At = time.Now()
	m.dead = append(m.dead, death{Identity: m.living[fd], Exit: exit})
	told := m.told[fd]
	m.letGo(fd)
	if m.house < 0 || !told {
		m.writeDown()
	}
}

// look asks again for the status of the dead that were not reaped.
func (m *morgue) look(now time.Time) {
	for fd, until := range m.zombies {
		if !m.bury(fd) && now.After(until) {
			m.keep(fd, process.Exit{})
		}
	}
	m.lookAt = time.Time{}
	if len(m.zombies) > 0 {
		m.lookAt = now.Add(reapWait / 50)
	}
}

// writeDown keeps for the next house what this one did not live to see. What there is no room for
// stays, and is tried again at the next death and when the next house comes.
func (m *morgue) writeDown() {
	var left []death
	for _, d := range m.dead {
		if err := d.write(m.home); err != nil {
			fmt.Fprintln(os.Stderr, "cannot keep an exit status:", err)
			left = append(left, d)
		}
	}
	m.dead = left
}

// startOf reads when a process began, in ticks since boot (field 22 of /proc/PID/stat).
func startOf(pid int) (uint64, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("cannot read the start of process %d", pid)
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}
