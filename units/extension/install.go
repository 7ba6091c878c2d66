// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"os"
	"path/filepath"

	"holdfast"
	"holdfast/core/home"
	"holdfast/units/venv"
)

// How the Python packages of an extension stand.
const (
	packagesInstalled = "installed"
	packagesChanged   = "changed" // those of an older requirements.txt are in use
	packagesMissing   = "missing"
)

type installOut struct {
	Name     string         `json:"name"`
	Python   string         `json:"python" help:"version of the interpreter"`
	Folder   string         `json:"folder"`
	Packages []venv.Package `json:"packages"`
}

// equip lets an extension run with the packages that were installed for it.
func (x *extension) equip(from packages) {
	if x.requirements == nil || from == nil {
		return
	}
	made, ok := from.Current(x.name)
	if !ok {
		x.packages = packagesMissing
		return
	}
	x.packages = packagesInstalled
	if !made.Fits(x.requirements) {
		x.packages = packagesChanged
	}
	x.venv, x.python = made.Folder(), filepath.Join(made.Bin(), "python3")
	x.paths = append([]string{made.Bin()}, x.paths...)
}

// unequipped says that an extension which is used has not the packages that it asks for; empty when
// it has. A home with an environment of its own is taken to have them there.
func (s standing) unequipped(h home.Home) string {
	if s.state != stateReady || isDir(h.Path(".venv", "bin")) {
		return ""
	}
	remedy := ": `holdfast extension install " + s.name + "`"
	switch s.packages {
	case packagesMissing:
		return "the Python packages of its requirements.txt are not installed" + remedy
	case packagesChanged:
		return "its requirements.txt changed after its Python packages were installed" + remedy
	}
	return ""
}

// forgetPackages removes what was installed for an extension.
func forgetPackages(from packages, name string) error {
	if from == nil {
		return nil
	}
	return from.Forget(name)
}

// install installs what requirements.txt asks for, and lets the extension's processes have it.
func (e desk) install(ctx context.Context, in nameIn) (installOut, error) {
	if _, err := e.Sync(ctx); err != nil { // what its files say now counts, not what they said at the last look
		return installOut{}, err
	}
	x, err := e.find(in.Name)
	if err != nil {
		return installOut{}, err
	}
	if x.requirements == nil || e.needs.Packages == nil {
		return installOut{}, &holdfast.Error{
			Code: holdfast.CodeConflict, Message: "cannot install packages for " + in.Name + ": it asks for none",
			Problems: []holdfast.Problem{{File: "extensions/" + in.Name + "/requirements.txt", Message: "is not there", Remedy: "name the packages in it, one a line"}},
		}
	}
	box := x.sandbox(surrounding{home: e.needs.Home, sandboxes: e.settings.Sandbox})
	private := privateDirs(e.needs.Home, x.name)
	if err := private.make(); err != nil {
		return installOut{}, err
	}
	made, err := e.needs.Packages.Build(ctx, venv.Order{
		Name: x.name, Dir: x.dir, Requirements: x.requirements, Wheels: e.wheels(x), Offline: e.settings.Packages.Offline,
		Env: private.environ(), Sandbox: box, Limits: e.settings.Limits[x.name].Bounds(),
	})
	if err != nil {
		return installOut{}, &holdfast.Error{Code: holdfast.CodeFailed, Message: err.Error()}
	}
	if _, err := e.Sync(ctx); err != nil {
		return installOut{}, err
	}
	return installOut{Name: x.name, Python: made.Python, Folder: made.Folder(), Packages: made.Packages}, nil
}

// wheels are the folders in which packages are looked for first.
func (e desk) wheels(x standing) []string {
	var folders []string
	if ownDir(x.dir, "wheels") {
		folders = append(folders, filepath.Join(x.dir, "wheels"))
	}
	for _, path := range e.settings.Packages.Wheels {
		folders = append(folders, e.needs.Home.Place(path))
	}
	return folders
}

// ownDir tells whether a folder lies in an extension's. Through a link that leads out of it pip would
// read what the extension may not.
func ownDir(dir, name string) bool {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(name)
	return err == nil && info.IsDir()
}
