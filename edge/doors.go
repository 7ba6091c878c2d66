// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"holdfast/core/home"
)

// tries bounds the search for the next free port.
const tries = 50

// adminSocket is the name of Caddy's admin socket among the house's sockets.
const adminSocket = "edge-admin"

// addresses are where the door is; they are kept in var/edge/doors.json so that bookmarks,
// cookies and an edge that outlived its house stay right.
type addresses struct {
	// Wanted is what holdfast.yaml said when they were chosen.
	Wanted     string `json:"wanted"`
	Hub        string `json:"hub"`
	Extensions string `json:"extensions"`
}

// doors are the listening sockets of the front door: bound here, handed to the edge, and held
// on to, so that a connection waits while the edge restarts instead of being refused.
type doors struct {
	home     home.Home
	reserved func() []int

	mu    sync.Mutex
	at    addresses
	files []*os.File // hub, extensions, admin; nil while an adopted edge alone holds them
	admin *home.Listener
}

func (d *doors) path() string { return d.home.Var("edge", "doors.json") }

// remembered are the addresses of the last time, empty when there was none.
func (d *doors) remembered() addresses {
	var at addresses
	text, err := os.ReadFile(d.path())
	if err != nil || json.Unmarshal(text, &at) != nil {
		return addresses{}
	}
	return at
}

// adopt takes the addresses of a running edge that holds the sockets.
func (d *doors) adopt(at addresses) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
}

// open binds the sockets: at the addresses of the last time when the same was wanted then, else at
// the wanted one or the next free.
func (d *doors) open(ctx context.Context, wanted string, last addresses) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	hubs := d.candidates(wanted)
	extensions := []string(nil)
	if last.Wanted == wanted && checkListen(last.Hub) == "" && checkListen(last.Extensions) == "" {
		hubs = slices.Concat([]string{last.Hub}, hubs)
		extensions = []string{last.Extensions}
	}
	hub, err := bind(ctx, hubs)
	if err != nil {
		return err
	}
	second, err := bind(ctx, append(extensions, d.candidates(hub.Addr().String())...))
	if err != nil {
		return errors.Join(err, hub.Close())
	}
	at := addresses{Wanted: wanted, Hub: hub.Addr().String(), Extensions: second.Addr().String()}
	return d.hold(at, hub, second)
}

// hold keeps the bound sockets and remembers where they are. The caller holds the lock.
func (d *doors) hold(at addresses, listeners ...*net.TCPListener) error {
	admin, err := d.home.Listen(adminSocket)
	if err != nil {
		for _, l := range listeners {
			err = errors.Join(err, l.Close())
		}
		return err
	}
	var files []*os.File
	for _, l := range listeners {
		f, fileErr := l.File()
		files = append(files, f)
		err = errors.Join(err, fileErr, l.Close())
	}
	f, fileErr := admin.File()
	files = append(files, f)
	err = errors.Join(err, fileErr)
	if err == nil {
		err = d.remember(at)
	}
	if err != nil {
		closeAll(files)
		return errors.Join(fmt.Errorf("cannot hold the front door's sockets: %w", err), admin.Close())
	}
	d.at, d.files, d.admin = at, files, admin
	return nil
}

func (d *doors) remember(at addresses) error {
	text, err := json.MarshalIndent(at, "", "  ")
	if err != nil {
		return err
	}
	return home.WriteFile(d.path(), append(text, '\n'), 0o600)
}

// candidates are the address and the ports after it, without those that others of the house want.
func (d *doors) candidates(address string) []string {
	host, port, err := net.SplitHostPort(address)
	first, convErr := strconv.Atoi(port)
	if err != nil || convErr != nil {
		return nil
	}
	taken := []int{}
	if d.reserved != nil {
		taken = d.reserved()
	}
	var list []string
	for n := first; n < first+tries && n <= 65535; n++ {
		if !slices.Contains(taken, n) {
			list = append(list, net.JoinHostPort(host, strconv.Itoa(n)))
		}
	}
	return list
}

// bind takes the first address that is free.
func bind(ctx context.Context, list []string) (*net.TCPListener, error) {
	err := errors.New("no port is left")
	for _, address := range list {
		var config net.ListenConfig
		l, failed := config.Listen(ctx, "tcp", address)
		if failed == nil {
			return l.(*net.TCPListener), nil
		}
		err = failed
		if !errors.Is(failed, syscall.EADDRINUSE) && !errors.Is(failed, fs.ErrPermission) {
			break
		}
	}
	return nil, fmt.Errorf("cannot listen for the front door: %w", err)
}

// descriptors are handed to each new edge: hub, extensions, admin. When the sockets were held by
// an adopted edge alone and that is gone, they are bound again at the same addresses.
func (d *doors) descriptors() ([]uintptr, error) {
	if err := d.again(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fds := make([]uintptr, len(d.files))
	for i, f := range d.files {
		fds[i] = f.Fd()
	}
	return fds, nil
}

func (d *doors) again() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files != nil {
		return nil
	}
	hub, err := bind(context.Background(), []string{d.at.Hub})
	if err != nil {
		return err
	}
	second, err := bind(context.Background(), []string{d.at.Extensions})
	if err != nil {
		return errors.Join(err, hub.Close())
	}
	return d.hold(d.at, hub, second)
}

func (d *doors) addresses() addresses {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

// close lets go of the house's copies; the edge, if it goes on, has its own. The admin socket's
// file stays, for it is how the next house finds an edge that goes on.
func (d *doors) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	closeAll(d.files)
	if d.admin != nil {
		_ = d.admin.UnixListener.Close()
	}
	d.files, d.admin = nil, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}
