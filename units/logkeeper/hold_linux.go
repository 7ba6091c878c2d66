// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
)

// Hold holds every pipe of the home open until ctx ends, those made meanwhile too, so that what is
// in them survives the unit, the keeper and the house together. It waits in the runtime's poller.
func Hold(ctx context.Context, h home.Home) error {
	if err := makeFolders(h); err != nil {
		return err
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("cannot watch the pipes: %w", err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer func() { _ = events.Close() }()
	if _, err := unix.InotifyAddWatch(fd, pipesDir(h), unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE|unix.IN_MOVED_FROM); err != nil {
		return fmt.Errorf("cannot watch the pipes: %w", err)
	}
	held := map[string]int{}
	defer func() {
		for _, fd := range held {
			_ = unix.Close(fd)
		}
	}()
	defer context.AfterFunc(ctx, func() { _ = events.Close() })()
	buffer := make([]byte, 4096)
	for {
		holdAll(h, held)
		if _, err := events.Read(buffer); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("cannot watch the pipes: %w", err)
		}
	}
}

// holdAll opens the pipes that are new and lets go of those that are gone.
func holdAll(h home.Home, held map[string]int) {
	names, err := namesIn(pipesDir(h))
	if err != nil {
		return
	}
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
		if _, known := held[name]; known {
			continue
		}
		if _, _, ok := logOf(name); !ok {
			continue
		}
		if fd, _, err := openPipe(h.Var("run", "pipes", name), unix.O_NONBLOCK); err == nil {
			held[name] = fd
		}
	}
	for name, fd := range held {
		if !there[name] {
			_ = unix.Close(fd)
			delete(held, name)
		}
	}
}
