// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// systemFolders are what every program reads: programs, libraries, settings, and what the kernel
// tells. /run is there only where the name servers are written down.
func systemFolders() []string {
	return []string{
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/gnu", "/snap",
		"/proc", "/sys", "/home/linuxbrew/.linuxbrew", "/var/lib/ca-certificates", "/var/cache/fontconfig",
		"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/connman",
	}
}

// interpreters are the programs whose installation is found over PATH.
func interpreters() []string {
	return []string{
		"python", "python3", "pip", "uv", "uvx", "node", "npm", "npx", "pnpm", "yarn", "bun", "deno",
		"ruby", "perl", "php", "java", "go", "lua", "bash", "sh",
	}
}

// Base lists what every sandbox may read: the system's folders and the interpreters on PATH, without
// what lies at or beneath the hidden paths.
func Base(path string, hidden ...string) []string {
	b := &base{}
	for _, h := range hidden {
		b.hidden = append(b.hidden, real(h))
	}
	for _, folder := range systemFolders() {
		b.carve(real(folder))
	}
	b.home = real(os.Getenv("HOME"))
	for dir := range strings.SplitSeq(path, ":") {
		if filepath.IsAbs(dir) {
			b.search(dir)
		}
	}
	return b.list
}

type base struct {
	hidden []string
	home   string // of the user
	list   []string
}

// real is a path without links, or the path itself where it does not lead anywhere.
func real(path string) string {
	if found, err := filepath.EvalSymlinks(path); err == nil {
		return found
	}
	return filepath.Clean(path)
}

func beneath(path, folder string) bool {
	return path == folder || folder == "/" || strings.HasPrefix(path, folder+"/")
}

// carve takes a folder, or where something hidden lies in it, all that lies beside.
func (b *base) carve(folder string) {
	if slices.ContainsFunc(b.hidden, func(h string) bool { return beneath(folder, h) }) {
		return
	}
	if !slices.ContainsFunc(b.hidden, func(h string) bool { return beneath(h, folder) }) {
		b.take(folder)
		return
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.Type()&os.ModeSymlink == 0 {
			b.carve(filepath.Join(folder, e.Name()))
		}
	}
}

func (b *base) take(path string) {
	if !b.has(path) {
		b.list = append(b.list, path)
	}
}

func (b *base) has(path string) bool {
	return slices.ContainsFunc(b.list, func(folder string) bool { return beneath(path, folder) })
}

// search takes a folder of PATH, and the installations of the interpreters that it leads to: those
// of a user's version manager mostly stand in his home folder, of which nothing else is taken.
func (b *base) search(dir string) {
	if base := baseOfVenv(dir); base != "" && base != dir {
		b.search(base)
	}
	folder := real(dir)
	b.offer(folder)
	if filepath.Base(folder) == "shims" {
		b.offer(filepath.Dir(folder))
	}
	for _, name := range interpreters() {
		program := filepath.Join(dir, name)
		if _, err := os.Lstat(program); err != nil {
			continue
		}
		if found := real(program); !b.has(found) {
			b.installation(filepath.Dir(found))
		}
	}
}

// installation takes what belongs to an interpreter, given where it stands.
func (b *base) installation(bin string) {
	prefix := filepath.Dir(bin)
	switch {
	case filepath.Base(bin) != "bin":
		b.offer(bin)
	case filepath.Base(prefix) == ".local" || !b.offer(prefix):
		b.offer(bin)
		b.offer(filepath.Join(prefix, "lib"))
	}
}

// offer takes a folder that is nobody's home and hides nothing.
func (b *base) offer(folder string) bool {
	for _, h := range b.hidden {
		if beneath(h, folder) || beneath(folder, h) {
			return false
		}
	}
	if folder == "/" || filepath.Dir(folder) == "/home" || beneath(b.home, folder) {
		return false
	}
	if _, err := os.Stat(folder); err != nil {
		return false
	}
	b.take(folder)
	return true
}

// baseOfVenv is where the interpreter of a Python environment came from, for one that is copied does
// not lead there.
func baseOfVenv(bin string) string {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(bin), "pyvenv.cfg"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, "=")
		if value = strings.TrimSpace(value); strings.TrimSpace(name) == "home" && filepath.IsAbs(value) {
			return value
		}
	}
	return ""
}
