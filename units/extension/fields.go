// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"holdfast"
)

// A reader takes typed values out of one object of a document. A value of the wrong type is a
// problem and reads as absent, so that all problems of a file are found together. null reads as
// absent; a field nobody asks for is left alone.
type reader struct {
	d        *document
	at       node
	path     string
	problems *[]holdfast.Problem
}

func (r reader) field(name string) string {
	if r.path == "" {
		return name
	}
	return r.path + "." + name
}

func (r reader) report(n node, name, message, remedy string) {
	*r.problems = append(*r.problems, r.d.problem(n.start, r.field(name), message, remedy))
}

// typed finds a member of the JSON type wanted.
func (r reader) typed(name, want, example string) (node, bool) {
	m, ok := r.at.member(name)
	if !ok || r.d.kind(m.value) == "null" {
		return node{}, false
	}
	if got := r.d.kind(m.value); got != want {
		r.report(m.value, name, "is "+article(got)+", want "+article(want), example)
		return node{}, false
	}
	return m.value, true
}

// text reads a string of at most limit runes.
func (r reader) text(name string, limit int) string {
	n, ok := r.typed(name, "string", "write it in quotes")
	if !ok {
		return ""
	}
	return r.bounded(n, name, limit)
}

func (r reader) bounded(n node, name string, limit int) string {
	s := r.d.string(n)
	if count := utf8.RuneCountInString(s); count > limit {
		r.report(n, name, fmt.Sprintf("has %d characters, the limit is %d", count, limit), "")
		return ""
	}
	if strings.ContainsRune(s, 0) {
		r.report(n, name, "holds a NUL character", "")
		return ""
	}
	return s
}

// flag reads a boolean; fallback when absent.
func (r reader) flag(name string, fallback bool) bool {
	n, ok := r.typed(name, "boolean", "write true or false, without quotes")
	if !ok {
		return fallback
	}
	return string(r.d.raw(n)) == "true"
}

// texts reads a list of strings.
func (r reader) texts(name string, most, limit int) []string {
	n, ok := r.typed(name, "array", `write ["…"]`)
	if !ok {
		return nil
	}
	if len(n.items) > most {
		r.report(n, name, fmt.Sprintf("has %d entries, the limit is %d", len(n.items), most), "")
		return nil
	}
	var list []string
	for i, item := range n.items {
		if s, ok := r.item(item, name, i, limit); ok {
			list = append(list, s)
		}
	}
	return list
}

func (r reader) item(n node, name string, i, limit int) (string, bool) {
	entry := name + "[" + strconv.Itoa(i) + "]"
	if got := r.d.kind(n); got != "string" {
		r.report(n, entry, "is "+article(got)+", want a string", "write it in quotes")
		return "", false
	}
	before := len(*r.problems)
	s := r.bounded(n, entry, limit)
	return s, len(*r.problems) == before
}

// object opens a member that is an object.
func (r reader) object(name string) (reader, bool) {
	n, ok := r.typed(name, "object", "write {…}")
	if !ok {
		return reader{}, false
	}
	return reader{d: r.d, at: n, path: r.field(name), problems: r.problems}, true
}

// An mcp block starts a server that speaks MCP over standard input and output.
type mcpBlock struct {
	Command string            `json:"command"`
	Args    []string          `json:"args,omitempty"`
	Env     map[string]string `json:"-"` // values may be secrets: only their names are shown
	Names   []string          `json:"env,omitempty"`
}

// A Manifest is what config.json says; fields that the house does not know stay in the file.
type Manifest struct {
	Name            string    `json:"name"`
	Description     string    `json:"description,omitempty"`
	Version         string    `json:"version"`
	Enabled         bool      `json:"enabled"`
	Source          string    `json:"source,omitempty"`
	AutoUpdate      bool      `json:"auto_update"`
	RequiredSecrets []string  `json:"required_secrets,omitempty"`
	StripPrefix     bool      `json:"strip_prefix"`
	TrailingSlash   bool      `json:"enforce_trailing_slash"`
	MCP             *mcpBlock `json:"mcp,omitempty"`
	// Sandbox is what it asks to be kept from.
	Sandbox *request `json:"sandbox,omitempty"`
}

// parseManifest reads config.json. stripPrefix is what holds when the file does not say.
func parseManifest(file string, text []byte, stripPrefix bool) (Manifest, *document, []holdfast.Problem) {
	d, problems := parse(file, text)
	if d == nil {
		return Manifest{}, nil, problems
	}
	r := reader{d: d, at: d.root, problems: &problems}
	m := Manifest{
		Name: r.text("name", 200), Description: r.text("description", 4000), Version: r.text("version", 100),
		Enabled: r.flag("enabled", true), Source: r.text("source", 1000), AutoUpdate: r.flag("auto_update", false),
		StripPrefix: stripPrefix, TrailingSlash: true,
	}
	m.RequiredSecrets = secretNames(r)
	if ui, ok := r.object("ui"); ok {
		m.StripPrefix = ui.flag("strip_prefix", stripPrefix)
		// Published extensions write it either way; the longer name wins.
		m.TrailingSlash = ui.flag("enforce_trailing_slash", ui.flag("trailing_slash", true))
	}
	if block, ok := r.object("mcp"); ok {
		m.MCP = mcpServer(block)
	}
	m.Sandbox = parseRequest(r)
	return m, d, problems
}

