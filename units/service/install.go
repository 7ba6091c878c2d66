// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast"
	"holdfast/core/home/disk"
)

type installIn struct {
	Service string `json:"service" help:"the system's manager of services; the one of this system when left out" enum:"systemd,launchd,rc.d"`
	Name    string `json:"name" help:"what the service is called" default:"holdfast"`
	User    bool   `json:"user" help:"a service of this person, without root, that starts at login"`
	Account string `json:"account" help:"who the house runs as; the owner of the home when left out"`
	Print   bool   `json:"print" help:"print the file and change nothing"`
}

// Installed is the answer of an install.
type Installed struct {
	Status  string   `json:"status,omitempty" enum:"installed,unchanged"`
	File    string   `json:"file,omitempty"`
	Account string   `json:"account,omitempty" help:"who the house runs as"`
	Enabled bool     `json:"enabled,omitempty" help:"whether the system starts it at boot"`
	Why     string   `json:"why,omitempty" help:"why it is not enabled"`
	Next    []string `json:"next,omitempty" help:"what is left to do"`
	Lines   []string `json:"lines,omitempty" help:"the file, when it is only printed"`
}

type uninstallIn struct {
	Service string `json:"service" help:"the system's manager of services; the one of this system when left out" enum:"systemd,launchd,rc.d"`
	Name    string `json:"name" help:"what the service is called" default:"holdfast"`
	User    bool   `json:"user" help:"a service of this person"`
}

// Uninstalled is the answer of an uninstall.
type Uninstalled struct {
	Status string   `json:"status" enum:"uninstalled,absent"`
	File   string   `json:"file"`
	Next   []string `json:"next,omitempty" help:"what is left to do"`
}

func (s *Services) install(ctx context.Context, in installIn) (Installed, error) {
	d, err := s.define(in.Service, in.Name, in.Account, in.User)
	if err != nil {
		return Installed{}, err
	}
	text := d.text()
	if in.Print {
		return Installed{Lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}, nil
	}
	path := s.path(d.file())
	same, err := s.mayWrite(d, path, text)
	if err != nil {
		return Installed{}, err
	}
	out := Installed{Status: "unchanged", File: path, Account: d.Account}
	if !same {
		out.Status = "installed"
		if err := s.write(d, path, text); err != nil {
			return Installed{}, err
		}
	}
	if err := s.remember(d, path, text); err != nil {
		return out, err
	}
	out.Next, out.Why = s.enable(ctx, d)
	out.Enabled = out.Why == ""
	return out, nil
}

// mayWrite tells whether the file stands there as it should be already. What Holdfast did not
// write for this home, or what was changed since, it refuses to replace.
func (s system) mayWrite(d definition, path, text string) (same bool, err error) {
	now, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot look at %s: %w", path, err)
	}
	if string(now) == text {
		return true, nil
	}
	return false, refuse(makerOf(string(now)), d, path, "replaced")
}

// refuse says why a file is not ours to touch; nil when it is.
func refuse(m maker, d definition, path, done string) error {
	switch {
	case !m.ours:
		return holdfast.Errorf(holdfast.CodeConflict, "%s was not written by Holdfast, so it is not %s: give this house another --name, or move the file away", path, done)
	case m.house != d.house():
		return holdfast.Errorf(holdfast.CodeConflict, "%s starts the house of another home, so it is not %s: give this one another --name", path, done)
	case m.changed:
		return holdfast.Errorf(holdfast.CodeConflict, "%s was changed by hand since Holdfast wrote it, so it is not %s: keep what you need of it elsewhere and remove it", path, done)
	}
	return nil
}

func (s system) write(d definition, path, text string) error {
	var err error
	if d.User {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	} else if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return holdfast.Errorf(holdfast.CodeFailed, "there is no folder %s: this is no machine with %s; --print shows the file", filepath.Dir(path), d.Manager)
	}
	if err == nil {
		err = disk.Disk{}.WriteFile(path, []byte(text), d.mode())
	}
	if errors.Is(err, fs.ErrPermission) {
		return holdfast.Errorf(holdfast.CodeFailed,
			"cannot write %s: %w\nAs root, while no house runs in this home: `holdfast --home %s install --service %s`. Or beside the house that runs:\n  holdfast install --service %s --name %s --print | sudo tee %s >/dev/null\n  %s",
			path, err, shell(d.House), d.Manager, d.Manager, d.Name, shell(path), strings.Join(words(d.enabling()), "\n  "))
	}
	return err
}

// enable makes the system start the service at boot, when it answers; else why says why not, and
// next what a person would have to do. Starting is left to the person: the house may run already.
func (s system) enable(ctx context.Context, d definition) (next []string, why string) {
	if why = s.silent(ctx, d.Manager, d.User); why != "" {
		return append(words(d.enabling()), d.starting()...), why
	}
	for i, line := range d.enabling() {
		if text, err := s.run(ctx, line...); err != nil {
			return append(words(d.enabling()[i:]), d.starting()...), fmt.Sprintf("%s: %v %s", strings.Join(line, " "), err, strings.TrimSpace(text))
		}
	}
	return d.starting(), ""
}

func (s system) disable(ctx context.Context, d definition) (next []string) {
	lines := d.disabling()
	if s.silent(ctx, d.Manager, d.User) != "" {
		return words(lines)
	}
	for i, line := range lines {
		if _, err := s.run(ctx, line...); err != nil {
			return words(lines[i:])
		}
	}
	return nil
}

// inventory lists the file that would go.
func (s *Services) inventory(_ context.Context, in uninstallIn) ([]holdfast.Category, error) {
	d, path, err := s.installed(in)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look at %s: %w", path, err)
	}
	return []holdfast.Category{{Name: "service", Items: []holdfast.Item{{ID: path, Kind: d.Manager, Bytes: info.Size()}}}}, nil
}

// installed finds the service, and refuses one that is not ours.
func (s *Services) installed(in uninstallIn) (definition, string, error) {
	d, err := s.define(in.Service, in.Name, "", in.User)
	if err != nil {
		return d, "", err
	}
	path := s.path(d.file())
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, path, nil
	}
	if err != nil {
		return d, path, fmt.Errorf("cannot look at %s: %w", path, err)
	}
	return d, path, refuse(makerOf(string(text)), d, path, "removed")
}

func (s *Services) uninstall(ctx context.Context, in uninstallIn) (Uninstalled, error) {
	d, path, err := s.installed(in)
	if err != nil {
		return Uninstalled{}, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return Uninstalled{Status: "absent", File: path}, s.forget(d)
	}
	next := s.disable(ctx, d)
	if err := (disk.Disk{}).Remove(path); err != nil {
		return Uninstalled{}, fmt.Errorf("cannot remove %s: %w", path, err)
	}
	if d.Manager == systemd && len(next) == 0 {
		if _, err := s.run(ctx, d.systemctl("daemon-reload")...); err != nil {
			next = words([][]string{d.systemctl("daemon-reload")})
		}
	}
	return Uninstalled{Status: "uninstalled", File: path, Next: append(next, "holdfast down, if the house is to end as well")}, s.forget(d)
}

// words are command lines as a person types them.
func words(lines [][]string) []string {
	var all []string
	for _, line := range lines {
		all = append(all, strings.Join(line, " "))
	}
	return all
}
