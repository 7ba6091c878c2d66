// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
)

// A State is how a service of the system stands beside its registration.
type State string

// The states; all but ok and not-checked are drift.
const (
	OK           State = "ok"
	Missing      State = "missing"      // registered, and the system does not run it
	Changed      State = "changed"      // its file is not the one that was registered
	Unregistered State = "unregistered" // the system has it, its prefix is ours, and nobody registered it
	NotChecked   State = "not-checked"  // nobody could look
)

// A Row is one service.
type Row struct {
	Label     string `json:"label"`
	Manager   string `json:"manager"`
	User      bool   `json:"user,omitempty"`
	State     State  `json:"state" enum:"ok,missing,changed,unregistered,not-checked"`
	Detail    string `json:"detail,omitempty"`
	By        string `json:"by,omitempty" help:"who registered it: config, or install"`
	Protected bool   `json:"protected,omitempty"`
	Note      string `json:"note,omitempty"`
	File      string `json:"file,omitempty"`
	SHA256    string `json:"sha256,omitempty" help:"of the file as it is"`
}

// A Looked tells whether a manager of services could be asked.
type Looked struct {
	Manager string `json:"manager"`
	User    bool   `json:"user,omitempty"`
	Checked bool   `json:"checked"`
	Why     string `json:"why,omitempty" help:"why it could not be asked"`
}

// A Registry is the answer of unit.registry and, where all is well, of unit.drift.
type Registry struct {
	Status   string    `json:"status" enum:"ok,drift,not-checked,nothing"`
	At       time.Time `json:"at"`
	Services []Row     `json:"services"`
	Managers []Looked  `json:"managers"`
}

// drift are the rows that differ.
func (r Registry) drift() []Row {
	return slices.DeleteFunc(slices.Clone(r.Services), func(row Row) bool { return row.State == OK || row.State == NotChecked })
}

// A found is one service as its manager knows it.
type found struct {
	file    string
	enabled bool
	running bool
	detail  string
}

func (s *Services) showRegistry(ctx context.Context, _ action.Nothing) (Registry, error) {
	return s.compare(ctx)
}

// showDrift answers an error when there is drift, or when something registered could not be looked
// at: what nobody saw is not well.
func (s *Services) showDrift(ctx context.Context, _ action.Nothing) (Registry, error) {
	r, err := s.compare(ctx)
	if err != nil || r.Status == "ok" || r.Status == "nothing" {
		return r, err
	}
	var problems []holdfast.Problem
	for _, row := range r.Services {
		if row.State != OK {
			problems = append(problems, holdfast.Problem{Field: row.Label, Message: string(row.State) + ": " + row.Detail, Remedy: row.remedy()})
		}
	}
	failed := holdfast.Errorf(holdfast.CodeConflict, "%d services of the system are not as registered", len(problems))
	failed.Problems = problems
	return r, failed
}

func (r Row) remedy() string {
	switch r.State {
	case Missing:
		return "start and enable it, or take it out of the section services"
	case Changed:
		return "look at " + r.File + ", then register its SHA-256 or install it anew"
	case Unregistered:
		return "register it in the section services, or remove it"
	case OK, NotChecked:
	}
	return ""
}

// a scope is one manager with one set of services.
type scope struct {
	manager string
	user    bool
}

// compare looks at every manager that something is registered with, or that prefixes concern.
func (s *Services) compare(ctx context.Context) (Registry, error) {
	settings := s.registered()
	installed, err := s.records()
	if err != nil {
		return Registry{}, err
	}
	rows := wanted(settings, installed)
	scopes := map[scope]bool{}
	for _, row := range rows {
		scopes[scope{row.Manager, row.User}] = true
	}
	if len(settings.Prefixes) > 0 {
		scopes[scope{manager: here()}] = true
	}
	out := Registry{At: time.Now().UTC(), Services: []Row{}, Managers: []Looked{}}
	for _, at := range slices.SortedFunc(maps.Keys(scopes), func(a, b scope) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }) {
		looked, judged := s.look(ctx, at, settings, rows, installed)
		out.Managers, out.Services = append(out.Managers, looked), append(out.Services, judged...)
	}
	out.Status = out.verdict()
	s.mu.Lock()
	s.last = &out
	s.mu.Unlock()
	return out, ctx.Err()
}

func (r Registry) verdict() string {
	switch {
	case len(r.Managers) == 0:
		return "nothing"
	case len(r.drift()) > 0:
		return "drift"
	case slices.ContainsFunc(r.Managers, func(l Looked) bool { return !l.Checked }):
		return "not-checked"
	}
	return "ok"
}

// wanted are the services that should be there, by what is registered and what was installed.
func wanted(settings Settings, installed records) []Row {
	var rows []Row
	for _, label := range slices.Sorted(maps.Keys(settings.Registered)) {
		r := settings.Registered[label]
		rows = append(rows, Row{Label: label, Manager: r.Manager, User: r.User, By: "config", Protected: r.Protected, Note: r.Note})
	}
	for _, label := range slices.Sorted(maps.Keys(installed)) {
		r := installed[label]
		if _, twice := settings.find(label); !twice {
			rows = append(rows, Row{Label: label, Manager: r.Manager, User: r.User, By: "install", File: r.File})
		}
	}
	return rows
}

