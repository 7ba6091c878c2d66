// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"
	"testing"
)

// muteModule has what fails when it is turned into words.
const muteModule = `
import asyncio, sys, typing
import holdfast

COUNT = 0

class Mute(Exception):
    def __str__(self): raise RuntimeError()
    __repr__ = __str__

class Leaving(Exception):
    def __str__(self): sys.exit(3)

class Untraceable(SyntaxError):
    @property
    def lineno(self): raise RuntimeError()

class Thing:
    def __repr__(self): raise RuntimeError("no words")

class Row(dict):
    asked = 0
    def items(self):
        Row.asked += 1
        if Row.asked > 1:
            raise RuntimeError("no items")
        return super().items()

def count():
    global COUNT
    COUNT += 1
    return COUNT

def mute(): raise Mute()
def leaving(): raise Leaving()
def untraceable(): raise Untraceable("words")
def because():
    try:
        raise Mute()
    except Mute as error:
        raise ValueError("because") from error
async def later(): raise Mute()
async def exits(): sys.exit(5)
async def breaks(): raise KeyboardInterrupt("enough")
def thing(): return Thing()
def things(): return {"a": [Thing()], "b": Mute()}
def says(): holdfast.log(Thing())
def goes(): holdfast.progress(1, 2, Mute())
def literal(a: typing.Literal["x"] = "x", b: Row = Row(k=1), c: list = [Thing()]): return a
def closes():
    sys.stderr.close()
    raise ValueError("after stderr")
TOOLS = [count, mute, leaving, untraceable, because, later, exits, breaks, thing, things, says, goes, literal, closes]
`

// TestWhatHasNoWordsEndsNothing: an object that cannot be turned into text fails its call, and the
// module's state stays.
func TestWhatHasNoWordsEndsNothing(t *testing.T) {
	t.Parallel()
	for _, python := range pythons(t) {
		h := hostOf(t, python, map[string]string{"mute_tools.py": muteModule})
		h.call(t, "count", `{}`)
		for _, c := range []struct{ tool, want string }{
			{"mute", "Mute: it cannot say what is wrong"},
			{"leaving", "Leaving: it cannot say what is wrong"},
			{"untraceable", "Untraceable: "},
			{"because", "ValueError: because"},
			{"later", "Mute: it cannot say what is wrong"},
			{"exits", "SystemExit: 5"},
			{"breaks", "KeyboardInterrupt: enough"},
			{"thing", "RuntimeError: no words"},
			{"things", "RuntimeError: "},
			{"says", "RuntimeError: no words"},
			{"goes", "RuntimeError: "},
			{"closes", "ValueError: after stderr"},
		} {
			if a := h.call(t, c.tool, `{}`); !a.Failed || !strings.HasPrefix(a.text(), c.want) {
				t.Errorf("%s: %s answered %q, want %q", python, c.tool, a.text(), c.want)
			}
		}
		if a := h.call(t, "literal", `{}`); a.text() != "x" {
			t.Errorf("%s: odd defaults: %q", python, a.text())
		}
		if got := h.call(t, "count", `{}`).text(); got != "2" {
			t.Errorf("%s: the count goes on with %s", python, got)
		}
	}
}

// TestAModuleThatCannotSayWhyIsAlone: it is listed as a problem by itself, and the other works.
func TestAModuleThatCannotSayWhyIsAlone(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{
		"a_tools.py": "import sys\nclass Mute(BaseException):\n    def __str__(self): raise RuntimeError()\nsys.stderr = None\nraise Mute()",
		"b_tools.py": "def b(): return 'b'\nTOOLS = [b]",
	})
	problems := h.list(t).Meta.Problems
	if len(problems) != 1 || problems[0].Module != "a_tools.py" || problems[0].Error != "Mute: it cannot say what is wrong" {
		t.Errorf("the problems are %+v", problems)
	}
	if a := h.call(t, "b", `{}`); a.text() != "b" {
		t.Errorf("the other answered %q", a.text())
	}
}

// TestADeepTracebackIsCut: its end says what was wrong.
func TestADeepTracebackIsCut(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{"deep_tools.py": `
import sys
def other(n): return one(n - 1)
def one(n):
    if n <= 0:
        raise ValueError("at the bottom")
    return other(n)
def deep():
    sys.setrecursionlimit(5000)
    return one(1000)
TOOLS = [deep]
`})
	if a := h.call(t, "deep", `{}`); a.text() != "ValueError: at the bottom" {
		t.Errorf("it answered %q", a.text())
	}
	if log := h.log.String(); strings.Count(log, "in other") > 150 || !strings.Contains(log, "at the bottom") {
		t.Errorf("the log has %d frames:\n%.2000s", strings.Count(log, "in other"), log)
	}
}

// TestGeneratorsAreGathered: a plain one like an asynchronous one; another iterator is what it is.
func TestGeneratorsAreGathered(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{"gen_tools.py": `
import asyncio, types
def plain(n: int = 3):
    yield from range(n)
async def later():
    for n in range(3):
        yield n
def fails():
    yield 1
    raise ValueError("after one")
@types.coroutine
def old():
    yield from asyncio.sleep(0).__await__()
    return "awaited"
def iterator(): return iter([1])
TOOLS = [plain, later, fails, old, iterator]
`})
	for tool, want := range map[string]string{
		"plain": "[0, 1, 2]", "later": "[0, 1, 2]", "fails": "ValueError: after one", "old": "awaited", "iterator": "list_iterator",
	} {
		if a := h.call(t, tool, `{}`); !strings.Contains(a.text(), want) || a.Failed != (tool == "fails") {
			t.Errorf("%s answered %q, want %q", tool, a.text(), want)
		}
	}
}

// TestTimingsThatAreNoNumber: they are left out, for the whole talk would end with one.
func TestTimingsThatAreNoNumber(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{"odd/agent.py": `
from types import SimpleNamespace as Made
def run_agent(prompt):
    return Made(final="done", timings=[Made(name="a", seconds=float("nan")), Made(name="b", seconds=float("inf")), Made(name="c", seconds=1)])
`})
	a := h.call(t, "odd", `{"user_prompt": "x"}`)
	if a.text() != "done" || !strings.Contains(string(a.Meta), `[{"name": "c", "seconds": 1.0}]`) {
		t.Errorf("it answered %q with %s", a.text(), a.Meta)
	}
}
