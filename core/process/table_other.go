// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// psPatience bounds one run of ps.
const psPatience = 10 * time.Second

// An entry is one line of ps with the environment shown, as macOS and the BSDs print it.
type entry struct {
	pid, parent, group int
	start              uint64 // Unix seconds
	dead               bool
	name               string
	cpu                time.Duration
	memory             int64
	marked             bool
	mark               Mark
}

func table() ([]entry, error) {
	ctx, cancel := context.WithTimeout(context.Background(), psPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ps", "axeww", "-o", "pid=,ppid=,pgid=,stat=,rss=,time=,lstart=,command=")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	var all []entry
	for line := range strings.Lines(string(out)) {
		if e, ok := parseEntry(line); ok {
			all = append(all, e)
		}
	}
	return all, nil
}

// parseEntry reads pid, ppid, pgid, stat, rss, time, five fields of lstart, and the command with its
// environment.
func parseEntry(line string) (entry, bool) {
	f := strings.Fields(line)
	if len(f) < 12 {
		return entry{}, false
	}
	pid, err1 := strconv.Atoi(f[0])
	parent, err2 := strconv.Atoi(f[1])
	group, err3 := strconv.Atoi(f[2])
	kib, err4 := strconv.ParseInt(f[4], 10, 64)
	start, err5 := time.ParseInLocation("Mon Jan 2 15:04:05 2006", strings.Join(f[6:11], " "), time.Local)
	if errors.Join(err1, err2, err3, err4, err5) != nil {
		return entry{}, false
	}
	e := entry{
		pid: pid, parent: parent, group: group, start: uint64(start.Unix()),
		dead: strings.HasPrefix(f[3], "Z"), name: f[11], memory: kib << 10, cpu: parseTime(f[5]),
	}
	for _, word := range f[11:] {
		if value, ok := strings.CutPrefix(word, MarkVariable+"="); ok {
			e.mark, e.marked = ParseMark(value)
		}
	}
	return e, true
}

// parseTime reads a processor time: [[days-]hours:]minutes:seconds[.hundredths].
func parseTime(text string) time.Duration {
	days, rest, found := strings.Cut(text, "-")
	if !found {
		days, rest = "0", text
	}
	d, _ := strconv.Atoi(days)
	var seconds float64
	for part := range strings.SplitSeq(rest, ":") {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return 0
		}
		seconds = seconds*60 + n
	}
	return time.Duration(d)*24*time.Hour + time.Duration(seconds*float64(time.Second))
}

// Usage measures all launches of a house that live: what carries the mark, and its descendants.
func (Machine) Usage(house string) (map[Mark]Usage, error) {
	all, err := table()
	if err != nil {
		return nil, err
	}
	at := map[int]entry{}
	for _, e := range all {
		at[e.pid] = e
	}
	sums := map[Mark]Usage{}
	for _, e := range all {
		mark, ok := ownerOf(at, e)
		if !ok || e.dead || mark.House != house {
			continue
		}
		sum := sums[mark]
		sum.CPU, sum.Memory, sum.Processes = sum.CPU+e.cpu, sum.Memory+e.memory, sum.Processes+1
		sums[mark] = sum
	}
	return sums, nil
}

// ownerOf is the nearest mark among a process and its ancestors beneath this process.
func ownerOf(at map[int]entry, e entry) (Mark, bool) {
	for range len(at) {
		if e.marked || e.pid == os.Getpid() || e.parent <= 1 {
			return e.mark, e.marked && e.pid != os.Getpid()
		}
		parent, ok := at[e.parent]
		if !ok {
			return Mark{}, false
		}
		e = parent
	}
	return Mark{}, false
}

// Marked lists the living processes that carry a mark of the house.
func (Machine) Marked(house string) ([]Found, error) {
	all, err := table()
	if err != nil {
		return nil, err
	}
	var found []Found
	for _, e := range all {
		if e.marked && !e.dead && (house == "" || e.mark.House == house) && e.pid != os.Getpid() {
			found = append(found, Found{
				Identity: Identity{PID: e.pid, Start: e.start, Mark: e.mark},
				Parent:   e.parent, Name: e.name, Leader: e.group == e.pid,
			})
		}
	}
	return found, nil
}

// A Peer is the process at the other end of a Unix socket.
type Peer struct {
	PID int
	UID int
	// Marked tells that a launch of a unit started the peer; Mark is which, or UnreadableMark.
	Marked bool
	Mark   Mark
}

// PeerOf cannot tell who connected on this system; such a peer counts as marked.
func PeerOf(*net.UnixConn) (Peer, error) {
	return Peer{UID: -1, Marked: true, Mark: UnreadableMark()}, nil
}

// MarkOf walks from a process through its ancestors to the first mark; what cannot be read counts
// as marked.
func MarkOf(pid int) (Mark, bool) {
	all, err := table()
	if err != nil {
		return UnreadableMark(), true
	}
	byPID := map[int]entry{}
	for _, e := range all {
		byPID[e.pid] = e
	}
	for range len(all) {
		e, ok := byPID[pid]
		switch {
		case !ok:
			return UnreadableMark(), true
		case e.marked:
			return e.mark, true
		case e.parent <= 1:
			return Mark{}, false
		}
		pid = e.parent
	}
	return UnreadableMark(), true
}

// PortHolder tells whether a TCP port is taken; who holds it is not known here.
func PortHolder(port int) (Holder, bool) {
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return Holder{}, true
	}
	_ = l.Close()
	return Holder{}, false
}
