// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"holdfast/holdfasttest/need"
	"holdfast/holdfasttest/timing"
)

// wildModule does what no tool should: it must take nobody else with it.
const wildModule = `
import holdfast
import asyncio, ctypes, logging, multiprocessing, os, signal, subprocess, sys, threading, time

COUNT = 0
CLEANED = []
LOOPS = set()

def count():
    global COUNT
    COUNT += 1
    return COUNT

def nap(seconds: float = 1000):
    try:
        holdfast.log("begun")
        time.sleep(seconds)
        return "slept"
    finally:
        CLEANED.append("nap")

def hold(seconds: float = 1000):
    """Holds the interpreter, as a long call of C code does."""
    try:
        holdfast.log("begun")
    except BaseException:
        pass
    ctypes.PyDLL(None).sleep(int(seconds))

def deaf():
    while True:
        try:
            holdfast.log("begun")
            time.sleep(1000)
        except BaseException:
            pass

async def doze(seconds: float = 1000):
    LOOPS.add(id(asyncio.get_running_loop()))
    try:
        holdfast.log("begun")
        await asyncio.sleep(seconds)
        return len(LOOPS)
    finally:
        await asyncio.sleep(0.01)
        CLEANED.append("doze")

def cleaned():
    return CLEANED

def die():
    os._exit(4)

def leave():
    sys.exit(3)

def crash():
    os.kill(os.getpid(), signal.SIGSEGV)

def fork():
    os.fork()
    return "parent or child"

def children(how: str):
    context = multiprocessing.get_context(how)
    with context.Pool(2) as pool:
        return pool.map(abs, [-1, -2])

def nest(depth: int = 100000):
    found = []
    for _ in range(depth):
        found = [found]
    return found

def recurse():
    return recurse()

def abyss():
    sys.setrecursionlimit(10**9)
    class Deep:
        def __getattr__(self, name):
            return getattr(self, name + "x"[:0])
    return repr(Deep().x)

def huge(n: int = 30 << 20):
    return "ä" * n

def hoard():
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    return len(b"x" * (1 << 40))

def noise():
    print('{"jsonrpc":"2.0","id":1,"result":{}}')
    sys.stdout.write("half a line")
    os.write(1, b'{"jsonrpc":"2.0","method":"notifications/cancelled"}\n')
    os.system("echo of a child")
    subprocess.run(["echo", "of another"])
    logging.warning("a warning")
    ctypes.CDLL(None).puts(b"from C")
    ctypes.CDLL(None).fflush(None)
    return sys.stdin.read() + "quiet"

def shout():
    holdfast.log("begun")
    while True:
        print("x" * 1000)

def close_all():
    os.closerange(3, 256)
    return "closed"

def scribble():
    for fd in range(3, 256):
        try:
            os.write(fd, b'{"kind": "done"}\nnonsense\n')
        except OSError:
            pass
    return "scribbled"

def threads():
    for _ in range(20):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    return "started"

def orphan():
    return subprocess.Popen(["sleep", "1000"]).pid

TOOLS = [count, nap, hold, deaf, doze, cleaned, die, leave, crash, fork, children, nest, recurse, abyss, huge, hoard, noise, shout, close_all, scribble, threads, orphan]
`

func wildHost(t *testing.T) *rawHost {
	t.Helper()
	return hostOf(t, "python3", map[string]string{"wild_tools.py": wildModule})
}

// TestAWildCallEndsAlone: whatever one call does to its process, the call beside it is answered, and
// so is the next of the same tools.
func TestAWildCallEndsAlone(t *testing.T) {
	t.Parallel()
	for tool, want := range map[string]string{
		"die": "status 4", "leave": "SystemExit: 3", "crash": "SIGSEGV", "abyss": "Recursion|SIGSEGV", "recurse": "RecursionError",
		"hoard": "MemoryError", "close_all": "did not answer", "scribble": "it wrote into what the host speaks",
		"fork": "parent or child", "nest": "[[[|RecursionError", "threads": "started", "noise": "quiet",
	} {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			h := wildHost(t)
			beside := h.begin(t, "nap", `{"seconds":0.5}`)
			got := h.call(t, tool, `{}`).text()
			fits := false
			for _, one := range strings.Split(want, "|") {
				fits = fits || strings.Contains(got, one)
			}
			if !fits {
				t.Errorf("%s answered %.300q, want %q", tool, got, want)
			}
			if a := h.answer(t, beside); a.text() != "slept" {
				t.Errorf("the call beside it answered %q", a.text())
			}
			if a := h.call(t, "count", `{}`); a.Failed {
				t.Errorf("the next call failed: %s", a.text())
			}
			h.ping(t)
		})
	}
}

