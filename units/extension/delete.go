// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/operation"
	"holdfast/core/trash"
)

// keeper is the trash, as a deletion needs it (core/trash).
type keeper interface {
	Keep(ctx context.Context, e trash.Entry) (id string, err error)
	Restore(ctx context.Context, id string) (trash.Kept, error)
	List(ctx context.Context) ([]trash.Kept, error)
	Recover(ctx context.Context) error
}

// runner runs operations (core/operation).
type runner interface {
	Run(ctx context.Context, caller holdfast.Caller, kind string, input any) (holdfast.Operation, error)
}

const deleteKind = "extension.delete"

// The categories of what a deletion takes.
const (
	categoryProgram  = "program"
	categoryData     = "data"
	categorySettings = "settings"
	categoryPorts    = "ports"
)

func categories() []holdfast.Category {
	return []holdfast.Category{
		{Name: categoryProgram, Summary: "the extension's folder", Returns: holdfast.ReturnsFromTrash},
		{Name: categoryData, Summary: "what the extension has stored", Returns: holdfast.ReturnsFromTrash, Production: true},
		{Name: categorySettings, Summary: "its entry in master_config.json, its tools' switches and what it was granted", Returns: holdfast.ReturnsFromTrash},
		{Name: categoryPorts, Summary: "its ports, which nobody else gets meanwhile", Returns: holdfast.ReturnsFromTrash},
	}
}

// A deletion is the stored input of one delete operation; its mark tells it from others of the
// same name. Tools are those that no other extension names.
type deletion struct {
	Name  string   `json:"name"`
	Mark  string   `json:"mark"`
	Tools []string `json:"tools"`
}

type deleted struct {
	Name      string `json:"name"`
	Trash     string `json:"trash" help:"bring it back with holdfast trash restore"`
	Operation string `json:"operation"`
}

// A removal deletes extensions.
type removal struct{ *Extensions }

// inventory lists what a deletion of the extension would take.
func (e removal) inventory(_ context.Context, name string) ([]holdfast.Category, error) {
	x, err := e.find(name)
	if err != nil {
		return nil, err
	}
	d, err := e.needs.Master.Read()
	if err != nil {
		return nil, err
	}
	items := map[string][]holdfast.Item{}
	if x.present {
		if items[categoryProgram], err = filesBelow(e.needs.Home, x.dir); err != nil {
			return nil, err
		}
	}
	if items[categoryData], err = filesBelow(e.needs.Home, dataDir(e.needs.Home, name)); err != nil {
		return nil, err
	}
	k := keptOf(d, name, e.ownTools(x))
	if len(k.Entry) > 0 {
		items[categorySettings] = append(items[categorySettings], holdfast.Item{ID: "extensions." + name, Kind: "setting"})
	}
	for _, tool := range slices.Sorted(maps.Keys(k.Tools)) {
		items[categorySettings] = append(items[categorySettings], holdfast.Item{ID: "tool_configs." + tool, Kind: "setting"})
	}
	if _, err := os.Lstat(grantFile(e.needs.Home, name)); err == nil {
		items[categorySettings] = append(items[categorySettings], holdfast.Item{ID: "var/grants/" + name + ".json", Kind: "file"})
	}
	for _, port := range slices.Sorted(maps.Keys(k.Ports)) {
		items[categoryPorts] = append(items[categoryPorts], holdfast.Item{ID: port + " " + string(k.Ports[port]), Kind: "port"})
	}
	found := categories()
	for i := range found {
		found[i].Items = items[found[i].Name]
	}
	return found, nil
}

// ownTools are the tools that this extension names and no other one.
func (e removal) ownTools(x standing) []string {
	own := toolsOf(x)
	for _, other := range e.snapshot() {
		if other.name != x.name {
			theirs := toolsOf(other)
			own = slices.DeleteFunc(own, func(tool string) bool { return slices.Contains(theirs, tool) })
		}
	}
	return own
}

func toolsOf(x standing) []string {
	tools := append(slices.Collect(maps.Keys(x.tools.settings)), x.tools.defined...)
	slices.Sort(tools)
	return slices.Compact(tools)
}

