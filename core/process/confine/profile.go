// SPDX-License-Identifier: Apache-2.0

// Package confine puts limits, another user and a sandbox on the process that calls it, and then
// becomes the program that they are for: same pid, same session.
//
// It is for holdfast-watch's role confine (Main), and for core/process, which starts that role with
// a Profile on a descriptor. It is not for deciding what a unit may do (units/supervisor,
// units/extension) nor for making cgroups (core/process). It guarantees that the program runs with
// all of its profile or not at all: a failure ends with status 125 and one line on standard error.
package confine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Status is the exit status of a confinement that failed; the program did not run.
const Status = 125

// maxProfile bounds what is read of a profile.
const maxProfile = 4 << 20

// A Profile is everything that a launch is confined to.
type Profile struct {
	// Dir is entered once the user is the right one; empty stays where the process is.
	Dir string `json:"dir,omitempty"`
	// NoFile is the limit of open files, 0 for none of its own.
	NoFile uint64 `json:"nofile,omitempty"`
	Nice   int    `json:"nice,omitempty"`
	// Cgroups are the cgroup.procs (v2) and tasks (v1) files to be entered.
	Cgroups []string `json:"cgroups,omitempty"`
	User    *User    `json:"user,omitempty"`
	Sandbox *Sandbox `json:"sandbox,omitempty"`
}

// A User is whom the program runs as; it has no groups but these.
type User struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups"`
}

// A Sandbox is what the program may reach. What a kernel does not enforce is left out, as Lacks says.
type Sandbox struct {
	// Read is what may be read and executed: files, and folders with all beneath. What is not there
	// is passed over, for it cannot be read.
	Read []string `json:"read"`
	// Write is what may be read and written as well. It must be there.
	Write []string `json:"write"`
	// Offline leaves no sockets but those handed to the program, and pairs within it.
	Offline bool `json:"offline,omitempty"`
}

// Encode writes the profile as Main reads it.
func (p *Profile) Encode() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// decode reads a profile whole. A field that is not known is a confinement that this program cannot
// give, and an error.
func decode(from io.Reader) (*Profile, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxProfile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the profile: %w", err)
	}
	if len(text) > maxProfile {
		return nil, errors.New("the profile is too large")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	p := &Profile{}
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("cannot read the profile: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("cannot read the profile: something follows it")
	}
	return p, p.check()
}

// check refuses what could not be carried out as it was meant.
func (p *Profile) check() error {
	if p.Nice < -20 || p.Nice > 19 {
		return fmt.Errorf("the priority %d is not within -20 and 19", p.Nice)
	}
	paths := append([]string{p.Dir}, p.Cgroups...)
	if s := p.Sandbox; s != nil {
		for _, path := range append(append([]string{}, s.Read...), s.Write...) {
			if !strings.HasPrefix(path, "/") {
				return fmt.Errorf("the path %q of the sandbox is not absolute", path)
			}
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		if !utf8.ValidString(path) || strings.ContainsRune(path, 0) {
			return fmt.Errorf("the path %q cannot be told: it is not UTF-8", path)
		}
	}
	return nil
}
