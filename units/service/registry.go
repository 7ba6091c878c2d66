// SPDX-License-Identifier: Apache-2.0

package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/home"
)

// cron is a manager that Holdfast only compares with.
const cron = "cron"

// Settings are the section services of holdfast.yaml: which services of the operating system
// belong to the owner of this house.
type Settings struct {
	// Prefixes are beginnings of labels that belong to the owner: a service of the system whose label
	// begins so and that is not registered is drift.
	Prefixes []string `json:"prefixes"`
	// Registered are the services that the system should run, by label: the name of a systemd unit
	// (.service may be left out), a launchd label, the name of an rc.d script, or a word in a line of
	// the crontab.
	Registered map[string]Registered `json:"registered"`
}

// A Registered is one service that the system should run.
type Registered struct {
	// Manager is who runs it: systemd, launchd, rc.d or cron.
	Manager string `json:"manager"`
	// User tells that it is a service of the person who runs the house, not of the system.
	User bool `json:"user"`
	// Protected services are touched by no action of this house.
	Protected bool `json:"protected"`
	// Note says what it is for.
	Note string `json:"note"`
	// SHA256 is of the file that defines it, in hex; another one is drift. Not compared when left out.
	SHA256 string `json:"sha256"`
}

// Check finds what no manager could have.
func (s *Settings) Check() []holdfast.Problem {
	var problems []holdfast.Problem
	for _, label := range slices.Sorted(maps.Keys(s.Registered)) {
		r := s.Registered[label]
		field := "registered." + label
		if !slices.Contains(managers(), r.Manager) {
			problems = append(problems, holdfast.Problem{Field: field + ".manager", Message: fmt.Sprintf("%q is no manager of services", r.Manager), Remedy: "want " + strings.Join(managers(), ", ")})
		}
		if label == "" || strings.ContainsAny(label, " \t\n/") || strings.HasPrefix(label, "-") {
			problems = append(problems, holdfast.Problem{Field: field, Message: "cannot be the label of a service", Remedy: "want one word"})
		}
		if r.SHA256 != "" && (len(r.SHA256) != 64 || strings.Trim(r.SHA256, "0123456789abcdef") != "") {
			problems = append(problems, holdfast.Problem{Field: field + ".sha256", Message: "is no SHA-256 in hex"})
		}
	}
	for i, prefix := range s.Prefixes {
		if prefix == "" {
			problems = append(problems, holdfast.Problem{Field: fmt.Sprintf("prefixes.%d", i), Message: "is empty, and would claim every service of the system"})
		}
	}
	return problems
}

func managers() []string { return []string{systemd, launchd, rcd, cron} }

// find looks a label up, with or without systemd's ending.
func (s Settings) find(label string) (Registered, bool) {
	for name, r := range s.Registered {
		if trimmed(name) == trimmed(label) {
			return r, true
		}
	}
	return Registered{}, false
}

func trimmed(label string) string { return strings.TrimSuffix(label, ".service") }

// records are the services that install wrote, by label, in var/services.json.
type records map[string]record

type record struct {
	Manager string `json:"manager"`
	User    bool   `json:"user,omitempty"`
	File    string `json:"file"`
	SHA256  string `json:"sha256"`
}

func (s *Services) recordFile() string { return s.needs.Home.Var("services.json") }

func (s *Services) records() (records, error) {
	text, err := os.ReadFile(s.recordFile())
	if errors.Is(err, fs.ErrNotExist) {
		return records{}, nil
	}
	all := records{}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read which services were installed, in %s: %w", s.recordFile(), err)
	}
	return all, nil
}

func (s *Services) remember(d definition, path, text string) error {
	return s.amend(func(all records) {
		all[d.Name] = record{Manager: d.Manager, User: d.User, File: path, SHA256: hexSum([]byte(text))}
	})
}

func (s *Services) forget(d definition) error {
	return s.amend(func(all records) { delete(all, d.Name) })
}

func (s *Services) amend(change func(records)) error {
	all, err := s.records()
	if err != nil {
		return err
	}
	before := maps.Clone(all)
	change(all)
	if maps.Equal(before, all) {
		return nil
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot word the record of services: %w", err)
	}
	return home.WriteFile(s.recordFile(), append(text, '\n'), 0o644)
}
