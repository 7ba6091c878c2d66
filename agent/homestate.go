// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/upstream"
)

// Bounds on what is looked at with each request: an agent may write what it likes into its folder. A
// folder with more entries is passed over whole, for the part that is read of it is not always the same.
const (
	maxModules = 300
	maxFolders = 50
	maxCrowd   = 500
)

// state tells whether the modules of an agent are what they were: names, sizes and times of the Python
// files in its folder. It is never empty for an agent that there is.
func (h *homes) state(name string) string {
	var b strings.Builder
	note := func(path string) bool {
		info, err := os.Stat(path)
		if err == nil {
			_, _ = fmt.Fprintf(&b, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
		return err == nil
	}
	note(h.module(name))
	files, folders := 0, []string{filepath.Join(h.folder, name)}
	for i := 0; i < len(folders); i++ {
		for _, e := range entries(folders[i]) {
			path := filepath.Join(folders[i], e.Name())
			switch {
			case e.IsDir():
				if len(folders) < maxFolders && holdsModules(e.Name()) {
					folders = append(folders, path)
				}
			case strings.HasSuffix(e.Name(), ".py") && files < maxModules && note(path):
				files++
			}
		}
	}
	return b.String()
}

// holdsModules is false for folders in which an agent keeps what is no part of it.
func holdsModules(folder string) bool {
	return !strings.HasPrefix(folder, ".") && folder != "__pycache__" && folder != "data"
}

// entries are those of a folder by name, none when it is crowded.
func entries(folder string) []os.DirEntry {
	f, err := os.Open(folder)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	list, _ := f.ReadDir(maxCrowd + 1) // what was read before an error counts
	if len(list) > maxCrowd {
		return nil
	}
	slices.SortFunc(list, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list
}

// sweep ends the hosts of agents that are gone; h.mu is held.
func (h *homes) sweep() {
	for name, one := range h.running {
		if !h.has(name) {
			one.state = "" // it is started anew should the same files come back meanwhile
			one.stop()
		}
	}
}

// forget lets go of a host that has ended.
func (h *homes) forget(name string, server *upstream.Server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one := h.running[name]; one != nil && one.Server == server {
		delete(h.running, name)
	}
}

// trouble is why an agent cannot answer, as far as is known: nothing is known of modules that no host
// has loaded as they are now.
func (h *homes) trouble(name string) error {
	state := h.state(name)
	h.mu.Lock()
	one := h.running[name]
	known := one != nil && one.state == state
	h.mu.Unlock()
	if !known {
		return nil
	}
	if err := one.Trouble(); err != nil {
		return err
	}
	return unloaded(name, one.Server)
}

// unloaded is why a host that runs does not have its agent.
func unloaded(name string, server *upstream.Server) error {
	offer := server.Offer()
	if len(offer.Problems) == 0 || slices.ContainsFunc(offer.Tools, func(t *mcp.Tool) bool { return t.Name == name }) {
		return nil
	}
	why := max(0, slices.IndexFunc(offer.Problems, func(p upstream.Problem) bool { return p.Part == name+"/agent.py" }))
	return holdfast.Errorf(holdfast.CodeUnavailable, "the agent %s could not be loaded: %s (%s)", name, offer.Problems[why].Error, logOf(name))
}

// logOf is the log of an agent's host, in the home.
func logOf(name string) string { return "var/logs/agent." + name + ".log" }

// stray tells of folders that hold an agent which is none.
func (h *homes) stray() []holdfast.Problem {
	found, _ := filepath.Glob(filepath.Join(h.folder, "*", "agent.py"))
	var list []holdfast.Problem
	for _, path := range found {
		name := filepath.Base(filepath.Dir(path))
		p := holdfast.Problem{File: "agents/" + name + "/agent.py"}
		switch {
		case strings.HasPrefix(name, ".") || h.has(name):
			continue
		case presetWord(name) && !builtIn(name):
			p.Message, p.Remedy = "is no file, or leads nowhere", "put the module itself there"
		default:
			p.Message = fmt.Sprintf("%.100q cannot be an agent's name", name)
			p.Remedy = "letters, digits, _ . and -, at most 64, beginning with a letter, and not a built-in agent's"
		}
		list = append(list, p)
	}
	return list
}
