// SPDX-License-Identifier: Apache-2.0

package venv

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/process"
)

// markLaunch is how the launches of an installation begin.
const markLaunch = "pip-"

func markUnit(name string) string { return "packages." + name }

// A work is one installation under way.
type work struct {
	store  *Store
	order  Order
	folder string   // of the new environment
	log    *os.File // all that the programs say
	lock   string   // what was installed, as pip reads it
}

func (s *Store) begin(order Order, folder string) (*work, error) {
	if err := s.needs.Disk.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	path := s.needs.Home.Var("logs", order.Name+"_packages.log")
	if err := s.needs.Disk.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	order.Python = cmp.Or(order.Python, "python3")
	return &work{store: s, order: order, folder: folder, log: log}, nil
}

func (w *work) close() { _ = w.log.Close() }

func (w *work) path(elem ...string) string {
	return filepath.Join(append([]string{w.folder}, elem...)...)
}

// install makes the environment and fills it, by the pip of the Python that makes it where there is
// one, else by one that the environment gets for itself.
func (w *work) install(ctx context.Context, locked string) error {
	if err := os.WriteFile(w.path("requirements.txt"), w.order.Requirements, 0o644); err != nil {
		return err
	}
	venv := []string{w.order.Python, "-I", "-m", "venv"}
	own := w.run(ctx, w.order.Python, "-I", "-m", "pip", "--version") != nil
	if !own {
		venv = append(venv, "--without-pip")
	}
	if err := w.run(ctx, append(venv, w.folder)...); err != nil {
		return err
	}
	python := w.path("bin", "python3")
	by := python
	if !own {
		// The interpreter itself: what a version manager puts before it does more than to run it.
		base, err := filepath.EvalSymlinks(python)
		if err != nil {
			return err
		}
		by = base
	}
	pip := []string{by, "-I", "-m", "pip", "--python", python}
	if variable := withPassword(w.variables()); variable != "" {
		pip = []string{by, "-I", "-c", alone, variable, python}
	} else if own {
		pip = pip[:4]
	}
	pip = append(pip, "--no-input", "--disable-pip-version-check", "install", "--report", w.path("report.json"))
	if w.order.Offline {
		pip = append(pip, "--no-index")
	}
	for _, folder := range w.order.Wheels {
		pip = append(pip, "--find-links", folder)
	}
	if locked != "" {
		return w.run(ctx, append(pip, "--require-hashes", "--no-deps", "--requirement", locked)...)
	}
	return w.run(ctx, append(pip, "--requirement", w.path("requirements.txt"))...)
}

// run runs one program of the installation to its end, and ends all that it left.
func (w *work) run(ctx context.Context, argv ...string) error {
	needs := w.store.needs
	box := w.order.Sandbox
	if box != nil {
		own := *box
		own.Write = append(slices.Clone(own.Write), w.folder)
		own.Read = append(slices.Clone(own.Read), w.order.Wheels...)
		box = &own
	}
	child, err := needs.Processes.Start(process.Spec{
		Argv: argv, Dir: w.order.Dir, Env: w.environ(), Stdout: w.log, Stderr: w.log,
		Mark:   process.Mark{House: needs.House(), Unit: markUnit(w.order.Name), Launch: markLaunch + strings.ToLower(rand.Text()[:12])},
		Limits: w.order.Limits, Sandbox: box, Hidden: []string{needs.Home.Dir()}, Helper: needs.Helper,
	})
	if err != nil {
		return err
	}
	select {
	case <-child.Done():
	case <-ctx.Done():
	}
	exit, said := process.Exit{}, context.Cause(ctx)
	err = child.End(context.WithoutCancel(ctx), syscall.SIGKILL, 0)
	if said != nil {
		return errors.Join(said, err)
	}
	if exit = child.Exit(); exit.Success() {
		return err
	}
	what := "pip"
	if at := slices.Index(argv, "-m"); at >= 0 {
		what = argv[at+1]
	}
	return fmt.Errorf("%s %s: %s", what, exit, w.tail())
}