// maxListed bounds an inventory; beyond it, folders are items.
const maxListed = 5000

// filesBelow lists the files of a folder. Folders of installed packages are one item each, and the
// side files of a database come and go with it and are not told apart.
func filesBelow(h home.Home, dir string) ([]holdfast.Item, error) {
	items := map[string]*holdfast.Item{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went while it was looked at, or was never there
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(h.Dir(), path)
		if err != nil {
			return err
		}
		var size int64
		if info, err := entry.Info(); err == nil {
			size = info.Size()
		}
		id, kind := itemOf(filepath.ToSlash(name), len(items) >= maxListed)
		it := items[id]
		if it == nil {
			it = &holdfast.Item{ID: id, Kind: kind}
			items[id] = it
		}
		it.Bytes += size
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list what would be deleted: %w", err)
	}
	var listed []holdfast.Item
	for _, id := range slices.Sorted(maps.Keys(items)) {
		listed = append(listed, *items[id])
	}
	return listed, nil
}

func itemOf(name string, many bool) (id, kind string) {
	parts := strings.Split(name, "/")
	for i, part := range parts[:len(parts)-1] {
		if slices.Contains([]string{".venv", "node_modules", "__pycache__", ".git"}, part) || (many && i == 2) {
			return strings.Join(parts[:i+1], "/") + "/", "folder"
		}
	}
	for _, side := range []string{"-wal", "-shm", "-journal"} {
		if main, ok := strings.CutSuffix(name, side); ok {
			return main, "file"
		}
	}
	return name, "file"
}

// delete runs the operation; the action's guard has confirmed the inventory.
func (e removal) delete(ctx context.Context, name string) (deleted, error) {
	x, err := e.find(name)
	if err != nil {
		return deleted{}, err
	}
	in := deletion{
		Name: name, Tools: e.ownTools(x),
		Mark: time.Now().UTC().Format("20060102-150405-") + strings.ToLower(rand.Text()[:8]),
	}
	op, err := e.needs.Operations.Run(ctx, holdfast.CallerFrom(ctx), deleteKind, in)
	if err != nil {
		return deleted{}, err
	}
	entry, _, err := e.holding(ctx, in)
	return deleted{Name: name, Trash: entry.ID, Operation: op.ID}, err
}

// holding finds what the trash holds of a deletion, by the note that goes with it.
func (e removal) holding(ctx context.Context, in deletion) (trash.Kept, bool, error) {
	note, err := filepath.Rel(e.needs.Home.Dir(), keptFile(e.needs.Home, in.Name, in.Mark))
	if err != nil {
		return trash.Kept{}, false, err
	}
	entries, err := e.needs.Trash.List(ctx)
	if err != nil {
		return trash.Kept{}, false, err
	}
	i := slices.IndexFunc(entries, func(k trash.Kept) bool { return slices.Contains(k.Paths, note) })
	if i < 0 {
		return trash.Kept{}, false, nil
	}
	return entries[i], true, nil
}

// kind is the operation that deletes an extension:
//
//	stop ──▶ keep ──▶ forget
//
// Until keep has ended, undoing brings back all; forget may be done again after a crash.
func (e removal) kind() operation.Kind {
	return operation.Kind{
		Name: deleteKind, Summary: "Stop an extension's units, move its files to the trash, take it out of master_config.json",
		Exclusive: true,
		Subject: func(raw json.RawMessage) string {
			var in deletion
			_ = json.Unmarshal(raw, &in) // Steps refuses what cannot be read
			return in.Name
		},
		Steps: e.deleteSteps,
	}
}

func (e removal) deleteSteps(_ context.Context, raw json.RawMessage) ([]holdfast.Step, error) {
	var in deletion
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("cannot read the deletion: %w", err)
	}
	// The name becomes a path: only what lies directly in extensions/ can be meant.
	if in.Name != filepath.Base(in.Name) || strings.HasPrefix(in.Name, ".") || in.Mark != filepath.Base(in.Mark) {
		return nil, holdfast.Errorf(holdfast.CodeBadInput, "cannot delete %.80q: it is not the name of a folder", in.Name)
	}
	return []holdfast.Step{
		{Name: "stop", Timeout: 5 * time.Minute, Do: in.locked(e.Extensions, in.stop), Undo: in.locked(e.Extensions, in.stay)},
		{Name: "keep", Timeout: 10 * time.Minute, Do: in.locked(e.Extensions, in.keep), Undo: in.locked(e.Extensions, in.bringBack)},
		{Name: "forget", Timeout: time.Minute, Repeatable: true, Do: in.locked(e.Extensions, in.forget), Undo: func(context.Context) error {
			return nil // bringBack puts the entries back together with the files
		}},
	}, nil
}

