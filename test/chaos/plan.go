// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// The kinds of unit, as the actor knows them.
const (
	counter  = "counter"
	forker   = "forker"
	stubborn = "stubborn"
	crasher  = "crasher"
	worker   = "worker"
	porter   = "port"
	beater   = "beat"
	bomb     = "bomb"
	idler    = "idler"
)

const (
	// backoffCap is the cap of every unit's pauses between restarts.
	backoffCap = 2 * time.Second
	// bombLimit is how many processes a fork bomb may have.
	bombLimit = 25
)

// A unit is what the test knows of one unit: what it is, and what was asked of it.
type unit struct {
	name, kind string
	port       int
	// wish is what the operator wants; unsure while a command was cut off.
	wish wish
	// since is when the wish last changed.
	since time.Time
	// stopped is until when it is held by SIGSTOP.
	stopped time.Time
	// stolen is the outsider's listener at its port, and freed when it went.
	stolen net.Listener
	freed  time.Time
}

type wish int

const (
	wanted wish = iota
	held
	unsure
)

// kindsOf spreads the kinds over so many units: mostly those that write.
func kindsOf(n int, rng *rand.Rand) []*unit {
	shares := []struct {
		kind string
		part int
	}{{counter, 30}, {idler, 20}, {forker, 15}, {stubborn, 8}, {crasher, 5}, {worker, 5}, {porter, 8}, {beater, 6}, {bomb, 3}}
	var list []*unit
	for _, s := range shares {
		for i := range max(1, s.part*n/100) {
			list = append(list, &unit{name: fmt.Sprintf("%s%d", s.kind, i), kind: s.kind})
		}
	}
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// ports gives each port user a free port.
func ports(units []*unit) error {
	for _, u := range units {
		if u.kind != porter {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer func() { _ = l.Close() }()
		u.port = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// argv is how the unit's actor is called.
func (u *unit) argv(actor, folder string) []string {
	list := []string{actor, u.kind, u.name, folder}
	switch u.kind {
	case counter:
		return append(list, "40000")
	case forker:
		return append(list, "2")
	case porter:
		return append(list, fmt.Sprint(u.port))
	}
	return list
}

// entry is the unit's line in holdfast.yaml.
func (u *unit) entry(actor, folder string) string {
	var quoted []string
	for _, arg := range u.argv(actor, folder) {
		quoted = append(quoted, fmt.Sprintf("%q", arg))
	}
	fields := []string{
		"run: [" + strings.Join(quoted, ", ") + "]",
		fmt.Sprintf("restart: {policy: always, cap: %s}", backoffCap),
		"stop: {grace: 2s}",
	}
	switch u.kind {
	case porter:
		fields = append(fields, fmt.Sprintf("port: %d", u.port))
	case beater:
		beat := fmt.Sprintf("{heartbeat: %q, every: 1s, failures: 2, within: 5s}", filepath.Join(folder, "beat."+u.name))
		fields = append(fields, "healthy: "+beat)
	case idler:
		if strings.HasSuffix(u.name, "1") { // some have a check that their house may leave behind
			fields = append(fields, "healthy: {exec: [sleep, '20'], every: 1s, timeout: 60s}")
		}
	case bomb:
		fields = append(fields, fmt.Sprintf("limits: {processes: %d}", bombLimit))
	case worker:
		fields = append(fields, "worker: true")
	case counter:
		if strings.HasSuffix(u.name, "1") { // some pass through the confining program
			fields = append(fields, "limits: {nofile: 128, nice: 3}")
		}
	}
	return fmt.Sprintf("  %s: {%s}\n", u.name, strings.Join(fields, ", "))
}
