// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
)

const masterName = "master_config.json"

// A MasterConfig is what Holdfast knows of master_config.json. Fields of others are kept in the
// file and not shown here.
type MasterConfig struct {
	Core             MasterCore                 `json:"core,omitzero"`
	DeploymentMode   string                     `json:"deployment_mode,omitempty"`
	PublicDomain     string                     `json:"public_domain,omitempty"`
	Extensions       map[string]MasterExtension `json:"extensions,omitempty"`
	ToolConfigs      map[string]MasterTool      `json:"tool_configs,omitempty"`
	RemoteMCPServers map[string]MasterRemoteMCP `json:"remote_mcp_servers,omitempty"`
	MCPServers       map[string]MasterMCPServer `json:"mcp_servers,omitempty"`
	AgentPresets     map[string]MasterPreset    `json:"agent_presets,omitempty"`
	PortAssignments  MasterPorts                `json:"port_assignments,omitzero"`
	ExternalServices map[string]MasterExternal  `json:"external_services,omitempty"`
}

// A MasterCore is the section core, which luna calls luna.
type MasterCore struct {
	Version    string `json:"version,omitempty"`
	Timezone   string `json:"timezone,omitempty"`
	DefaultLLM string `json:"default_llm,omitempty"`
}

// A MasterExtension is what the house keeps of one extension.
type MasterExtension struct {
	Enabled *bool           `json:"enabled,omitempty"` // nil counts as enabled
	Source  string          `json:"source,omitempty"`
	Config  json.RawMessage `json:"config,omitempty"` // an object
}

// A MasterTool is the switches of one tool.
type MasterTool struct {
	EnabledInMCP *bool `json:"enabled_in_mcp,omitempty"`
	Passthrough  *bool `json:"passthrough,omitempty"`
}

// A MasterRemoteMCP is one remote MCP server.
type MasterRemoteMCP struct {
	ServerID  string          `json:"server_id,omitempty"`
	URL       string          `json:"url,omitempty"`
	Enabled   *bool           `json:"enabled,omitempty"`
	ToolCount int             `json:"tool_count,omitempty"`
	Tools     json.RawMessage `json:"tools,omitempty"`
}

// A MasterMCPServer is one MCP hub; its key is a secret.
type MasterMCPServer struct {
	Name       string          `json:"name,omitempty"`
	Port       int             `json:"port,omitempty"`
	Enabled    *bool           `json:"enabled,omitempty"`
	APIKey     holdfast.Secret `json:"api_key,omitzero"`
	ToolConfig json.RawMessage `json:"tool_config,omitempty"`
}

// A MasterPreset is one agent preset.
type MasterPreset struct {
	BaseAgent    string          `json:"base_agent,omitempty"`
	Enabled      *bool           `json:"enabled,omitempty"` // nil counts as enabled
	ToolConfig   json.RawMessage `json:"tool_config,omitempty"`
	SystemPrompt string          `json:"system_prompt,omitempty"`
	Alias        string          `json:"alias,omitempty"`
	Budget       MasterBudget    `json:"budget,omitzero"`
}

// A MasterBudget bounds each request of a preset; 0 is as section agent says.
type MasterBudget struct {
	Steps   int   `json:"steps,omitempty"`
	Tokens  int64 `json:"tokens,omitempty"`
	Seconds int64 `json:"seconds,omitempty"`
}

// MasterPorts are the ports given once and for all; a service's name is "extension.service".
type MasterPorts struct {
	Extensions map[string]int `json:"extensions,omitempty"`
	Services   map[string]int `json:"services,omitempty"`
}

// A MasterExternal is the state of one external service.
type MasterExternal struct {
	Installed bool `json:"installed,omitempty"`
	Enabled   bool `json:"enabled,omitempty"`
}

// Master is the file master_config.json, which Holdfast and luna's own tools share. Reading never
// waits; writers take turns, in this process and among processes, by a kernel lock.
type Master struct {
	home  home.Home
	disk  disk.Disk
	mu    sync.Mutex
	watch watch
}

// NewMaster is the file of a home; it looks at nothing yet.
func NewMaster(h home.Home) *Master { return &Master{home: h} }

// Read is the document as it stands; a file that is not there is an empty one.
func (m *Master) Read() (*Document, error) {
	src, _, problem := readSource(m.home.MasterFile(), masterName)
	if problem != nil {
		return nil, holdfast.BadInput("", *problem)
	}
	d, err := ParseDocument(masterName, src.text)
	if err != nil {
		return nil, err
	}
	d.stands = map[string]string{"core": "luna"}
	return d, nil
}

// View is the document as a typed value.
func (m *Master) View() (MasterConfig, error) {
	d, err := m.Read()
	if err != nil {
		return MasterConfig{}, err
	}
	return d.Master()
}

// Master reads the document as a typed value; luna stands for a missing core.
func (d *Document) Master() (MasterConfig, error) {
	var view MasterConfig
	if problems := checkMaster(d); len(problems) > 0 {
		return view, holdfast.BadInput("cannot use "+masterName, problems...)
	}
	if err := json.Unmarshal(d.raw(), &view); err != nil {
		return view, fmt.Errorf("cannot read %s: %w", masterName, err)
	}
	if _, err := d.Decode(&view.Core, "core"); err != nil {
		return view, err
	}
	return view, nil
}

