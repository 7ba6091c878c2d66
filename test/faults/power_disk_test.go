// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A platter is a model of what a disk holds for certain and what only the kernel knows yet. It is
// told every call of a victim in order, and shows what could be found after a loss of power:
//
//	content: a write counts for certain from the fsync of its file on; before, each sector of it
//	         may be on the disk or not
//	names:   a creation, rename or removal counts for certain from the fsync of a folder that it
//	         touches on; before, it may have happened or not, but no two changes of one file
//	         out of their order
//
// What a process does to mapped memory (SQLite's -shm) is not seen; SQLite makes that file anew.
type platter struct {
	root    *node
	changes []*change
}

// A node is a file, a folder or a link, whatever its name is.
type node struct {
	kind   fs.FileMode
	names  map[string]*node // as the kernel sees them now
	target string
	mode   fs.FileMode
	safe   []byte  // content that is certain
	writes []write // since the last fsync
	before map[string]*node
}

// A write is a piece of content, or a new length when data is nil.
type write struct {
	at   int64
	data []byte
}

// A change is one of names: what comes to stand at to, what leaves from.
type change struct {
	node             *node
	fromDir, toDir   *node
	fromName, toName string
	certain          bool
}

const sector = 512

// diskOf is a platter that holds a folder for certain.
func diskOf(dir string) (*platter, error) {
	root, err := nodeOf(dir)
	return &platter{root: root}, err
}

func nodeOf(path string) (*node, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	n := &node{kind: info.Mode().Type(), mode: info.Mode().Perm()}
	switch n.kind {
	case 0:
		n.safe, err = os.ReadFile(path)
	case fs.ModeSymlink:
		n.target, err = os.Readlink(path)
	case fs.ModeDir:
		n.names, n.before = map[string]*node{}, map[string]*node{}
		var entries []os.DirEntry
		if entries, err = os.ReadDir(path); err != nil {
			return nil, err
		}
		for _, e := range entries {
			child, err := nodeOf(filepath.Join(path, e.Name()))
			if err != nil {
				return nil, err
			}
			n.names[e.Name()], n.before[e.Name()] = child, child
		}
	default:
		err = fmt.Errorf("%s is no file, folder or link", path)
	}
	return n, err
}

// find is the node at a path under the home, and its folder and name.
func (d *platter) find(path string) (n, dir *node, name string) {
	if path == "." {
		return d.root, nil, ""
	}
	dir = d.root
	parts := strings.Split(path, "/")
	for _, part := range parts[:len(parts)-1] {
		if dir = dir.names[part]; dir == nil || dir.names == nil {
			return nil, nil, ""
		}
	}
	name = parts[len(parts)-1]
	return dir.names[name], dir, name
}

// see does a call to the model. A call that it does not know is an error, for a model that
// overlooks something proves nothing.
func (d *platter) see(c call) error {
	if strings.HasSuffix(c.path, " (deleted)") {
		return nil
	}
	n, dir, name := d.find(c.path)
	creates := strings.HasPrefix(c.name, "open") || strings.HasPrefix(c.name, "mkdir")
	if n == nil && (!creates || dir == nil) {
		return fmt.Errorf("%s: the model knows no such file", c.site())
	}
	switch c.name {
	case "open", "openat":
		d.open(c, n, dir, name)
	case "mkdir", "mkdirat":
		d.add(&node{kind: fs.ModeDir, mode: 0o755, names: map[string]*node{}, before: map[string]*node{}}, dir, name)
	case "write", "pwrite64":
		n.writes = append(n.writes, write{at: c.offset, data: c.data})
	case "ftruncate":
		n.writes = append(n.writes, write{at: c.length})
	case "fchmod", "chmod", "fchmodat":
		n.mode = fs.FileMode(c.flags).Perm()
	case "fsync", "fdatasync":
		d.sync(n)
	case "unlink", "unlinkat", "rmdir":
		d.changes = append(d.changes, &change{node: n, fromDir: dir, fromName: name})
		delete(dir.names, name)
	case "rename", "renameat", "renameat2":
		_, toDir, toName := d.find(c.to)
		if toDir == nil {
			return fmt.Errorf("%s: the model knows no such folder", c.site())
		}
		d.changes = append(d.changes, &change{node: n, fromDir: dir, fromName: name, toDir: toDir, toName: toName})
		delete(dir.names, name)
		toDir.names[toName] = n
	default:
		return fmt.Errorf("%s: the model does not know this call", c.site())
	}
	return nil
}

func (d *platter) open(c call, n, dir *node, name string) {
	if n == nil {
		d.add(&node{mode: 0o600}, dir, name)
		return
	}
	if c.flags&unix.O_TRUNC != 0 {
		n.writes = append(n.writes, write{})
	}
}

