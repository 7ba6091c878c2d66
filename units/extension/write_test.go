// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/core/home/disk"
)

// switched is a manifest that a sync writes back.
func (b *bench) switched() file {
	return file{extension: "bad", name: "tools/tool_config.json", text: []byte("{}"), mode: 0o640}
}

func TestAManifestIsWrittenBackWhole(t *testing.T) {
	b := newBench(t)
	path := b.put("bad/tools/tool_config.json", "old")
	if err := b.switched().write(b.home); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 || b.text("bad/tools/tool_config.json") != "{}" {
		t.Errorf("it is %q, %v, %v", b.text("bad/tools/tool_config.json"), info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

// What an extension puts into its folder neither leads the house's writing out of it nor holds it up.
func TestNoExtensionLeadsTheHousesWriting(t *testing.T) {
	for name, lay := range map[string]struct {
		trap  func(b *bench, temporary string)
		fails bool
	}{
		"the folder is a link out": {func(b *bench, _ string) {
			if err := os.RemoveAll(b.home.Path("extensions", "bad", "tools")); err != nil {
				b.Fatal(err)
			}
			link(b, b.home.Path("extensions", "good", "tools"), "bad/tools")
		}, true},
		"the temporary file is a link out": {func(b *bench, temporary string) {
			if err := os.Symlink(b.home.Path("extensions", "good", "tools", "tool_config.json"), temporary); err != nil {
				b.Fatal(err)
			}
		}, false},
		"the temporary file is locked": {func(b *bench, temporary string) {
			f, err := os.Create(temporary)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = f.Close() })
			if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
				b.Fatal(err)
			}
		}, false},
		"the temporary file is a full folder": {func(b *bench, temporary string) {
			if err := os.MkdirAll(filepath.Join(temporary, "x"), 0o700); err != nil {
				b.Fatal(err)
			}
		}, true},
		"the manifest is a link out": {func(b *bench, _ string) {
			if err := os.Remove(b.home.Path("extensions", "bad", "tools", "tool_config.json")); err != nil {
				b.Fatal(err)
			}
			link(b, b.home.Path("extensions", "good", "tools", "tool_config.json"), "bad/tools/tool_config.json")
		}, false},
	} {
		b := newBench(t)
		b.put("good/tools/tool_config.json", "good")
		b.put("bad/tools/tool_config.json", "old")
		lay.trap(b, b.home.Path("extensions", "bad", "tools", ".tool_config.json"+disk.Suffix))
		written := make(chan error, 1)
		go func() { written <- b.switched().write(b.home) }()
		ended := make(chan struct{})
		var err error
		go func() { err = <-written; close(ended) }()
		await(t, ended)
		if (err != nil) != lay.fails {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), b.home.Dir()) {
			t.Errorf("%s: it tells a path: %v", name, err)
		}
		if got := b.text("good/tools/tool_config.json"); got != "good" {
			t.Errorf("%s: the file of the other is %q", name, got)
		}
	}
}
