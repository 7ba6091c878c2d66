// SPDX-License-Identifier: Apache-2.0

package extension

import (
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

	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/home/disk"
)

// A kept note is what master_config.json said of an extension when it was deleted. The note goes
// to the trash with the folder and comes back with it; the sync that finds it puts the entries back.
// So a restore needs nothing but the files.
type kept struct {
	Name  string                     `json:"name"`
	Entry json.RawMessage            `json:"entry,omitempty"`
	Tools map[string]json.RawMessage `json:"tool_configs,omitempty"`
	// Ports are by "extensions/NAME" and "services/NAME.SERVICE".
	Ports map[string]json.RawMessage `json:"port_assignments,omitempty"`
}

func keptDir(h home.Home) string { return h.Var("extensions", ".deleted") }

// keptFile is named by the deletion, for one name may be deleted more than once.
func keptFile(h home.Home, name, deletion string) string {
	return filepath.Join(keptDir(h), name+"."+deletion+".json")
}

// keptOf takes the note of an extension. Tools are those named that no other extension has.
func keptOf(d *config.Document, name string, tools []string) kept {
	k := kept{Name: name, Tools: map[string]json.RawMessage{}, Ports: map[string]json.RawMessage{}}
	k.Entry, _ = d.Get("extensions", name)
	for _, tool := range tools {
		if raw, ok := d.Get("tool_configs", tool); ok {
			k.Tools[tool] = raw
		}
	}
	if raw, ok := d.Get("port_assignments", "extensions", name); ok {
		k.Ports["extensions/"+name] = raw
	}
	for _, service := range d.Keys("port_assignments", "services") {
		if raw, ok := d.Get("port_assignments", "services", service); ok && strings.HasPrefix(service, name+".") {
			k.Ports["services/"+service] = raw
		}
	}
	return k
}

// forget takes the entries out of the document; ports are retired, never free for another name.
func (k kept) forget(d *config.Document) error {
	d.Delete("extensions", k.Name)
	for tool := range k.Tools {
		d.Delete("tool_configs", tool)
	}
	for _, key := range slices.Sorted(maps.Keys(k.Ports)) {
		section, name, _ := strings.Cut(key, "/")
		d.Delete("port_assignments", section, name)
		if string(k.Ports[key]) == "null" {
			continue
		}
		if err := d.Set(k.Ports[key], "port_assignments", "retired", key); err != nil {
			return err
		}
	}
	return nil
}

// adopt puts the entries back, where nothing newer stands in their place.
func (k kept) adopt(d *config.Document) error {
	var failed []error
	put := func(value json.RawMessage, path ...string) {
		if _, taken := d.Get(path...); !taken && len(value) > 0 {
			failed = append(failed, d.Set(value, path...))
		}
	}
	put(k.Entry, "extensions", k.Name)
	for _, tool := range slices.Sorted(maps.Keys(k.Tools)) {
		put(k.Tools[tool], "tool_configs", tool)
	}
	for _, key := range slices.Sorted(maps.Keys(k.Ports)) {
		section, name, _ := strings.Cut(key, "/")
		put(k.Ports[key], "port_assignments", section, name)
		d.Delete("port_assignments", "retired", key)
	}
	if len(d.Keys("port_assignments", "retired")) == 0 {
		d.Delete("port_assignments", "retired")
	}
	return errors.Join(failed...)
}

// A shelf holds the notes of deleted extensions: those on their way to the trash, and those that
// came back with what was restored.
type shelf struct {
	home    home.Home
	leaving map[string]bool // extensions that are being deleted; guarded by who deletes
	log     *slog.Logger
}

// notes lists the notes by their file names.
func (s shelf) notes() ([]string, error) {
	entries, err := os.ReadDir(keptDir(s.home))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read what was kept of deleted extensions: %w", err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

// returned tells whether the note is of an extension that was restored.
func (s shelf) returned(note string) bool {
	name, _, _ := strings.Cut(note, ".")
	return strings.HasSuffix(note, ".json") && !s.leaving[name]
}

// adopt puts back what was kept of restored extensions, and returns the notes that are used up.
func (s shelf) adopt(d *config.Document) ([]string, error) {
	notes, err := s.notes()
	if err != nil {
		return nil, err
	}
	var used []string
	for _, note := range slices.Backward(notes) {
		if !s.returned(note) {
			continue
		}
		name, _, _ := strings.Cut(note, ".")
		path := filepath.Join(keptDir(s.home), note)
		k, err := readKept(path)
		if err != nil || k.Name != name {
			s.log.Warn("cannot use what was kept of a deleted extension", slog.String("extension", name), slog.Any("error", err))
			_ = (disk.Disk{}).Rename(path, path+".unusable") // for a person to look at
			continue
		}
		if err := k.adopt(d); err != nil {
			return nil, err
		}
		used = append(used, path)
	}
	return used, nil
}

func readKept(path string) (kept, error) {
	var k kept
	text, err := os.ReadFile(path)
	if err != nil {
		return k, err
	}
	return k, json.Unmarshal(text, &k)
}

// clear removes notes that are used up. One that stays does no harm: it puts back only what is not
// there.
func (s shelf) clear(paths []string) {
	for _, path := range paths {
		if err := (disk.Disk{}).Remove(path); err != nil {
			s.log.Warn("cannot remove the note of a deleted extension", slog.Any("error", err))
		}
	}
}
