// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"

	"holdfast/test/outside"
)

// systemd is its user manager, in a mount namespace and in control groups of its own.
type systemd struct{}

func (*systemd) name() string               { return "systemd" }
func (*systemd) note() string               { return packaged("systemd") }
func (*systemd) have(context.Context) error { return errors.New("not yet") }
func (*systemd) write(*run) error           { return nil }

func (*systemd) start(context.Context, *run) error        { return nil }
func (*systemd) stop(context.Context, *run, string) error { return nil }
func (*systemd) end(context.Context, *run) error          { return nil }
func (*systemd) main(r *run) (outside.Process, bool)      { return r.spawned() }
func (*systemd) log(*run, string) []string                { return nil }
