// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/units/upgrade/swap"
)

// siblings are the programs that go with the main one when they lie beside the new one.
var siblings = [...]string{"holdfast-edge", "holdfast-watch"}

// lookEvery is how often the house is asked whether it came up.
const lookEvery = 100 * time.Millisecond

// A Driver upgrades from outside the house.
type Driver struct {
	Home home.Home
	// Ask asks the house for an action; Offline ones are done here when none runs.
	Ask func(ctx context.Context, action string, input, output any) error
	// Say tells the person how it goes.
	Say func(text string)
	// Within is how long the new program may take to prove itself.
	Within time.Duration
}

// A Result is how an upgrade ended well.
type Result struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	Program  string   `json:"program"`
	Previous string   `json:"previous"`
	PID      int      `json:"pid,omitempty"`
	Units    int      `json:"units"`
	Replaced []string `json:"replaced"`
}

// A trip is one upgrade under way.
type trip struct {
	*Driver
	turn   *swap.Turn
	site   Site
	record swap.Record
	env    []string // of the house, to start it again
	handed bool     // the house was asked to go on as the new program
	// changed names a unit that the failed program did not leave as it was.
	changed string
}

// Run exchanges the programs of the installation for FILE and those beside it. On an error
// everything is as it was, or the error says what is not.
func (d *Driver) Run(ctx context.Context, file string) (Result, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return Result{}, err
	}
	turn, err := swap.Take(d.Home)
	if err != nil {
		return Result{}, err
	}
	defer turn.End()
	probed, err := d.preflight(ctx, file)
	if err != nil {
		return Result{}, err
	}
	t := &trip{Driver: d, turn: turn}
	if err := t.settleEarlier(ctx); err != nil {
		return Result{}, err
	}
	if err := d.Ask(ctx, actionBegin, beginIn{To: probed.Version}, &t.site); err != nil {
		return Result{}, err
	}
	t.env = environmentOf(t.site.PID)
	t.record = swap.Record{
		State: swap.Staging, Since: time.Now().UTC(), From: t.site.Version, To: probed.Version, PID: t.site.PID, Units: t.site.Units,
	}
	if err := t.exchange(ctx, file); err != nil {
		// An interrupt must not leave the way back undone.
		return Result{}, t.goBack(context.WithoutCancel(ctx), err)
	}
	return t.done(ctx)
}

// settleEarlier ends what a killed upgrade left.
func (t *trip) settleEarlier(ctx context.Context) error {
	r, err := swap.Read(t.Home)
	if err != nil || r == nil {
		return err
	}
	if !r.State.Ended() {
		if now, failed := t.status(ctx); failed == nil && r.State == swap.HandingOver && now.Version == r.To {
			r.State = swap.Proved
			err = t.turn.Note(*r)
		} else {
			t.Say(fmt.Sprintf("An upgrade from %s to %s was killed before its end; the programs are put as they were.", r.From, r.To))
			err = t.turn.Undo(r)
		}
	}
	if err != nil {
		return err
	}
	return conclude(ctx, t.turn, r, t.tell)
}

// tell tells the journal, through the house where one runs.
func (t *trip) tell(ctx context.Context, end endIn) error {
	return t.Ask(ctx, actionEnd, end, &struct{}{})
}

// exchange stages, swaps, hands over and waits for proof.
func (t *trip) exchange(ctx context.Context, file string) error {
	if err := t.stage(ctx, file); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.note(swap.Swapped); err != nil {
		return err
	}
	if err := t.turn.Swap(t.record.Files); err != nil {
		return err
	}
	if t.site.PID == 0 {
		return nil
	}
	before, err := t.status(ctx)
	if err != nil {
		return fmt.Errorf("cannot ask the house: %w", err)
	}
	if err := t.note(swap.HandingOver); err != nil {
		return err
	}
	if err := t.Ask(ctx, actionHandOver, struct{}{}, &handOverOut{}); err != nil {
		return err
	}
	t.handed = true
	t.Say(fmt.Sprintf("The house (process %d) goes on as %s; its %d units run on.", t.site.PID, t.record.To, len(t.site.Units)))
	return t.prove(ctx, t.record.To, before.Since)
}

func (t *trip) note(state swap.State) error {
	t.record.State = state
	return t.turn.Note(t.record)
}