// TestACancelledCallEndsAlone: what can be interrupted is, with its finally and the module's state;
// what cannot is killed; the call beside it never notices.
func TestACancelledCallEndsAlone(t *testing.T) {
	t.Parallel()
	for tool, keeps := range map[string]bool{"nap": true, "doze": true, "shout": true, "deaf": false, "hold": false} {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			h := wildHost(t)
			h.call(t, "count", `{}`)
			given := h.begin(t, tool, `{}`)
			h.begun(t, tool)
			beside := h.begin(t, "nap", `{"seconds":3}`)
			h.cancel(t, given)
			if a := h.answer(t, beside); a.text() != "slept" {
				t.Errorf("the call beside it answered %q", a.text())
			}
			// Its state stayed where it was interrupted, and began anew where it was killed.
			if got := h.call(t, "count", `{}`).text(); (got == "2") != keeps {
				t.Errorf("the count goes on with %s", got)
			}
			if got := h.call(t, "cleaned", `{}`).text(); keeps && tool != "shout" && !strings.Contains(got, tool) {
				t.Errorf("its finally did not run: %s", got)
			}
			timing.Until(t, "nobody spins", func() bool { return running(t, h.command.Process.Pid) == 0 })
			for _, m := range h.said {
				if m.ID == float64(given) {
					t.Error("a cancelled call was answered")
				}
			}
		})
	}
}

// begun waits until a tool says that it has begun.
func (h *rawHost) begun(t *testing.T, tool string) {
	t.Helper()
	h.await(t, func(m message) bool {
		return m.Method == "notifications/message" && strings.Contains(string(m.Params), `"logger": "`+tool+`"`)
	})
}

// running is how many children of a process run rather than wait.
func running(t *testing.T, pid int) int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-o", "stat=", "--ppid", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0 // there are none
	}
	return strings.Count(string(out), "R")
}

func TestStateLivesWithinAProcess(t *testing.T) {
	t.Parallel()
	h := wildHost(t)
	for want := range 5 {
		if got := h.call(t, "count", `{}`).text(); got != strconv.Itoa(want+1) {
			t.Fatalf("the count is %s, want %d", got, want+1)
		}
	}
	// Coroutines share one loop, so that what a module keeps between calls stays usable.
	for range 3 {
		if got := h.call(t, "doze", `{"seconds":0}`).text(); got != "1" {
			t.Errorf("there are %s loops", got)
		}
	}
}

func TestOneProcessModulesRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{
		"a_tools.py": "import os, time\nONE_PROCESS = True\nN = 0\ndef step():\n    global N\n    n = N\n    time.sleep(0.02)\n    N = n + 1\n    return N\nTOOLS = [step]",
		"b_tools.py": "import os, sys\ndef knows():\n    return [os.getpid(), 'a_tools' in sys.modules]\ndef nap():\n    import time\n    time.sleep(0.3)\n    return knows()\nTOOLS = [knows, nap]",
	})
	var numbers []int
	for range 10 {
		numbers = append(numbers, h.begin(t, "step", `{}`), h.begin(t, "nap", `{}`))
	}
	pids, steps := map[string]bool{}, map[string]bool{}
	for i, number := range numbers {
		a := h.answer(t, number)
		if a.Failed {
			t.Fatalf("it failed: %s", a.text())
		}
		if i%2 == 0 {
			steps[a.text()] = true
		} else {
			pids[a.text()] = true
		}
	}
	if len(steps) != 10 {
		t.Errorf("ten steps in one process gave %v", steps)
	}
	others := 0
	for text := range pids {
		if strings.Contains(text, "false") {
			others++
		}
	}
	if others == 0 || len(pids) > 8 {
		t.Errorf("the other module ran in %v, want it also beside the one process, in at most 8", pids)
	}
}