// look asks one manager, and judges what is registered with it.
func (s *Services) look(ctx context.Context, at scope, settings Settings, rows []Row, installed records) (Looked, []Row) {
	looked := Looked{Manager: at.manager, User: at.user}
	var mine []Row
	labels := []string{}
	for _, row := range rows {
		if row.Manager == at.manager && row.User == at.user {
			mine, labels = append(mine, row), append(labels, row.Label)
		}
	}
	there, why := s.list(ctx, at, labels, settings.Prefixes)
	if why != "" {
		looked.Why = why
		for i := range mine {
			mine[i].State, mine[i].Detail = NotChecked, why
		}
		return looked, mine
	}
	looked.Checked = true
	for i := range mine {
		service, ok := there[trimmed(mine[i].Label)]
		mine[i].judge(service, ok, s.expected(mine[i].Label, settings, installed))
	}
	for _, label := range slices.Sorted(maps.Keys(there)) {
		if !begins(label, settings.Prefixes) || slices.ContainsFunc(rows, func(r Row) bool { return r.Manager == at.manager && trimmed(r.Label) == label }) {
			continue
		}
		mine = append(mine, Row{Label: label, Manager: at.manager, User: at.user, State: Unregistered, Detail: there[label].detail, File: there[label].file})
	}
	return looked, mine
}

// expected is the SHA-256 that the file of a service should have, empty for any.
func (s *Services) expected(label string, settings Settings, installed records) string {
	if r, ok := settings.find(label); ok && r.SHA256 != "" {
		return r.SHA256
	}
	return installed[trimmed(label)].SHA256
}

func begins(label string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(label, p) })
}

func (r *Row) judge(service found, there bool, expected string) {
	r.State, r.Detail = OK, service.detail
	if service.file != "" {
		r.File = service.file
	}
	if !there || !service.enabled && !service.running {
		r.State = Missing
		if !there {
			r.Detail = r.Manager + " does not know it"
		}
		return
	}
	if r.File == "" {
		return
	}
	text, err := os.ReadFile(r.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.State, r.Detail = Missing, "its file "+r.File+" is gone"
	case err != nil && expected != "":
		r.State, r.Detail = NotChecked, "its file cannot be read: "+err.Error()
	case err == nil:
		r.SHA256 = hexSum(text)
		if expected != "" && r.SHA256 != expected {
			r.State, r.Detail = Changed, "its file "+r.File+" is not the one that was registered"
		}
	}
}

// tell journals a drift that is not the one before.
func (s *Services) tell(ctx context.Context, r Registry, before string) (now string, err error) {
	var lines []string
	for _, row := range r.drift() {
		lines = append(lines, row.Label+" "+string(row.State))
	}
	now = strings.Join(lines, ", ")
	if now == before || s.needs.Journal == nil {
		return now, nil
	}
	detail, err := json.Marshal(map[string]string{"drift": now})
	if err == nil {
		who := holdfast.Internal("services", "unit.drift")
		_, err = s.needs.Journal.Append(ctx, holdfast.Entry{
			Caller: who.String(), Tier: who.Tier, Action: "service.drift", Subject: r.Status, Outcome: holdfast.OutcomeNoted, Detail: detail,
		})
	}
	if err != nil {
		return before, fmt.Errorf("cannot journal a drift of the system's services: %w", err)
	}
	return now, nil
}

func (s *Services) latest() *Registry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *Services) alert() holdfast.AlertRule {
	const name, severity = "service_drift", holdfast.SeverityWarning
	return holdfast.AlertRule{
		Name: name, Severity: severity, Summary: "a service of the system is not as it is registered",
		Firing: func(context.Context) []holdfast.Alert {
			last := s.latest()
			if last == nil {
				return nil
			}
			var alerts []holdfast.Alert
			for _, row := range last.drift() {
				alerts = append(alerts, holdfast.Alert{
					Name: name, Severity: severity, Subject: row.Label, Message: fmt.Sprintf("%s of %s is %s: %s", row.Label, row.Manager, row.State, row.Detail),
				})
			}
			return alerts
		},
	}
}

func (s *Services) check() holdfast.Check {
	const name = "services"
	return holdfast.Check{Name: name, Run: func(context.Context) holdfast.CheckResult {
		last := s.latest()
		if last == nil {
			return holdfast.CheckResult{Check: name, Status: holdfast.StatusUnknown, Detail: "the services of the system were not looked at yet"}
		}
		drift := last.drift()
		result := holdfast.CheckResult{
			Check: name, Status: holdfast.StatusOK, Detail: fmt.Sprintf("%d services of the system are as registered", len(last.Services)),
			Values: map[string]float64{"services": float64(len(last.Services)), "drift": float64(len(drift))},
		}
		switch last.Status {
		case "nothing":
			result.Detail = "no service of the system is registered"
		case "drift":
			result.Status, result.Detail = holdfast.StatusWarn, fmt.Sprintf("%s is %s", drift[0].Label, drift[0].State)
		case "not-checked":
			result.Status = holdfast.StatusUnknown
			for _, looked := range last.Managers {
				if !looked.Checked {
					result.Detail = "not checked: " + looked.Why
				}
			}
		}
		return result
	}}
}
