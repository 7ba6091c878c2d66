// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/agent/upstream"

	"holdfast"
	"holdfast/core/config"
	"holdfast/holdfasttest/need"
	"holdfast/holdfasttest/timing"
)

const notesModule = `
import enum, os, sys, time
from dataclasses import dataclass
from typing import *
from core.utils.db import get_db

print("noise on standard output while loading")
SYSTEM_PROMPT = "Use the notes for what must be kept."

class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"

@dataclass
class Place:
    name: str
    floor: Optional[int] = None

def add(title: str, tags: List[str] = [], color: Color = Color.RED, mode: Literal["a", "b"] = "a") -> Tuple[bool, str]:
    """Keep a note.

    Example Prompt: remember milk
    Example Response: {"id": 1}
    Example Args: {"title": "milk"}
    """
    print("noise"); os.system("echo noise of a child"); sys.stdout.flush()
    return True, '{"id": 1, "tags": %d, "color": "%s"}' % (len(tags), color.name)

def where(place: Place, other: Optional[Place] = None, sizes: Dict[str, float] = {}, pair: Tuple[int, str] = (1, "x")):
    return {"at": place, "other": other, "sizes": sizes, "pair": pair}

def refuse():
    return False, "not today"

def boom():
    raise ValueError("bad \ud800 text")

def leave():
    sys.exit(3)

def die():
    print("dying", file=sys.stderr, flush=True)
    os._exit(4)

async def later(seconds: float = 0):
    return seconds

def spin():
    while True:
        time.sleep(0.005)

def read():
    return sys.stdin.read() + "|" + input.__name__

def tables():
    db = get_db()
    db.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    db.execute("INSERT INTO t VALUES (%s, %s)", (1, "x"))
    return {"one": db.execute_one("SELECT * FROM t WHERE a = %s", (1,)), "none": db.execute_one("SELECT * FROM t WHERE a = 9"), "all": db.execute("SELECT b FROM t")}

def anything(**options):
    return options

TOOLS = [add, where, refuse, boom, leave, die, later, spin, read, tables, anything]
`

