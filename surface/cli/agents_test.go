// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
)

func TestAnAgentsPageIsInWords(t *testing.T) {
	got := show(t, printAgent, 80, `{}`, `{"name":"librarian","base_agent":"simple_agent","is_preset":true,"home":false,"alias":"fast","tier":"that of whoever asks it",
		"tools":[{"name":"NOTES_list","source":"extension notes","passthrough":true,"tier":"tenant-peer"},{"name":"NOTES_delete","source":"extension notes","passthrough":false,"tier":"tenant-peer"}],
		"alone":1,"asks":1,"destroy":0,"secrets":null,"request":{"steps":2,"tokens":200000,"seconds":300},"sandbox":{"kind":"in the house"},"approval_seconds":86400,
		"last_traces":[{"id":"545","agent":"librarian","caller":"agent:key","started":"2026-01-31T12:00:00Z","seconds":5,"state":"done","tokens":{"total":929},"tool_calls":1}]}`)
	fits(t, got, 80)
	flat := strings.Join(strings.Fields(got), " ")
	for _, want := range []string{
		"kind preset of simple_agent", "may call 2 tools: 1 run unasked, 1 wait up to 24h for approval, 0 destroy",
		"NAME RUNS SOURCE TIER", "NOTES_list unasked extension notes", "NOTES_delete asks", "NEWEST REQUESTS", "545 done",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
}

func TestHubsTellWhetherTheyAnswer(t *testing.T) {
	const none = `{"name":"office","url":"/mcp/office","enabled":true,"key_set":false,"prefix":true,"upstreams":["desk"],"tool_config":{},"offers":["a_tool_of_a_long_name","another_tool_of_a_long_name","one_more_tool_of_a_long_name","the_last_tool_of_a_long_name"]}`
	got := show(t, printHubs, 80, `{}`, none)
	fits(t, got, 80)
	for _, want := range []string{"4: a_tool_of", "`holdfast mcp-hub key office`"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	list := show(t, printHubs, 80, `{}`, `{"hubs":[`+none+`,{"name":"b","url":"/mcp/b","enabled":true,"key_set":true,"prefix":true,"tool_config":{}},
		{"name":"c","url":"/mcp/c","enabled":true,"key_set":true,"prefix":true,"tool_config":{},"problem":"two hubs share its key"}]}`)
	fits(t, list, 80)
	flat := strings.Join(strings.Fields(list), " ")
	for _, want := range []string{"NAME STATE OFFERS URL", "office no key 4 /mcp/office", "b answers 0 /mcp/b", "c failed 0 /mcp/c", "c: two hubs share its key"} {
		if !strings.Contains(flat, want) {
			t.Errorf("lacks %q:\n%s", want, list)
		}
	}
}
