// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/operation"
)

const (
	addKind = "template.add"
	// markFile is in the folder of an agent: which adding made it.
	markFile = ".template"
	// dropIns is where declarations stand, as core/config reads them.
	dropIns = "holdfast.d"
)

// keyName is the key of .env by which an agent calls the gateway.
func keyName(name string) string {
	return "AGENT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_KEY"
}

// secrets are the keys of .env that an agent gets; the first is for the gateway.
func (k kit) secrets(name string) []string {
	all := []string{keyName(name)}
	if k.tokened {
		all = append(all, strings.TrimSuffix(keyName(name), "KEY")+"TOKEN")
	}
	return all
}

// taken lists what already has the name of an agent.
func (t *Templates) taken(ctx context.Context, k kit, name string) ([]holdfast.Problem, error) {
	var found []holdfast.Problem
	add := func(message string) {
		found = append(found, holdfast.Problem{Field: "name", Message: message, Remedy: "choose another name"})
	}
	if t.running(name) {
		add("there is a unit " + name)
	}
	for _, path := range []string{"agents/" + name, dropIns + "/" + name + ".yaml"} {
		if _, err := os.Lstat(t.needs.Home.Path(path)); !errors.Is(err, fs.ErrNotExist) {
			add("there is " + path + " in the home")
		}
	}
	for _, secret := range k.secrets(name) {
		if _, there := t.needs.Secrets.Get(secret); there {
			add("there is a key " + secret + " in .env")
		}
	}
	has, err := t.needs.Bearers.Has(ctx, name)
	if has {
		add("there is an API key " + name)
	}
	return found, err
}

// running tells whether there is a unit of a name.
func (t *Templates) running(name string) bool {
	return slices.ContainsFunc(t.needs.Units(), func(u holdfast.UnitStatus) bool { return u.Name == name })
}

// kind is the operation that adds an agent:
//
//	keys ──▶ files ──▶ declare
//
// What failed, and what a crash interrupted, is undone: nothing of the agent is left.
func (t *Templates) kind() operation.Kind {
	return operation.Kind{
		Name: addKind, Summary: "Make an agent's keys and files, and declare its unit and budget", Exclusive: true, Timeout: 5 * time.Minute,
		Subject: func(raw json.RawMessage) string {
			var a agent
			_ = json.Unmarshal(raw, &a) // steps refuses what cannot be read
			return a.Name
		},
		Steps: t.steps,
	}
}

func (t *Templates) steps(_ context.Context, raw json.RawMessage) ([]holdfast.Step, error) {
	var a agent
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, fmt.Errorf("cannot read the agent: %w", err)
	}
	k, known := kitOf(a.Template)
	if !known || !fit(a.Name) {
		return nil, holdfast.Errorf(holdfast.CodeBadInput, "cannot add %.80q of template %.80q", a.Name, a.Template)
	}
	v, err := k.view(a)
	if err != nil {
		return nil, err
	}
	w := work{Templates: t, kit: k, view: v}
	return []holdfast.Step{
		{Name: "keys", Do: w.lend, Undo: w.withdraw},
		{Name: "files", Do: w.write, Undo: w.remove},
		{Name: "declare", Do: w.declare, Undo: w.recall},
	}, nil
}

// A work is one adding.
type work struct {
	*Templates
	kit  kit
	view view
}

// lend makes the keys: the one for the gateway opens nothing but the models that were asked for.
func (w work) lend(ctx context.Context) error {
	for _, name := range w.view.Secrets {
		if _, _, err := w.needs.Secrets.Generate(ctx, name, "sk-"); err != nil {
			return err
		}
	}
	token, _ := w.needs.Secrets.Get(w.view.Key)
	return w.needs.Bearers.Lend(ctx, w.view.Name, []string{w.view.Model}, token)
}

