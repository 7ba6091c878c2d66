// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
)

// roleVariable makes the test binary play a unit, or a house that is killed.
const roleVariable = "SUPERVISOR_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		play(role, os.Args[1:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func play(role string, args []string) {
	switch role {
	case "wait":
		fmt.Println("up", os.Getpid())
	case "talk": // one line each millisecond, numbered, for as long as it lives
		for i := 0; ; i++ {
			fmt.Println("line", i)
			<-time.After(time.Millisecond)
		}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		_ = os.WriteFile(args[0], []byte(strconv.Itoa(os.Getpid())), 0o600)
	case "family": // ignores TERM, and so does its double-forked child in a session of its own
		signal.Ignore(syscall.SIGTERM)
		_ = helperCmd("fork", args[0]).Run()
	case "fork":
		cmd := helperCmd("stubborn", args[0])
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		_ = cmd.Start()
		return
	case "serve":
		serve(args[0])
	case "house":
		keepHouse(args[0])
	case "pulse":
		pulse(args[0], args[1])
	}
	held := make(chan os.Signal, 1)
	signal.Notify(held, syscall.SIGUSR1)
	<-held
}

func serve(port string) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

// keepHouse runs a supervisor on a home until it is killed.
func keepHouse(dir string) {
	s := New(Options{Home: home.At(dir)})
	if err := s.open(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() { _ = s.run(context.Background()) }()
	if err := s.Set(context.Background(), "test", houseUnits(dir)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// houseAt starts a house in a process of its own, to be killed; whatever becomes of the test, none
// of its units stays.
func houseAt(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	house := helperCmd("house", dir)
	house.Stdout = os.Stderr
	if err := house.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = house.Process.Kill()
		_ = house.Wait()
		found, _ := process.Machine{}.Marked(houseMark(home.At(dir)))
		for _, f := range found {
			_ = process.Machine{}.EndMarked(context.Background(), f.Mark, syscall.SIGKILL, 0)
		}
	})
	return house
}

func houseUnits(dir string) []holdfast.Unit {
	runs := filepath.Join(dir, "runs")
	return []holdfast.Unit{
		{Name: "once", Run: []string{"sh", "-c", "echo ran >> " + runs}, Restart: holdfast.RestartNever},
		helper("one", "wait"), helper("talk", "talk"),
		helper("family", "family", filepath.Join(dir, "grandchild")),
	}
}

func helperCmd(role string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

func helper(name, role string, args ...string) holdfast.Unit {
	return holdfast.Unit{
		Name: name, Run: append([]string{os.Args[0]}, args...), Env: map[string]string{roleVariable: role},
		Restart: holdfast.RestartAlways, Stop: holdfast.Stop{Grace: 300 * time.Millisecond},
	}
}

// realHouse starts a supervisor of real processes that leaves nothing behind.
func realHouse(t *testing.T, dir string) *Supervisor {
	t.Helper()
	s := New(Options{
		Home: home.At(dir), Journal: &ledger{}, Settle: 50 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err := s.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := s.close(context.Background()); err != nil {
			t.Error(err)
		}
		found, err := process.Machine{}.Marked(s.House())
		if err != nil || len(found) > 0 {
			t.Errorf("left behind: %+v %v", found, err)
		}
	})
	return s
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func reach(t *testing.T, s *Supervisor, name string, want holdfast.UnitState) holdfast.UnitStatus {
	t.Helper()
	var st holdfast.UnitStatus
	eventually(t, name+" is "+string(want), func() bool {
		st, _ = s.Status(name)
		return st.State == want
	})
	return st
}

func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	text := string(data)
	return !strings.HasPrefix(text[strings.LastIndexByte(text, ')')+1:], " Z")
}

func pidIn(t *testing.T, path string) int {
	t.Helper()
	pid := 0
	eventually(t, path+" holds a pid", func() bool {
		data, err := os.ReadFile(path)
		pid, _ = strconv.Atoi(string(data))
		return err == nil && pid > 0
	})
	return pid
}

func freePort(t *testing.T) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func TestKilledUnitIsRestarted(t *testing.T) {
	s := realHouse(t, t.TempDir())
	if err := s.Set(t.Context(), "test", []holdfast.Unit{helper("a", "wait")}); err != nil {
		t.Fatal(err)
	}
	first := reach(t, s, "a", holdfast.UnitRunning)
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	st := reach(t, s, "a", holdfast.UnitBackingOff)
	if !strings.Contains(st.Detail, "killed by signal KILL") {
		t.Errorf("detail = %q", st.Detail)
	}
	if second := reach(t, s, "a", holdfast.UnitRunning); second.PID == first.PID || second.Restarts != 1 {
		t.Errorf("after the restart: %+v", second)
	}
}

func TestStopEndsGrandchildrenThatIgnoreTerm(t *testing.T) {
	dir := t.TempDir()
	s := realHouse(t, dir)
	path := filepath.Join(dir, "grandchild")
	if err := s.Set(t.Context(), "test", []holdfast.Unit{helper("f", "family", path)}); err != nil {
		t.Fatal(err)
	}
	grandchild := pidIn(t, path)
	leader := reach(t, s, "f", holdfast.UnitRunning).PID
	if err := s.Stop(t.Context(), "f"); err != nil {
		t.Fatal(err)
	}
	if alive(leader) || alive(grandchild) {
		t.Errorf("leader lives: %v, grandchild lives: %v", alive(leader), alive(grandchild))
	}
	if err := s.Start(t.Context(), "f"); err != nil {
		t.Fatal(err)
	}
	second := reach(t, s, "f", holdfast.UnitRunning).PID
	eventually(t, "a second grandchild", func() bool { return pidIn(t, path) != grandchild })
	grandchild = pidIn(t, path)
	if err := syscall.Kill(second, syscall.SIGKILL); err != nil { // what it leaves must not meet its successor
		t.Fatal(err)
	}
	eventually(t, "the grandchild of the killed one ends", func() bool { return !alive(grandchild) })
}

func TestPortConflict(t *testing.T) {
	s := realHouse(t, t.TempDir())
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	u := helper("web", "serve", strconv.Itoa(port))
	u.Port = port
	u.Ready = &holdfast.Probe{HTTP: "/healthz"}
	if err := s.Set(t.Context(), "test", []holdfast.Unit{u}); err != nil {
		t.Fatal(err)
	}
	st := reach(t, s, "web", holdfast.UnitBlocked)
	if want := fmt.Sprintf("port %d is held by supervisor", port); !strings.HasPrefix(st.Detail, want) || !strings.Contains(st.Detail, strconv.Itoa(os.Getpid())) {
		t.Errorf("detail = %q, want %q and our pid", st.Detail, want)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if st := reach(t, s, "web", holdfast.UnitReady); st.LastCheck.IsZero() {
		t.Error("ready without a check")
	}
}

func TestHealthOverHTTPAndTCP(t *testing.T) {
	s := realHouse(t, t.TempDir())
	port := freePort(t)
	u := helper("web", "serve", strconv.Itoa(port))
	u.Port, u.Ready = port, &holdfast.Probe{TCP: true}
	u.Healthy = &holdfast.Probe{HTTP: "/healthz", Every: 10 * time.Millisecond}
	late := helper("late", "wait")
	late.Needs = []holdfast.Need{{Unit: "web", Until: untilHealthy}}
	if err := s.Set(t.Context(), "test", []holdfast.Unit{late, u}); err != nil {
		t.Fatal(err)
	}
	reach(t, s, "late", holdfast.UnitRunning)
	first := reach(t, s, "web", holdfast.UnitReady).PID
	if err := syscall.Kill(first, syscall.SIGSTOP); err != nil { // it hangs and does not end
		t.Fatal(err)
	}
	u.Healthy.Timeout = 20 * time.Millisecond
	if err := s.Set(t.Context(), "test", []holdfast.Unit{late, u}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a hung unit is restarted", func() bool {
		st, _ := s.Status("web")
		return st.State == holdfast.UnitReady && st.PID != first
	})
	if alive(first) {
		t.Error("the hung process lives")
	}
}

func TestStatusFiles(t *testing.T) {
	dir := t.TempDir()
	s := realHouse(t, dir)
	u := helper("a", "wait")
	u.Healthy = &holdfast.Probe{Exec: []string{"true"}, Every: 20 * time.Millisecond}
	if err := s.Set(t.Context(), "test", []holdfast.Unit{u}); err != nil {
		t.Fatal(err)
	}
	pid := reach(t, s, "a", holdfast.UnitRunning).PID
	var state struct {
		Services map[string]struct {
			PID       int    `json:"pid"`
			Status    string `json:"status"`
			LastCheck string `json:"last_check"`
		} `json:"services"`
	}
	eventually(t, "state.json is current", func() bool {
		data, _ := os.ReadFile(filepath.Join(dir, "var", "state.json"))
		return json.Unmarshal(data, &state) == nil && state.Services["a"].PID == pid && state.Services["a"].LastCheck != ""
	})
	if state.Services["a"].Status != "running" {
		t.Errorf("state.json = %+v", state)
	}
	var daemon map[string]any
	eventually(t, "status/a.json counts checks", func() bool {
		data, _ := os.ReadFile(filepath.Join(dir, "var", "status", "a.json"))
		_ = json.Unmarshal(data, &daemon)
		details, _ := daemon["details"].(map[string]any)
		passed, _ := details["checks_passed"].(float64)
		return passed >= 2 && details["last_heartbeat"] != nil
	})
	if daemon["pid"] != strconv.Itoa(pid) || daemon["status"] != "running" {
		t.Errorf("status/a.json = %v", daemon)
	}
}

func TestAdoptionAfterTheHouseWasKilled(t *testing.T) {
	dir := t.TempDir()
	house := houseAt(t, dir)
	grandchild := pidIn(t, filepath.Join(dir, "grandchild"))
	before := livingLaunches(t, dir, 3)
	if err := house.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = house.Wait()
	written := lastLine(t, dir)
	s := realHouse(t, dir)
	if err := s.Set(t.Context(), "test", houseUnits(dir)); err != nil {
		t.Fatal(err)
	}
	for unit, pid := range before {
		if st := reach(t, s, unit, holdfast.UnitRunning); st.PID != pid {
			t.Errorf("%s is pid %d, was %d", unit, st.PID, pid)
		}
	}
	if after := livingLaunches(t, dir, 3); len(after) != 3 {
		t.Errorf("launches = %v", after)
	}
	if !alive(grandchild) {
		t.Error("adoption ended a grandchild")
	}
	eventually(t, "an adopted unit logs on", func() bool { return lastLine(t, dir) > written+10 })
	checkLinesInARow(t, dir)
	checkRanOnce(t, s, dir)
	if err := syscall.Kill(before["one"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an adopted unit that is killed is restarted", func() bool {
		st, _ := s.Status("one")
		return st.State == holdfast.UnitRunning && st.PID != before["one"]
	})
	if err := s.Stop(t.Context(), "family"); err != nil {
		t.Fatal(err)
	}
	if alive(grandchild) {
		t.Error("the grandchild of an adopted unit outlived its stop")
	}
}

func TestKillsOfTheHouseAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("kills many houses")
	}
	dir := t.TempDir()
	for i := range 12 {
		house := houseAt(t, dir)
		<-time.After(time.Duration(i) * 4 * time.Millisecond) // a moment anywhere in its start
		if err := house.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = house.Wait()
		for unit, n := range leaders(t, dir) {
			if n > 1 {
				t.Fatalf("round %d: %s runs %d times", i, unit, n)
			}
		}
	}
	s := realHouse(t, dir)
	if err := s.Set(t.Context(), "test", houseUnits(dir)); err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"one", "talk", "family"} {
		reach(t, s, unit, holdfast.UnitRunning)
	}
	livingLaunches(t, dir, 3)
	checkRanOnce(t, s, dir)
}