// TestNoDepthOfAnAnswerIsLost: what a process may write, its host may read and not write again.
func TestNoDepthOfAnAnswerIsLost(t *testing.T) {
	t.Parallel()
	for _, python := range pythons(t) {
		h := hostOf(t, python, map[string]string{"deep_tools.py": `
import sys
def deep(n: int):
    sys.setrecursionlimit(10000)
    found = {}
    for _ in range(n):
        found = {"a": found}
    return found
TOOLS = [deep]
`})
		for n := 960; n < 1000; n++ {
			if a := h.call(t, "deep", fmt.Sprintf(`{"n":%d}`, n)); a.text() == "" {
				t.Errorf("%s: nested %d deep it answered %+v", python, n, a)
			}
		}
	}
}

func TestHugeResultsAreCut(t *testing.T) {
	t.Parallel()
	h := wildHost(t)
	a := h.call(t, "huge", `{}`)
	if a.Failed || !strings.HasPrefix(a.text(), "ää") || !strings.Contains(a.text(), "[cut: the result has 31457280 characters") {
		t.Errorf("the answer ends %q", a.text()[max(0, len(a.text())-200):])
	}
	if len(a.text()) > 8<<20 || len(a.text()) < 1<<20 {
		t.Errorf("%d bytes are left", len(a.text()))
	}
}

func TestWhatIsWrittenGoesToTheLog(t *testing.T) {
	t.Parallel()
	h := wildHost(t)
	if a := h.call(t, "noise", `{}`); a.text() != "quiet" {
		t.Errorf("it answered %q", a.text())
	}
	for _, m := range h.said {
		t.Errorf("what a tool wrote reached the house: %+v", m)
	}
	for _, want := range []string{`"id":1`, "half a line", "notifications/cancelled", "of a child", "of another", "a warning", "from C"} {
		timing.Until(t, "in the log: "+want, func() bool { return strings.Contains(h.log.String(), want) })
	}
}

func TestToolsMayUseProcesses(t *testing.T) {
	t.Parallel()
	h := wildHost(t)
	for _, how := range []string{"fork", "spawn"} {
		if got := h.call(t, "children", fmt.Sprintf(`{"how":%q}`, how)).text(); got != "[1, 2]" {
			t.Errorf("%s: %s", how, got)
		}
	}
}

// TestWhatAToolStartedEndsWithIt: the host ends, and no process is left of what a tool began.
func TestWhatAToolStartedEndsWithIt(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ps"); err != nil {
		need.Missing(t, "there is no ps here")
	}
	h := wildHost(t)
	pid := h.call(t, "orphan", `{}`).text()
	h.begin(t, "hold", `{}`)
	h.begun(t, "hold")
	_ = h.in.Close()
	timing.Until(t, "the host and its tree have ended", func() bool {
		out, err := exec.CommandContext(t.Context(), "ps", "-o", "stat=", "-p", pid+","+strconv.Itoa(h.command.Process.Pid)).Output()
		return err != nil || strings.Count(string(out), "\n") == strings.Count(string(out), "Z")
	})
}

func TestCallsWaitForAProcess(t *testing.T) {
	t.Parallel()
	h := wildHost(t)
	var numbers []int
	for range 30 {
		numbers = append(numbers, h.begin(t, "nap", `{"seconds":0.1}`))
	}
	late := h.begin(t, "count", `{}`)
	h.cancel(t, late)
	for _, number := range numbers {
		if a := h.answer(t, number); a.text() != "slept" {
			t.Errorf("a call answered %q", a.text())
		}
	}
	h.call(t, "count", `{}`)
	for _, m := range h.said {
		if m.ID == float64(late) {
			t.Error("a call cancelled while it waited was answered")
		}
	}
}

