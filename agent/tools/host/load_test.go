// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/json"
	"strings"
	"testing"
)

// instructions is what the house is told about how to use the tools.
func (h *rawHost) instructions(t *testing.T) string {
	t.Helper()
	var result struct {
		Instructions string `json:"instructions"`
	}
	if err := json.Unmarshal(h.reply(t, h.ask(t, "initialize", map[string]any{"protocolVersion": "2025-11-25"})).Result, &result); err != nil {
		t.Fatal(err)
	}
	return result.Instructions
}

// TestLunaConvention: docstrings, prompts, pairs and several files, as published extensions have them.
func TestLunaConvention(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{
		"tools/notes_tools.py": `
"""Tools for notes."""
SYSTEM_PROMPT = """
    Use the notes.
    Twice.
"""
import json
from helper import SHARED
def NOTES_GET_all(limit: int = 10) -> "tuple[bool, str]":
    """Get all notes.

    Example Prompt: show my notes
    Example Response: {"notes": [{"id": 1, "text": "ä"}]}
    Example Args: {"limit": 3}
    """
    return (True, json.dumps({"limit": limit, "shared": SHARED}, ensure_ascii=False))
def NOTES_DELETE(id: int):
    return False, "there is no note %d" % id
def odd():
    return (True, {"a": 1})
def pair():
    return ("not a bool", "text")
def nothing():
    return None
async def later(n: int):
    return True, str(n)
TOOLS = [NOTES_GET_all, NOTES_DELETE, odd, pair, nothing, later]
`,
		"tools/helper.py":     "SHARED = 'sharéd'",
		"tools/more_tools.py": "import os\ndef SYSTEM_PROMPT():\n    return 'And more: ' + os.path.basename(__file__)\nasync def x(): return 'x'\nTOOLS = (x,)",
		"tools/none_tools.py": "SYSTEM_PROMPT = None\nTOOLS = []",
	})
	if got := h.instructions(t); got != "And more: more_tools.py\n\nUse the notes.\nTwice." {
		t.Errorf("the instructions are %q", got)
	}
	for _, c := range []struct {
		tool, arguments, text string
		failed                bool
	}{
		{"NOTES_GET_all", `{"limit":3}`, `{"limit": 3, "shared": "sharéd"}`, false},
		{"NOTES_DELETE", `{"id":4}`, "there is no note 4", true},
		{"odd", `{}`, `{"a": 1}`, false},
		{"pair", `{}`, `["not a bool", "text"]`, false},
		{"nothing", `{}`, "null", false},
		{"later", `{"n":5}`, "5", false},
		{"x", `{}`, "x", false},
	} {
		if a := h.call(t, c.tool, c.arguments); a.text() != c.text || a.Failed != c.failed {
			t.Errorf("%s answered %q (failed %v), want %q", c.tool, a.text(), a.Failed, c.text)
		}
	}
	for _, tool := range h.list(t).Tools {
		if tool.Name != "NOTES_GET_all" {
			continue
		}
		for _, want := range []string{"Get all notes.\n\nExample Prompt: show my notes\n", `Example Response: {"notes": [{"id": 1, "text": "ä"}]}`, `Example Args: {"limit": 3}`} {
			if !strings.Contains(tool.Description, want) {
				t.Errorf("the description lacks %q: %s", want, tool.Description)
			}
		}
	}
}

// TestAModuleThatCannotBeLoadedIsAlone: also one that ends its process, or that no signal interrupts.
func TestAModuleThatCannotBeLoadedIsAlone(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{
		"a_tools.py": "def deep():\n    import a_missing_module\ndeep()",
		"b_tools.py": "import os\nos._exit(3)",
		"c_tools.py": "def broken(:",
		"d_tools.py": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
		"e_tools.py": "raise SystemExit('away')",
		"f_tools.py": "def SYSTEM_PROMPT(): raise KeyError('prompt')\nTOOLS = []",
		"g_tools.py": "TOOLS = 7",
		"h_tools.py": "def twice(): return 1\nTOOLS = [twice, twice]",
		"i_tools.py": "class T:\n    @property\n    def __doc__(self): raise ValueError('doc')\n    __name__ = 'bad'\n    def __call__(self): pass\nTOOLS = [T()]",
		"y_tools.py": "def good(): return 'good'\nTOOLS = [good]",
		"z_tools.py": "import os, sys\nsys.stdout = None\nos.close(1)\ndef closed(): return 'closed'\nTOOLS = [closed]",
	})
	if got := h.call(t, "good", `{}`).text(); got != "good" {
		t.Errorf("the good one answered %q", got)
	}
	if got := h.call(t, "closed", `{}`).text(); got != "closed" {
		t.Errorf("the one without output answered %q", got)
	}
	found := map[string]string{}
	for _, p := range h.list(t).Meta.Problems {
		found[p.Module] += p.Error + "\n" + p.Traceback
	}
	for module, want := range map[string]string{
		"a_tools.py": "line 3, in <module>", "b_tools.py": "status 3 while it was being loaded", "c_tools.py": "SyntaxError",
		"d_tools.py": "SIGSEGV", "e_tools.py": "SystemExit: away", "f_tools.py": "KeyError: 'prompt'", "g_tools.py": "TypeError",
		"h_tools.py": "two tools are named twice", "i_tools.py": "ValueError: doc",
	} {
		if !strings.Contains(found[module], want) {
			t.Errorf("%s: the problem is %q, want %q in it", module, found[module], want)
		}
	}
	if len(found) != 9 {
		t.Errorf("there are problems of %d modules: %v", len(found), found)
	}
	if strings.Contains(found["a_tools.py"], "hf_modules") {
		t.Errorf("the traceback begins in the host: %s", found["a_tools.py"])
	}
}

func TestAModuleThatNeverLoadsIsGivenUp(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes a quarter of a minute")
	}
	h := hostOf(t, "python3", map[string]string{
		"a_tools.py": "sum(range(10**15))",
		"b_tools.py": "def good(): return 'good'\nTOOLS = [good]",
	})
	if got := h.call(t, "good", `{}`).text(); got != "good" {
		t.Errorf("the good one answered %q", got)
	}
	if p := h.list(t).Meta.Problems; len(p) != 1 || !strings.Contains(p[0].Error, "could not be interrupted") {
		t.Errorf("the problems are %+v", p)
	}
}

// TestAModuleThatLoadsOnlyOnce: what claims something of the machine cannot be loaded beside itself;
// its calls wait for the process that has it.
func TestAModuleThatLoadsOnlyOnce(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{
		"once_tools.py": `
import os, time
mark = os.path.join(os.path.dirname(__file__), "claimed")
os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
def once(): time.sleep(0.1); return os.getpid()
TOOLS = [once]
`,
		"other_tools.py": "import os, time\ndef other(): time.sleep(0.1); return os.getpid()\nTOOLS = [other]",
	})
	var numbers []int
	for range 6 {
		numbers = append(numbers, h.begin(t, "once", `{}`), h.begin(t, "other", `{}`))
	}
	pids := map[string]bool{}
	for i, number := range numbers {
		a := h.answer(t, number)
		if a.Failed {
			t.Fatalf("it failed: %s", a.text())
		}
		if i%2 == 0 {
			pids[a.text()] = true
		}
	}
	if len(pids) != 1 {
		t.Errorf("it ran in %v", pids)
	}
}
