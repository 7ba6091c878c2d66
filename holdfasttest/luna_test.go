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
	l := luna{t, holdfasttest.Start(t, holdfasttest.Options{Files: map[string]string{".env": "SUPERVISOR_API_TOKEN=" + operator + "\n"}}), operator}
	l.tools()
	l.presets()
	l.key()
}

// a luna is a client of luna's routes.
type luna struct {
	*testing.T
	house    *holdfasttest.House
	operator string
}

func (l luna) ask(key, method, path, body string) (int, string) {
	l.Helper()
	status, text := l.house.Ask(method, l.house.Door()+"/api/supervisor/"+path, body, http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}})
	return status, string(text)
}

func (l luna) must(method, path, body string, into any) {
	l.Helper()
	status, text := l.ask(l.operator, method, path, body)
	if status != http.StatusOK {
		l.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		l.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
}

func (l luna) tools() {
	l.Helper()
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
			l.must("GET", "tools/all", "", &all)
		case <-deadline:
			l.Fatalf("the tools are %+v", all)
		}
	}
	if one := all.Extensions["notes"][0]; one.Name == "" || one.Docstring == "" || one.Enabled == nil || all.Remote == nil {
		l.Errorf("the tools are %+v", all)
	}
	var agents struct{ Agents []struct{ Name string } }
	if l.must("GET", "agents/built-in", "", &agents); len(agents.Agents) < 2 || agents.Agents[0].Name != "passthrough_agent" || agents.Agents[1].Name != "simple_agent" {
		l.Errorf("the agents are %+v", agents)
	}
}

func (l luna) presets() {
	l.Helper()
	type preset struct {
		Name      string
		BaseAgent string `json:"base_agent"`
		Enabled   bool
		ToolCount int `json:"tool_count"`
	}
	var made, changed preset
	l.must("POST", "agents/presets", `{"name":"scribe","base_agent":"passthrough_agent","tool_config":{"*":false,"NOTES_list":true}}`, &made)
	if made != (preset{"scribe", "passthrough_agent", true, 1}) {
		l.Errorf("made is %+v", made)
	}
	var listed struct{ Presets []preset }
	if l.must("GET", "agents/presets", "", &listed); len(listed.Presets) != 1 || listed.Presets[0] != made {
		l.Errorf("listed are %+v", listed)
	}
	var tools struct {
		Name      string
		BaseAgent string                     `json:"base_agent"`
		Config    map[string]json.RawMessage `json:"tool_config"`
	}
	if l.must("GET", "agents/presets/scribe/tools", "", &tools); tools.Name != "scribe" || tools.BaseAgent != "passthrough_agent" || string(tools.Config["NOTES_list"]) != "true" {
		l.Errorf("its tools are %+v", tools)
	}
	if l.must("PATCH", "agents/presets/scribe", `{"enabled":false}`, &changed); changed.Enabled || changed.BaseAgent != "passthrough_agent" {
		l.Errorf("changed is %+v", changed)
	}
	l.must("DELETE", "agents/presets/scribe", "", &struct{}{})
	if status, _ := l.ask(l.operator, "GET", "agents/presets/scribe/tools", ""); status != http.StatusNotFound {
		l.Errorf("after its end it is answered %d", status)
	}
}

func (l luna) key() {
	l.Helper()
	var key, fresh struct {
		APIKey string `json:"api_key"`
	}
	if l.must("GET", "agents/api-key", "", &key); key.APIKey != l.house.Key() {
		l.Error("the key is not that of .env")
	}
	if l.must("POST", "agents/api-key/regenerate", "", &fresh); fresh.APIKey == key.APIKey || fresh.APIKey != l.house.Key() {
		l.Error("the key is as it was")
	}
	if told := string(l.house.Do("journal.show", `{"action":"agent.api_key"}`)); !strings.Contains(told, `"agent.api_key"`) || strings.Contains(told, key.APIKey) {
		l.Errorf("the journal tells %s", told)
	}
	for _, path := range []string{"tools/all", "agents/built-in", "agents/presets", "agents/api-key"} {
		for who, key := range map[string]string{"an agent": fresh.APIKey, "nobody": ""} {
			if status, text := l.ask(key, "GET", path, ""); status != http.StatusUnauthorized && status != http.StatusForbidden || strings.Contains(text, "passthrough_agent") {
				l.Errorf("%s asks for %s: %d %s", who, path, status, text)
			}
		}
	}
}
