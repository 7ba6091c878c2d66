// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// a running house in a home of its own.
type running struct {
	home string
	args []string
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// start brings a house up and says how long it took until every unit was up.
func start(ctx context.Context, home string) (*running, time.Duration, error) {
	edge, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	api, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	r := &running{home: home, args: []string{"--home", home}}
	began := time.Now()
	if out, err := r.command(ctx, "up", "-d", "--set", "edge.listen="+edge, "--set", "api.listen="+api).CombinedOutput(); err != nil {
		return nil, 0, fmt.Errorf("up: %w\n%s", err, out)
	}
	for {
		s, err := r.status(ctx)
		if err != nil {
			return r, 0, err
		}
		if s.allUp() {
			return r, time.Since(began), nil
		}
		if time.Since(began) > 30*time.Second {
			return r, 0, fmt.Errorf("the units did not come up: %+v", s.Units)
		}
	}
}

func (r *running) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, filepath.Join("bin", "holdfast"), append(r.args, args...)...)
}

func (r *running) stop(ctx context.Context) { _ = r.command(ctx, "down").Run() }

type houseStatus struct {
	PID   int `json:"pid"`
	Units []struct {
		Name  string `json:"name"`
		State string `json:"state"`
		PID   int    `json:"pid"`
	} `json:"units"`
}

func (s houseStatus) allUp() bool {
	for _, u := range s.Units {
		if u.State != "ready" {
			return false
		}
	}
	return len(s.Units) > 0
}

func (r *running) status(ctx context.Context) (s houseStatus, err error) {
	out, err := r.command(ctx, "status", "--json").Output()
	if err != nil {
		return s, fmt.Errorf("status: %w", err)
	}
	return s, json.Unmarshal(out, &s)
}

// resident is a process's resident memory in MB, and how much of it are pages of its program, which the
// system drops when it needs them.
func resident(pid int) (whole, program float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "RssFile" {
			continue
		}
		kb, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
		if name == "VmRSS" {
			whole = kb / 1024
		} else {
			program = kb / 1024
		}
	}
	return whole, program
}

// highest runs a command and tells how much resident memory it had at the most, in MB. It asks while the
// command runs: what is told of one that ended has the memory of its parent in it, before the exec.
func highest(cmd *exec.Cmd) (peak float64, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			return peak, err
		case <-time.After(200 * time.Microsecond):
			whole, _ := resident(cmd.Process.Pid)
			peak = max(peak, whole)
		}
	}
}

func memory(what string, pid int, bar string) figure {
	whole, program := resident(pid)
	return figure{what, fmt.Sprintf("%.1f MB, %.1f of it pages of the program", whole, program), bar}
}

// house measures status and idle memory of the starter home.
func house(ctx context.Context) ([]figure, error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	home := filepath.Join(dir, "home")
	if out, err := exec.CommandContext(ctx, filepath.Join("bin", "holdfast"), "init", home).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("init: %w\n%s", err, out)
	}
	r, _, err := start(ctx, home)
	if r != nil {
		defer r.stop(ctx)
	}
	if err != nil {
		return nil, err
	}
	s, err := r.status(ctx)
	if err != nil {
		return nil, err
	}
	started := memory("house, idle memory", s.PID, "< 40 MB (chapter 30)")
	var walls []time.Duration
	for range 40 {
		began := time.Now()
		if err := r.command(ctx, "status").Run(); err != nil {
			return nil, err
		}
		walls = append(walls, time.Since(began))
	}
	peak := 0.0
	for range 5 {
		one, err := highest(r.command(ctx, "status"))
		if err != nil {
			return nil, err
		}
		peak = max(peak, one)
	}
	figures, err := r.checks(ctx)
	if err != nil {
		return nil, err
	}
	figures = append(figures, []figure{
		{"holdfast status, wall (median of 40)", median(walls).Round(100 * time.Microsecond).String(), "< 25 ms"},
		{"holdfast status, peak memory", fmt.Sprintf("%.1f MB", peak), "< 30 MB"},
		started,
		memory("house, memory after forty statuses", s.PID, "stated"),
	}...)
	for _, u := range s.Units {
		if u.Name == "edge" {
			figures = append(figures, memory("front door, idle memory", u.PID, "stated"))
		}
	}
	return figures, nil
}

// checks measures what other programs run before each of their steps: whether HALT stands.
func (r *running) checks(ctx context.Context) (figures []figure, err error) {
	watch := func() *exec.Cmd {
		return exec.CommandContext(ctx, filepath.Join("bin", "holdfast-watch"), append([]string{"check"}, r.args...)...)
	}
	for _, one := range []struct {
		name    string
		command func() *exec.Cmd
	}{{"holdfast breaker check", func() *exec.Cmd { return r.command(ctx, "breaker", "check") }}, {"holdfast-watch check", watch}} {
		var walls []time.Duration
		for range 40 {
			cmd := one.command()
			began := time.Now()
			if err := cmd.Run(); err != nil {
				return nil, fmt.Errorf("%s: %w", one.name, err)
			}
			walls = append(walls, time.Since(began))
		}
		figures = append(figures, figure{one.name + ", wall (median of 40)", median(walls).Round(100 * time.Microsecond).String(), "< 15 ms"})
	}
	return figures, nil
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// tenUnits measures a house of ten trivial units from the command to all of them up.
func tenUnits(ctx context.Context) ([]figure, error) {
	home, err := os.MkdirTemp("", "holdfast-bench-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(home) }()
	var text strings.Builder
	text.WriteString("units:\n")
	for i := range 10 {
		fmt.Fprintf(&text, "  trivial%d: {run: [sleep, \"1000\"], ready: {exec: [\"true\"]}}\n", i)
	}
	if err := os.WriteFile(filepath.Join(home, "holdfast.yaml"), []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	var took []time.Duration
	for range 5 {
		r, d, err := start(ctx, home)
		if r != nil {
			r.stop(ctx)
		}
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	return []figure{{"up of ten trivial units, all ready by a check (median of 5)", median(took).Round(time.Millisecond).String(), "< 1.5 s"}}, nil
}
