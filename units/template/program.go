// SPDX-License-Identifier: Apache-2.0

package template

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// askWithin bounds how long a program may take to tell its version.
const askWithin = time.Minute

// A program is what a template runs, as it was found on this machine.
type program struct {
	run     []string // its vector: the program, or an interpreter and the program
	path    string   // PATH for it, empty for the house's own
	read    []string // what a sandbox must let it read
	version string
}

// find looks for a template's program, or the one named; node is the Node.js for it, else the one on
// PATH. It says what to install when there is none, and what the program says when it does not work.
func (k kit) find(ctx context.Context, named, node string) (program, error) {
	where, err := lookup(named, k.program)
	if err != nil {
		return program{}, k.absent(named)
	}
	real, err := filepath.EvalSymlinks(where)
	if err != nil {
		return program{}, k.absent(named)
	}
	p := program{run: []string{where}, read: roots(real)}
	if forNode(real) {
		if node, err = lookup(node, "node"); err != nil {
			return program{}, holdfast.BadInput("cannot run "+where, holdfast.Problem{
				Field: "node", Message: "there is no Node.js, and " + k.title + " runs with it", Remedy: "install it, or name it: --node PATH; " + k.needs,
			})
		}
		p.run = []string{node, real}
		p.path = filepath.Dir(node) + string(os.PathListSeparator) + os.Getenv("PATH")
		p.read = append(p.read, roots(node)...)
	}
	slices.Sort(p.read)
	p.read = slices.Compact(p.read)
	p.version, err = k.tells(ctx, p)
	return p, err
}

func (k kit) absent(named string) error {
	problem := holdfast.Problem{
		Field: "program", Message: fmt.Sprintf("there is no program %q on the PATH of the house", k.program),
		Remedy: "install it: " + k.install + "; or name it: --program PATH",
	}
	if named != "" {
		problem.Message = fmt.Sprintf("there is no program at %q", named)
	}
	if k.needs != "" {
		problem.Remedy += ". It needs " + k.needs
	}
	return holdfast.BadInput("cannot add "+k.title, problem)
}

// lookup finds a program by what was named, else by its name on PATH; always absolute.
func lookup(named, name string) (string, error) {
	if named == "" {
		named = name
	} else if !filepath.IsAbs(named) {
		return "", errors.New("not absolute")
	}
	info, err := os.Stat(named)
	if filepath.IsAbs(named) && err == nil && info.Mode().IsRegular() && forNode(named) {
		return named, nil // it is given to Node.js, and need not be executable
	}
	where, err := exec.LookPath(named)
	if err != nil {
		return "", err
	}
	return filepath.Abs(where)
}

// forNode tells whether a file is a program for Node.js: by its ending, or by its first line.
func forNode(path string) bool {
	switch filepath.Ext(path) {
	case ".js", ".mjs", ".cjs":
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head, _ := io.ReadAll(io.LimitReader(f, 128))
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.HasPrefix(line, []byte("#!")) && bytes.Contains(line, []byte("node"))
}

// roots are the folders that a program is made of, beside the system's own: all packages of a
// node_modules, or else its folder, of a bin the installation around it.
func roots(path string) []string {
	for _, system := range []string{"/usr/", "/bin/", "/lib", "/opt/", "/nix/"} {
		if strings.HasPrefix(path, system) {
			return nil
		}
	}
	if before, _, inside := strings.Cut(path, "/node_modules/"); inside {
		return []string{before + "/node_modules"}
	}
	dir := filepath.Dir(path)
	if filepath.Base(dir) == "bin" && filepath.Dir(dir) != "/" {
		return []string{filepath.Dir(dir)}
	}
	return []string{dir}
}

// tells has the program tell its version, with a home of its own.
func (k kit) tells(ctx context.Context, p program) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	place, err := os.MkdirTemp("", "holdfast-template-")
	if err != nil {
		return "", fmt.Errorf("cannot ask %s for its version: %w", k.title, err)
	}
	defer func() { _ = os.RemoveAll(place) }()
	cmd := exec.CommandContext(ctx, p.run[0], append(p.run[1:], "--version")...)
	path := os.Getenv("PATH")
	if p.path != "" {
		path = p.path
	}
	cmd.Dir, cmd.Env, cmd.WaitDelay = place, []string{"PATH=" + path, "HOME=" + place, "NO_COLOR=1"}, time.Second
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	said := strings.Join(strings.Fields(errs.String()+string(out)), " ")
	if err != nil {
		return "", holdfast.BadInput("cannot add "+k.title, holdfast.Problem{
			Field: "program", Message: fmt.Sprintf("%s --version fails (%v): %.300s", strings.Join(p.run, " "), err, said),
			Remedy: "it needs " + first(k.needs, "to be installed whole: "+k.install),
		})
	}
	for line := range strings.Lines(string(out)) {
		if strings.ContainsFunc(line, func(r rune) bool { return r >= '0' && r <= '9' }) {
			return fmt.Sprintf("%.100s", strings.TrimSpace(line)), nil // some say other things first
		}
	}
	return fmt.Sprintf("%.100s", said), nil
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// quoted is a word as a POSIX shell reads it.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
