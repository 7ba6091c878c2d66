// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"holdfast"
	"holdfast/units/supervisor"
)

// Settings are the section extensions of holdfast.yaml.
type Settings struct {
	// UIPorts is the range, as LOW-HIGH with both ends in it, from which pages of extensions get
	// their ports. A page keeps the port that it was given once, also when that lies outside.
	// Houses on one machine need ranges of their own.
	UIPorts string `yaml:"ui_ports" json:"ui_ports"`
	// ServicePorts is the range, in the same form, from which services of extensions that ask for a
	// port get theirs. It must not overlap ui_ports.
	ServicePorts string `yaml:"service_ports" json:"service_ports"`
	// Sandbox says by the extension's name what it may reach beyond its default, or that it has no
	// sandbox. It counts from the next start of the house.
	Sandbox map[string]Confinement `yaml:"sandbox" json:"sandbox,omitempty"`
	// Limits bound by the extension's name what each of its pages, services and tool servers may use.
	// They count from the next start of the house.
	Limits map[string]supervisor.Limits `yaml:"limits" json:"limits,omitempty"`
	// Packages says where the Python packages of extensions come from.
	Packages Packages `yaml:"packages" json:"packages,omitempty"`
}

// Packages says where the Python packages of extensions come from.
type Packages struct {
	// Offline takes them only from the folders under wheels, and from the folder wheels of an
	// extension; nothing is downloaded.
	Offline bool `yaml:"offline" json:"offline,omitempty"`
	// Wheels lists folders with packages, relative to the home.
	Wheels []string `yaml:"wheels" json:"wheels,omitempty"`
}

// Defaults are the settings of a home that says nothing.
func Defaults() Settings { return Settings{UIPorts: "5200-5299", ServicePorts: "5300-5399"} }

// The bounds of a port range: those below need privileges.
const (
	lowestPort  = 1024
	highestPort = 65535
)

// Check refuses what is no range, and ranges that share a port.
func (s *Settings) Check() []holdfast.Problem {
	var problems []holdfast.Problem
	ui, err := parsePorts("extensions", s.UIPorts)
	if err != nil {
		problems = append(problems, holdfast.Problem{Field: "ui_ports", Message: err.Error(), Remedy: "want a range like 5200-5299"})
	}
	services, err := parsePorts("services", s.ServicePorts)
	if err != nil {
		problems = append(problems, holdfast.Problem{Field: "service_ports", Message: err.Error(), Remedy: "want a range like 5300-5399"})
	}
	if len(problems) == 0 && ui.first <= services.last && services.first <= ui.last {
		problems = append(problems, holdfast.Problem{
			Field:   "service_ports",
			Message: fmt.Sprintf("%s shares ports with ui_ports, which is %s", s.ServicePorts, s.UIPorts),
			Remedy:  "give each a range of its own",
		})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Limits)) {
		problems = append(problems, s.Limits[name].Problems("limits."+name)...)
	}
	return append(problems, checkSandboxes(s.Sandbox)...)
}

// ranges are where new ports are given from.
func (s *Settings) ranges() (ui, services portRange, err error) {
	if ui, err = parsePorts("extensions", s.UIPorts); err != nil {
		return ui, services, fmt.Errorf("cannot use ui_ports: %w", err)
	}
	if services, err = parsePorts("services", s.ServicePorts); err != nil {
		return ui, services, fmt.Errorf("cannot use service_ports: %w", err)
	}
	return ui, services, nil
}

// parsePorts reads LOW-HIGH.
func parsePorts(kind, text string) (portRange, error) {
	low, high, found := strings.Cut(text, "-")
	first, err := parsePort(low)
	if !found || err != nil {
		return portRange{}, fmt.Errorf("%q is no range of ports", text)
	}
	last, err := parsePort(high)
	switch {
	case err != nil:
		return portRange{}, fmt.Errorf("%q is no range of ports", text)
	case first < lowestPort || last > highestPort:
		return portRange{}, fmt.Errorf("%s is not within %d-%d", text, lowestPort, highestPort)
	case first > last:
		return portRange{}, fmt.Errorf("%s is empty, for it ends before it begins", text)
	}
	return portRange{kind, first, last}, nil
}

// parsePort takes digits alone: neither a sign nor a space.
func parsePort(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}
