// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// A settlement is what one sync finds to do: changes of the book, files to write, and each
// extension as it will stand. It is worked out without touching anything.
type settlement struct {
	changes    []change
	files      []file
	extensions []*extension
	ports      ports
	added      []string
	returned   []string
	missing    []string
	problems   []holdfast.Problem
	kept       []string // notes of deleted extensions that are back, to be removed
}

// A file is a manifest to be written back.
type file struct {
	extension string
	name      string // under the extension's folder, with slashes
	text      []byte
	mode      uint32
}

// An extension is one name of the house: its folder, its entry, its ports and how it stands.
type extension struct {
	folder
	entry    entry
	present  bool // the folder is there
	uiPort   int
	uiReason string // why there is no port
	ports    map[string]int
	reasons  map[string]string // of services without their port
	settings map[string]holdfast.ToolSetting
	grant    grant
	asks     []string // wishes beyond the grant
	withheld string   // why it must not run whatever it asks for
}

// settle brings folders and book together. Folders decide what there is; the book decides what is
// used; what neither says takes its default.
func settle(folders []folder, b book, given func(name string) grant, today time.Time, ports supply) settlement {
	s := settlement{ports: b.ports, problems: b.problems}
	present := map[string]bool{}
	for _, f := range folders {
		present[f.name] = true
		s.folder(f, b, given, today, ports)
	}
	for _, name := range slices.Sorted(maps.Keys(b.extensions)) {
		if present[name] {
			continue
		}
		e := b.extensions[name]
		if !e.missing {
			s.changes = append(s.changes, set(true, "extensions", name, "missing"))
			s.missing = append(s.missing, name)
			e.missing = true
		}
		s.extensions = append(s.extensions, &extension{folder: folder{name: name}, entry: e})
	}
	slices.SortFunc(s.extensions, func(a, b *extension) int { return strings.Compare(a.name, b.name) })
	return s
}

func (s *settlement) folder(f folder, b book, given func(name string) grant, today time.Time, ports supply) {
	e, known := b.extensions[f.name]
	x := &extension{folder: f, entry: e, present: true, ports: map[string]int{}, reasons: map[string]string{}}
	s.extensions = append(s.extensions, x)
	if known && e.missing {
		s.changes = append(s.changes, unset("extensions", f.name, "missing"))
		s.returned = append(s.returned, f.name)
		x.entry.missing = false
	}
	if f.config == nil || len(f.problems) > 0 {
		x.knownPorts(b.ports)
		return // what cannot be read is neither entered nor written to
	}
	if !known {
		x.entry = entry{enabled: f.manifest.Enabled, source: f.manifest.Source}
		if x.entry.source == "" {
			x.entry.source = "local"
		}
		s.changes = append(s.changes, set(map[string]any{
			"enabled": x.entry.enabled, "source": x.entry.source, "config": map[string]any{},
		}, "extensions", f.name))
		s.added = append(s.added, f.name)
	}
	s.writeConfig(x, today)
	x.weigh(given(x.name), b)
	s.syncTools(x, b)
	if x.entry.enabled && len(x.problems) == 0 {
		s.givePorts(x, ports)
	}
}

// writeConfig puts the book's settings into config.json: enabled and source always, of the
// entry's config those fields that the file has, the version only when there is none.
func (s *settlement) writeConfig(x *extension, today time.Time) {
	d := x.config
	wanted := []change{set(x.entry.enabled, "enabled")}
	if x.entry.source != "" {
		wanted = append(wanted, set(x.entry.source, "source"))
	}
	if x.manifest.Version == "" {
		wanted = append(wanted, set(today.Format("01-02-06"), "version"))
	}
	for _, name := range slices.Sorted(maps.Keys(x.entry.config)) {
		if _, has := d.root.member(name); has && !slices.Contains([]string{"name", "version", "enabled", "source"}, name) {
			wanted = append(wanted, change{path: []string{name}, value: x.entry.config[name]})
		}
	}
	changed := s.rewrite(x, "config.json", d, wanted, uint32(x.mode))
	if changed == d {
		return
	}
	m, parsed, problems := parseManifest(d.file, changed.text, x.manifest.StripPrefix)
	if len(problems) > 0 {
		// The book holds a setting that the manifest cannot take: the file stays, and it is said.
		s.files = slices.DeleteFunc(s.files, func(f file) bool { return f.extension == x.name })
		for _, p := range problems {
			x.problems = append(x.problems, holdfast.Problem{
				File: bookFile, Field: "extensions." + x.name + ".config." + p.Field, Message: p.Message, Remedy: p.Remedy,
			})
		}
		return
	}
	x.manifest, x.config = m, parsed
}

