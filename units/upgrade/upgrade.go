// SPDX-License-Identifier: Apache-2.0

// Package upgrade exchanges the program of a running house: the new one takes the old one's place
// in the same process, units run on, and when the new one does not prove itself the old one comes
// back.
//
// It is not for upgrading extensions or agents. The Driver runs in the command that a person gave,
// outside the house, so that it outlives what it exchanges; the capability is the house's part: it
// journals, hands over, and settles an upgrade whose driver was killed. It guarantees that a
// program that cannot run here, or cannot read this home, never gets into place. app wires both.
package upgrade

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/units/upgrade/swap"
)

// The actions that a Driver asks for, in their order.
const (
	actionBegin    = "house.replace"
	actionHandOver = "house.handover"
	actionEnd      = "house.replaced"
)

// journal is where a settled upgrade is written down.
type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
}

// Needs is what the house's part works on.
type Needs struct {
	Home    home.Home
	Version string
	PID     int
	// Program is the path of the running program; Args are what it was started with, without its name.
	Program func() (string, error)
	Args    []string
	// Keeper names the service manager that starts a dead house anew, empty for none.
	Keeper func() string
	Units  func() []holdfast.UnitStatus
	// Housed tells that this process is the house, Ready that all of it has come up.
	Housed, Ready func() bool
	// HandOver makes this process go on as the program at a path. It returns at once.
	HandOver func(program string)
	Journal  journal
	Log      *slog.Logger
}

// An Upgrade is the house's part.
type Upgrade struct {
	needs  Needs
	begun  chan struct{}
	leaves atomic.Bool // this process goes on as the new program, which settles
}

// New takes what the part works on. It does nothing yet.
func New(n Needs) *Upgrade {
	if n.Log == nil {
		n.Log = slog.New(slog.DiscardHandler)
	}
	return &Upgrade{needs: n, begun: make(chan struct{}, 1)}
}

type beginIn struct {
	To string `json:"to" help:"the version that comes" required:"true" pos:"1"`
}

// A Site is what an upgrade finds: the house that runs, or the installation of the command itself.
type Site struct {
	Program string `json:"program" help:"what is exchanged"`
	Version string `json:"version"`
	PID     int    `json:"pid" help:"of the house; 0 when none runs"`
	Keeper  string `json:"keeper,omitempty" help:"the service manager that restarts the house"`
	// Args are the house's, to start it again.
	Args  []string    `json:"args"`
	Units []swap.Unit `json:"units" help:"those that are up"`
}

type handOverOut struct {
	Status string `json:"status"`
}

type endIn struct {
	From    string `json:"from" required:"true"`
	To      string `json:"to" required:"true" pos:"1"`
	Outcome string `json:"outcome" enum:"done,back,failed" required:"true" pos:"2"`
	Why     string `json:"why" help:"why it went back"`
	Failure string `json:"failure,omitempty" help:"why it could not go back"`
	Stands  string `json:"stands,omitempty" help:"which programs stand there now"`
	Remedy  string `json:"remedy,omitempty" help:"what a person does about it"`
}

// Capability is what the upgrade contributes to the house.
func (u *Upgrade) Capability() house.Capability {
	change := func(name, summary string) holdfast.Action {
		return holdfast.Action{
			Name: name, Summary: summary, Tier: holdfast.TierOperator, Effect: holdfast.EffectChange,
			Help: "A part of `holdfast upgrade`, which asks for it.",
		}
	}
	begin, end := change(actionBegin, "Note that an upgrade begins, and tell what it finds"), change(actionEnd, "Note how an upgrade ended")
	begin.Offline, end.Offline = true, true
	return house.Capability{
		Name: "upgrade", Run: u.run, Reason: "it settles an upgrade once all others are up",
		Actions: []holdfast.Action{
			action.NewAction(begin, u.begin),
			action.NewAction(change(actionHandOver, "Go on as the new program, in the same process, with the units running"), u.handOver),
			action.NewAction(end, func(context.Context, endIn) (action.Nothing, error) { return action.Nothing{}, nil }),
		},
	}
}

func (u *Upgrade) begin(ctx context.Context, _ beginIn) (Site, error) {
	program, err := u.needs.Program()
	if err != nil {
		return Site{}, fmt.Errorf("cannot tell which program runs: %w", err)
	}
	site := Site{Program: program, Version: u.needs.Version, Args: []string{}, Units: []swap.Unit{}}
	if !u.needs.Housed() {
		return site, nil // the command itself, in a home without a house
	}
	if !u.awaitReady(ctx) {
		return Site{}, holdfast.Errorf(holdfast.CodeUnavailable, "the house is still coming up: upgrade it once it is up")
	}
	site.PID, site.Keeper, site.Args = u.needs.PID, u.needs.Keeper(), u.needs.Args
	for _, unit := range u.needs.Units() {
		if unit.State.Up() && unit.PID > 0 {
			site.Units = append(site.Units, swap.Unit{Name: unit.Name, PID: unit.PID})
		}
	}
	select {
	case u.begun <- struct{}{}:
	default:
	}
	return site, nil
}