// TestProcessesBesideTheFirstEnd: those that were made for calls at the same time, when nobody needs
// them, and the state of the first stays.
func TestProcessesBesideTheFirstEnd(t *testing.T) {
	t.Parallel()
	folder, err := Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pool := filepath.Join(folder, "hf_pool.py")
	text, err := os.ReadFile(pool)
	if err != nil || !strings.Contains(string(text), "IDLE = 60.0") {
		t.Fatalf("the host has no time to wait: %v", err)
	}
	if err := os.WriteFile(pool, []byte(strings.Replace(string(text), "IDLE = 60.0", "IDLE = 0.2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	h := hostAt(t, folder, "python3", map[string]string{"wild_tools.py": wildModule})
	h.call(t, "count", `{}`)
	for _, number := range []int{h.begin(t, "nap", `{"seconds":0.2}`), h.begin(t, "nap", `{"seconds":0.2}`), h.begin(t, "nap", `{"seconds":0.2}`)} {
		h.answer(t, number)
	}
	timing.Until(t, "one process is left", func() bool {
		out, err := exec.CommandContext(t.Context(), "ps", "-o", "pid=", "--ppid", strconv.Itoa(h.command.Process.Pid)).Output()
		return err == nil && strings.Count(string(out), "\n") == 1
	})
	if got := h.call(t, "count", `{}`).text(); got != "2" {
		t.Errorf("the count goes on with %s", got)
	}
}

func TestToolsTellHowFarTheyAre(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{"p_tools.py": `
import holdfast
def work():
    for i in range(10000):
        holdfast.progress(i, 10000, "step %d" % i)
    holdfast.progress(10000, 10000, "all")
    holdfast.log("in passing")
    holdfast.log("alarming", level="error")
    for i in range(5000):
        holdfast.log("flood", level="debug")
    return "done"
TOOLS = [work]
`})
	if m := h.reply(t, h.ask(t, "logging/setLevel", map[string]string{"level": "warning"})); m.Error != nil {
		t.Fatal(m.Error.Message)
	}
	if a := h.answer(t, h.begin(t, "work", `{}`, "tok")); a.text() != "done" {
		t.Fatalf("it answered %q", a.text())
	}
	var last struct {
		Token    string  `json:"progressToken"`
		Progress float64 `json:"progress"`
		Total    float64 `json:"total"`
		Message  string  `json:"message"`
	}
	steps, logs := 0, ""
	for _, m := range h.said {
		switch m.Method {
		case "notifications/progress":
			steps++
			if err := json.Unmarshal(m.Params, &last); err != nil {
				t.Fatal(err)
			}
		case "notifications/message":
			logs += string(m.Params)
		}
	}
	if steps < 2 || steps > 1000 || last.Token != "tok" || last.Progress != 10000 || last.Total != 10000 || last.Message != "all" {
		t.Errorf("%d messages about progress, the last %+v", steps, last)
	}
	if strings.Contains(logs, "in passing") || strings.Contains(logs, "flood") || !strings.Contains(logs, "alarming") || !strings.Contains(logs, "left out") {
		t.Errorf("the messages are %s", logs)
	}
}

// TestProgressThatIsNoNumber: the message arrives with the number that was told last; JSON has no other.
func TestProgressThatIsNoNumber(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{"p_tools.py": `
import time
import holdfast
def work():
    for done, total in ((3, 9), (float("nan"), 9), (float("inf"), float("nan")), (10 ** 400, None), (-1, 9), (4, 9)):
        holdfast.progress(done, total, "at %s" % str(done)[:4])
        time.sleep(0.1)
    return "done"
TOOLS = [work]
`})
	if a := h.answer(t, h.begin(t, "work", `{}`, "tok")); a.text() != "done" {
		t.Fatalf("it answered %q", a.text())
	}
	var told []string
	for _, m := range h.said {
		if m.Method != "notifications/progress" {
			continue
		}
		var p struct {
			Progress float64  `json:"progress"`
			Total    *float64 `json:"total"`
			Message  string   `json:"message"`
		}
		if err := json.Unmarshal(m.Params, &p); err != nil {
			t.Fatal(err)
		}
		told = append(told, fmt.Sprintf("%s: %v of %v", p.Message, p.Progress, p.Total != nil))
	}
	want := "at 3: 3 of true, at nan: 3 of true, at inf: 3 of false, at 1000: 3 of false, at -1: 3 of true, at 4: 4 of true"
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("told was\n%s, want\n%s", got, want)
	}
}
