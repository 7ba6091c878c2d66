// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// groupPrefix begins the name of a house's folder among the control groups.
	groupPrefix = "holdfast-"
	// ownSuffix ends the name of the leaf that a house moves itself to.
	ownSuffix = ".house"
	// markAttribute keeps the whole mark at its group, for processes that lost theirs.
	markAttribute = "user.holdfast.mark"
	// maxGroupName keeps names of groups well under what a folder's name may be.
	maxGroupName = 120
	// digestLength is how much of a mark's digest the name of its group carries.
	digestLength = 8
)

// A hierarchy is one tree of control groups, as far as it is ours: the group that this process is in.
type hierarchy struct {
	mount       string
	dir         string
	unified     bool
	controllers []string
}

// hierarchies are those that this process may see: version 2 under the empty name, version 1 under
// the names of their controllers.
type hierarchies map[string]hierarchy

func readHierarchies() hierarchies {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	return parseHierarchies(string(mounts), string(own))
}

// parseHierarchies reads the formats of proc_pid_mountinfo(5) and cgroups(7).
func parseHierarchies(mounts, own string) hierarchies {
	paths := groupPaths(own)
	found := hierarchies{}
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		dash := slices.Index(f, "-")
		if dash < 6 || len(f) < dash+4 {
			continue
		}
		root, mount, kind, options := unescape(f[3]), unescape(f[4]), f[dash+1], f[dash+3]
		switch kind {
		case "cgroup2":
			if dir, ok := within(mount, root, paths[""]); ok {
				found.add("", hierarchy{mount: mount, dir: notOwnLeaf(dir), unified: true})
			}
		case "cgroup":
			for name := range strings.SplitSeq(options, ",") {
				path, ours := paths[name]
				if dir, ok := within(mount, root, path); ours && ok {
					found.add(name, hierarchy{mount: mount, dir: dir, controllers: []string{name}})
				}
			}
		}
	}
	return found
}

// add keeps the first mount of a hierarchy.
func (h hierarchies) add(name string, one hierarchy) {
	if _, known := h[name]; !known {
		h[name] = one
	}
}

// groupPaths reads /proc/PID/cgroup: a path for each controller, and for version 2 under the empty name.
func groupPaths(text string) map[string]string {
	paths := map[string]string{}
	for line := range strings.Lines(text) {
		part := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(part) != 3 {
			continue
		}
		for name := range strings.SplitSeq(part[1], ",") {
			paths[name] = part[2]
		}
	}
	return paths
}

// within gives the folder of a group's path beneath a mount that shows the hierarchy from root on.
func within(mount, root, path string) (string, bool) {
	if path == "" || strings.Contains(path, "/..") || strings.HasPrefix(root, "/..") {
		return "", false
	}
	rest, ok := path, true
	if root != "/" {
		rest, ok = strings.CutPrefix(path, root)
		ok = ok && (rest == "" || rest[0] == '/')
	}
	return filepath.Join(mount, rest), ok
}

// notOwnLeaf is where a house stood before it moved itself to its leaf.
func notOwnLeaf(dir string) string {
	if name := filepath.Base(dir); strings.HasPrefix(name, groupPrefix) && strings.HasSuffix(name, ownSuffix) {
		return filepath.Dir(dir)
	}
	return dir
}

// unescape reads the octal escapes of mountinfo.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// houseGroup and launchGroup name the two folders of a launch. The second carries a digest of the
// whole mark, so that a later house finds it and no other launch ever has it.
func houseGroup(house string) string { return groupPrefix + plain(house) }

func launchGroup(m Mark) string {
	sum := sha256.Sum256([]byte(m.String()))
	return plain(m.Unit) + "." + hex.EncodeToString(sum[:digestLength])
}

// inLaunch tells whether a process stands in a group that was made for a launch, of any house.
func inLaunch(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return false
	}
	for _, path := range groupPaths(string(text)) {
		folders := strings.Split(path, "/")
		for i, name := range folders[1:] {
			if strings.HasPrefix(folders[i], groupPrefix) && isLaunchGroup(name) {
				return true
			}
		}
	}
	return false
}

// isLaunchGroup tells a name that launchGroup gave by its digest.
func isLaunchGroup(name string) bool {
	unit, digest, _ := strings.Cut(name, ".")
	sum, err := hex.DecodeString(digest)
	return unit != "" && err == nil && len(sum) == digestLength
}

