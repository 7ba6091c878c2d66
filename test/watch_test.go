// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"holdfast/core/process"
	"holdfast/holdfasttest/timing"
)

// disturb SIGNAL house|watch… sends a signal to the house, its watch or both at once, by what they
// say of themselves, and remembers their pids as $HOUSE and $WATCH.
func disturb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: disturb SIGNAL house|watch…")
	}
	signal, ok := process.SignalByName(args[0])
	if args[0] == "STOP" {
		signal, ok = syscall.SIGSTOP, true
	}
	if !ok {
		ts.Fatalf("%s is no signal", args[0])
	}
	var pids []int
	for _, who := range args[1:] {
		pid := saysItIs(ts, who)
		ts.Setenv(strings.ToUpper(who), strconv.Itoa(pid))
		pids = append(pids, pid)
	}
	if len(pids) > 1 && signal == syscall.SIGKILL { // else who dies last starts the other again before it dies
		for _, pid := range pids {
			ts.Check(syscall.Kill(pid, syscall.SIGSTOP))
		}
	}
	for _, pid := range pids {
		ts.Check(syscall.Kill(pid, signal))
	}
	if signal != syscall.SIGKILL {
		return
	}
	awaitGone(ts, func() (left []int) {
		for _, pid := range pids {
			if alive(pid) {
				left = append(left, pid)
			}
		}
		return left
	})
}

func saysItIs(ts *testscript.TestScript, who string) int {
	text, err := os.ReadFile(filepath.Join(ts.Getenv("HOLDFAST_HOME"), "var", "run", who+".json"))
	ts.Check(err)
	var says struct {
		PID int `json:"pid"`
	}
	ts.Check(json.Unmarshal(text, &says))
	return says.PID
}

// back SECONDS PID waits until another house than PID answers and all its units are up.
func back(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: back SECONDS PID")
	}
	seconds, err := strconv.Atoi(args[0])
	ts.Check(err)
	var out []byte
	if !timing.Within(time.Duration(seconds)*time.Second, func() bool {
		var s status
		out, err = output(ts, "holdfast", "status", "--json")
		return err == nil && json.Unmarshal(out, &s) == nil && strconv.Itoa(s.PID) != args[1] && allUp(s)
	}) {
		log, _ := os.ReadFile(filepath.Join(ts.Getenv("HOLDFAST_HOME"), "var", "logs", "watch.log"))
		ts.Fatalf("no other house than %s came up in %d s; last: %v\n%s\nwatch.log:\n%s", args[1], seconds, err, out, log)
	}
}

func allUp(s status) bool {
	for _, u := range s.Units {
		if u.State != "running" && u.State != "ready" && u.State != "held" && u.State != "stopped" {
			return false
		}
	}
	return len(s.Units) > 0
}

// end kills all processes of a script, until none comes after.
func end(dir string) {
	for range 20 {
		pids := within(dir)
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
