// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/units/supervisor"
)

// A state says how an extension stands:
//
//	ready      used; its units have states of their own
//	disabled   switched off in master_config.json
//	blocked    waits for something outside it: a key, a name that somebody else's unit has
//	broken     a manifest or file of it is wrong
//	missing    its folder is gone
const (
	stateReady    = "ready"
	stateDisabled = "disabled"
	stateBlocked  = "blocked"
	stateBroken   = "broken"
	stateMissing  = "missing"
)

// startWithin is how long an extension's unit may take until it first answers: published
// extensions install packages at their first start.
const startWithin = 2 * time.Minute

// owner is the name under which an extension's units are declared.
func owner(name string) string { return "extension " + name }

// A declaration is what one extension contributes, given which keys are set.
type declaration struct {
	state   string
	reason  string
	keys    []string // required and not set
	units   []holdfast.Unit
	mounts  []holdfast.Mount
	servers []holdfast.ToolServer
	// held is the map of ports that its units were told.
	held portTable
	box  *holdfast.Sandbox // of all its processes
}

type portTable map[string]map[string]*int

// A surrounding is what an extension is declared in.
type surrounding struct {
	home  home.Home
	set   func(key string) bool
	ports portTable
	path  string // of the house
	// sandboxes and limits are the operator's, by extension.
	sandboxes map[string]Confinement
	limits    map[string]supervisor.Limits
}

// declare works out what an extension contributes. told is the table of ports that its units had
// so far: a port given to somebody else later is no reason to restart them.
func (x *extension) declare(in surrounding, told portTable) declaration {
	d := declaration{held: in.ports}
	if stillTrue(told, in.ports) {
		d.held = told
	}
	d.state, d.reason, d.keys = x.standing(in.set)
	if d.state == stateMissing || d.state == stateDisabled {
		return d
	}
	env, box := x.environ(in, d.held), x.sandbox(in)
	d.box = box
	if box != nil {
		maps.Copy(env, privateDirs(in.home, x.name).environ())
	}
	d.units = x.declareUnits(env, d.reason)
	d.mounts = x.declareMounts()
	d.servers = x.declareServers(in, env, d.reason)
	limits := in.limits[x.name].Bounds()
	for i := range d.units {
		d.units[i].Sandbox, d.units[i].Limits = box, limits
	}
	for i := range d.servers {
		d.servers[i].Sandbox, d.servers[i].Limits = box, limits
	}
	return d
}

// standing is the state of the whole extension; its services may have problems of their own.
func (x *extension) standing(set func(string) bool) (state, reason string, keys []string) {
	switch {
	case !x.present:
		return stateMissing, "its folder extensions/" + x.name + " is gone; put it back, or delete the extension", nil
	case len(x.problems) > 0:
		return stateBroken, brief(x.problems), nil
	case !x.entry.enabled:
		return stateDisabled, "", nil
	}
	if x.withheld != "" {
		return stateBlocked, x.withheld, nil
	}
	for _, key := range x.secrets() {
		if !set(key) {
			keys = append(keys, key)
		}
	}
	if len(keys) > 0 {
		return stateBlocked, "needs " + strings.Join(keys, ", ") + ": set each with `holdfast keys set KEY`", keys
	}
	return stateReady, "", nil
}

// brief is the first problem in one line, and how many more there are.
func brief(problems []holdfast.Problem) string {
	first := problems[0]
	first.Excerpt = ""
	if more := len(problems) - 1; more > 0 {
		return first.String() + "; " + strconv.Itoa(more) + " more"
	}
	return first.String()
}

// stillTrue tells whether every port of old is the same in now.
func stillTrue(old, now portTable) bool {
	if old == nil {
		return false
	}
	for section, names := range old {
		for name, port := range names {
			other, ok := now[section][name]
			if !ok || (port == nil) != (other == nil) || (port != nil && *port != *other) {
				return false
			}
		}
	}
	return true
}

