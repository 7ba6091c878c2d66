// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
)

const someTools = `{"tools":[
	{"name":"NOTES_add","source":"extension notes","summary":"Add a note that is long enough to be cut on a narrow terminal.\n\nMore","enabled_in_mcp":true,"passthrough":false,"calls":2,"errors":1},
	{"name":"breaker_uninstall_hooks","source":"house","summary":"Take the hooks away","enabled_in_mcp":true,"passthrough":true,"calls":0,"errors":0},
	{"name":"SHAPES_trap","source":"extension shapes","summary":"Echoes.","enabled_in_mcp":true,"passthrough":true,"standing":"flagged","note":"orders to the model in its description: \"do not tell the user\"","calls":0,"errors":0},
	{"name":"hidden","source":"extension shapes","summary":"x","enabled_in_mcp":false,"passthrough":true,"calls":0,"errors":0}],
	"servers":[{"name":"far","extension":"","state":"waiting","tools":0,"starts":0,"failures":3,"error":"its key is not set: FAR_KEY in .env, which is longer than a narrow terminal has room for","log":"far_tools.log"}]}`

func TestTheCatalogueFitsAndSaysWhy(t *testing.T) {
	got := show(t, printTools, 80, `{}`, someTools)
	fits(t, got, 80)
	flat := strings.Join(strings.Fields(got), " ")
	for _, want := range []string{
		"NAME RUNS SOURCE CALLS FAILED SUMMARY", "NOTES_add asks notes 2 1 Add a note that", "breaker_uninstall_hooks unasked house 0 Take the", "hidden unasked (off)",
		"SHAPES_trap is flagged: orders to the model in its description", "`holdfast tool show SHAPES_trap`", "far: its key is not set: FAR_KEY in .env, which is longer than a narrow terminal has room for",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if got := show(t, printTools, 80, `{"withheld":true}`, `{"tools":[],"servers":[{"name":"notes","state":"serving"}]}`); got != "no tool is withheld\n" {
		t.Errorf("printed %q", got)
	}
}

func TestAToolIsShownInWords(t *testing.T) {
	got := show(t, printTool, 80, `{}`, `{"name":"SHAPES_area","source":"extension shapes","summary":"Tells the area.\n\nExample Args:\n{\"width\": 2}","input_schema":{"type":"object","properties":{"unit":{"type":"string","default":"ft"},"size":{"type":"object","properties":{"deep":{"type":"object"}}},"width":{"type":"number","description":"in metres"}},"required":["width"]},
		"enabled_in_mcp":true,"passthrough":false,"tier":"tenant-peer","standing":"changed","calls":2,"errors":1,"last_used":"2026-01-31T12:00:00Z","mean_took_ns":3480446,"fingerprint":"fe0e","note":"it changed since it was pinned",
		"changes":[{"field":"description","before":"in metres","after":"in feet"}]}`)
	fits(t, got, 80)
	flat := strings.Join(strings.Fields(got), " ")
	for _, want := range []string{
		"runs changed", `summary Tells the area. Example Args: {"width": 2}`, "used 2 calls, 1 failed, last 2026-01-31", "took 3.48ms on average", "ARGUMENTS ARGUMENT NEEDED TYPE DEFAULT DESCRIPTION width yes number in metres unit string ft size object",
		"changed: description - in metres + in feet", "`holdfast tool accept SHAPES_area --fingerprint fe0e`",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "{\n") {
		t.Errorf("it is JSON:\n%s", got)
	}
}

func TestATraceTellsWhatWasDone(t *testing.T) {
	answer := `{"traces":[{"id":"ec6p","agent":"librarian","caller":"agent:agent-api-key","model":"librarian","alias":"fast","started":"2026-01-31T12:00:00Z","seconds":0.005,"state":"done","tokens":{"prompt":1028,"completion":36,"total":1064},
		"plan":[{"at":0.0002,"seconds":0.0004,"tokens":{"total":500},"finish":"tool_calls","calls":["NOTES_list"]},{"at":0.0043,"seconds":0.0007,"tokens":{"total":564},"text":"This is what the notes say"}],
		"tools":[{"id":"c1","name":"NOTES_list","arguments":{"limit":20},"status":"done","at":0.0007,"seconds":0.0037}]}]}`
	got := show(t, printTrace, 80, `{}`, answer)
	fits(t, got, 80)
	flat := strings.Join(strings.Fields(got), " ")
	for _, want := range []string{"took 5ms", "model call 1 done +200µs 400µs 500 NOTES_list NOTES_list done +700µs 3.7ms", "model call 2 done +4.3ms 700µs 564 This is what", `NOTES_list was called with: {"limit":20}`} {
		if !strings.Contains(flat, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	// A list has no steps: it says how many there are.
	list := show(t, printTraces, 80, `{}`, `{"traces":[{"id":"ec6p","agent":"librarian","caller":"agent:agent-api-key","model":"librarian","alias":"fast","started":"2026-01-31T12:00:00Z","seconds":0.005,"state":"done","tokens":{"total":1064},"model_calls":2,"tool_calls":1}]}`)
	fits(t, list, 80)
	if flat := strings.Join(strings.Fields(list), " "); !strings.Contains(flat, "ID STATE STARTED AGENT TOOK TOKENS TOOL CALLS") || !strings.Contains(flat, "librarian 5ms 1,064 1") {
		t.Errorf("printed\n%s", list)
	}
}

func TestWhatIsToBeAllowedIsShownWhole(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("water the plants ", 20))
	got := show(t, printApprovals, 80, `{}`, `{"approvals":[{"id":"zmj-1","kind":"tool","created":"2026-01-31T12:00:00Z","expires":"2026-02-01T12:00:00Z","caller":"agent:agent-api-key","action":"NOTES_add","subject":"passthrough_agent","input":{"text":"`+long+`","n":7},"cut":true,"state":"pending"},
		{"id":"b","kind":"action","created":"2026-01-31T12:00:00Z","caller":"agent:a","action":"extension.delete","subject":"notes","input":{"name":"notes"},"state":"denied","answerer":"owner:terminal","reason":"no"}]}`)
	fits(t, got, 80)
	flat := strings.Join(strings.Fields(got), " ")
	for _, want := range []string{"zmj-1 pending passthrough_agent wants to call NOTES_add, for agent:agent-api-key", "text " + long, "n 7", "there is more `holdfast approval show zmj-1`", "agent:a asks for extension.delete of notes", "reason no", "`holdfast approval allow ID`"} {
		if !strings.Contains(flat, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	one := show(t, printApproval, 80, `{}`, `{"id":"zmj-1","kind":"tool","action":"run","subject":"helper","caller":"agent:a","state":"pending",
		"input":{"script":"if x:\n    rm  -r /","empty":"","none":null,"list":["a","a, b"],"two":"a  b"}}`)
	for _, want := range []string{"    if x:\n        rm  -r /\n", "  empty\n    \"\"\n", "  none\n    null\n", `"a, b"`, `    "a  b"`, "`holdfast approval allow zmj-1`"} {
		if !strings.Contains(one, want) {
			t.Errorf("lacks %q:\n%s", want, one)
		}
	}
	amid := show(t, printApproval, 80, `{}`, `{"id":"zmj-1","kind":"tool","action":"run","subject":"helper","caller":"agent:a","input":{},"state":"allowed","outcome":"unknown","note":"it may have been done, or not"}`)
	if flat := strings.Join(strings.Fields(amid), " "); !strings.Contains(flat, "outcome unknown note it may have been done, or not") {
		t.Errorf("printed\n%s", amid)
	}
	if got := show(t, printApprovals, 80, `{}`, `{"approvals":[]}`); got != "no approvals\n" {
		t.Errorf("printed %q", got)
	}
}

func TestRemoteServersAndHubsFit(t *testing.T) {
	got := show(t, printRemotes, 80, `{}`, `{"servers":[{"server_id":"example","url":"https://mcp.example.com/a/long/path/to/it","enabled":true,"transport":"auto","key":"EXAMPLE_KEY","oauth":false,"authorized":false,"state":"waiting","tool_count":0,"error":"its key is not set: EXAMPLE_KEY in .env"},
		{"server_id":"second","url":"http://127.0.0.1/mcp","enabled":false,"transport":"auto","oauth":true,"authorized":false,"tool_count":8}]}`)
	fits(t, got, 80)
	flat := strings.Join(strings.Fields(got), " ")
	for _, want := range []string{"NAME STATE TOOLS ACCESS URL", "example waiting 0 EXAMPLE_KEY", "second off 8 not authorized", "example: its key is not set: EXAMPLE_KEY in .env"} {
		if !strings.Contains(flat, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	hub := `{"name":"research","enabled":true,"prefix":true,"tool_config":{"tools":{"*":{"enabled_in_mcp":false},"fetch":{"enabled_in_mcp":true,"passthrough":true}}},"url":"/mcp/research","key_set":false,"offers":["fetch"]}`
	if got := show(t, printHubs, 80, `{}`, hub); strings.Contains(got, "{") || !strings.Contains(got, "only fetch unasked") {
		t.Errorf("printed\n%s", got)
	}
	list := show(t, printHubs, 80, `{}`, `{"hubs":[`+hub+`]}`)
	fits(t, list, 80)
	if !strings.Contains(list, "/mcp/research") {
		t.Errorf("printed\n%s", list)
	}
}
