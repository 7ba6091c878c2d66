// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast"
)

// Removed is what a removal took back, and what it left.
type Removed struct {
	Unit        string   `json:"unit"`
	Declaration string   `json:"declaration" help:"its declaration, which no longer counts"`
	Folder      string   `json:"folder" help:"what it wrote, left as it is"`
	Secrets     []string `json:"secrets" help:"its keys, which open nothing any more"`
}

type removeIn struct {
	Name string `json:"name" help:"the agent's name" required:"true" pos:"1" max:"40"`
}

// removedSuffix is what the declaration of an agent is called once it no longer counts.
const removedSuffix = ".removed"

// remove ends an agent's unit and its keys, and destroys nothing: its folder and its declaration stay.
// Each part may have been done before, so that a removal which broke off is finished by another one.
func (b board) remove(ctx context.Context, in removeIn) (Removed, error) {
	b.adding.Lock()
	defer b.adding.Unlock()
	w, err := b.made(in.Name)
	if err != nil {
		return Removed{}, err
	}
	declaration, err := w.retire(ctx)
	if err != nil {
		return Removed{}, err
	}
	if err := w.withdraw(ctx); err != nil {
		return Removed{}, fmt.Errorf("the unit of %s is gone, and its keys are not: remove it once more: %w", in.Name, err)
	}
	return Removed{
		Unit: in.Name, Declaration: dropIns + "/" + filepath.Base(declaration), Folder: w.folder(), Secrets: w.view.Secrets,
	}, nil
}

// made finds an agent that an adding made, by the mark in its folder. The agent may write there, so the
// mark says no more than which template it was.
func (t *Templates) made(name string) (work, error) {
	none := holdfast.Errorf(holdfast.CodeNotFound, "there is no agent %.80q that a template made", name)
	if !fit(name) {
		return work{}, none
	}
	mark, err := os.ReadFile(t.needs.Home.Path("agents", name, markFile))
	if errors.Is(err, fs.ErrNotExist) {
		return work{}, none
	}
	if err != nil {
		return work{}, fmt.Errorf("cannot tell which template made %s: %w", name, err)
	}
	of, _, _ := strings.Cut(string(mark), " ")
	k, known := kitOf(of)
	if !known {
		return work{}, none
	}
	a := agent{Name: name, Template: k.name, Mark: strings.TrimSuffix(string(mark), "\n")}
	return work{Templates: t, kit: k, view: view{agent: a, Key: keyName(name), Secrets: k.secrets(name)}}, nil
}

// aside is where the declaration goes, beside those of earlier agents of the name.
func (w work) aside() string {
	for n := 1; ; n++ {
		path := w.declaration() + removedSuffix
		if n > 1 {
			path = fmt.Sprintf("%s-%d", path, n)
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || n == 1000 {
			return path
		}
	}
}

// retire takes the declaration out of the configuration; the unit ends. It counts again when the house
// does not take that.
func (w work) retire(ctx context.Context) (kept string, err error) {
	_, err = os.Lstat(w.declaration())
	if errors.Is(err, fs.ErrNotExist) {
		if w.running(w.view.Name) {
			return "", holdfast.Errorf(holdfast.CodeConflict,
				"cannot remove %s: its unit is declared elsewhere than in %s: take it out there", w.view.Name, w.declaration())
		}
		return w.declaration() + removedSuffix, nil
	}
	aside := w.aside()
	if err == nil {
		err = w.needs.Disk.Rename(w.declaration(), aside)
	}
	if err != nil {
		return "", fmt.Errorf("cannot take back the declaration of %s: %w", w.view.Name, err)
	}
	if err := w.reload(ctx); err != nil {
		return "", errors.Join(fmt.Errorf("cannot remove %s: %w", w.view.Name, err), w.needs.Disk.Rename(aside, w.declaration()))
	}
	return aside, nil
}