func TestPythonToolsAreServed(t *testing.T) {
	b := newBench(t, pythonServer(t, "notes", map[string]string{"notes_tools.py": notesModule})).up()
	e := b.entry("add")
	for _, want := range []string{"Keep a note.", "Example Prompt: remember milk", "Example Response:", "Example Args:"} {
		if !strings.Contains(e.Summary, want) {
			t.Errorf("the description lacks %q: %s", want, e.Summary)
		}
	}
	var schema, want any
	if err := json.Unmarshal(e.Input, &schema); err != nil {
		t.Fatal(err)
	}
	wanted := `{"type":"object","properties":{"title":{"type":"string"},"tags":{"type":"array","items":{"type":"string"},"default":[]},
		"color":{"enum":["red","blue"],"type":"string","default":"red"},"mode":{"enum":["a","b"],"type":"string","default":"a"}},
		"additionalProperties":false,"required":["title"]}`
	if err := json.Unmarshal([]byte(wanted), &want); err != nil {
		t.Fatal(err)
	}
	if got, want := encoded(t, schema), encoded(t, want); got != want {
		t.Errorf("schema is\n%s, want\n%s", got, want)
	}
	if got := b.View(agent(), Scope{}).Instructions()["notes"]; got != "Use the notes for what must be kept." {
		t.Errorf("instructions are %q", got)
	}
	for _, c := range []struct {
		tool, arguments, text string
		failed                bool
	}{
		{"add", `{"title":"milk","tags":["a","b"],"color":"blue"}`, `{"id": 1, "tags": 2, "color": "BLUE"}`, false},
		{
			"where", `{"place":{"name":"here","floor":2},"sizes":{"a":1},"pair":[2,"y"]}`,
			`{"at": {"name": "here", "floor": 2}, "other": null, "sizes": {"a": 1.0}, "pair": [2, "y"]}`, false,
		},
		{"refuse", `{}`, "not today", true},
		{"boom", `{}`, "ValueError: bad � text", true},
		{"leave", `{}`, "SystemExit: 3", true},
		{"later", `{"seconds":2}`, "2.0", false},
		{"read", `{}`, "|input", false},
		{"anything", `{"x":1,"y":[2]}`, `{"x": 1, "y": [2]}`, false},
	} {
		if r := b.must(c.tool, c.arguments); r.Text != c.text || r.Failed != c.failed {
			t.Errorf("%s answered %q (failed %v), want %q", c.tool, r.Text, r.Failed, c.text)
		}
	}
	if r := b.must("where", `{"place":{"name":"here"}}`); !strings.Contains(string(r.Structured), `"name":"here"`) {
		t.Errorf("structured is %s", r.Structured)
	}
	if log := b.log("notes"); !strings.Contains(log, "noise on standard output while loading") || !strings.Contains(log, "noise of a child") {
		t.Errorf("the log lacks what was printed:\n%s", log)
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestPythonArgumentsAreChecked(t *testing.T) {
	b := newBench(t, pythonServer(t, "notes", map[string]string{"notes_tools.py": notesModule})).up()
	for arguments, want := range map[string]string{
		`{"title":"x","color":"green"}`: "color",
		`{"title":"x","tags":"a"}`:      "tags",
		`{"titel":"x"}`:                 "titel",
	} {
		if _, err := b.Call(t.Context(), agent(), "add", json.RawMessage(arguments)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v", arguments, err)
		}
	}
}

func TestBrokenModuleHurtsNobodyElse(t *testing.T) {
	decl := pythonServer(t, "mixed", map[string]string{
		"a_tools.py": "import a_missing_module",
		"b_tools.py": "TOOLS = [lambda: 1, 5, None]\ndef good(): return 'ok'\nTOOLS.append(good)",
		"c_tools.py": "def broken(:",
		"d_tools.py": "import sys; sys.exit(1)",
		"e_tools.py": "x = 1",
		"f_tools.py": "def fine(): return 'fine'\ndef SYSTEM_PROMPT(): return 'A prompt made by a function.'\nTOOLS = [fine]",
		"g_tools.py": "def bad(x: 'NoSuchType' = object()): return 'still'\nTOOLS = [bad]",
	})
	b := newBench(t, decl).up()
	if r := b.must("fine", ""); r.Text != "fine" {
		t.Errorf("answer is %+v", r)
	}
	b.must("good", "")
	b.must("bad", "")
	s := b.desk().servers()[0]
	found := map[string]string{}
	for _, p := range s.Problems {
		found[p.Part] += p.Error + p.Traceback
	}
	for part, want := range map[string]string{
		"a_tools.py": "a_missing_module", "b_tools.py": "has no name: 5", "c_tools.py": "SyntaxError",
		"d_tools.py": "SystemExit", "e_tools.py": "no TOOLS list",
	} {
		if !strings.Contains(found[part], want) {
			t.Errorf("%s: problem is %q, want %q in it", part, found[part], want)
		}
	}
	if !strings.Contains(found["a_tools.py"], "Traceback") {
		t.Error("there is no traceback")
	}
	if got := b.View(agent(), Scope{}).Instructions()["mixed"]; got != "A prompt made by a function." {
		t.Errorf("instructions are %q", got)
	}
	if got := b.desk().check(t.Context()); got.Status != holdfast.StatusWarn {
		t.Errorf("check is %+v", got)
	}
}

func TestHangingModuleIsInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes ten seconds")
	}
	t.Parallel() // it waits, beside the next one
	decl := pythonServer(t, "hang", map[string]string{
		"a_tools.py": "import time\ntime.sleep(1000)",
		"b_tools.py": "def good(): return 'ok'\nTOOLS = [good]",
	})
	b := newBench(t, decl).up()
	timing.Until(t, "the other module", func() bool { return slices.Contains(b.names(agent()), "good") })
	b.must("good", "")
	if p := b.desk().servers()[0].Problems; len(p) != 1 || !strings.Contains(p[0].Error, "did not finish loading") {
		t.Errorf("problems are %+v", p)
	}
}

func TestPythonTimeoutKillsOnlyTheCall(t *testing.T) {
	b := newBench(t, pythonServer(t, "notes", map[string]string{"notes_tools.py": notesModule}))
	b.section.Timeout = config.Duration(2 * time.Second)
	b.up()
	b.must("refuse", "")
	pid := b.desk().servers()[0].PID
	if _, err := b.Call(t.Context(), agent(), "spin", nil); err == nil || !strings.Contains(err.Error(), "did not answer within") {
		t.Errorf("error is %v", err)
	}
	b.must("refuse", "")
	if got := b.desk().servers()[0].PID; got != pid {
		t.Error("the host was restarted")
	}
	// It was interrupted, not left to itself: the host has one process with the modules again.
	timing.Until(t, "nothing runs on", func() bool {
		out, err := exec.CommandContext(t.Context(), "ps", "-o", "stat=", "--ppid", strconv.Itoa(pid)).Output()
		return err == nil && !strings.Contains(string(out), "R")
	})
}

func TestPythonThatDiesTakesOnlyItsCall(t *testing.T) {
	b := newBench(t, pythonServer(t, "notes", map[string]string{"notes_tools.py": notesModule})).up()
	b.must("refuse", "")
	pid := b.desk().servers()[0].PID
	if r := b.must("die", ""); !r.Failed || !strings.Contains(r.Text, "status 4") {
		t.Errorf("answer is %+v", r)
	}
	b.must("refuse", "")
	if s := b.desk().servers()[0]; s.PID != pid || s.Starts != 1 {
		t.Errorf("the host was started again: %+v", s)
	}
	if log := b.log("notes"); !strings.Contains(log, "dying") {
		t.Errorf("the log lacks its last words:\n%s", log)
	}
}

