// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
)

// A Confinement is what the operator says about one extension's sandbox. Every extension has one: it
// writes only its own folder and data, and reads beside these only the system's folders and the
// interpreters on PATH.
type Confinement struct {
	// Enabled false leaves the extension without a sandbox, as free as the house itself. True when
	// left out.
	Enabled *bool `yaml:"enabled" json:"enabled,omitempty"`
	// Read lists files and folders that the extension may read besides; relative to the home.
	Read []string `yaml:"read" json:"read,omitempty"`
	// Write lists files and folders that it may read and write besides; relative to the home.
	Write []string `yaml:"write" json:"write,omitempty"`
	// Network is on or off. Off leaves no sockets but those handed to it, so that a page or service
	// that listens for itself does not come up. On when left out.
	Network string `yaml:"network" json:"network,omitempty" enum:"on,off"`
}

// What an extension may ask of its own sandbox: less than the default.
const (
	networkOff = "off"
	folderRead = "read"
)

// A request is what config.json asks of the sandbox, in its section holdfast.
type request struct {
	Network string `json:"network,omitempty"`
	Folder  string `json:"folder,omitempty"`
}

// parseRequest reads holdfast.sandbox of config.json. Whatever would widen the sandbox is refused.
func parseRequest(r reader) *request {
	own, ok := r.object("holdfast")
	if !ok {
		return nil
	}
	box, ok := own.object("sandbox")
	if !ok {
		return nil
	}
	asked := &request{Network: box.text("network", 10), Folder: box.text("folder", 10)}
	for _, m := range box.at.members {
		switch {
		case m.name != "network" && m.name != "folder":
			box.report(m.value, m.name, "cannot be asked for here",
				"an extension may only ask for less: network: off, folder: read; the operator gives more in holdfast.yaml, extensions.sandbox")
		case m.name == "network" && !slices.Contains([]string{"", networkOff}, asked.Network):
			box.report(m.value, m.name, fmt.Sprintf("is %q, want %q", asked.Network, networkOff), "the network is on when it is left out")
		case m.name == "folder" && !slices.Contains([]string{"", folderRead}, asked.Folder):
			box.report(m.value, m.name, fmt.Sprintf("is %q, want %q", asked.Folder, folderRead), "the own folder may be written when it is left out")
		}
	}
	return asked
}

// private are the folders that an extension has for itself beside its data.
type private struct{ home, cache, tmp string }

// privateDirs are kept short, for sockets are made in TMPDIR and their paths are bounded.
func privateDirs(h home.Home, name string) private {
	return private{home: filepath.Join(dataDir(h, name), ".home"), cache: h.Var("cache", name), tmp: h.Var("tmp", name)}
}

// make makes what an extension's processes take for granted.
func (p private) make() error {
	for _, dir := range []string{p.home, p.cache, p.tmp} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// environ points programs to the private folders instead of those of the house's user.
func (p private) environ() map[string]string {
	cache := func(name string) string { return filepath.Join(p.cache, name) }
	return map[string]string{
		"HOME": p.home, "TMPDIR": p.tmp, "XDG_CACHE_HOME": p.cache, "XDG_CONFIG_HOME": filepath.Join(p.home, ".config"),
		"XDG_DATA_HOME": filepath.Join(p.home, ".local", "share"), "XDG_STATE_HOME": filepath.Join(p.home, ".local", "state"),
		"PIP_CACHE_DIR": cache("pip"), "UV_CACHE_DIR": cache("uv"), "npm_config_cache": cache("npm"),
		"YARN_CACHE_FOLDER": cache("yarn"),
	}
}

// sandbox is what confines the extension's processes, nil when the operator frees it. The least of
// what the operator gives, what the extension asks for and what it was granted counts.
func (x *extension) sandbox(in surrounding) *holdfast.Sandbox {
	given := in.sandboxes[x.name]
	if given.Enabled != nil && !*given.Enabled {
		return nil
	}
	p := privateDirs(in.home, x.name)
	box := &holdfast.Sandbox{Network: given.Network, Write: []string{dataDir(in.home, x.name), p.cache, p.tmp}}
	asked := x.manifest.Sandbox
	switch {
	case asked != nil && asked.Folder == folderRead, x.waits(wishFolder):
		box.Read = append(box.Read, x.dir)
	default:
		box.Write = append(box.Write, x.dir)
	}
	if asked != nil && asked.Network == networkOff || x.waits(wishNetwork) {
		box.Network = networkOff
	}
	if shared := in.home.Path(".venv"); isDir(shared) {
		box.Read = append(box.Read, shared)
	}
	if x.venv != "" {
		box.Read = append(box.Read, x.venv)
	}
	for _, path := range given.Read {
		box.Read = append(box.Read, in.home.Place(path))
	}
	for _, path := range given.Write {
		box.Write = append(box.Write, in.home.Place(path))
	}
	return box
}

// checkSandboxes refuses what no sandbox can be made of.
func checkSandboxes(all map[string]Confinement) []holdfast.Problem {
	var problems []holdfast.Problem
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		for _, list := range []struct {
			field string
			paths []string
		}{{"read", c.Read}, {"write", c.Write}} {
			if slices.ContainsFunc(list.paths, func(p string) bool { return p == "" || strings.ContainsRune(p, 0) }) {
				problems = append(problems, holdfast.Problem{
					Field: "sandbox." + name + "." + list.field, Message: "names an empty path", Remedy: "name a file or folder, absolute or relative to the home",
				})
			}
		}
	}
	return problems
}

// strangers are the settings of extensions that are not there.
func strangers(s Settings, known []*extension) []holdfast.Problem {
	var names []string
	for _, x := range known {
		names = append(names, x.name)
	}
	var problems []holdfast.Problem
	look := func(section string, named []string) {
		for _, name := range named {
			if !slices.Contains(names, name) {
				problems = append(problems, holdfast.Problem{
					File: "holdfast.yaml", Field: "extensions." + section + "." + name, Message: "there is no extension of that name",
					Remedy: config.Meant(name, names),
				})
			}
		}
	}
	look("sandbox", slices.Sorted(maps.Keys(s.Sandbox)))
	look("limits", slices.Sorted(maps.Keys(s.Limits)))
	return problems
}
