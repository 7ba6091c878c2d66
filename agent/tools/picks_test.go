// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"os"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/skills"
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

// TestAHubOfAFewToolsHasNoSkills unless the tool that loads them is one of these.
func TestAHubOfAFewToolsHasNoSkills(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good")).governed(`{"mcp_servers": {
		"few": {"tool_config": {"*": false, "echo": true}},
		"most": {"tool_config": {"echo": false}}}}`)
	if err := os.MkdirAll(b.home.Path("skills/tidy"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.home.Path("skills/tidy/SKILL.md"), []byte("---\nname: tidy\ndescription: Tidies.\n---\nDo it."), 0o600); err != nil {
		t.Fatal(err)
	}
	needs := b.needs
	needs.Skills = skills.New(skills.Needs{Home: b.home})
	b.Catalogue = New(needs)
	b.up()
	for hub, want := range map[string]bool{"few": false, "most": true} {
		v := b.View(client(), Scope{Hub: hub})
		_, shown := v.Skills()
		if prompts, files := v.Prompts(t.Context()), v.Resources(t.Context()); shown != want || len(prompts) > 0 != want || len(files) > 0 != want {
			t.Errorf("%q: skills %v, prompts %d, files %d, want %v", hub, shown, len(prompts), len(files), want)
		}
	}
}
