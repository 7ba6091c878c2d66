// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// packed ends the name of a compressed file, unpacked that of one under way.
	packed   = ".gz"
	unpacked = ".gz.tmp"
	// turnForm is the time in the name of a rotated file; the names of a log sort by it.
	turnForm = "20060102T150405.000"
)

// An Archive is a rotated file of a log.
type Archive struct {
	Path string
	// At is when it was rotated away.
	At     time.Time
	Packed bool
}

// Archives lists the rotated files of the log at path ("…/var/logs/notes.log"), oldest first. Of a
// file that stands there packed and not packed, the packed one counts.
func Archives(path string) ([]Archive, error) {
	names, err := namesIn(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var list []Archive
	for _, name := range names {
		if a, ok := archiveOf(path, name); ok {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b Archive) int {
		if c := a.At.Compare(b.At); c != 0 || a.Packed == b.Packed {
			return c
		}
		if a.Packed {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(list, func(a, b Archive) bool { return a.At.Equal(b.At) }), nil
}

func namesIn(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	return d.Readdirnames(-1)
}

func archiveOf(path, name string) (Archive, bool) {
	stamp, ok := strings.CutPrefix(name, filepath.Base(path)+".")
	if !ok {
		return Archive{}, false
	}
	stamp, isPacked := strings.CutSuffix(stamp, packed)
	at, err := turnTime(stamp)
	return Archive{Path: filepath.Join(filepath.Dir(path), name), At: at, Packed: isPacked}, err == nil
}

func turnTime(stamp string) (time.Time, error) {
	if len(stamp) != len("20060102T150405000Z") || stamp[len(stamp)-1] != 'Z' {
		return time.Time{}, os.ErrInvalid
	}
	return time.Parse(turnForm, stamp[:15]+"."+stamp[15:18])
}

// turnName is where a log that is rotated at a time goes: after all that were rotated before,
// whatever the clock says.
func turnName(path string, now time.Time) (string, error) {
	list, err := Archives(path)
	if err != nil {
		return "", err
	}
	at := now.UTC().Truncate(time.Millisecond)
	if n := len(list); n > 0 && !at.After(list[n-1].At) {
		at = list[n-1].At.Add(time.Millisecond)
	}
	return path + "." + strings.Replace(at.Format(turnForm), ".", "", 1) + "Z", nil
}