func (w work) withdraw(ctx context.Context) error {
	if token, there := w.needs.Secrets.Get(w.view.Key); there {
		if err := w.needs.Bearers.Withdraw(ctx, w.view.Name, token); err != nil {
			return err
		}
	}
	for _, name := range w.view.Secrets {
		if _, there := w.needs.Secrets.Get(name); !there {
			continue
		}
		if err := w.needs.Secrets.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (w work) folder() string { return w.needs.Home.Path("agents", w.view.Name) }

func (w work) draft() string { return w.needs.Home.Path("agents", "."+w.view.Name+".new") }

// write makes the folder of the agent beside its place and moves it there.
func (w work) write(context.Context) error {
	d := w.needs.Disk
	if err := w.kit.makeBeside(); err != nil {
		return err
	}
	if err := os.RemoveAll(w.draft()); err != nil {
		return fmt.Errorf("cannot clear %s: %w", w.draft(), err)
	}
	for _, folder := range []string{"", "home", "tmp", "work", "inbox", "done", "failed"} {
		if err := d.MkdirAll(filepath.Join(w.draft(), folder), 0o700); err != nil {
			return err
		}
	}
	if err := d.WriteFile(filepath.Join(w.draft(), markFile), []byte(w.view.Mark+"\n"), 0o600); err != nil {
		return err
	}
	for _, f := range w.kit.files {
		text, err := renderFile(f.source, w.view)
		if err != nil {
			return err
		}
		path := filepath.Join(w.draft(), f.path)
		if err := d.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := d.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return d.Rename(w.draft(), w.folder())
}

// remove takes away the folder that this adding made, and no other.
func (w work) remove(context.Context) error {
	errs := []error{os.RemoveAll(w.draft())}
	if mark, err := os.ReadFile(filepath.Join(w.folder(), markFile)); err == nil && string(mark) == w.view.Mark+"\n" {
		errs = append(errs, os.RemoveAll(w.folder()))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot take away the folder of %s: %w", w.view.Name, err)
	}
	return nil
}

func (w work) declaration() string { return w.needs.Home.Path(dropIns, w.view.Name+".yaml") }

// declare writes the declaration, one file, and has the house read it.
func (w work) declare(ctx context.Context) error {
	text, err := renderFile("shared/declaration.yaml", w.view)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(w.declaration()); !errors.Is(err, fs.ErrNotExist) {
		return holdfast.Errorf(holdfast.CodeConflict, "cannot declare %s: there is a file %s", w.view.Name, w.declaration())
	}
	if err := w.needs.Disk.MkdirAll(filepath.Dir(w.declaration()), 0o755); err != nil {
		return err
	}
	if err := w.needs.Disk.WriteFile(w.declaration(), append([]byte(w.label()), text...), 0o644); err != nil {
		return err
	}
	return w.reload(ctx)
}

// label is the first line of a declaration: which adding made it.
func (w work) label() string { return "# " + w.view.Mark + "\n" }

// recall takes the declaration back; the unit ends. Where it never came to one, a configuration that
// cannot be read does not keep the rest from being undone.
func (w work) recall(ctx context.Context) error {
	if err := w.needs.Disk.Sweep(filepath.Dir(w.declaration())); err != nil {
		return err
	}
	text, err := os.ReadFile(w.declaration())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.HasPrefix(string(text), w.label()) {
		return nil
	}
	if err == nil {
		err = w.needs.Disk.Remove(w.declaration())
	}
	if err != nil {
		return fmt.Errorf("cannot take back the declaration of %s: %w", w.view.Name, err)
	}
	err = w.reload(ctx)
	if err != nil && !w.running(w.view.Name) {
		w.needs.Log.Warn("the configuration is not taken up after an agent was taken back", slog.String("agent", w.view.Name), slog.Any("error", err))
		return nil
	}
	return err
}

func (w work) reload(ctx context.Context) error {
	c := w.needs.Config()
	if c == nil {
		return holdfast.Errorf(holdfast.CodeUnavailable, "the configuration is not loaded")
	}
	changes, err := c.Reload(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(changes, func(c config.Change) bool { return c.Error != "" && (c.Section == "units" || c.Section == "budgets") })
	if i >= 0 {
		return holdfast.Errorf(holdfast.CodeConflict, "the house does not take the section %s: %s", changes[i].Section, changes[i].Error)
	}
	return nil
}