// checkRanOnce proves that a unit that runs once did so at most, whenever its house was killed.
func checkRanOnce(t *testing.T, s *Supervisor, dir string) {
	t.Helper()
	eventually(t, "what runs once has ended", func() bool {
		st, _ := s.Status("once")
		return st.State == holdfast.UnitStopped || st.State == holdfast.UnitFailed
	})
	if runs, _ := os.ReadFile(filepath.Join(dir, "runs")); len(runs) > len("ran\n") {
		t.Errorf("what runs once ran more often: %q", runs)
	}
}

func TestUndeclaredLeftoversAreEnded(t *testing.T) {
	dir := t.TempDir()
	house := houseAt(t, dir)
	livingLaunches(t, dir, 3)
	_ = house.Process.Signal(syscall.SIGKILL)
	_ = house.Wait()
	s := realHouse(t, dir)
	if err := s.Set(t.Context(), "test", []holdfast.Unit{helper("one", "wait")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "only the declared unit lives", func() bool {
		found, err := process.Machine{}.Marked(s.House())
		return err == nil && len(found) == 1 && found[0].Mark.Unit == "one"
	})
}

// leaders counts the living first processes of each unit.
func leaders(t *testing.T, dir string) map[string]int {
	t.Helper()
	found, err := process.Machine{}.Marked(houseMark(home.At(dir)))
	if err != nil {
		t.Fatal(err)
	}
	launches := map[process.Mark]bool{}
	count := map[string]int{}
	for _, f := range found {
		if !launches[f.Mark] {
			launches[f.Mark] = true
			count[f.Mark.Unit]++
		}
	}
	return count
}

// livingLaunches waits for so many units, each running once, and gives their first pids.
func livingLaunches(t *testing.T, dir string, want int) map[string]int {
	t.Helper()
	pids := map[string]int{}
	eventually(t, fmt.Sprintf("%d units run", want), func() bool {
		found, err := process.Machine{}.Marked(houseMark(home.At(dir)))
		if err != nil {
			t.Fatal(err)
		}
		clear(pids)
		for _, f := range found {
			if _, seen := pids[f.Mark.Unit]; f.Leader && !seen {
				pids[f.Mark.Unit] = f.PID
			}
		}
		return len(pids) == want
	})
	for unit, n := range leaders(t, dir) {
		if n != 1 {
			t.Fatalf("%s runs %d times", unit, n)
		}
	}
	return pids
}

func lastLine(t *testing.T, dir string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "var", "logs", "talk.log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	n, _ := strconv.Atoi(strings.TrimPrefix(lines[len(lines)-1], "line "))
	return n
}

// checkLinesInARow proves that no line was lost or torn by the death of the house.
func checkLinesInARow(t *testing.T, dir string) {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "var", "logs", "talk.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	next := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); next++ {
		if want := fmt.Sprintf("line %d", next); scanner.Text() != want {
			t.Fatalf("log says %q where %q belongs", scanner.Text(), want)
		}
	}
}

// TestMemoryOfTheStartIsGivenBack wants what the start of many units needed returned to the system once
// they stand.
func TestMemoryOfTheStartIsGivenBack(t *testing.T) {
	forced := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumForcedGC
	}
	before := forced()
	s := realHouse(t, t.TempDir())
	s.take(t, helper("a", "wait"))
	eventually(t, "the memory is given back", func() bool { return forced() > before })
	reach(t, s, "a", holdfast.UnitRunning)
}
