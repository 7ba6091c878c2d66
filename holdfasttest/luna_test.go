// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/holdfasttest"
)

// TestLunasRoutesOfToolsAndAgents: existing clients find tools, agents, presets and the key of the agent
// API at luna's paths, in luna's forms, and nobody below an operator does.
func TestLunasRoutesOfToolsAndAgents(t *testing.T) {
	const operator = "sk-luna-operator-0123456789"
	h := holdfasttest.Start(t, holdfasttest.Options{Files: map[string]string{".env": "SUPERVISOR_API_TOKEN=" + operator + "\n"}})
	const base = "/api/supervisor/"
	ask := func(key, method, path, body string) (int, string) {
		status, text := h.Ask(method, h.Door()+base+path, body, http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}})
		return status, string(text)
	}
	must := func(method, path, body string, into any) string {
		t.Helper()
		status, text := ask(operator, method, path, body)
		if status != http.StatusOK {
			t.Fatalf("%s %s: %d %s", method, path, status, text)
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
		return text
	}
	type tool struct {
		Name, Docstring string
		Enabled         *bool
	}
	var all struct {
		Extensions map[string][]tool `json:"extensions"`
		Remote     map[string]any    `json:"remote_mcp_servers"`
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); len(all.Extensions["notes"]) == 0; {
		select {
		case <-tick.C:
			must("GET", "tools/all", "", &all)
		case <-deadline:
			t.Fatalf("the tools are %+v", all)
		}
	}
	if one := all.Extensions["notes"][0]; one.Name == "" || one.Docstring == "" || one.Enabled == nil || all.Remote == nil {
		t.Errorf("the tools are %+v", all)
	}
	var agents struct{ Agents []struct{ Name string } }
	if must("GET", "agents/built-in", "", &agents); len(agents.Agents) < 2 || agents.Agents[0].Name != "passthrough_agent" || agents.Agents[1].Name != "simple_agent" {
		t.Errorf("the agents are %+v", agents)
	}
	type preset struct {
		Name      string
		BaseAgent string `json:"base_agent"`
		Enabled   bool
		ToolCount int `json:"tool_count"`
	}
	var made, changed preset
	must("POST", "agents/presets", `{"name":"scribe","base_agent":"passthrough_agent","tool_config":{"*":false,"NOTES_list":true}}`, &made)
	if made != (preset{"scribe", "passthrough_agent", true, 1}) {
		t.Errorf("made is %+v", made)
	}
	var listed struct{ Presets []preset }
	if must("GET", "agents/presets", "", &listed); len(listed.Presets) != 1 || listed.Presets[0] != made {
		t.Errorf("listed are %+v", listed)
	}
	var tools struct {
		Name      string
		BaseAgent string                     `json:"base_agent"`
		Config    map[string]json.RawMessage `json:"tool_config"`
	}
	if must("GET", "agents/presets/scribe/tools", "", &tools); tools.Name != "scribe" || tools.BaseAgent != "passthrough_agent" || string(tools.Config["NOTES_list"]) != "true" {
		t.Errorf("its tools are %+v", tools)
	}
	if must("PATCH", "agents/presets/scribe", `{"enabled":false}`, &changed); changed.Enabled || changed.BaseAgent != "passthrough_agent" {
		t.Errorf("changed is %+v", changed)
	}
	must("DELETE", "agents/presets/scribe", "", &struct{}{})
	if status, _ := ask(operator, "GET", "agents/presets/scribe/tools", ""); status != http.StatusNotFound {
		t.Errorf("after its end it is answered %d", status)
	}
	var key, fresh struct {
		APIKey string `json:"api_key"`
	}
	if must("GET", "agents/api-key", "", &key); key.APIKey != h.Key() {
		t.Error("the key is not that of .env")
	}
	if must("POST", "agents/api-key/regenerate", "", &fresh); fresh.APIKey == key.APIKey || fresh.APIKey != h.Key() {
		t.Error("the key is as it was")
	}
	if told := string(h.Do("journal.show", `{"action":"agent.api_key"}`)); !strings.Contains(told, `"agent.api_key"`) || strings.Contains(told, key.APIKey) {
		t.Errorf("the journal tells %s", told)
	}
	for _, path := range []string{"tools/all", "agents/built-in", "agents/presets", "agents/api-key"} {
		for who, key := range map[string]string{"an agent": fresh.APIKey, "nobody": ""} {
			if status, text := ask(key, "GET", path, ""); status != http.StatusUnauthorized && status != http.StatusForbidden || strings.Contains(text, "passthrough_agent") {
				t.Errorf("%s asks for %s: %d %s", who, path, status, text)
			}
		}
	}
}