// stage copies the new programs beside the old ones, and tries the main one where it will run. The
// siblings that stay are in the record too: what was theirs of an earlier upgrade ends with this one.
func (t *trip) stage(ctx context.Context, file string) error {
	if same(file, t.site.Program) {
		return holdfast.BadInput(file + " is the program that is in use already: build the new one elsewhere")
	}
	pairs, present := [][2]string{{file, t.site.Program}}, []swap.File{}
	for _, name := range siblings {
		beside, old := filepath.Join(filepath.Dir(file), name), filepath.Join(filepath.Dir(t.site.Program), name)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() && !same(beside, old) {
			pairs = append(pairs, [2]string{beside, old})
		} else if f, err := swap.Present(old); err == nil {
			present = append(present, f)
		}
	}
	for _, pair := range pairs {
		// The record stands before the copy does, so that a kill in between leaves nothing unknown.
		t.record.Files = append(t.record.Files, swap.File{Path: pair[1]})
		if err := t.note(swap.Staging); err != nil {
			return err
		}
		f, err := t.turn.Stage(pair[0], pair[1])
		if err != nil {
			return err
		}
		t.record.Files[len(t.record.Files)-1] = f
	}
	main := t.record.Files[0]
	probed, err := t.preflight(ctx, main.Next())
	if err != nil {
		return err
	}
	if probed.Version != t.record.To {
		return holdfast.Errorf(holdfast.CodeConflict, "%s changed while it was copied", file)
	}
	if !main.Changes() {
		return holdfast.Errorf(holdfast.CodeConflict, "%s is the same program as %s (%s)", file, main.Path, t.record.To)
	}
	t.record.Files = append(t.record.Files, present...)
	return nil
}

func same(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// standing is what of house.status an upgrade looks at.
type standing struct {
	PID     int                   `json:"pid"`
	Version string                `json:"version"`
	Since   time.Time             `json:"since"`
	Units   []holdfast.UnitStatus `json:"units"`
}

func (d *Driver) status(ctx context.Context) (standing, error) {
	bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var now standing
	return now, d.Ask(bounded, "house.status", struct{}{}, &now)
}

// prove waits for fresh proof: a house of that version that began after the one before, with every
// unit up, and after a handover in the process in which it was.
func (t *trip) prove(ctx context.Context, version string, before time.Time) error {
	patience, cancel := context.WithTimeout(ctx, t.Within)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	why := "it does not answer"
	for {
		holder, err := t.Home.Holder()
		switch {
		case err != nil:
			return err
		case holder == nil && t.handed:
			return fmt.Errorf("holdfast %s ended soon after its start", version)
		case holder != nil && holder.PID != t.site.PID && t.handed:
			return fmt.Errorf("holdfast %s ended soon after its start; process %d was started in its place", version, holder.PID)
		}
		if now, err := t.status(patience); err == nil {
			why = t.lacking(now, version, before)
			if why == "" && holder != nil && holder.Address != "" {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted")
		case <-patience.Done():
			return fmt.Errorf("holdfast %s did not prove itself within %s: %s", version, t.Within, why)
		case <-tick.C:
		}
	}
}

// lacking says what is wrong with a house that answers, empty for nothing.
func (t *trip) lacking(now standing, version string, before time.Time) string {
	switch {
	case !now.Since.After(before):
		return "the house did not begin anew"
	case now.Version != version:
		return fmt.Sprintf("the house is holdfast %s", now.Version)
	}
	if text := missing(t.record.Units, now.Units, t.handed); text != "" {
		return text
	}
	t.changed = missing(t.record.Units, now.Units, true)
	return ""
}

// done ends a good upgrade. What proved itself is not undone because it could not be noted: the house
// settles that.
func (t *trip) done(ctx context.Context) (Result, error) {
	r := Result{From: t.record.From, To: t.record.To, Program: t.site.Program, PID: t.site.PID, Units: len(t.record.Units)}
	for _, f := range t.record.Files {
		if f.Changes() {
			r.Replaced = append(r.Replaced, f.Path)
		}
	}
	r.Previous = t.record.Files[0].Previous()
	err := t.note(swap.Proved)
	if err == nil {
		err = conclude(ctx, t.turn, &t.record, t.tell)
	}
	if err != nil {
		return r, fmt.Errorf("holdfast %s is in place, but the upgrade could not be concluded; the house does so at its next start: %w", r.To, err)
	}
	return r, nil
}

func words(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		return nil // plain texts always encode
	}
	return text
}
