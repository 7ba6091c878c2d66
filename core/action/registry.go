// SPDX-License-Identifier: Apache-2.0

// Package action is the waist of the house: the registry of actions, and the one way by which any
// caller on any surface runs one. A request passes tier, guards and confirmation, is journaled
// before it acts, and answers a value or an error fit for the asker.
//
// It is not for what actions do, which their capabilities declare, nor for showing answers, which
// surfaces do. It guarantees that a destroying action never runs without a person's confirmation of
// exactly its inventory, and that a guard that errs or panics refuses. app fills it; surfaces, the
// tool catalogue and schedules call Dispatch.
package action

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/store"
)

// journal is what the waist needs of the journal.
type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
}

// meter counts what passes the waist.
type meter interface {
	Action(name string, outcome holdfast.Outcome, took time.Duration)
	Refusal(guard string)
}

// Needs is what a registry is made of.
type Needs struct {
	Journal journal
	Store   *store.Store
	Meter   meter
	Log     *slog.Logger
	// Seal signs the tokens of inventories; it is read at each use, so that it may be made at start.
	Seal func() ([]byte, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// node names this house among those with the same store, where the journal knows; it is asked for when it
// is needed, for the journal may learn it after the registry is made.
func (n Needs) node() string {
	if named, ok := n.Journal.(interface{ Node() string }); ok {
		return named.Node()
	}
	return ""
}

// A Registry holds every action, stream and guard of the house.
type Registry struct {
	needs    Needs
	declared map[string]holdfast.Action
	streams  map[string]holdfast.Stream
	guards   []holdfast.Guard
	queues   map[string]*Queue // by kind
	housed   atomic.Bool       // a house runs here, which found what an earlier one left
}

// NewRegistry makes an empty registry with the guards of the waist and the approval actions.
func NewRegistry(needs Needs) (*Registry, error) {
	if needs.Now == nil {
		needs.Now = time.Now
	}
	r := &Registry{needs: needs, declared: map[string]holdfast.Action{}, streams: map[string]holdfast.Stream{}, queues: map[string]*Queue{}}
	return r, r.Add(approvals{r}.actions()...)
}

// Add declares actions. A name that is taken, malformed or incompletely declared is an error.
func (r *Registry) Add(actions ...holdfast.Action) error {
	for _, a := range actions {
		if err := wellDeclared(a); err != nil {
			return fmt.Errorf("cannot add action %q: %w", a.Name, err)
		}
		if _, taken := r.declared[a.Name]; taken {
			return fmt.Errorf("cannot add action %q: it is declared already", a.Name)
		}
		r.declared[a.Name] = a
	}
	return nil
}

func wellDeclared(a holdfast.Action) error {
	noun, verb, ok := strings.Cut(a.Name, ".")
	switch {
	case !ok || !word(noun) || !word(verb):
		return fmt.Errorf("its name is not noun.verb in lower case")
	case a.Run == nil || a.Input == nil:
		return fmt.Errorf("it was not built by NewAction or NewDestroyer")
	case a.Summary == "":
		return fmt.Errorf("it has no summary")
	case !slices.Contains([]holdfast.Effect{holdfast.EffectRead, holdfast.EffectChange, holdfast.EffectDestroy}, a.Effect):
		return fmt.Errorf("its effect is %q, want read, change or destroy", a.Effect)
	case (a.Effect == holdfast.EffectDestroy) != (a.Inventory != nil):
		return fmt.Errorf("only a destroying action has an inventory, and each has one")
	case a.Effect == holdfast.EffectDestroy && len(a.Categories) == 0:
		return fmt.Errorf("it destroys and declares no category with its way back")
	}
	return nil
}

// word is one of a name's; a noun of two is written with a dash.
func word(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" && strings.Trim(s, "-") == s
}

// AddGuards appends guards to the table; they judge in the order in which they were added.
func (r *Registry) AddGuards(guards ...holdfast.Guard) { r.guards = append(r.guards, guards...) }

// AddStreams declares what follows after an action's answer; the action must be there.
func (r *Registry) AddStreams(streams ...holdfast.Stream) error {
	for _, s := range streams {
		if _, ok := r.declared[s.Action]; !ok {
			return fmt.Errorf("cannot add a stream to %q: no such action", s.Action)
		}
		r.streams[s.Action] = s
	}
	return nil
}

// Actions lists every action by name.
func (r *Registry) Actions() []holdfast.Action {
	list := make([]holdfast.Action, 0, len(r.declared))
	for _, a := range r.declared {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b holdfast.Action) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Action finds an action by name.
func (r *Registry) Action(name string) (holdfast.Action, error) {
	if a, ok := r.declared[name]; ok {
		return a, nil
	}
	var names []string
	for n := range r.declared {
		names = append(names, n)
	}
	err := holdfast.Errorf(holdfast.CodeNotFound, "there is no action %q", name)
	if near := Nearest(name, names); near != "" {
		err.Message += ": did you mean " + near + "?"
	}
	return holdfast.Action{}, err
}

// Streams tells whether an action can be followed.
func (r *Registry) Streams(action string) bool {
	_, ok := r.streams[action]
	return ok
}

// Guards lists the guard table: the guards of the waist first.
func (r *Registry) Guards() []holdfast.Guard {
	return append([]holdfast.Guard{tierGuard(), inventoryGuard()}, r.guards...)
}