func (d *platter) add(n, dir *node, name string) {
	dir.names[name] = n
	d.changes = append(d.changes, &change{node: n, toDir: dir, toName: name})
}

func (d *platter) sync(n *node) {
	if n.kind != fs.ModeDir {
		n.safe, n.writes = apply(n.safe, n.writes), nil
		return
	}
	for _, c := range d.changes {
		c.certain = c.certain || c.fromDir == n || c.toDir == n
	}
}

func apply(content []byte, writes []write) []byte {
	content = append([]byte(nil), content...)
	for _, w := range writes {
		if w.data == nil {
			content = resized(content, w.at)
			continue
		}
		content = resized(content, max(int64(len(content)), w.at+int64(len(w.data))))
		copy(content[w.at:], w.data)
	}
	return content
}

func resized(content []byte, size int64) []byte {
	if size <= int64(len(content)) {
		return content[:size]
	}
	return append(content, make([]byte, size-int64(len(content)))...)
}

// A mood is how a disk treats what was not certain when the power went.
type mood int

const (
	losesAll  mood = iota // nothing uncertain is there
	keepsAll              // all of it is, as after a kill
	keepsHead             // what came first is, and the last of it is torn
	keepsSome             // any of it is, in any order
	moods
)

// lose writes to dir what is found after the power went. Each file and the names have a mood of
// their own.
func (d *platter) lose(dir string, luck *rand.Rand) error {
	d.settle(luck)
	return d.root.put(dir, luck)
}

// settle makes names as found: from the start on, the changes that are certain or lucky.
func (d *platter) settle(luck *rand.Rand) {
	d.root.rewind(map[*node]bool{})
	for _, c := range d.changes {
		if c.node.names != nil {
			c.node.rewind(map[*node]bool{})
		}
	}
	how := mood(luck.IntN(int(moods)))
	head := luck.IntN(len(d.changes) + 1)
	kept := make([]bool, len(d.changes))
	later := map[*node]bool{} // a later change of the node is kept, so this one is
	for i := len(d.changes) - 1; i >= 0; i-- {
		c := d.changes[i]
		lucky := how == keepsAll || how == keepsHead && i < head || how == keepsSome && luck.IntN(2) == 0
		kept[i] = c.certain || later[c.node] || lucky
		later[c.node] = later[c.node] || kept[i]
	}
	for i, c := range d.changes {
		if kept[i] {
			c.happen()
		}
	}
}

func (n *node) rewind(seen map[*node]bool) {
	if seen[n] || n.names == nil {
		return
	}
	seen[n] = true
	n.names = map[string]*node{}
	for name, child := range n.before {
		n.names[name] = child
		child.rewind(seen)
	}
}

func (c *change) happen() {
	if c.fromDir != nil && c.fromDir.names[c.fromName] == c.node {
		delete(c.fromDir.names, c.fromName)
	}
	if c.toDir != nil {
		c.toDir.names[c.toName] = c.node
	}
}

func (n *node) put(path string, luck *rand.Rand) error {
	switch n.kind {
	case fs.ModeSymlink:
		return os.Symlink(n.target, path)
	case fs.ModeDir:
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
		for name, child := range n.names {
			if strings.HasSuffix(name, "-shm") {
				continue
			}
			if err := child.put(filepath.Join(path, name), luck); err != nil {
				return err
			}
		}
		return os.Chmod(path, n.mode)
	default:
		err := os.WriteFile(path, n.found(luck), 0o600)
		return errors.Join(err, os.Chmod(path, n.mode))
	}
}

// found is the content of a file after the power went.
func (n *node) found(luck *rand.Rand) []byte {
	if len(n.writes) == 0 {
		return n.safe
	}
	switch mood(luck.IntN(int(moods))) {
	case keepsAll:
		return apply(n.safe, n.writes)
	case keepsHead:
		head := luck.IntN(len(n.writes))
		return apply(n.safe, append(append([]write(nil), n.writes[:head]...), torn(n.writes[head], luck, true)...))
	case keepsSome:
		var lucky []write
		for _, w := range n.writes {
			if luck.IntN(2) == 0 {
				lucky = append(lucky, torn(w, luck, false)...)
			}
		}
		return apply(n.safe, lucky)
	case losesAll, moods:
	}
	return n.safe
}

// torn is what is found of one write: its sectors up to one, or any of them.
func torn(w write, luck *rand.Rand, head bool) (sectors []write) {
	if w.data == nil {
		return []write{w}
	}
	most := luck.IntN(len(w.data)/sector + 2)
	for i := 0; i*sector < len(w.data); i++ {
		at := w.at + int64(i*sector)
		end := min(len(w.data), (i+1)*sector)
		if head && i < most || !head && luck.IntN(4) > 0 {
			sectors = append(sectors, write{at: at, data: w.data[i*sector : end]})
		}
	}
	return sectors
}