// variables are few: the extension's own, and of the house's what pip and TLS go by.
func (w *work) variables() map[string]string {
	vars := map[string]string{}
	for _, name := range slices.Concat(urlVariables, []string{
		"HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_TRUSTED_HOST", "PIP_CERT", "PIP_NO_INDEX",
	}) {
		if value, ok := os.LookupEnv(name); ok {
			vars[name] = value
		}
	}
	maps.Copy(vars, w.order.Env)
	vars["PATH"] = os.Getenv("PATH") // not the environment in use
	delete(vars, "VIRTUAL_ENV")
	delete(vars, "PYTHONDONTWRITEBYTECODE")
	delete(vars, holdfast.BypassVariable)
	if w.order.Offline {
		for _, name := range urlVariables {
			delete(vars, name)
		}
	}
	return vars
}

func (w *work) environ() []string {
	var env []string
	vars := w.variables()
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, name+"="+vars[name])
	}
	return env
}

// tail is what the programs said last, without the phrases that pip puts around what a package's own
// build said, and where all of it is.
func (w *work) tail() string {
	const most = 8000
	info, err := w.log.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, most)
	n, _ := w.log.ReadAt(text, max(0, info.Size()-most))
	said := secret.ReplaceAllString(string(bytes.ToValidUTF8(text[:n], nil)), "://****@")
	lines := slices.DeleteFunc(strings.Split(said, "\n"), isFrame)
	return strings.Join(append(lines[max(0, len(lines)-8):], "all that it said is in "+w.log.Name()), "\n")
}

// isFrame tells whether a line is one that pip writes around each failure, and says nothing of it.
func isFrame(line string) bool {
	line = strings.TrimSpace(line)
	for _, phrase := range []string{"note: ", "hint: ", "×", "│", "╰─>", "[end of output]", "error: subprocess-exited-with-error", "error: metadata-generation-failed"} {
		if strings.HasPrefix(line, phrase) {
			return true
		}
	}
	return line == ""
}

// report reads what pip installed. It is not there when there was nothing to install.
func (w *work) report() ([]Package, string, error) {
	text, err := os.ReadFile(w.path("report.json"))
	if err != nil {
		return nil, "", fmt.Errorf("pip does not say what it installed: %w", err)
	}
	var said struct {
		Install []struct {
			Download struct {
				URL     string `json:"url"`
				Archive struct {
					Hashes map[string]string `json:"hashes"`
				} `json:"archive_info"`
			} `json:"download_info"`
			Direct   bool `json:"is_direct"`
			Metadata struct {
				Name    string `json:"name"`
				Version string `json:"version"`
			} `json:"metadata"`
		} `json:"install"`
		Environment struct {
			Python string `json:"python_full_version"`
		} `json:"environment"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, "", fmt.Errorf("cannot read what pip says it installed: %w", err)
	}
	packages, whole := []Package{}, true
	var lock strings.Builder
	for _, p := range said.Install {
		sum := p.Download.Archive.Hashes["sha256"]
		found := Package{Name: p.Metadata.Name, Version: p.Metadata.Version}
		if sum == "" {
			whole = false // a folder or a repository: nothing to hold it against
		} else {
			found.Hash = "sha256:" + sum
		}
		packages = append(packages, found)
		wanted := found.Name + "==" + found.Version
		if p.Direct {
			wanted = found.Name + " @ " + p.Download.URL
		}
		_, _ = fmt.Fprintf(&lock, "%s --hash=%s\n", wanted, found.Hash)
	}
	if whole {
		w.lock = lock.String()
	}
	slices.SortFunc(packages, func(a, b Package) int { return cmp.Compare(a.Name, b.Name) })
	return packages, said.Environment.Python, nil
}

// endStrays ends what an installation left that died with its house.
func (s *Store) endStrays(ctx context.Context, name string) error {
	found, err := s.needs.Processes.Marked(s.needs.House())
	if err != nil {
		return err
	}
	var failed error
	for _, f := range found {
		if f.Mark.Unit == markUnit(name) && strings.HasPrefix(f.Mark.Launch, markLaunch) {
			failed = errors.Join(failed, s.needs.Processes.EndMarked(ctx, f.Mark, syscall.SIGKILL, time.Second))
		}
	}
	return failed
}
