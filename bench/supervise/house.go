// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"holdfast/test/outside"
)

// holdfastHouse is ours: `up -d`, `unit stop`, `down`.
type holdfastHouse struct{ bin string }

func (h *holdfastHouse) name() string { return "holdfast" }

func (h *holdfastHouse) note() string {
	out, _ := exec.Command(h.program(), "--version").Output()
	return strings.TrimSpace(string(out)) + "; the whole house with its front door, store and journal; defaults: restart at once after 10 s of running, else 1 s and doubling"
}

func (h *holdfastHouse) program() string { return filepath.Join(h.bin, "holdfast") }

func (h *holdfastHouse) have(context.Context) error {
	_, err := os.Stat(h.program())
	return err
}

func (h *holdfastHouse) write(r *run) error {
	var text strings.Builder
	listen := map[string]string{}
	for _, section := range []string{"edge", "api"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		listen[section] = l.Addr().String()
		defer func() { _ = l.Close() }()
	}
	fmt.Fprintf(&text, "edge: {listen: %q}\napi: {listen: %q}\nunits:\n", listen["edge"], listen["api"])
	for _, u := range r.units {
		fmt.Fprintf(&text, "  %s: {run: [%s]}\n", u.name, strings.Join(quoted(r.argv(u)), ", "))
	}
	if len(r.units) == 0 {
		text.WriteString("  {}\n")
	}
	if err := os.MkdirAll(r.path("home"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(r.path("home", "holdfast.yaml"), []byte(text.String()), 0o600)
}

func quoted(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return out
}

func (h *holdfastHouse) start(ctx context.Context, r *run) error {
	return r.do(ctx, h.program(), "--home", r.path("home"), "up", "-d")
}

func (h *holdfastHouse) stop(ctx context.Context, r *run, unit string) error {
	return r.do(ctx, h.program(), "--home", r.path("home"), "unit", "stop", unit)
}

func (h *holdfastHouse) end(ctx context.Context, r *run) error {
	return r.do(ctx, h.program(), "--home", r.path("home"), "down")
}

func (h *holdfastHouse) main(r *run) (outside.Process, bool) {
	return found(r, func(p *outside.Process) bool { return p.Exe == h.program() && p.Args[len(p.Args)-1] != "down" })
}

func (h *holdfastHouse) log(r *run, unit string) []string {
	files, _ := filepath.Glob(r.path("home", "var", "logs", unit+"*"))
	return files
}

// found is the first of the supervisor's processes that is so.
func found(r *run, so func(*outside.Process) bool) (outside.Process, bool) {
	for _, p := range r.supervisors() {
		if so(&p) {
			return p, true
		}
	}
	return outside.Process{}, false
}
