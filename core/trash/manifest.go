// SPDX-License-Identifier: Apache-2.0

package trash

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast/core/home/disk"
)

// A state is how far an entry came:
//
//	keeping ──▶ kept ──▶ restoring ──▶ (gone: back in its place)
//	   │          │
//	   │          └──▶ NAME.gone ──▶ (gone for good)
//	   └──▶ (gone: undone)
//
// keeping and restoring are found only after a crash, or while a conflict stands.
type state string

const (
	stateKeeping   state = "keeping"
	stateKept      state = "kept"
	stateRestoring state = "restoring"
)

// A manifest is the file manifest.json of an entry. It is written whole and durably before each
// change of state.
type manifest struct {
	ID      string      `json:"id"`
	Action  string      `json:"action"`
	Subject string      `json:"subject"`
	Caller  string      `json:"caller"`
	Time    time.Time   `json:"time"`
	State   state       `json:"state"`
	Paths   []keptPath  `json:"paths,omitempty"`
	Tables  []keptTable `json:"tables,omitempty"`
}

type keptPath struct {
	From  string `json:"from"` // under the home, or absolute
	At    string `json:"at"`   // under the entry's folder
	Kind  string `json:"kind"` // file, folder, link
	Bytes int64  `json:"bytes"`
}

type keptTable struct {
	Table   string              `json:"table"`
	Columns []string            `json:"columns"`
	Rows    [][]json.RawMessage `json:"rows"` // values in the order of the columns
}

func (m *manifest) rows() int {
	n := 0
	for _, table := range m.Tables {
		n += len(table.Rows)
	}
	return n
}

func (s shelf) write(m *manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot word the manifest of %s: %w", m.ID, err)
	}
	return s.disk.WriteFile(s.folder(m.ID, "manifest.json"), append(text, '\n'), 0o600)
}

func (s shelf) read(id string) (*manifest, error) {
	if id != filepath.Base(id) || strings.HasPrefix(id, ".") || strings.HasSuffix(id, wasteSuffix) {
		return nil, noEntry(id)
	}
	path := s.folder(id, "manifest.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noEntry(id)
	}
	if err != nil {
		return nil, disk.Explain("read", path, err)
	}
	m := &manifest{}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(m); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	if m.ID != id || slices.ContainsFunc(m.Paths, func(p keptPath) bool { return !filepath.IsLocal(p.At) }) {
		return nil, fmt.Errorf("cannot use %s: it is not what the house wrote", path)
	}
	return m, nil
}

// names lists the folders of the trash by name, which is by time.
func (s shelf) names() ([]string, error) {
	entries, err := os.ReadDir(s.folder())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, disk.Explain("look into", s.folder(), err)
	}
	var out []string
	for _, entry := range entries {
		if entry.IsDir() {
			out = append(out, entry.Name())
		}
	}
	return out, nil
}

// manifests lists all entries; one whose manifest cannot be read is left out and told by Recover.
func (s shelf) manifests() ([]*manifest, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	var out []*manifest
	for _, name := range names {
		if m, err := s.read(name); err == nil {
			out = append(out, m)
		}
	}
	return out, nil
}
