// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// unreachable tells why an account cannot work in a folder, empty when nothing speaks against it.
func (a *account) unreachable(dir string) string {
	if a == nil || a.credential == nil || a.credential.Uid == 0 || dir == "" {
		return ""
	}
	closed := a.closed(dir)
	if closed == "" {
		return ""
	}
	return fmt.Sprintf("the account %s cannot enter %s, and its working folder is %s: open it (chmod o+x %s), or give it a dir that it can enter",
		a.name, closed, dir, closed)
}

// closed finds the first folder on the way to a folder that the account cannot enter.
func (a *account) closed(dir string) string {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "" // the start says what is wrong with it
	}
	way := string(filepath.Separator)
	for part := range strings.SplitSeq(real, way) {
		way = filepath.Join(way, part)
		info, err := os.Stat(way)
		if err != nil {
			return ""
		}
		if !a.enters(info) && !hasACL(way) {
			return way
		}
	}
	return ""
}

// enters tells whether the mode of a folder lets the account in.
func (a *account) enters(info fs.FileInfo) bool {
	of, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	mode, c := info.Mode().Perm(), a.credential
	switch {
	case of.Uid == c.Uid:
		return mode&0o100 != 0
	case of.Gid == c.Gid || slices.Contains(c.Groups, of.Gid):
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}
