// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockFolder is where OpenClaw keeps the locks of its databases. It takes the place from no variable.
func lockFolder() string { return fmt.Sprintf("/tmp/openclaw-state-locks-%d", os.Getuid()) }

// start makes the folders that agents want outside the home, for a restart of the machine takes them
// away, and a sandbox can only open what is there.
func (t *Templates) start(context.Context) error {
	if err := t.needs.Disk.Sweep(t.needs.Home.Path(dropIns)); err != nil {
		t.needs.Log.Warn("cannot clear what a crash left", slog.String("folder", dropIns), slog.Any("error", err))
	}
	marks, err := filepath.Glob(t.needs.Home.Path("agents", "*", markFile))
	if err != nil {
		return err
	}
	for _, mark := range marks {
		text, err := os.ReadFile(mark)
		name, _, _ := strings.Cut(string(text), " ")
		k, known := kitOf(name)
		if err != nil || !known {
			continue
		}
		if err := k.makeBeside(); err != nil {
			t.needs.Log.Warn("cannot make a folder that an agent wants", slog.String("agent", filepath.Base(filepath.Dir(mark))), slog.Any("error", err))
		}
	}
	return nil
}

// makeBeside makes a kit's folders outside the home. What another user, or a link, has put there is
// refused: a sandbox would open what it leads to.
func (k kit) makeBeside() error {
	for _, folder := range k.beside {
		if err := os.Mkdir(folder, 0o700); err != nil && !os.IsExist(err) {
			return fmt.Errorf("cannot make %s: %w", folder, err)
		}
		info, err := os.Lstat(folder)
		if err != nil {
			return fmt.Errorf("cannot look at %s: %w", folder, err)
		}
		if own, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || ok && int(own.Uid) != os.Getuid() {
			return fmt.Errorf("%s is not a folder of this user: take it away", folder)
		}
	}
	return nil
}