// checkMaster checks the sections that Holdfast knows; places are those in the text that would be
// written.
func checkMaster(d *Document) []holdfast.Problem {
	types := baseTypes()
	types[reflect.TypeFor[json.RawMessage]()] = &jsonschema.Schema{}
	s, err := jsonschema.ForType(reflect.TypeFor[MasterConfig](), &jsonschema.ForOptions{TypeSchemas: types})
	if err != nil {
		return []holdfast.Problem{{File: masterName, Message: err.Error()}}
	}
	loosen(s)
	s.Properties["luna"] = s.Properties["core"].CloneSchemas()
	s.Properties["extensions"].AdditionalProperties.Properties["config"].Type = "object"
	src := source{name: masterName, text: d.Bytes()}
	tree, problems := readJSON(src, OriginMaster)
	if len(problems) > 0 {
		return problems
	}
	open := &conform{open: true}
	open.check(tree, s, "")
	for _, f := range open.found {
		problems = append(problems, src.problem(f.at, f.path, f.message, f.remedy))
	}
	return problems
}

// Update changes the document: edit works on what is in the file now, and what it leaves is
// checked and written whole. An error of edit, or a document that does not fit, changes nothing.
// Other writers wait, at most until ctx ends.
func (m *Master) Update(ctx context.Context, edit func(*Document) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	release, err := m.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	d, err := m.Read()
	if err != nil {
		return err
	}
	before := d.Bytes()
	if err := edit(d); err != nil {
		return err
	}
	after := d.Bytes()
	if bytes.Equal(before, after) {
		// It may be so since a write that did not come to its end; now it lasts.
		return m.disk.SyncDir(m.home.Dir())
	}
	if problems := checkMaster(d); len(problems) > 0 {
		return holdfast.BadInput("cannot change "+masterName, problems...)
	}
	return m.disk.WriteFile(m.home.MasterFile(), after, m.mode())
}

// mode keeps what the operator made of the file; a new one is for the user alone, for a hub's key
// may stand in it.
func (m *Master) mode() fs.FileMode {
	if info, err := os.Stat(m.home.MasterFile()); err == nil {
		return info.Mode().Perm()
	}
	return 0o600
}

// hold takes the turn among processes. It works for tools that run while a house holds the home.
func (m *Master) hold(ctx context.Context) (release func(), err error) {
	if err := m.disk.MkdirAll(m.home.Var("run"), 0o700); err != nil {
		return nil, err
	}
	path := m.home.Var("run", "master.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, disk.Explain("open the lock", path, err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = f.Close()
			return nil, disk.Explain("lock", path, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("cannot change %s, another process is writing it: %w", masterName, ctx.Err())
		case <-tick.C:
		}
	}
}

// Layers are the rest of the configuration, as *Config knows it: what pins a field, and what would
// be wrong with a changed file.
type Layers interface {
	Pinned(path string) (file string, line int, pinned bool)
	CheckMaster(text []byte) []holdfast.Problem
}

// Merge lays a partial document over the file and returns the paths that changed. A partial that
// would change what a stronger layer pins is refused whole, naming the place.
func (m *Master) Merge(ctx context.Context, partial json.RawMessage, layers Layers) (changed []string, err error) {
	over, err := ParseDocument("the request", partial)
	if err != nil {
		return nil, err
	}
	err = m.Update(ctx, func(d *Document) error {
		over.renamed(d)
		over.unmask(d)
		changed, err = d.Merge(over)
		if err != nil {
			return err
		}
		if layers == nil {
			return nil
		}
		if err := refusePinned(changed, layers); err != nil {
			return err
		}
		if problems := layers.CheckMaster(d.Bytes()); len(problems) > 0 {
			return holdfast.BadInput("cannot change "+masterName, problems...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// renamed puts a partial's core under luna where the file has only luna.
func (d *Document) renamed(under *Document) {
	i := d.index("core")
	j := under.index("core")
	if i < 0 || j < 0 || under.members[j].key == "core" {
		return
	}
	d.members[i].key, d.members[i].name = under.members[j].key, under.members[j].name
}

// unmask drops from a partial the hub keys that are shown masked: who sends back what was shown
// does not mean to change them.
func (d *Document) unmask(under *Document) {
	for _, hub := range d.Keys("mcp_servers") {
		var shown string
		var key holdfast.Secret
		path := []string{"mcp_servers", hub, "api_key"}
		if _, err := d.Decode(&shown, path...); err != nil {
			continue
		}
		if _, err := under.Decode(&key, path...); err == nil && shown != "" && shown == key.Masked() {
			d.Delete(path...)
		}
	}
}

func refusePinned(changed []string, layers Layers) error {
	for _, path := range changed {
		for _, a := range aliases() {
			own := joinPath("", a.section) + "." + a.field
			file, line, pinned := layers.Pinned(own)
			if !pinned || !within(a.master, splitPath(path)) {
				continue
			}
			where := file
			if line > 0 {
				where = fmt.Sprintf("%s:%d", file, line)
			}
			return &holdfast.Refusal{
				Guard:  "pinned",
				Reason: fmt.Sprintf("%s is pinned by %s (%s), so a change here would have no effect", path, where, own),
				Remedy: "change it there, or take it out there",
			}
		}
	}
	return nil
}

// within tells whether a changed path is the field, holds it, or lies in it.
func within(fieldPath, changed []string) bool {
	for i := range min(len(fieldPath), len(changed)) {
		if fieldPath[i] != changed[i] {
			return false
		}
	}
	return true
}

// JSON is the whole document for showing: hub keys are masked.
func (d *Document) JSON() json.RawMessage {
	shown := &Document{members: append([]member(nil), d.members...)}
	for _, hub := range shown.Keys("mcp_servers") {
		var key holdfast.Secret
		found, err := shown.Decode(&key, "mcp_servers", hub, "api_key")
		if err != nil {
			key = holdfast.NewSecret("?") // a key of a wrong type is a key all the same
		}
		if found && !key.Empty() {
			_ = shown.Set(key.Masked(), "mcp_servers", hub, "api_key") // text can always be set
		}
	}
	return shown.raw()
}
