// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"holdfast"
)

// Bounds on what one home and one extension may hold.
const (
	maxExtensions = 500
	maxServices   = 32
	maxModules    = 64
	maxModule     = 4 << 20
	maxTools      = 2000
	maxUnitName   = 100
)

// A folder is what lies in one extension's folder, read and not run. It does not change.
type folder struct {
	name     string
	dir      string // absolute
	manifest Manifest
	config   *document // nil when it cannot be read
	mode     fs.FileMode
	ui       []string // argument vector without the port; nil for none
	services []service
	tools    toolFolder
	server   []string // of mcp
	python   string   // of the extension's own environment
	paths    []string // to be put before PATH
	// requirements is requirements.txt: Python packages that are asked for; nil for none.
	requirements []byte
	// packages says how they stand: installed, changed, missing; empty when none are asked for.
	packages string
	// venv is the environment that the house made of them.
	venv     string
	problems []holdfast.Problem
}

type service struct {
	name     string
	unnamed  bool // its folder's name cannot be a unit's
	manifest serviceManifest
	run      []string
	problems []holdfast.Problem
}

type toolFolder struct {
	modules  []string // absolute paths of *_tools.py
	defined  []string // functions that the modules define
	settings map[string]holdfast.ToolSetting
	config   *document // tool_config.json; nil when there is none
	mode     fs.FileMode
	problems []holdfast.Problem
}

// scan reads every folder under extensions/. An error means that the listing itself failed.
func scan(dir string) ([]folder, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the extensions: %w", err)
	}
	defer func() { _ = root.Close() }()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("cannot read the extensions: %w", err)
	}
	var found []folder
	for _, entry := range entries {
		hidden := strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), "__")
		if hidden || (!entry.IsDir() && entry.Type()&fs.ModeSymlink == 0) {
			continue
		}
		if len(found) == maxExtensions {
			return found, fmt.Errorf("cannot read all extensions: there are more than %d", maxExtensions)
		}
		found = append(found, scanFolder(root, dir, entry))
	}
	return found, nil
}

func scanFolder(root *os.Root, dir string, entry fs.DirEntry) folder {
	f := folder{name: entry.Name(), dir: filepath.Join(dir, entry.Name())}
	at := path.Join("extensions", f.name)
	if reason := checkName(f.name); reason != "" {
		f.problems = append(f.problems, holdfast.Problem{
			File: at, Field: "name", Message: fmt.Sprintf("the name %.80q %s", f.name, reason), Remedy: "rename the folder",
		})
		return f
	}
	if !entry.IsDir() {
		f.problems = append(f.problems, holdfast.Problem{File: at, Message: "is a symbolic link", Remedy: "put the folder itself there"})
		return f
	}
	own, err := root.OpenRoot(f.name)
	if err != nil {
		f.problems = append(f.problems, holdfast.Problem{File: at, Message: plain(err)})
		return f
	}
	defer func() { _ = own.Close() }()
	s := scanner{root: own, folder: &f, at: at}
	s.manifest()
	s.environment()
	f.ui, _ = s.script("ui", &f.problems)
	s.services()
	s.tools()
	s.server()
	return f
}

// A scanner reads one extension through a root that nothing in it can lead out of.
type scanner struct {
	root   *os.Root
	folder *folder
	at     string
}

func (s scanner) file(name string) string { return path.Join(s.at, name) }

// read reads a regular file up to limit bytes and one more, so that the parser sees the excess.
func (s scanner) read(name string, limit int64) ([]byte, fs.FileMode, error) {
	// Not blocking, for a named pipe in the place of a manifest would hold the house.
	f, err := s.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("is not a regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	return text, info.Mode().Perm(), err
}

// plain words an error about a file without the absolute path that Go puts in it.
func plain(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "is not there"
	}
	if errors.Is(err, fs.ErrPermission) {
		return "may not be read by the house"
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		if strings.Contains(at.Err.Error(), "escapes") {
			return "leads out of the extension's folder"
		}
		return at.Err.Error()
	}
	return err.Error()
}

