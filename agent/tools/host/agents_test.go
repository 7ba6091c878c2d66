// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/json"
	"strings"
	"testing"
)

const streamingAgent = `
"""Answers by repeating."""
import asyncio
READY = []

class Timing:
    def __init__(self, name, seconds):
        self.name, self.seconds = name, seconds

class Answer:
    def __init__(self, final):
        self.final, self.timings, self.usage = final, [Timing("think", 0.5)], {"total_tokens": 7}

def initialize_runtime(tool_root=None):
    READY.append("ready")

async def run_agent(user_prompt, chat_history=None, memory=None):
    return Answer("%s|%s|%s|%s" % (READY[0], user_prompt, chat_history, memory))

async def run_agent_stream(user_prompt, chat_history=None, memory=None):
    for word in user_prompt.split():
        if word == "hang":
            await asyncio.sleep(1000)
        if word == "fail":
            raise ValueError("failed midway")
        yield word + " "
    yield ""
    yield None
`

// TestAgentsOfTheHome: luna's agent modules, as models that are asked like tools.
func TestAgentsOfTheHome(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{
		"agents/echo/agent.py":    streamingAgent,
		"agents/sync/agent.py":    "def run_agent(prompt, *, messages, model, **rest):\n    return '%s %d %s %s' % (prompt, len(messages or []), model, sorted(rest))",
		"agents/only/agent.py":    "def run_agent_stream(prompt):\n    yield 'one '\n    yield prompt",
		"agents/broken/agent.py":  "import no_such_thing",
		"agents/neither/agent.py": "TOOLS = []",
	})
	l := h.list(t)
	marks := map[string]string{}
	for _, tool := range l.Tools {
		marks[tool.Name] = string(tool.Meta) + tool.Description
	}
	for name, want := range map[string]string{
		"echo": `{"holdfast/agent": {"stream": true}}Answers by repeating.`, "sync": `{"holdfast/agent": {"stream": false}}`, "only": `{"holdfast/agent": {"stream": true}}`,
	} {
		if marks[name] != want {
			t.Errorf("%s is listed as %q, want %q", name, marks[name], want)
		}
	}
	problems := map[string]string{}
	for _, p := range l.Meta.Problems {
		problems[p.Module] = p.Error + p.Traceback
	}
	if len(problems) != 2 || !strings.Contains(problems["broken/agent.py"], "Traceback") || !strings.Contains(problems["neither/agent.py"], "neither run_agent nor") {
		t.Errorf("the problems are %v", problems)
	}
	for _, c := range []struct{ agent, arguments, want string }{
		{"echo", `{"user_prompt":"hi","chat_history":"user: before","memory":"m"}`, "ready|hi|user: before|m"},
		{"echo", `{"user_prompt":"hi","chat_history":null}`, "ready|hi|None|None"},
		{"sync", `{"user_prompt":"hi","messages":[{"role":"user"}],"model":"sync","memory":"m"}`, "hi 1 sync ['memory']"},
		{"only", `{"user_prompt":"two"}`, "one two"},
	} {
		if got := h.call(t, c.agent, c.arguments); got.text() != c.want || got.Failed {
			t.Errorf("%s answered %q, want %q", c.agent, got.text(), c.want)
		}
	}
	if got := string(h.call(t, "echo", `{"user_prompt":"hi"}`).Meta); got != `{"holdfast/agent": {"timings": [{"name": "think", "seconds": 0.5}], "usage": {"total_tokens": 7}}}` {
		t.Errorf("it says %s of itself", got)
	}
}

func TestAgentsStream(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{"agents/echo/agent.py": streamingAgent})
	if a := h.answer(t, h.begin(t, "echo", `{"user_prompt":"a b ä"}`, "t1")); a.text() != "a b ä " {
		t.Errorf("it answered %q", a.text())
	}
	if pieces := h.pieces(t, "t1"); strings.Join(pieces, "/") != "a /b /ä " {
		t.Errorf("the pieces are %q", pieces)
	}
	if a := h.answer(t, h.begin(t, "echo", `{"user_prompt":"a fail"}`, "t2")); !a.Failed || !strings.Contains(a.text(), "ValueError: failed midway") {
		t.Errorf("it answered %q", a.text())
	}
	given := h.begin(t, "echo", `{"user_prompt":"a hang"}`, "t3")
	h.await(t, func(m message) bool {
		return m.Method == "notifications/progress" && strings.Contains(string(m.Params), "t3")
	})
	h.cancel(t, given)
	if a := h.call(t, "echo", `{"user_prompt":"again"}`); !strings.Contains(a.text(), "again") {
		t.Errorf("it answered %q", a.text())
	}
}

// pieces are the deltas of one stream, in order.
func (h *rawHost) pieces(t *testing.T, token string) []string {
	t.Helper()
	var pieces []string
	for _, m := range h.said {
		var p struct {
			Token    string  `json:"progressToken"`
			Progress float64 `json:"progress"`
			Message  string  `json:"message"`
			Meta     struct {
				Delta bool `json:"holdfast/delta"`
			} `json:"_meta"`
		}
		if m.Method != "notifications/progress" {
			continue
		}
		if err := json.Unmarshal(m.Params, &p); err != nil {
			t.Fatal(err)
		}
		if p.Token == token {
			pieces = append(pieces, p.Message)
			if !p.Meta.Delta || p.Progress != float64(len(pieces)) {
				t.Errorf("the piece %d is marked %+v", len(pieces), p)
			}
		}
	}
	return pieces
}