// awaitReady gives a house that comes up a while: only then it is known which units are to be up.
func (u *Upgrade) awaitReady(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !u.needs.Ready() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

func (u *Upgrade) handOver(context.Context, action.Nothing) (handOverOut, error) {
	r, err := swap.Read(u.needs.Home)
	if err != nil {
		return handOverOut{}, err
	}
	if r == nil || r.State != swap.HandingOver || len(r.Files) == 0 || !swap.Busy(u.needs.Home) {
		return handOverOut{}, holdfast.Errorf(holdfast.CodeConflict, "no upgrade is under way: `holdfast upgrade --binary FILE` begins one")
	}
	u.leaves.Store(true)
	u.needs.HandOver(r.Files[0].Path)
	return handOverOut{"handing over"}, nil
}

// run settles an upgrade whose driver was killed, for as long as one may be under way. What cannot be
// settled is tried again.
func (u *Upgrade) run(ctx context.Context) error {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		var again <-chan time.Time
		if err := u.attend(ctx, tick.C); err != nil {
			u.needs.Log.Error("cannot settle an upgrade", slog.Any("error", err))
			again = time.After(againAfter)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-u.begun:
		case <-again:
		}
	}
}

const (
	// settleEvery is how often an upgrade under way is looked at.
	settleEvery = 500 * time.Millisecond
	// againAfter is how long after a failure it is tried again.
	againAfter = time.Minute
	// readyWithin is how long a house that is to be upgraded may come up still.
	readyWithin = 20 * time.Second
	// settleWithin is how long the units may take to be as they were before.
	settleWithin = time.Minute
)

// attend returns when no upgrade is under way. One that only begins has the turn and has not written
// its record yet.
func (u *Upgrade) attend(ctx context.Context, tick <-chan time.Time) error {
	patience := time.Now().Add(settleWithin)
	for first := true; ; first = false {
		if !first {
			select {
			case <-ctx.Done():
				return nil
			case <-tick:
			}
		}
		busy := swap.Busy(u.needs.Home) // before the record is looked for: who has no turn writes none
		r, err := swap.Read(u.needs.Home)
		if err != nil || r == nil && !busy {
			return err
		}
		if r == nil {
			continue
		}
		settled, err := u.settle(ctx, time.Now().After(patience))
		if settled || err != nil {
			return err
		}
	}
}

// settle ends an upgrade whose driver is gone: it is done when this is the new program and the
// units are as they were, else the old programs come back, and this process becomes the old one if
// it is the new.
func (u *Upgrade) settle(ctx context.Context, late bool) (settled bool, err error) {
	turn, err := swap.Take(u.needs.Home)
	if _, busy := errors.AsType[*holdfast.Refusal](err); busy {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer turn.End()
	if u.leaves.Load() {
		return true, nil
	}
	r, err := swap.Read(u.needs.Home)
	if err != nil || r == nil {
		return true, err
	}
	if !r.State.Ended() {
		missed := missing(r.Units, u.needs.Units(), true)
		isNew := r.State == swap.HandingOver && u.needs.Version == r.To
		switch {
		case isNew && (!u.needs.Ready() || !late && missed != ""):
			return false, nil
		case isNew && missed == "":
			r.State = swap.Proved
			err = turn.Note(*r)
		default:
			err = u.takeBack(ctx, turn, r)
		}
		if err != nil {
			return true, err
		}
	}
	restored := r.State == swap.Restored
	err = conclude(ctx, turn, r, u.tell)
	if restored && u.needs.Version == r.To && r.From != r.To && len(r.Files) > 0 {
		u.needs.HandOver(r.Files[0].Path)
	}
	return true, err
}

// takeBack puts the old programs back; where that cannot be done, the journal says so.
func (u *Upgrade) takeBack(ctx context.Context, turn *swap.Turn, r *swap.Record) error {
	if r.Why == "" {
		r.Why = "the command that upgraded was killed"
	}
	err := turn.Undo(r)
	if err == nil {
		return nil
	}
	return errors.Join(err, failBack(ctx, u.needs.Home, turn, r, err, u.tell))
}

func (u *Upgrade) tell(ctx context.Context, end endIn) error {
	who := holdfast.Internal("upgrade", actionEnd)
	_, err := u.needs.Journal.Append(ctx, holdfast.Entry{
		Caller: who.String(), Tier: who.Tier, Action: actionEnd, Subject: end.To, Outcome: holdfast.OutcomeNoted, Detail: words(end),
	})
	return err
}

// missing names the first unit that is not up as it was, and why; strictly also one that is up in
// another process.
func missing(before []swap.Unit, now []holdfast.UnitStatus, strictly bool) string {
	at := map[string]holdfast.UnitStatus{}
	for _, unit := range now {
		at[unit.Name] = unit
	}
	for _, was := range before {
		unit, there := at[was.Name]
		switch {
		case !there:
			return "nobody declares unit " + was.Name + " any more"
		case !unit.State.Up():
			return fmt.Sprintf("unit %s was up and is %s %s", was.Name, unit.State, unit.Detail)
		case strictly && unit.PID != was.PID:
			return fmt.Sprintf("unit %s was started anew: its process was %d and is %d", was.Name, was.PID, unit.PID)
		}
	}
	return ""
}
