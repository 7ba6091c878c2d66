// SPDX-License-Identifier: Apache-2.0

package home

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"holdfast/core/home/disk"
)

// longest is the longest socket path that every system takes, with room to spare: the kernel's
// field holds 108 bytes on Linux and 104 elsewhere.
const longest = 100

// Socket is a path at which other programs reach the named Unix socket of the house. Where the
// true path is too long for the kernel it goes through a short link in the folder for temporary
// files, made here, which others cannot change.
func (h Home) Socket(name string) string {
	path := h.socketPath(name)
	if len(path) <= longest {
		return path
	}
	alias, err := h.alias()
	if err != nil {
		return path // whoever uses it gets the kernel's error, which names the path
	}
	return filepath.Join(alias, name+".sock")
}

// A Listener is a Unix socket of the house; closing it removes its file.
type Listener struct {
	*net.UnixListener
	path string
}

// Close ends the listener and removes its file.
func (l *Listener) Close() error {
	removed := os.Remove(l.path)
	if errors.Is(removed, os.ErrNotExist) {
		removed = nil
	}
	return errors.Join(l.UnixListener.Close(), removed)
}

// Listen binds the named socket with mode 0600. A socket that an earlier house left is removed,
// but only when this process holds the home's lock or nobody does: the socket of a house that
// runs is never taken away.
func (h Home) Listen(name string) (*Listener, error) {
	path := h.socketPath(name)
	l, err := h.bind(name)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := h.removeStale(path); err != nil {
			return nil, err
		}
		l, err = h.bind(name)
	}
	if err != nil {
		return nil, disk.Explain("listen at", path, err)
	}
	// The folder is 0700, so nobody came in between.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(disk.Explain("make private", path, err), l.Close())
	}
	return &Listener{UnixListener: l, path: path}, nil
}

func (h Home) bind(name string) (*net.UnixListener, error) {
	path, release, err := h.reach(name)
	if err != nil {
		return nil, err
	}
	defer release()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	// The path may stand for something else once reach's descriptor is closed.
	l.SetUnlinkOnClose(false)
	return l, nil
}

func (h Home) removeStale(path string) error {
	who, err := h.Holder()
	if err != nil {
		return err
	}
	if who != nil && who.PID != os.Getpid() {
		return who
	}
	info, err := os.Lstat(path)
	if err != nil {
		return disk.Explain("look at", path, err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("cannot listen at %s: a file that is no socket is in the way", path)
	}
	return disk.Explain("remove the stale socket", path, os.Remove(path))
}

// Dial connects to the named socket of the house that runs in this home.
func (h Home) Dial(ctx context.Context, name string) (*net.UnixConn, error) {
	path, release, err := h.reach(name)
	if err != nil {
		return nil, err
	}
	defer release()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the house at %s: %w", h.socketPath(name), err)
	}
	return conn.(*net.UnixConn), nil
}

func (h Home) socketPath(name string) string { return h.Var("run", name+".sock") }

// alias is a short link to var/run. It stands in a sticky folder and belongs to us, so nobody
// else can turn it elsewhere; one that does not belong to us is not used.
func (h Home) alias() (string, error) {
	link := h.aliasPath()
	target := h.Var("run")
	if err := os.Symlink(target, link); err != nil && !errors.Is(err, os.ErrExist) {
		return "", disk.Explain("make the short link", link, err)
	}
	info, err := os.Lstat(link)
	if err != nil {
		return "", disk.Explain("look at", link, err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	to, err := os.Readlink(link)
	if !ok || err != nil || to != target || int(stat.Uid) != os.Getuid() {
		return "", fmt.Errorf("cannot use the short link %s: it is not ours", link)
	}
	return link, nil
}

func (h Home) aliasPath() string {
	sum := sha256.Sum256([]byte(h.dir))
	return filepath.Join(os.TempDir(), "holdfast-"+strconv.Itoa(os.Getuid())+"-"+hex.EncodeToString(sum[:8]))
}

func (h Home) forgetAlias() {
	if len(h.socketPath("control")) <= longest-16 {
		return
	}
	if to, err := os.Readlink(h.aliasPath()); err == nil && to == h.Var("run") {
		_ = unix.Unlink(h.aliasPath())
	}
}
