// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/json"
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

// pm2 is a daemon in Node, pinned in bench/supervise/peers.
type pm2 struct{ program string }

func (*pm2) name() string { return "pm2" }

func (*pm2) note() string {
	return "pm2 7.0.4 from npm; restarts at once; gives up after 16 quick ends (max_restarts)"
}

func (p *pm2) have(context.Context) (err error) {
	if p.program, err = filepath.Abs("bench/supervise/peers/node_modules/pm2/bin/pm2"); err != nil {
		return err
	}
	if _, err := os.Stat(p.program); err != nil {
		return errors.New("npm ci in bench/supervise/peers brings it")
	}
	return installed("node")
}

func (p *pm2) write(r *run) error {
	type app struct {
		Name        string   `json:"name"`
		Script      string   `json:"script"`
		Args        []string `json:"args"`
		Interpreter string   `json:"interpreter"`
		Mode        string   `json:"exec_mode"`
		Out         string   `json:"out_file"`
	}
	apps := []app{}
	for _, u := range r.units {
		argv := r.argv(u)
		apps = append(apps, app{u.name, argv[0], argv[1:], "none", "fork", r.path("logs", u.name+".log")})
	}
	text, err := json.Marshal(map[string]any{"apps": apps})
	if err != nil {
		return err
	}
	r.env = append(r.env, "PM2_HOME="+r.path("pm2"), "PM2_DISCRETE_MODE=true")
	return os.WriteFile(r.path("apps.json"), text, 0o600)
}

func (p *pm2) start(ctx context.Context, r *run) error {
	if len(r.units) == 0 {
		return r.do(ctx, p.program, "ping")
	}
	return r.do(ctx, p.program, "start", r.path("apps.json"))
}

func (p *pm2) stop(ctx context.Context, r *run, unit string) error {
	return r.do(ctx, p.program, "stop", unit)
}

func (p *pm2) end(ctx context.Context, r *run) error { return r.do(ctx, p.program, "kill") }

func (*pm2) main(r *run) (outside.Process, bool) {
	return found(r, func(p *outside.Process) bool { return strings.Contains(strings.Join(p.Args, " "), "God Daemon") })
}

func (*pm2) log(r *run, unit string) []string { return glob(r.path("logs", "*"), unit) }

// processCompose is built from the module proxy into the user's cache, outside of this module.
type processCompose struct{ program string }

const processComposeVersion = "v1.85.0"

func (*processCompose) name() string { return "process-compose" }

func (*processCompose) note() string {
	return "process-compose " + processComposeVersion + "; waits a second before a restart"
}

func (p *processCompose) have(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, "holdfast", "bench", "process-compose-"+processComposeVersion)
	p.program = filepath.Join(dir, "process-compose")
	if _, err := os.Stat(p.program); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// Not by `go install module@version`: that asks the proxy for all versions, which it may not tell.
	mod := "module peer\n\ngo 1.25\n\nrequire github.com/f1bonacc1/process-compose " + processComposeVersion + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-o", p.program, "github.com/f1bonacc1/process-compose")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build it: %w: %s", err, lastLine(out))
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

func (p *processCompose) write(r *run) error {
	type availability struct {
		Restart string `json:"restart"`
	}
	type process struct {
		Entrypoint   []string     `json:"entrypoint"`
		Log          string       `json:"log_location,omitempty"`
		Availability availability `json:"availability"`
	}
	processes := map[string]process{}
	for _, u := range r.units {
		declared := process{Entrypoint: r.argv(u), Availability: availability{"always"}}
		if u.logged {
			declared.Log = r.path("logs", u.name+".log")
		}
		processes[u.name] = declared
	}
	if len(processes) == 0 { // it ends when there is nothing
		processes["none"] = process{Entrypoint: []string{r.child, "wait", os.DevNull, "none"}, Availability: availability{"always"}}
	}
	if err := os.MkdirAll(r.path("logs"), 0o755); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"version": "0.5", "processes": processes})
	if err != nil {
		return err
	}
	return os.WriteFile(r.path("process-compose.yaml"), text, 0o600)
}

func (p *processCompose) start(ctx context.Context, r *run) error {
	return r.spawn(ctx, p.program, "-L", r.path("main.log"), "-U", "-u", r.path("s"), "up", "--tui=false", "-f", r.path("process-compose.yaml"))
}

func (p *processCompose) stop(ctx context.Context, r *run, unit string) error {
	return r.do(ctx, p.program, "-L", r.path("client.log"), "-U", "-u", r.path("s"), "process", "stop", unit)
}

func (*processCompose) end(ctx context.Context, r *run) error { return r.signal(ctx, syscall.SIGTERM) }
func (*processCompose) main(r *run) (outside.Process, bool)   { return r.spawned() }
func (*processCompose) log(r *run, unit string) []string      { return glob(r.path("logs", "*"), unit) }
