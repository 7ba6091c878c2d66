// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/process"
)

func scoreOf(t *testing.T, pid string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// shelter gives this process what the service manager gives a house, and tells what a launch is to
// have. Who may not lower his score plays the same between higher ones.
func shelter(t *testing.T) (house string, launch int) {
	t.Helper()
	before := scoreOf(t, "self")
	set := func(score string) error { return os.WriteFile("/proc/self/oom_score_adj", []byte(score), 0o600) }
	t.Cleanup(func() {
		if err := set(before); err != nil {
			t.Error(err)
		}
	})
	if set("-100") == nil {
		return "-100", 0
	}
	if err := set("500"); err != nil {
		t.Fatal(err)
	}
	return "500", 600
}

// TestLaunchesAreNotSheltered wants a launch of a house that the kernel is to spare to be spared no
// more than others, and the house as before.
func TestLaunchesAreNotSheltered(t *testing.T) {
	house, least := shelter(t)
	for way, options := range map[string]process.Options{"groups": {}, "plain": {NoGroups: true}} {
		d := den{t, process.NewMachine(process.WithScore(options, least))}
		for name, change := range map[string]func(*process.Spec){
			"plain":    func(*process.Spec) {},
			"confined": func(s *process.Spec) { s.Helper, s.Limits = os.Args[0], holdfast.Limits{Nice: 1} },
		} {
			l := d.launch("wait", change)
			if got := scoreOf(t, itoa(l.Identity().PID)); got != itoa(least) {
				t.Errorf("%s, %s: the score of the launch is %s, want %d", way, name, got, least)
			}
			number(t, l.Reader)
			l.end(syscall.SIGKILL, time.Second)
		}
	}
	if got := scoreOf(t, "self"); got != house {
		t.Errorf("the score of the house is %s, want %s", got, house)
	}
	d := den{t, process.NewMachine(process.WithScore(process.Options{}, least-1000))}
	l := d.launch("wait")
	if got := scoreOf(t, itoa(l.Identity().PID)); got != house {
		t.Errorf("the score of a launch is %s though its house is not sheltered, want %s", got, house)
	}
	number(t, l.Reader)
	l.end(syscall.SIGKILL, time.Second)
}

// TestEarlyChildrenAreNotSheltered wants what a launch started before its score was raised to be
// found.
func TestEarlyChildrenAreNotSheltered(t *testing.T) {
	house, least := shelter(t)
	for _, options := range []process.Options{{NoGroups: true}, process.NoList()} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "sh -c 'echo $$; sleep 100; :' & echo $$; wait")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(out)
		pids := []string{itoa(number(t, r)), itoa(number(t, r))}
		for _, pid := range pids {
			if got := scoreOf(t, pid); got != house {
				t.Errorf("the score of %s is %s before", pid, got)
			}
		}
		process.Unshelter(process.WithScore(options, least), cmd.Process.Pid)
		for _, pid := range pids {
			if got := scoreOf(t, pid); got != itoa(least) {
				t.Errorf("the score of %s is %s, want %d", pid, got, least)
			}
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
}
