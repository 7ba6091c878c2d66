// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"holdfast/test/outside"
)

// systemd is its user manager with a /run of its own.
type systemd struct{}

const systemdProgram = "/lib/systemd/systemd"

// enter puts the shell into control groups of its own in every hierarchy, makes certain of it, and
// runs the manager there: it moves every process of the group that it starts in, which in the
// machine's own group would be every process of the machine.
const enter = `
set -e
for top in $(awk '$3 ~ /^cgroup2?$/ {print $2}' /proc/self/mounts); do
  mkdir -p "$top/$GROUP"
  if [ -e "$top/cpuset.cpus" ]; then
    cat "$top/cpuset.cpus" >"$top/$GROUP/cpuset.cpus"
    cat "$top/cpuset.mems" >"$top/$GROUP/cpuset.mems"
  fi
  echo $$ >"$top/$GROUP/cgroup.procs"
done
[ "$(grep -c "/$GROUP\$" /proc/self/cgroup)" = "$(wc -l </proc/self/cgroup)" ]
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
exec ` + systemdProgram + ` --user --log-target=null
`

func (*systemd) name() string { return "systemd" }

func (*systemd) note() string {
	return packaged("systemd") + "'s user manager; waits 100 ms before a restart (RestartSec), gives up after 5 starts in 10 s; TimeoutStopSec=10 (90 s by default); units write to the file themselves (StandardOutput=append)"
}

func (*systemd) have(context.Context) error {
	if _, err := os.Stat(systemdProgram); err != nil {
		return err
	}
	if os.Getuid() != 0 {
		return errors.New("it needs root for control groups and a /run of its own")
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || !strings.Contains(string(mounts), " cgroup rw") {
		return errors.New("tried with version 1 control groups only")
	}
	_, err = exec.LookPath("unshare")
	return err
}

// group is the name of the run's control groups.
func (*systemd) group(r *run) string {
	return filepath.Base(filepath.Dir(r.dir)) + "-" + filepath.Base(r.dir)
}

func (s *systemd) write(r *run) error {
	dir := r.path("config", "systemd", "user")
	wants := filepath.Join(dir, "default.target.wants")
	for _, made := range []string{wants, r.path("run"), r.path("logs")} {
		if err := os.MkdirAll(made, 0o700); err != nil {
			return err
		}
	}
	for _, u := range r.units {
		text := fmt.Sprintf("[Service]\nExecStart=%s\nRestart=always\nTimeoutStopSec=10\nStandardOutput=append:%s\n", strings.Join(r.argv(u), " "), r.path("logs", u.name+".log"))
		file := filepath.Join(dir, u.name+".service")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		if err := os.Symlink(file, filepath.Join(wants, u.name+".service")); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "default.target"), []byte("[Unit]\nDescription=all\n"), 0o600); err != nil {
		return err
	}
	r.env = append(r.env, "XDG_RUNTIME_DIR="+r.path("run"), "XDG_CONFIG_HOME="+r.path("config"), "GROUP="+s.group(r))
	return nil
}

func (s *systemd) start(ctx context.Context, r *run) error {
	s.sweep(r)
	return r.spawn(ctx, "unshare", "-m", "sh", "-c", enter)
}

func (*systemd) stop(ctx context.Context, r *run, unit string) error {
	return r.do(ctx, "systemctl", "--user", "stop", unit)
}

func (s *systemd) end(ctx context.Context, r *run) error {
	err := r.signal(ctx, syscall.SIGTERM)
	outside.End(r.dir)
	until(ctx, 5*time.Second, func() bool { return s.sweep(r) })
	return err
}

// sweep takes away the groups of a manager that is gone; those of living units stay.
func (s *systemd) sweep(r *run) bool {
	clean := true
	for _, group := range outside.Cgroups("/" + s.group(r)) {
		clean = syscall.Rmdir(group) == nil && clean
	}
	return clean
}

func (*systemd) main(r *run) (outside.Process, bool) { return r.spawned() }
func (*systemd) log(r *run, unit string) []string    { return glob(r.path("logs", "*"), unit) }
