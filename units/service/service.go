// SPDX-License-Identifier: Apache-2.0

// Package service makes the house a service of the operating system (systemd, launchd, FreeBSD's
// rc.d), and compares the services that are registered with what the system runs.
//
// It is not for units, which the house itself keeps. It guarantees that a file which Holdfast did
// not write, or that somebody changed since, is never overwritten or removed, that a protected label
// is touched by no action, and that what could not be looked at is never called well. The files are
// our own and not those of kardianos/service, which knows no WatchdogSec, Delegate, KillMode or
// AbandonProcessGroup, on which the units' survival rests. app wires it.
package service

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/home"
	"holdfast/core/house"
)

// labelService marks actions that touch a service of the system; their subject is its label.
const labelService = "service"

// journal is where a change of the drift is written down.
type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
}

// Needs is what the services work on.
type Needs struct {
	Home home.Home
	// Program is the path of holdfast.
	Program func() (string, error)
	// Grace is the longest that a unit of the configuration may take to end; nil for none.
	Grace func() time.Duration
	// Root stands before every path of the system; empty but in tests.
	Root    string
	Journal journal
	Log     *slog.Logger
}

// Services are the services of the system that concern a house.
type Services struct {
	needs    Needs
	settings *Settings
	system

	mu   sync.Mutex // guards what follows
	last *Registry  // as it was looked at last
}

// New takes what the services work on. It does no I/O.
func New(n Needs) *Services {
	if n.Log == nil {
		n.Log = slog.New(slog.DiscardHandler)
	}
	return &Services{needs: n, settings: &Settings{}, system: system{n.Root, command}}
}

// Capability is what the services contribute to the house.
func (s *Services) Capability() house.Capability {
	return house.Capability{
		Name: "services", Config: s.settings, Actions: s.actions(), Run: s.live,
		Guards: []holdfast.Guard{s.protected()}, Alerts: []holdfast.AlertRule{s.alert()}, Checks: []holdfast.Check{s.check()},
		Keep:   []house.Keep{{Name: "services", Patterns: []string{"var/services.json"}}},
		Reason: "it looks at the system around the house, and none needs it",
	}
}

// Reconfigure takes a section services that was read anew.
func (s *Services) Reconfigure(_ context.Context, fresh any) error {
	settings, ok := fresh.(*Settings)
	if !ok {
		return fmt.Errorf("cannot take %T for the section services", fresh)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.settings, s.last = *settings, nil
	return nil
}

func (s *Services) registered() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.settings
}

func (s *Services) actions() []holdfast.Action {
	label := func(input any) string {
		if in, ok := input.(installIn); ok {
			return in.Name
		}
		return input.(uninstallIn).Name
	}
	read := holdfast.Action{Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true}
	registry, drift := read, read
	registry.Name, registry.Summary = "unit.registry", "Show the registered services of the system beside what it runs"
	drift.Name, drift.Summary = "unit.drift", "Tell whether what the system runs differs from what is registered"
	drift.Help = "Exit status 1 tells of services that are missing, changed or not registered, and of registered ones that could not be looked at."
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "service.install", Short: "install", Summary: "Make this house a service that the system starts and watches",
			Help: "Writes a systemd unit, a launchd property list or an rc.d script, and enables it for the next boot where the system answers. " +
				"The house comes up with `up --boot`, which keeps to `down` and to units that were stopped. " +
				"A file of that name that Holdfast did not write, or that was changed by hand, stays.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true, Labels: []string{labelService}, Subject: label,
			Examples: []string{"holdfast install --service systemd", "holdfast install --service systemd --user", "holdfast install --service launchd --print > house.plist"},
		}, s.install),
		action.NewDestroyer(holdfast.Action{
			Name: "service.uninstall", Short: "uninstall", Summary: "Take the house out of the system's services; the home and all data stay",
			Help: "A house that runs goes on until `holdfast down`.",
			Tier: holdfast.TierOperator, Offline: true, Labels: []string{labelService}, Subject: label,
			Categories: []holdfast.Category{{
				Name: "service", Summary: "the service's file, and that it starts at boot; `holdfast install` makes it again", Returns: holdfast.ReturnsFromHistory, Production: true,
			}},
		}, s.inventory, s.uninstall),
		action.NewAction(registry, s.showRegistry),
		action.NewAction(drift, s.showDrift),
	}
}

// protected refuses to touch the services whose label is protected.
func (s *Services) protected() holdfast.Guard {
	return holdfast.Guard{
		Name: "protected_label", Summary: "refuses touching a service of the system that is registered as protected",
		Judges: func(a holdfast.Action) bool {
			for _, label := range a.Labels {
				if label == labelService {
					return true
				}
			}
			return false
		},
		Judge: func(_ context.Context, req holdfast.Request) error {
			if req.Action.Subject == nil {
				return fmt.Errorf("cannot tell which service %s is about", req.Action.Name)
			}
			label := req.Action.Subject(req.Input)
			entry, ok := s.registered().find(label)
			if !ok || !entry.Protected {
				return nil
			}
			reason := fmt.Sprintf("%s is protected", label)
			if entry.Note != "" {
				reason += ": " + entry.Note
			}
			return &holdfast.Refusal{Guard: "protected_label", Reason: reason, Remedy: "a person takes `protected` from it in the section services of holdfast.yaml first"}
		},
	}
}

// lookEvery is how often the drift is looked at without being asked.
const lookEvery = 24 * time.Hour

// live compares at the start and daily, and journals what changed.
func (s *Services) live(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			r, err := s.compare(ctx)
			if err == nil {
				told, err = s.tell(ctx, r, told)
			}
			if err != nil && ctx.Err() == nil {
				s.needs.Log.Error("cannot compare the services of the system", slog.Any("error", err))
			}
			timer.Reset(lookEvery)
		}
	}
}