// rewrite applies changes to a document and notes the file when any byte of it changes.
func (s *settlement) rewrite(x *extension, name string, d *document, wanted []change, mode uint32) *document {
	changed := d
	for _, w := range wanted {
		if changed.has(w.value, w.path...) {
			continue
		}
		next, err := changed.set(w.value, w.path...)
		if err != nil {
			s.problems = append(s.problems, holdfast.Problem{File: d.file, Message: err.Error()})
			return d
		}
		changed = next
	}
	if changed != d {
		s.files = append(s.files, file{extension: x.name, name: name, text: changed.text, mode: mode})
	}
	return changed
}

// has tells whether a value stands there already, however it is laid out.
func (d *document) has(value json.RawMessage, names ...string) bool {
	at := d.root
	for _, name := range names {
		m, ok := at.member(name)
		if !ok {
			return false
		}
		at = m.value
	}
	return bytes.Equal(compact(d.raw(at)), compact(value))
}

func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

// syncTools brings the tool settings together both ways: what the book does not know is taken
// from the file; what it knows is written to the file. A tool is the extension's when its file
// names it or one of its modules defines it; where the book has the word of another extension's
// file on a tool of that name, each goes by its own.
func (s *settlement) syncTools(x *extension, b book) {
	t := &x.tools
	if len(t.problems) > 0 {
		return
	}
	settled := maps.Clone(t.settings)
	if settled == nil {
		settled = map[string]holdfast.ToolSetting{}
	}
	var wanted []change
	held := map[string]holdfast.ToolSetting{}
	for _, name := range slices.Sorted(maps.Keys(settled)) {
		if x.waits(wishUnasked + name) {
			held[name] = holdfast.ToolSetting{EnabledInMCP: settled[name].EnabledInMCP}
			continue // the file stays, and the book takes it when it is granted
		}
		if _, known := b.tools[name]; !known {
			s.changes = append(s.changes, b.bring(x.name, name, settled[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.tools)) {
		_, listed := settled[name]
		if !b.decides(x.name, name) || !listed && !slices.Contains(t.defined, name) {
			continue
		}
		if !listed || settled[name] != b.tools[name] {
			settled[name] = b.tools[name]
			wanted = append(wanted, set(b.tools[name].EnabledInMCP, name, "enabled_in_mcp"), set(b.tools[name].Passthrough, name, "passthrough"))
		}
	}
	maps.Copy(settled, held)
	t.settings, x.settings = settled, maps.Clone(b.tools)
	maps.DeleteFunc(x.settings, func(name string, _ holdfast.ToolSetting) bool { return !b.decides(x.name, name) })
	maps.Copy(x.settings, settled)
	if len(wanted) == 0 {
		return
	}
	d := t.config
	if d == nil {
		d, _ = parse(fmt.Sprintf("extensions/%s/tools/tool_config.json", x.name), []byte("{}\n"))
	}
	t.config = s.rewrite(x, "tools/tool_config.json", d, wanted, uint32(t.mode))
}

func (s *settlement) givePorts(x *extension, ports supply) {
	if x.ui != nil {
		var changes []change
		x.uiPort, changes, x.uiReason = s.ports.of(ports.ui, x.name, ports.free)
		s.changes = append(s.changes, changes...)
	}
	for _, v := range x.services {
		if len(v.problems) > 0 {
			continue
		}
		name := x.name + "." + v.name
		if !v.manifest.RequiresPort {
			s.changes = append(s.changes, s.ports.none(name)...)
			continue
		}
		port, changes, reason := s.ports.of(ports.services, name, ports.free)
		x.ports[v.name], x.reasons[v.name] = port, reason
		s.changes = append(s.changes, changes...)
	}
}

// knownPorts takes the ports that were given before, and gives none.
func (x *extension) knownPorts(p ports) {
	if port := p.given["extensions"][x.name]; port != nil && x.ui != nil {
		x.uiPort = *port
	}
	for _, v := range x.services {
		if port := p.given["services"][x.name+"."+v.name]; port != nil && v.manifest.RequiresPort {
			x.ports[v.name] = *port
		}
	}
}
