// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// A portRange is where ports of one kind are given from.
type portRange struct {
	kind        string // the section of port_assignments
	first, last int
}

// A supply is where names without a port get theirs.
type supply struct {
	ui, services portRange
	free         func(port int) bool
}

// ports is the whole of port_assignments. A name keeps its port for good: that of a deleted
// extension is retired under its name and comes back with it, and goes to nobody else.
type ports struct {
	given   map[string]map[string]*int // section, then name; no port for a service that needs none
	retired map[string]int             // "section/name"
	owner   map[int]string             // who has a port: "section/name", retired ones included
	clash   map[string]string          // "section/name" to why its port cannot be used
}

func newPorts(b *book, raw rawBook) ports {
	p := ports{
		given:   map[string]map[string]*int{"extensions": {}, "services": {}},
		retired: map[string]int{}, owner: map[int]string{}, clash: map[string]string{},
	}
	p.read(b, "extensions", raw.Ports.Extensions)
	p.read(b, "services", raw.Ports.Services)
	for _, name := range slices.Sorted(maps.Keys(raw.Ports.Retired)) {
		var port int
		if json.Unmarshal(raw.Ports.Retired[name], &port) != nil || p.owner[port] != "" {
			continue
		}
		p.retired[name] = port
		p.owner[port] = name
	}
	return p
}

// read takes one section. Of two names with one port the first in the alphabet keeps it; the
// other is held back, for neither may be moved in silence.
func (p ports) read(b *book, section string, raw map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		var port *int
		key := section + "/" + name
		field := "port_assignments." + section + "." + name
		err := json.Unmarshal(raw[name], &port)
		switch {
		case err != nil || (port != nil && (*port < 1 || *port > 65535)):
			p.clash[key] = fmt.Sprintf("%s in %s is %.40s, want a port", field, bookFile, raw[name])
			b.report(field, fmt.Sprintf("is %.40s, want a port", raw[name]), "a number from 1 to 65535")
			port = nil
		case port != nil && p.owner[*port] != "":
			p.clash[key] = fmt.Sprintf("port %d is also given to %s in %s", *port, p.owner[*port], bookFile)
			b.report(field, fmt.Sprintf("is %d, which is also given to %s", *port, p.owner[*port]), "give one of them another port")
		case port != nil:
			p.owner[*port] = key
		}
		p.given[section][name] = port
	}
}

// of returns a name's port: that given before, else its retired one, else the next free one of the
// range. The change is nil when nothing changes; the reason is empty unless there is no port.
func (p ports) of(r portRange, name string, free func(int) bool) (port int, changes []change, reason string) {
	key := r.kind + "/" + name
	if reason := p.clash[key]; reason != "" {
		return 0, nil, reason
	}
	if given := p.given[r.kind][name]; given != nil {
		return *given, nil, ""
	}
	if port, ok := p.retired[key]; ok {
		delete(p.retired, key)
		p.give(r.kind, name, port)
		return port, []change{set(port, "port_assignments", r.kind, name), unset("port_assignments", "retired", key)}, ""
	}
	for port := r.first; port <= r.last; port++ {
		if p.owner[port] == "" && free(port) {
			p.give(r.kind, name, port)
			return port, []change{set(port, "port_assignments", r.kind, name)}, ""
		}
	}
	return 0, nil, fmt.Sprintf("no port from %d to %d is free: take a name that is not needed any more out of port_assignments in %s", r.first, r.last, bookFile)
}

func (p ports) give(section, name string, port int) {
	p.given[section][name] = &port
	p.owner[port] = section + "/" + name
}

// none notes a service that needs no port, as luna does. A port that it had stays its own.
func (p ports) none(name string) []change {
	if _, known := p.given["services"][name]; known {
		return nil
	}
	p.given["services"][name] = nil
	return []change{set(nil, "port_assignments", "services", name)}
}

// table is the map of all ports that units are told.
func (p ports) table() map[string]map[string]*int {
	return map[string]map[string]*int{
		"core": {}, "extensions": maps.Clone(p.given["extensions"]), "services": maps.Clone(p.given["services"]),
	}
}

func set(value any, path ...string) change { return change{path: path, value: encode(value)} }

func unset(path ...string) change { return change{path: path} }