// plain leaves of a name what every file system takes.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), maxGroupName)]
}

// makeGroup makes the launch's folder, and the house's when it is the first.
func makeGroup(base string, m Mark) (string, error) {
	house := filepath.Join(base, houseGroup(m.House))
	dir := filepath.Join(house, launchGroup(m))
	for range 3 { // another launch's end may take away the house's folder in between
		err := unix.Mkdir(dir, 0o755)
		if err == nil || errors.Is(err, unix.EEXIST) {
			return dir, nil
		}
		if !errors.Is(err, unix.ENOENT) {
			return "", fmt.Errorf("cannot make %s: %w", dir, err)
		}
		if err := unix.Mkdir(house, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return "", fmt.Errorf("cannot make %s: %w", house, err)
		}
	}
	return "", fmt.Errorf("cannot make %s: its parent keeps vanishing", dir)
}

// removeGroup takes away a group and those that its processes made in it; false while somebody is in.
func removeGroup(dir string) bool {
	switch err := unix.Rmdir(dir); {
	case err == nil, errors.Is(err, unix.ENOENT):
		return true
	case !errors.Is(err, unix.EBUSY):
		return false
	}
	for _, sub := range subgroups(dir) {
		removeGroup(sub)
	}
	err := unix.Rmdir(dir)
	return err == nil || errors.Is(err, unix.ENOENT)
}

func subgroups(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []string
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list
}

// populated tells whether anybody lives in a version 2 group or beneath; true when it cannot be told.
func populated(dir string) bool {
	var buffer [128]byte
	n, err := readSmall(filepath.Join(dir, "cgroup.events"), buffer[:])
	if errors.Is(err, unix.ENOENT) {
		return false
	}
	return err != nil || !bytes.Contains(buffer[:n], []byte("populated 0"))
}

// inGroup lists who is in a group and beneath it; it names no zombies.
func inGroup(dir string) []int {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var list []int
	for field := range bytes.FieldsSeq(data) {
		if pid, err := strconv.Atoi(string(field)); err == nil && pid > 0 {
			list = append(list, pid)
		}
	}
	for _, sub := range subgroups(dir) {
		list = append(list, inGroup(sub)...)
	}
	return list
}

// groupOf finds the group of a launch that a process of it is in, wherever an earlier house made it.
func groupOf(h hierarchy, controller string, pid int, m Mark) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return ""
	}
	path := groupPaths(string(text))[controller]
	want := "/" + houseGroup(m.House) + "/" + launchGroup(m)
	i := strings.LastIndex(path+"/", want+"/")
	if i < 0 {
		return ""
	}
	dir, ok := h.at(path[:i+len(want)])
	if !ok {
		return ""
	}
	return dir
}

// at gives the folder of any path of the hierarchy, from the mount on as /proc tells it to this process.
func (h hierarchy) at(path string) (string, bool) {
	if strings.Contains(path, "/..") {
		return "", false
	}
	dir := filepath.Join(h.mount, path)
	info, err := os.Stat(dir)
	return dir, err == nil && info.IsDir()
}

// groupMark reads what mark a group was made for.
func groupMark(dir string) (Mark, bool) {
	buffer := make([]byte, 4096)
	n, err := unix.Getxattr(dir, markAttribute, buffer)
	if err != nil {
		return Mark{}, false
	}
	return ParseMark(string(buffer[:n]))
}

// forgotten is how long the empty folder of another house stays: it may be about to start a launch.
const forgotten = time.Hour

// eachGroup visits every launch's group of a house in a hierarchy, wherever it stood when it made
// them, and those of houses that were forgotten.
func (h hierarchy) eachGroup(house string, visit func(dir string)) {
	_ = filepath.WalkDir(h.mount, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && e != nil && e.IsDir():
			return fs.SkipDir
		case err != nil || !e.IsDir() || !strings.HasPrefix(e.Name(), groupPrefix):
			return nil
		case e.Name() != houseGroup(house) && e.Name() != houseGroup(house)+ownSuffix:
			if info, err := e.Info(); err != nil || time.Since(info.ModTime()) < forgotten {
				return fs.SkipDir
			}
		}
		for _, dir := range subgroups(path) {
			visit(dir)
		}
		removeEmpty(path)
		return fs.SkipDir
	})
}

// removeEmpty removes a group when it is empty; the kernel refuses otherwise.
func removeEmpty(dir string) { _ = unix.Rmdir(dir) }
