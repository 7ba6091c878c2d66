// SPDX-License-Identifier: Apache-2.0

package holdfast

import "encoding/json"

// A ToolServer declares where tools come from: a process that speaks MCP over stdio (Run), or
// Python modules in the TOOLS convention that the house's Python host loads (Modules).
type ToolServer struct {
	// Name is the extension's.
	Name    string
	Run     []string
	Modules []string // absolute paths of *_tools.py
	// Python is the interpreter for Modules; empty means python3.
	Python  string
	Dir     string
	Env     map[string]string
	Secrets []string
	// Settings holds the switches per tool name; a tool that is not listed has the defaults
	// enabled_in_mcp true, passthrough false.
	Settings map[string]ToolSetting
	// Limits and Sandbox are put on the server and all that it starts.
	Limits  Limits
	Sandbox *Sandbox
	// Blocked says why the server must not start (a missing secret); its tools are not offered.
	Blocked string
}

// A ToolSetting is one tool's entry in tool_config.json.
type ToolSetting struct {
	EnabledInMCP bool `json:"enabled_in_mcp"`
	Passthrough  bool `json:"passthrough"`
}

// A Tool is one entry of the catalogue.
type Tool struct {
	// Name is unique in the catalogue; Source is "extension NAME" or "house".
	Name         string          `json:"name"`
	Source       string          `json:"source"`
	Summary      string          `json:"summary"`
	Input        json.RawMessage `json:"input_schema"`
	Output       json.RawMessage `json:"output_schema,omitempty"`
	EnabledInMCP bool            `json:"enabled_in_mcp"`
	Passthrough  bool            `json:"passthrough"`
	Tier         Tier            `json:"tier"`
	ReadOnly     bool            `json:"read_only"`
	Destructive  bool            `json:"destructive"`
}

// A ToolResult is what a tool answered: text for a model, and structured content if it gave any.
type ToolResult struct {
	Text       string          `json:"text"`
	Structured json.RawMessage `json:"structured,omitempty"`
	// Failed marks a tool's own failure, which is fed back to the model.
	Failed bool `json:"failed,omitempty"`
}

// An AgentModel is an agent as a model of the agent API.
type AgentModel struct {
	Name      string
	BaseAgent string
	IsPreset  bool
	ToolCount int
}