// environ is what every process of the extension is told.
func (x *extension) environ(in surrounding, told portTable) map[string]string {
	table, _ := json.Marshal(told) // numbers by name always marshal
	env := map[string]string{
		"HOLDFAST_PORTS":     string(table),
		"LUNA_PORTS":         string(table),
		"HOLDFAST_EXTENSION": x.name,
		"HOLDFAST_DATA":      dataDir(in.home, x.name),
		"LUNA_ENV_FILE":      in.home.EnvFile(),
	}
	paths := slices.Clone(x.paths)
	if shared := in.home.Path(".venv", "bin"); isDir(shared) {
		paths = append(paths, shared)
	}
	if len(paths) > 0 {
		env["VIRTUAL_ENV"] = filepath.Dir(paths[0])
		env["PATH"] = strings.Join(append(paths, in.path), string(filepath.ListSeparator))
	}
	return env
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// dataDir is where an extension keeps what an update must not touch.
func dataDir(h home.Home, name string) string { return h.Var("extensions", name) }

func (x *extension) declareUnits(env map[string]string, blocked string) []holdfast.Unit {
	var units []holdfast.Unit
	if x.ui != nil {
		u := x.unit("ui", x.ui, env)
		u.Dir, u.Log = filepath.Join(x.dir, "ui"), x.name+"_ui"
		u.Restart = holdfast.RestartAlways
		u.Blocked = first(blocked, x.uiReason)
		units = append(units, x.listening(u, x.uiPort, ""))
	}
	for _, v := range x.services {
		if v.unnamed {
			continue // the problem is shown with the extension
		}
		u := x.unit(v.name, v.run, env)
		u.Dir, u.Log = filepath.Join(x.dir, "services", v.name), x.name+"__service_"+v.name
		u.Restart = holdfast.RestartNever
		if v.manifest.RestartOnFailure {
			u.Restart = holdfast.RestartOnFailure
		}
		u.Blocked = first(blocked, x.reasons[v.name])
		if len(v.problems) > 0 {
			u.Blocked = first(blocked, brief(v.problems))
		}
		units = append(units, x.listening(u, x.ports[v.name], v.manifest.HealthCheck))
	}
	return units
}

func (x *extension) unit(name string, run []string, env map[string]string) holdfast.Unit {
	u := holdfast.Unit{
		Name: x.name + "." + name, Run: slices.Clone(run), Env: maps.Clone(env), Owner: owner(x.name),
		Secrets: x.secrets(), Stop: holdfast.Stop{Signal: "TERM", Grace: 30 * time.Second},
	}
	if len(u.Run) == 0 {
		u.Run = []string{filepath.Join(x.dir, "services", name, "start.sh")}
	}
	return u
}

// listening completes a unit that has a port: it gets the port as its argument and in PORT, and is
// asked over it.
func (x *extension) listening(u holdfast.Unit, port int, path string) holdfast.Unit {
	if port == 0 {
		return u
	}
	number := strconv.Itoa(port)
	u.Port, u.Run, u.Env["PORT"] = port, append(u.Run, number), number
	ready := holdfast.Probe{HTTP: path, TCP: path == "", Port: port, Within: startWithin}
	healthy := ready
	healthy.Every, healthy.Timeout, healthy.Failures = 30*time.Second, 5*time.Second, 3
	u.Ready, u.Healthy = &ready, &healthy
	return u
}

func first(reasons ...string) string {
	for _, reason := range reasons {
		if reason != "" {
			return reason
		}
	}
	return ""
}

// declareMounts gives the paths of the front door. Of several services the first in the alphabet that
// has a port answers under /api/NAME/, as in luna.
func (x *extension) declareMounts() []holdfast.Mount {
	var mounts []holdfast.Mount
	if x.ui != nil && x.uiPort != 0 {
		mounts = append(mounts, holdfast.Mount{
			Path: "/ext/" + x.name + "/", Unit: x.name + ".ui", Port: x.uiPort, OwnOrigin: true,
			StripPrefix: x.manifest.StripPrefix, TrailingSlash: x.manifest.TrailingSlash,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(x.ports)) {
		if x.ports[name] == 0 {
			continue
		}
		return append(mounts, holdfast.Mount{
			Path: "/api/" + x.name + "/", Unit: x.name + "." + name, Port: x.ports[name], StripPrefix: true,
		})
	}
	return mounts
}

// declareServers gives the extension's tools: its Python modules, and its MCP server under its own name
// or, when it has both, under NAME.mcp.
func (x *extension) declareServers(in surrounding, env map[string]string, blocked string) []holdfast.ToolServer {
	var servers []holdfast.ToolServer
	base := holdfast.ToolServer{
		Name: x.name, Dir: x.dir, Env: env, Secrets: x.secrets(), Settings: x.settings, Blocked: blocked,
	}
	if len(x.tools.problems) > 0 {
		base.Blocked = first(blocked, brief(x.tools.problems))
	}
	if len(x.tools.modules) > 0 {
		python := base
		python.Modules, python.Python = slices.Clone(x.tools.modules), x.python
		if shared := in.home.Path(".venv", "bin", "python3"); python.Python == "" && isFile(shared) {
			python.Python = shared
		}
		servers = append(servers, python)
	}
	if x.server != nil {
		own := base
		own.Run, own.Env = slices.Clone(x.server), maps.Clone(env)
		maps.Copy(own.Env, x.manifest.MCP.Env)
		if len(servers) > 0 {
			own.Name += ".mcp"
		}
		servers = append(servers, own)
	}
	return servers
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