func secretNames(r reader) []string {
	names := r.texts("required_secrets", 64, 200)
	list, ok := r.at.member("required_secrets")
	if !ok {
		return nil
	}
	for i, item := range list.value.items {
		if r.d.kind(item) != "string" || envName(r.d.string(item)) {
			continue
		}
		entry := "required_secrets[" + strconv.Itoa(i) + "]"
		r.report(item, entry, "is not the name of a key", "letters, digits and _ only, not beginning with a digit")
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// envName tells whether s can name an environment variable of .env.
func envName(s string) bool {
	for i, c := range s {
		letter := c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func mcpServer(r reader) *mcpBlock {
	block := &mcpBlock{Command: r.text("command", 4096), Args: r.texts("args", 256, 8192)}
	if _, given := r.at.member("command"); !given || block.Command == "" {
		r.report(r.at, "command", "is required", `write "command": "python3"`)
	}
	env, ok := r.object("env")
	if !ok {
		return block
	}
	block.Env = map[string]string{}
	for _, m := range env.at.members {
		if !envName(m.name) || strings.HasPrefix(m.name, "HOLDFAST_") {
			env.report(node{start: m.start}, m.name, "cannot be set here", "letters, digits and _ only, and not HOLDFAST_…, which the house sets")
			continue
		}
		block.Env[m.name] = env.text(m.name, 32<<10)
		block.Names = append(block.Names, m.name)
	}
	return block
}

// A serviceManifest is what service_config.json says.
type serviceManifest struct {
	Name             string
	RequiresPort     bool
	HealthCheck      string
	RestartOnFailure bool
}

// parseService reads service_config.json. Its name is for people; the folder's name counts.
func parseService(file string, text []byte) (serviceManifest, []holdfast.Problem) {
	d, problems := parse(file, text)
	if d == nil {
		return serviceManifest{}, problems
	}
	r := reader{d: d, at: d.root, problems: &problems}
	s := serviceManifest{
		Name: r.text("name", 200), RequiresPort: r.flag("requires_port", false),
		HealthCheck: r.text("health_check", 1000), RestartOnFailure: r.flag("restart_on_failure", true),
	}
	if s.HealthCheck != "" && !strings.HasPrefix(s.HealthCheck, "/") {
		s.HealthCheck = "/" + s.HealthCheck
	}
	if strings.ContainsFunc(s.HealthCheck, notInPath) || strings.Contains(s.HealthCheck, "://") {
		m, _ := r.at.member("health_check")
		r.report(m.value, "health_check", "is not a path", `write the path only, "/healthz": it is asked of the service's own port`)
	}
	if s.HealthCheck != "" && !s.RequiresPort {
		m, _ := r.at.member("health_check")
		r.report(m.value, "health_check", "needs a port to ask", `set "requires_port": true, or take health_check away`)
	}
	return s, problems
}

func notInPath(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' || c == '\\' }

// parseTools reads tool_config.json: a switch pair per tool.
func parseTools(file string, text []byte) (map[string]holdfast.ToolSetting, *document, []holdfast.Problem) {
	d, problems := parse(file, text)
	if d == nil {
		return nil, nil, problems
	}
	settings := map[string]holdfast.ToolSetting{}
	if len(d.root.members) > maxTools {
		return nil, nil, append(problems, d.problem(0, "", fmt.Sprintf("has %d tools, the limit is %d", len(d.root.members), maxTools), ""))
	}
	r := reader{d: d, at: d.root, problems: &problems}
	for _, m := range d.root.members {
		if !toolName(m.name) {
			problems = append(problems, m.problem(d, m.name, "is not the name of a tool", "1 to 128 letters, digits, _, - or ."))
			continue
		}
		if tool, ok := r.object(m.name); ok {
			settings[m.name] = toolSetting(tool)
		}
	}
	return settings, d, problems
}

func toolSetting(r reader) holdfast.ToolSetting {
	return holdfast.ToolSetting{EnabledInMCP: r.flag("enabled_in_mcp", true), Passthrough: r.flag("passthrough", false)}
}

func toolName(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '_' && c != '-' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
}

func encode(v any) json.RawMessage {
	raw, _ := json.Marshal(v) // plain values always marshal
	return raw
}
