// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"holdfast/test/outside"
)

// packaged tells which version of a distribution's package is installed.
func packaged(name string) string {
	out, _ := exec.Command("dpkg-query", "-W", "-f=${Version}", name).Output()
	return name + " " + string(out)
}

func installed(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%w (test/setup installs it)", err)
	}
	return nil
}

// script writes an executable shell script, as run scripts of runit and s6 are.
func script(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755)
}

// services writes a folder of services, as runit and s6 read it, with a logger for each that is logged.
func (r *run) services(folder, logger string) error {
	if err := os.MkdirAll(r.path(folder), 0o755); err != nil {
		return err
	}
	for _, u := range r.units {
		if err := script(r.path(folder, u.name, "run"), "exec "+strings.Join(r.argv(u), " ")); err != nil {
			return err
		}
		if !u.logged {
			continue
		}
		at := r.path("logs", u.name)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := script(r.path(folder, u.name, "log", "run"), "exec "+logger+at); err != nil {
			return err
		}
	}
	return nil
}

// runit is runsvdir over a folder of services.
type runit struct{}

func (*runit) name() string { return "runit" }

func (*runit) note() string {
	return packaged("runit") + "; restarts at once, at most once a second; runsv of each unit outlives runsvdir"
}
func (*runit) have(context.Context) error { return installed("runsvdir") }

func (*runit) write(r *run) error {
	if err := r.services("sv", "svlogd -tt "); err != nil {
		return err
	}
	for _, u := range r.units {
		if !u.logged {
			continue
		}
		if err := os.WriteFile(r.path("logs", u.name, "config"), []byte("s100000000\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (*runit) start(ctx context.Context, r *run) error { return r.spawn(ctx, "runsvdir", r.path("sv")) }

func (*runit) stop(ctx context.Context, r *run, unit string) error {
	return r.do(ctx, "sv", "-w", "10", "down", r.path("sv", unit))
}

func (*runit) end(ctx context.Context, r *run) error { return r.signal(ctx, syscall.SIGHUP) }
func (*runit) main(r *run) (outside.Process, bool)   { return r.spawned() }
func (*runit) log(r *run, unit string) []string {
	return glob(r.path("logs", unit, "*"), "current", "@")
}

// glob lists files whose name begins with one of these.
func glob(pattern string, prefixes ...string) []string {
	all, _ := filepath.Glob(pattern)
	var list []string
	for _, file := range all {
		for _, prefix := range prefixes {
			if strings.HasPrefix(filepath.Base(file), prefix) {
				list = append(list, file)
				break
			}
		}
	}
	return list
}

// s6 is s6-svscan over a scan directory.
type s6 struct{}

func (*s6) name() string { return "s6" }

func (*s6) note() string {
	return packaged("s6") + "; waits a second between two starts of a unit by design; s6-supervise of each unit outlives s6-svscan"
}
func (*s6) have(context.Context) error { return installed("s6-svscan") }

func (*s6) write(r *run) error { return r.services("scan", "s6-log -b T s100000000 ") }

func (*s6) start(ctx context.Context, r *run) error {
	return r.spawn(ctx, "s6-svscan", "-c", "1000", r.path("scan"))
}

func (*s6) stop(ctx context.Context, r *run, unit string) error {
	return r.do(ctx, "s6-svc", "-wD", "-T", "10000", "-d", r.path("scan", unit))
}

func (*s6) end(ctx context.Context, r *run) error { return r.signal(ctx, syscall.SIGTERM) }
func (*s6) main(r *run) (outside.Process, bool)   { return r.spawned() }
func (*s6) log(r *run, unit string) []string      { return glob(r.path("logs", unit, "*"), "current", "@") }

// supervisord is one process that reads everything its children write.
type supervisord struct{}

func (*supervisord) name() string { return "supervisord" }

func (*supervisord) note() string {
	return packaged("supervisor") + "; looks at its children once a second; gives up after three quick ends (startretries)"
}
func (*supervisord) have(context.Context) error { return installed("supervisord") }

func (*supervisord) write(r *run) error {
	var text strings.Builder
	socket := r.path("s")
	fmt.Fprintf(&text, "[supervisord]\nnodaemon=true\nminfds=4096\nminprocs=1\nlogfile=%s\npidfile=%s\n", r.path("main.log"), r.path("pid"))
	fmt.Fprintf(&text, "[unix_http_server]\nfile=%s\n[supervisorctl]\nserverurl=unix://%s\n", socket, socket)
	text.WriteString("[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n")
	if err := os.MkdirAll(r.path("logs"), 0o755); err != nil {
		return err
	}
	for _, u := range r.units {
		fmt.Fprintf(&text, "[program:%s]\ncommand=%s\nautorestart=true\nstdout_logfile=%s\n", u.name, strings.Join(r.argv(u), " "), r.path("logs", u.name+".log"))
	}
	return os.WriteFile(r.path("supervisord.conf"), []byte(text.String()), 0o600)
}

func (*supervisord) start(ctx context.Context, r *run) error {
	return r.spawn(ctx, "supervisord", "-n", "-c", r.path("supervisord.conf"))
}

func (*supervisord) stop(ctx context.Context, r *run, unit string) error {
	return r.do(ctx, "supervisorctl", "-c", r.path("supervisord.conf"), "stop", unit)
}

func (*supervisord) end(ctx context.Context, r *run) error { return r.signal(ctx, syscall.SIGTERM) }
func (*supervisord) main(r *run) (outside.Process, bool)   { return r.spawned() }
func (*supervisord) log(r *run, unit string) []string      { return glob(r.path("logs", "*"), unit+".log") }
