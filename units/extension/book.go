// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"holdfast"
)

// A book is what master_config.json says about extensions. What cannot be read in it is a
// problem and counts as absent.
type book struct {
	extensions map[string]entry
	tools      map[string]holdfast.ToolSetting
	brought    map[string]string // by tool: the extension whose file the setting came from; none is the operator's
	ports      ports
	problems   []holdfast.Problem
}

// An entry is one extension of the book.
type entry struct {
	enabled bool
	source  string
	missing bool
	config  map[string]json.RawMessage
}

// A change sets one value of the book, found by its names from the outside in; no value takes it
// away.
type change struct {
	path  []string
	value json.RawMessage
}

// A line of the book as it stands in the file.
type rawBook struct {
	Extensions map[string]json.RawMessage `json:"extensions"`
	Tools      map[string]json.RawMessage `json:"tool_configs"`
	Ports      struct {
		Extensions map[string]json.RawMessage `json:"extensions"`
		Services   map[string]json.RawMessage `json:"services"`
		Retired    map[string]json.RawMessage `json:"retired"`
	} `json:"port_assignments"`
}

const bookFile = "master_config.json"

// readBook takes the sections about extensions out of master_config.json.
func readBook(text json.RawMessage) (book, error) {
	var raw rawBook
	if len(text) > 0 {
		if err := json.Unmarshal(text, &raw); err != nil {
			return book{}, fmt.Errorf("cannot read %s: %w", bookFile, err)
		}
	}
	b := book{extensions: map[string]entry{}, tools: map[string]holdfast.ToolSetting{}, brought: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(raw.Extensions)) {
		b.entry(name, raw.Extensions[name])
	}
	for _, name := range slices.Sorted(maps.Keys(raw.Tools)) {
		b.tool(name, raw.Tools[name])
	}
	b.ports = newPorts(&b, raw)
	return b, nil
}

func (b *book) report(field, message, remedy string) {
	b.problems = append(b.problems, holdfast.Problem{File: bookFile, Field: field, Message: message, Remedy: remedy})
}

func (b *book) entry(name string, text json.RawMessage) {
	var e struct {
		Enabled *bool                      `json:"enabled"`
		Source  string                     `json:"source"`
		Missing bool                       `json:"missing"`
		Config  map[string]json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(text, &e); err != nil {
		b.report("extensions."+name, "cannot be read: "+err.Error(), `want {"enabled": true, "source": "local", "config": {}}`)
		// It is known and not to be run, which is the safe reading.
		b.extensions[name] = entry{}
		return
	}
	b.extensions[name] = entry{enabled: e.Enabled == nil || *e.Enabled, source: e.Source, missing: e.Missing, config: e.Config}
}

func (b *book) tool(name string, text json.RawMessage) {
	t := struct {
		EnabledInMCP *bool  `json:"enabled_in_mcp"`
		Passthrough  bool   `json:"passthrough"`
		Extension    string `json:"extension"`
	}{}
	if err := json.Unmarshal(text, &t); err != nil {
		b.report("tool_configs."+name, "cannot be read: "+err.Error(), `want {"enabled_in_mcp": true, "passthrough": false}`)
		// Closed: a switch that cannot be read is off.
		b.tools[name] = holdfast.ToolSetting{}
		return
	}
	b.tools[name] = holdfast.ToolSetting{EnabledInMCP: t.EnabledInMCP == nil || *t.EnabledInMCP, Passthrough: t.Passthrough}
	if t.Extension != "" {
		b.brought[name] = t.Extension
	}
}

// decides tells whether the book has the word on a tool of an extension: what the file of another
// one brought into it says nothing about a tool that happens to have the same name.
func (b *book) decides(extension, tool string) bool {
	_, known := b.tools[tool]
	by := b.brought[tool]
	return known && (by == "" || by == extension)
}

// bring takes a setting from the file of an extension. One that differs from the default stands for
// the tools of that extension alone.
func (b *book) bring(extension, tool string, setting holdfast.ToolSetting) change {
	b.tools[tool] = setting
	value := map[string]any{"enabled_in_mcp": setting.EnabledInMCP, "passthrough": setting.Passthrough}
	if setting.Passthrough || !setting.EnabledInMCP {
		b.brought[tool] = extension
		value["extension"] = extension
	}
	return set(value, "tool_configs", tool)
}
