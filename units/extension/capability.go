// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"holdfast"
	"holdfast/core/house"
	"holdfast/core/operation"
)

// Capability is what extensions contribute to the house.
func (e *Extensions) Capability() house.Capability {
	return house.Capability{
		Name: "extension", Section: "extensions", Config: &e.settings,
		Actions:    desk{e}.actions(),
		Operations: []operation.Kind{removal{e}.kind()},
		Alerts: []holdfast.AlertRule{{
			Name: "extension_unusable", Severity: holdfast.SeverityWarning,
			Summary: "an extension waits for a key, is broken, or its folder is gone", Firing: e.alerts,
		}},
		Keep: []house.Keep{
			{Name: "extensions", Patterns: []string{"extensions"}},
			{Name: "extension data", Patterns: []string{"var/extensions"}},
		},
		Start:  e.start,
		Run:    e.run,
		Reason: "after the supervisor, which runs the units that extensions declare",
	}
}

func (e *Extensions) start(ctx context.Context) error {
	e.syncing.Lock()
	defer e.syncing.Unlock()
	report, err := e.sync(ctx)
	if err != nil {
		return err
	}
	e.started = true
	for _, p := range report.Problems {
		e.needs.Log.Warn("an extension has a problem", slog.String("problem", p.String()))
	}
	return nil
}

// run reads the extensions again when a key that one asks for comes or goes, so that a blocked one
// starts when its last key is set, and when a deleted one was restored. It tells of mounts whose
// unit came up or went down.
func (e *Extensions) run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		keysChanged, unitsChanged := e.keysChanged(), e.needs.Units.Changed()
		e.notice()
		if !e.keysAsDeclared() || e.notesReturned() {
			if _, err := e.Sync(ctx); err != nil && ctx.Err() == nil {
				e.needs.Log.Error("cannot read the extensions again", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-keysChanged:
		case <-unitsChanged:
		case <-tick.C:
		}
	}
}

// notesReturned tells whether a deleted extension was restored, its note with it, and a sync is due.
func (e *Extensions) notesReturned() bool {
	notes, err := e.shelf.notes()
	if err != nil || len(notes) == 0 {
		return false
	}
	e.syncing.Lock()
	defer e.syncing.Unlock()
	return slices.ContainsFunc(notes, e.shelf.returned)
}

// lookEvery bounds how long a key set elsewhere, or a restored extension, goes unseen.
const lookEvery = 2 * time.Second

// keysChanged is closed at the next change of a key, when the keys can tell.
func (e *Extensions) keysChanged() <-chan struct{} {
	if telling, ok := e.needs.Keys.(interface{ Changed() <-chan struct{} }); ok {
		return telling.Changed()
	}
	return nil
}

// keysAsDeclared tells whether what is blocked, and what is not, still should be.
func (e *Extensions) keysAsDeclared() bool {
	for _, x := range e.snapshot() {
		state, _, missing := x.standing(e.has)
		if state != x.state || !slices.Equal(missing, x.keys) {
			return false
		}
	}
	return true
}