func (s scanner) exists(name string) bool {
	_, err := s.root.Lstat(name)
	return err == nil
}

func (s scanner) manifest() {
	f := s.folder
	text, mode, err := s.read("config.json", maxManifest)
	if err != nil {
		f.problems = append(f.problems, holdfast.Problem{
			File: s.file("config.json"), Message: plain(err), Remedy: `an extension needs one; the least is {"name": "` + f.name + `"}`,
		})
		return
	}
	vite := s.exists("ui/vite.config.js") || s.exists("ui/vite.config.ts") || s.exists("ui/vite.config.mjs")
	var problems []holdfast.Problem
	f.manifest, f.config, problems = parseManifest(s.file("config.json"), text, !vite)
	f.mode = mode
	f.problems = append(f.problems, problems...)
}

func (s scanner) environment() {
	f := s.folder
	if text, _, err := s.read("requirements.txt", maxManifest); err == nil && len(text) <= maxManifest {
		f.requirements = append([]byte{}, text...)
	}
	if s.exists(".venv/bin") {
		f.paths = append(f.paths, filepath.Join(f.dir, ".venv", "bin"))
	}
	if s.exists(".venv/bin/python3") {
		f.python = filepath.Join(f.dir, ".venv", "bin", "python3")
	}
}

// script finds start.sh in a folder of the extension and how to run it. What is not there is no
// problem; what cannot be run is.
func (s scanner) script(dir string, problems *[]holdfast.Problem) ([]string, bool) {
	name := path.Join(dir, "start.sh")
	if !s.exists(name) {
		return nil, false
	}
	text, mode, err := s.read(name, maxManifest)
	if err != nil {
		*problems = append(*problems, holdfast.Problem{File: s.file(name), Message: plain(err)})
		return nil, false
	}
	return interpreted(filepath.Join(s.folder.dir, filepath.FromSlash(name)), text, mode), true
}

// interpreted is the argument vector of a script: itself when the kernel can run it, else its own
// interpreter when it names one, else the shell.
func interpreted(script string, text []byte, mode fs.FileMode) []string {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	names, hasNames := bytes.CutPrefix(first, []byte("#!"))
	words := strings.Fields(string(names))
	switch {
	case !hasNames || len(words) == 0 || bytes.IndexByte(names, 0) >= 0:
		return []string{"/bin/sh", script}
	case mode&0o111 != 0:
		return []string{script}
	}
	return append(slices.Clone(words[:min(len(words), 2)]), script)
}

func (s scanner) services() {
	f := s.folder
	if !s.exists("services") {
		return
	}
	entries, err := fs.ReadDir(s.root.FS(), "services")
	if err != nil {
		f.problems = append(f.problems, holdfast.Problem{File: s.file("services"), Message: plain(err)})
		return
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), "__") || entry.Type().IsRegular() {
			continue
		}
		if len(f.services) == maxServices {
			f.problems = append(f.problems, holdfast.Problem{File: s.file("services"), Message: fmt.Sprintf("holds more than %d services", maxServices)})
			return
		}
		f.services = append(f.services, s.service(entry.Name()))
	}
}

func (s scanner) service(name string) service {
	found := service{name: name, manifest: serviceManifest{RestartOnFailure: true}}
	dir := path.Join("services", name)
	reason := checkLabel(name)
	switch {
	case reason != "":
	case name == "ui":
		reason = "is the word for an extension's user interface"
	case len(s.folder.name)+len(name) >= maxUnitName:
		reason = "is too long: with the extension's name it has more than 100 characters"
	}
	if reason != "" {
		found.unnamed = true
		found.problems = append(found.problems, holdfast.Problem{
			File: s.file(dir), Field: "name", Message: fmt.Sprintf("the name %.80q %s", name, reason), Remedy: "rename the folder",
		})
		return found
	}
	config := path.Join(dir, "service_config.json")
	if s.exists(config) {
		found.manifest, found.problems = s.serviceConfig(config)
	}
	run, ok := s.script(dir, &found.problems)
	if !ok && len(found.problems) == 0 {
		found.problems = append(found.problems, holdfast.Problem{File: s.file(path.Join(dir, "start.sh")), Message: "is not there", Remedy: "a service needs one"})
	}
	found.run = run
	return found
}