// locked keeps a sync from meeting a step half-way.
func (in deletion) locked(e *Extensions, work func(context.Context, *Extensions) error) func(context.Context) error {
	return func(ctx context.Context) error {
		e.syncing.Lock()
		defer e.syncing.Unlock()
		return work(ctx, e)
	}
}

// stop ends the units and keeps every sync from declaring them again.
func (in deletion) stop(ctx context.Context, e *Extensions) error {
	e.leaving[in.Name] = true
	err := e.needs.Units.Set(ctx, owner(in.Name), nil)
	if refused, ok := errors.AsType[*holdfast.Error](err); ok && refused.Code == holdfast.CodeUnavailable {
		// A recovery, before units run: what an earlier house left of them is ended undeclared.
		return nil
	}
	return err
}

// stay lets the extension be used again.
func (in deletion) stay(ctx context.Context, e *Extensions) error {
	delete(e.leaving, in.Name)
	if !e.started {
		return nil // a recovery: the start reads everything anyway
	}
	_, err := e.sync(ctx)
	return err
}

// keep notes the entries and moves folder, data and note to the trash, all or none.
func (in deletion) keep(ctx context.Context, e *Extensions) error {
	if err := in.stop(ctx, e); err != nil {
		return err
	}
	d, err := e.needs.Master.Read()
	if err != nil {
		return err
	}
	note, err := json.MarshalIndent(keptOf(d, in.Name, in.Tools), "", "  ")
	if err != nil {
		return err
	}
	path := keptFile(e.needs.Home, in.Name, in.Mark)
	if err := (disk.Disk{}).MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := home.WriteFile(path, append(note, '\n'), 0o600); err != nil {
		return err
	}
	_, err = e.needs.Trash.Keep(ctx, trash.Entry{
		Action: deleteKind, Subject: in.Name,
		Paths: []string{path, grantFile(e.needs.Home, in.Name), e.needs.Home.Path("extensions", in.Name), dataDir(e.needs.Home, in.Name)},
	})
	return err
}

// bringBack takes the files out of the trash and puts the entries back. It finds both by the mark,
// and tolerates that nothing, or not all, was moved.
func (in deletion) bringBack(ctx context.Context, e *Extensions) error {
	entry, held, err := removal{e}.holding(ctx, in)
	if held && entry.State != "kept" {
		// A crash within the move; the trash settles it one way or the other.
		if err := e.needs.Trash.Recover(ctx); err != nil {
			return err
		}
		entry, held, err = removal{e}.holding(ctx, in)
	}
	if err != nil {
		return err
	}
	if held {
		if _, err := e.needs.Trash.Restore(ctx, entry.ID); err != nil {
			return err
		}
	}
	path := keptFile(e.needs.Home, in.Name, in.Mark)
	k, err := readKept(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := e.needs.Master.Update(ctx, k.adopt); err != nil {
		return err
	}
	return (disk.Disk{}).Remove(path)
}

// forget takes the entries out of master_config.json.
func (in deletion) forget(ctx context.Context, e *Extensions) error {
	err := e.needs.Master.Update(ctx, func(d *config.Document) error {
		return keptOf(d, in.Name, in.Tools).forget(d)
	})
	if err != nil {
		return err
	}
	p := privateDirs(e.needs.Home, in.Name)
	if err := errors.Join(os.RemoveAll(p.cache), os.RemoveAll(p.tmp), forgetPackages(e.needs.Packages, in.Name)); err != nil {
		e.needs.Log.Warn("cannot remove the cache of a deleted extension", slog.String("extension", in.Name), slog.Any("error", err))
	}
	return in.stay(ctx, e)
}
