// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Problem is a folder or file that cannot be read. Form says that its bytes could be, but are of no
// known form.
type Problem struct {
	Path string
	Err  error
	Form bool
}

// A folder is listed again only when its own stamp has changed, so that a tick over thousands of
// files reads no folder.
type folder struct {
	path    string
	stamp   stamp
	settled bool // listed long enough after it was changed to have seen all, and whole
	folders []*folder
	files   []*file
}

// A file is a log and how far it was read.
type file struct {
	path   string
	source Source
	// session and project are what its place tells.
	session, project string

	stamp stamp
	// read is what was there when it was read to offset; at that place ended a line, and before it
	// stood bytes of that sum.
	read   stamp
	offset int64
	tail   uint64
	codex  codexState
	gemini geminiState
	form   form
	good   bool // an answer was understood
}

// racy is how long after its last change a folder may change again without another stamp.
const racy = 2 * time.Second

const deepest = 24 // folders below each other

// mostFiles bounds what is followed, and with it the memory that following takes.
const (
	mostFiles   = 250_000
	mostFolders = 100_000
)

var (
	errTooMany        = fmt.Errorf("there are more than %d logs, and those here are left out", mostFiles)
	errTooManyFolders = fmt.Errorf("there are more than %d folders, and this one and others are left out", mostFolders)
)

// A place is one folder to one agent, by whichever path.
type place struct {
	source        Source
	device, inode uint64
}

// walk brings the tree up to date and collects its files. seen holds the folders that were met, so
// that links end, however many lead to the same one.
func (s *Scanner) walk(d *folder, root *tree, depth int, seen map[place]bool) {
	now, err := look(d.path)
	if err != nil || !now.folder {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.problem(d.path, err)
		}
		d.stamp, d.settled, d.folders, d.files = stamp{}, false, nil, nil
		return
	}
	id := place{root.Source, now.Device, now.Inode}
	if seen[id] || depth > deepest {
		return
	}
	if len(seen) >= mostFolders {
		if len(seen) == mostFolders {
			seen[place{}] = true
			s.problem(d.path, errTooManyFolders)
		}
		return
	}
	seen[id] = true
	if now != d.stamp || !d.settled {
		whole := s.list(d, root)
		d.stamp, d.settled = now, whole && time.Since(time.Unix(0, max(now.Written, now.Changed))).Abs() > racy
	}
	switch {
	case len(s.files)+len(d.files) > mostFiles:
		s.problem(d.path, errTooMany)
		d.files, d.settled = nil, false
	case len(d.files) > 0:
		s.files, s.folders = append(s.files, d.files...), append(s.folders, d)
	}
	for _, sub := range d.folders {
		s.walk(sub, root, depth+1, seen)
	}
}

type tree struct {
	Root
	top *folder
}

// list reads the folder's entries, which come in order, and keeps what is known of those that stay. It
// tells whether it could read all.
func (s *Scanner) list(d *folder, root *tree) (whole bool) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		s.problem(d.path, err)
	}
	folders, files := d.folders, d.files
	d.folders, d.files = nil, nil
	for _, e := range entries {
		path := d.path + "/" + e.Name()
		kind := e.Type()
		if kind&fs.ModeSymlink != 0 {
			to, err := look(path)
			if err != nil {
				continue // a link to nowhere
			}
			if to.folder && outward(path, root.Path) {
				continue
			}
			if to.folder {
				kind = fs.ModeDir
			} else {
				kind = 0
			}
		}
		switch {
		case kind.IsDir():
			d.folders = append(d.folders, keptFolder(folders, path))
		case kind.IsRegular() && root.Source.wants(e.Name(), d.path):
			d.files = append(d.files, s.keptFile(files, path, root))
		}
	}
	return err == nil
}

// outward tells of a link whether it leads to a folder that holds the root, such as the whole machine.
func outward(link, root string) bool {
	to, err := filepath.EvalSymlinks(link)
	if err != nil {
		return true
	}
	from, err := filepath.EvalSymlinks(root)
	return err == nil && to != from && strings.HasPrefix(from, strings.TrimSuffix(to, "/")+"/")
}

func keptFolder(known []*folder, path string) *folder {
	at, ok := slices.BinarySearchFunc(known, path, func(d *folder, path string) int { return strings.Compare(d.path, path) })
	if ok {
		return known[at]
	}
	return &folder{path: path}
}

func (s *Scanner) keptFile(known []*file, path string, root *tree) *file {
	at, ok := slices.BinarySearchFunc(known, path, func(f *file, path string) int { return strings.Compare(f.path, path) })
	if ok {
		return known[at]
	}
	if f := s.restored[path]; f != nil {
		delete(s.restored, path)
		f.place(root)
		return f
	}
	f := &file{path: path}
	f.place(root)
	return f
}

// place takes what a log's place tells.
func (f *file) place(root *tree) {
	f.source = root.Source
	relative := strings.TrimPrefix(f.path, root.Path+"/")
	switch f.source {
	case Claude:
		f.session, f.project = claudePlace(relative)
	case Codex:
		f.session = strings.TrimSuffix(relative, ".jsonl")
	case Gemini:
		f.session = strings.TrimSuffix(strings.TrimSuffix(filepath.Base(relative), ".jsonl"), ".json")
		f.project, _, _ = strings.Cut(relative, "/")
	case OpenCode:
		f.session = openCodePlace(relative)
	}
}