func (s scanner) serviceConfig(name string) (serviceManifest, []holdfast.Problem) {
	text, _, err := s.read(name, maxManifest)
	if err != nil {
		return serviceManifest{}, []holdfast.Problem{{File: s.file(name), Message: plain(err)}}
	}
	return parseService(s.file(name), text)
}

func (s scanner) tools() {
	f := s.folder
	if !s.exists("tools") {
		return
	}
	t := &f.tools
	t.mode = 0o644
	entries, err := fs.ReadDir(s.root.FS(), "tools")
	if err != nil {
		t.problems = append(t.problems, holdfast.Problem{File: s.file("tools"), Message: plain(err)})
		return
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), "_tools.py") && !strings.HasPrefix(entry.Name(), ".") {
			s.module(path.Join("tools", entry.Name()))
		}
	}
	slices.Sort(t.defined)
	t.defined = slices.Compact(t.defined)
	if s.exists("tools/tool_config.json") {
		s.toolConfig()
	}
}

func (s scanner) toolConfig() {
	t := &s.folder.tools
	const name = "tools/tool_config.json"
	text, mode, err := s.read(name, maxManifest)
	if err != nil {
		t.problems = append(t.problems, holdfast.Problem{File: s.file(name), Message: plain(err)})
		return
	}
	var problems []holdfast.Problem
	t.settings, t.config, problems = parseTools(s.file(name), text)
	t.mode = mode
	t.problems = append(t.problems, problems...)
}

// module notes one *_tools.py and the names of the functions in it, by their text alone.
func (s scanner) module(name string) {
	t := &s.folder.tools
	text, _, err := s.read(name, maxModule)
	switch {
	case err != nil:
		t.problems = append(t.problems, holdfast.Problem{File: s.file(name), Message: plain(err)})
		return
	case len(text) > maxModule:
		t.problems = append(t.problems, holdfast.Problem{File: s.file(name), Message: fmt.Sprintf("is larger than %d bytes", maxModule)})
		return
	case len(t.modules) == maxModules:
		t.problems = append(t.problems, holdfast.Problem{
			File: s.file(name), Message: fmt.Sprintf("is one too many: an extension may have %d tool modules", maxModules),
		})
		return
	}
	t.modules = append(t.modules, filepath.Join(s.folder.dir, filepath.FromSlash(name)))
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxModule+1)
	for lines.Scan() {
		if defined, ok := definition(lines.Text()); ok && len(t.defined) < maxTools {
			t.defined = append(t.defined, defined)
		}
	}
}

// definition reads the name out of "def NAME(" at the beginning of a line.
func definition(line string) (string, bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(line, "async "), "def ")
	if !ok {
		return "", false
	}
	name, _, ok := strings.Cut(rest, "(")
	name = strings.TrimSpace(name)
	return name, ok && toolName(name)
}

// server settles the argument vector of the mcp block: a path stays inside the folder, a bare
// name is looked up when it is run.
func (s scanner) server() {
	f := s.folder
	if f.manifest.MCP == nil || f.manifest.MCP.Command == "" {
		return
	}
	command := f.manifest.MCP.Command
	if strings.Contains(command, "/") && !filepath.IsAbs(command) {
		if _, _, err := s.read(path.Clean(command), 0); err != nil {
			m, _ := f.config.root.member("mcp")
			f.problems = append(f.problems, f.config.problem(m.value.start, "mcp.command", fmt.Sprintf("%.200q %s", command, plain(err)),
				"a path inside the extension's folder, or the bare name of a program"))
			return
		}
		command = filepath.Join(f.dir, filepath.FromSlash(command))
	}
	f.server = append([]string{command}, f.manifest.MCP.Args...)
}
