// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// postgres is a running server. Its shell reads from alive, and stops the server and removes its
// folder when that ends: with this process, however it ends.
type postgres struct {
	dir   string
	alive *os.File
}

const script = `
cd "$2" || exit 1
"$1/initdb" -D "$2/data" -U holdfast -A trust -E UTF8 --locale=C --no-sync >"$2/log" 2>&1 </dev/null || exit 1
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c full_page_writes=off \
	-c max_connections=200 -c shared_buffers=32MB >>"$2/log" 2>&1 </dev/null &
server=$!
read -r end
kill -QUIT $server
wait $server
rm -rf "$2"
`

// server starts the one server of this process.
var server = sync.OnceValues(start)

func start() (*postgres, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "holdfast-pg-")
	if err != nil {
		return nil, err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", script, "sh", bin, dir)
	cmd.Stdin = reader
	cmd.SysProcAttr, err = unprivileged(dir)
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	p := &postgres{dir: dir, alive: writer}
	return p, errors.Join(p.ready(ended), reader.Close())
}

// ready asks until the server answers.
func (p *postgres) ready(ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case err := <-ended:
			text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
			return fmt.Errorf("the server ended: %w: %s", err, text)
		case <-ctx.Done():
			return errors.New("the server did not answer within two minutes")
		case <-again.C:
			if p.exec(ctx, "SELECT 1") == nil {
				return nil
			}
		}
	}
}

func binaries() (string, error) {
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	slices.Sort(installed)
	if len(installed) > 0 {
		return filepath.Dir(installed[len(installed)-1]), nil
	}
	program, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("no server program in /usr/lib/postgresql or PATH")
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return "", err
	}
	return filepath.Dir(program), nil
}

// unprivileged gives the folder to a user who is not root, as the server demands.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return attr, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, uid, gid)
}
