// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"holdfast"
	"holdfast/core/home/disk"
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
			Summary: "an extension is blocked, is broken, asks for more than it was granted, lacks its Python packages, or its folder is gone", Firing: e.alerts,
		}},
		Keep: []house.Keep{
			{Name: "extensions", Patterns: []string{"extensions"}},
			{Name: "extension data", Patterns: []string{"var/extensions", "var/grants"}},
		},
		Start:  e.start,
		Run:    e.run,
		Reason: "after the supervisor, which runs the units that extensions declare",
	}
}

func (e *Extensions) start(ctx context.Context) error {
	e.syncing.Lock()
	defer e.syncing.Unlock()
	if err := (disk.Disk{}).Sweep(e.needs.Home.Var("grants")); err != nil {
		e.needs.Log.Warn("cannot clear what a write of a grant left", slog.Any("error", err))
	}
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
// starts when its last key is set, when a deleted one was restored, and when units that were refused
// are taken. It tells of mounts whose unit came up or went down.
func (e *Extensions) run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	unitsChanged := e.needs.Units.Changed()
	e.notice()
	for {
		keysChanged := changeOf(e.needs.Keys)
		if !e.keysAsDeclared() || e.notesReturned() || e.retake(ctx) {
			if _, err := e.Sync(ctx); err != nil && ctx.Err() == nil {
				e.needs.Log.Error("cannot read the extensions again", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-keysChanged:
		case <-unitsChanged:
			unitsChanged = e.needs.Units.Changed()
			e.notice()
		case <-tick.C:
		}
	}
}

// retake hands units that were refused once more, tries to record grants that could not be, and tells
// whether anything came of it.
func (e *Extensions) retake(ctx context.Context) bool {
	if !slices.ContainsFunc(e.snapshot(), func(x standing) bool { return x.refused != "" || x.unrecorded() }) {
		return false
	}
	e.syncing.Lock()
	defer e.syncing.Unlock()
	return slices.ContainsFunc(e.snapshot(), func(x standing) bool {
		switch {
		case e.leaving[x.name]:
			return false
		case x.unrecorded():
			return x.grant.write(e.needs.Home, x.name) == nil
		}
		return x.refused != "" && e.needs.Units.Set(ctx, owner(x.name), x.units) == nil
	})
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

// lookEvery bounds how long a key set elsewhere, a restored extension, or a name that became free goes
// unseen.
const lookEvery = 2 * time.Second

// changeOf is closed at the next change of a key, when the keys can tell.
func changeOf(k keys) <-chan struct{} {
	if telling, ok := k.(interface{ Changed() <-chan struct{} }); ok {
		return telling.Changed()
	}
	return nil
}

// keysAsDeclared tells whether what is blocked, and what is not, still should be.
func (e *Extensions) keysAsDeclared() bool {
	return !slices.ContainsFunc(e.snapshot(), func(x standing) bool {
		_, _, missing := x.standing(e.has)
		return !slices.Equal(missing, x.keys)
	})
}