// TestWhatTheDocsSayOfABadArgument is what the house says of one.
func TestWhatTheDocsSayOfABadArgument(t *testing.T) {
	const module = `from dataclasses import dataclass

@dataclass
class Point:
    x: int
    y: int

@dataclass
class Line:
    start: Point

def draw(a: Line) -> str:
    """Draw."""
    return "drawn"

TOOLS = [draw]
`
	docs, err := os.ReadFile("../../docs/python-tools.md")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, pythonServer(t, "lines", map[string]string{"lines_tools.py": module})).up()
	b.must("draw", `{"a": {"start": {"x": 1, "y": 2}}}`)
	for _, arguments := range []string{`{"a": {"start": {"x": 1, "y": 2, "z": 3}}}`, `{"a": {"start": {"x": 1, "y": "two"}}}`} {
		_, err := b.Call(t.Context(), agent(), "draw", json.RawMessage(arguments))
		if err == nil {
			t.Fatalf("%s is taken", arguments)
		}
		_, said, _ := strings.Cut(err.Error(), "\n")
		if !strings.Contains(strings.Join(strings.Fields(string(docs)), " "), "`"+strings.TrimSpace(said)+"`") {
			t.Errorf("the docs do not tell of: %v", err)
		}
	}
}

// TestHostileArgumentsEndNoServer: what no reader of JSON elsewhere takes is refused before it is sent.
func TestHostileArgumentsEndNoServer(t *testing.T) {
	b := newBench(t, pythonServer(t, "notes", map[string]string{"notes_tools.py": notesModule})).
		governed(`{"mcp_servers": {"bare": {"upstreams": ["notes"], "prefix": false}}}`).up()
	b.must("refuse", "")
	pid := b.desk().servers()[0].PID
	nested := func(deep int) string { return `{"x":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + "}" }
	for arguments, want := range map[string]string{"{\"x\":\"a\xff\xed\xa0\x80b\"}": "not UTF-8", nested(maxDeep): "nested more than", nested(9000): "nested more than"} {
		for _, scope := range []Scope{{}, {Hub: "bare"}} {
			_, err := b.View(agent(), scope).Call(t.Context(), upstream.Request{Name: "anything", Arguments: json.RawMessage(arguments)})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%.20q: error is %v", arguments, err)
			}
		}
	}
	if r := b.must("anything", nested(maxDeep-1)); r.Failed {
		t.Errorf("answer is %.200q", r.Text)
	}
	if s := b.desk().servers()[0]; s.PID != pid || s.Starts != 1 {
		t.Errorf("the host was started again: %+v", s)
	}
}

func TestPythonHostThatDiesComesBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, pythonServer(t, "notes", map[string]string{"notes_tools.py": notesModule})).up()
	b.must("refuse", "")
	b.kill("notes")
	timing.Until(t, "serving again", func() bool { s := b.desk().servers()[0]; return s.Starts == 2 && s.State == upstream.StateServing })
	b.must("refuse", "")
}

func TestPythonDatabase(t *testing.T) {
	decl := pythonServer(t, "notes", map[string]string{"notes_tools.py": notesModule})
	decl.Env = map[string]string{"DATABASE_URL": "sqlite://" + t.TempDir() + "/x.db"}
	b := newBench(t, decl).up()
	if r := b.must("tables", ""); r.Text != `{"one": {"a": 1, "b": "x"}, "none": null, "all": [{"b": "x"}]}` {
		t.Errorf("answer is %+v", r)
	}
	b = newBench(t, pythonServer(t, "notes", map[string]string{"notes_tools.py": notesModule})).up()
	if r := b.must("tables", ""); !r.Failed || !strings.Contains(r.Text, "no database is configured") {
		t.Errorf("answer is %+v", r)
	}
}

func TestPydanticModels(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "python3", "-I", "-c", "import pydantic").Run(); err != nil {
		need.Missing(t, "this Python has no pydantic")
	}
	b := newBench(t, pythonServer(t, "models", map[string]string{"models_tools.py": `
from typing import List
from pydantic import BaseModel
class Item(BaseModel):
    name: str
    parts: List["Item"] = []
def count(item: Item) -> Item:
    """Count."""
    return {"name": item.name, "parts": len(item.parts), "same": item}
TOOLS = [count]
`})).up()
	r := b.must("count", `{"item":{"name":"a","parts":[{"name":"b"}]}}`)
	if !strings.Contains(r.Text, `"parts": 1`) || !strings.Contains(r.Text, `"name": "b"`) {
		t.Errorf("answer is %+v", r)
	}
	if _, err := b.Call(t.Context(), agent(), "count", json.RawMessage(`{"item":{"parts":[]}}`)); err == nil {
		t.Error("an item without its name was taken")
	}
	if !slices.Contains(b.names(agent()), "count") {
		t.Error("count is not listed")
	}
}
