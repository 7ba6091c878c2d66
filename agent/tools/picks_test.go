// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/upstream"
)

// TestAHubOfAFewToolsHasNothingOfAServerWithoutAny: whoever bears its key got these tools, not what
// every other server has to read.
func TestAHubOfAFewToolsHasNothingOfAServerWithoutAny(t *testing.T) {
	const diary = "diary://today"
	papers := library{Resources: []*mcp.Resource{{URI: diary, Name: "today"}}, Prompts: []*mcp.Prompt{{Name: "confess"}}, NoTools: true}
	b := newBench(t, goServer(t, "alpha", "good"), libraryServer(t, "papers", papers)).governed(`{"mcp_servers": {
		"few": {"tool_config": {"*": false, "echo": true}},
		"most": {"tool_config": {"echo": false}},
		"named": {"upstreams": ["alpha", "papers"], "tool_config": {"*": false, "echo": true}}}}`).up()
	for hub, want := range map[string]bool{"few": false, "most": true, "named": true, "": true} {
		v := b.View(client(), Scope{Hub: hub})
		_, err := v.Read(t.Context(), upstream.Request{Name: diary})
		if read := err == nil; read != want || len(v.Resources(t.Context())) > 0 != want || len(v.Prompts(t.Context())) > 0 != want {
			t.Errorf("%q: read %v, resources %d, prompts %d, want %v", hub, err, len(v.Resources(t.Context())), len(v.Prompts(t.Context())), want)
		}
	}
}
