// SPDX-License-Identifier: Apache-2.0

// Package supervisor keeps units running: it starts them in the order of their needs, watches
// them, restarts them by policy, ends them whole, and finds them again after a crash of the house.
//
// It is not for deciding what a unit is: configuration, extensions and the edge declare units
// through Set. It guarantees that no unit runs twice, that nothing of a unit outlives its end,
// that a unit which the operator stopped stays so until the operator starts it, and that units
// outlive a killed house and are adopted by the next. The app wires it; surfaces use its actions.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
)

// Options are what a supervisor needs from elsewhere.
type Options struct {
	Home home.Home
	// Host is the machine when nil.
	Host process.Host
	// Journal keeps every change of state; nil keeps none.
	Journal interface {
		Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
	}
	// Secrets answers the keys that units name; nil knows none.
	Secrets interface {
		Get(name string) (holdfast.Secret, bool)
	}
	Log *slog.Logger
	// Cap bounds the delay between restarts, DefaultCap when 0.
	Cap time.Duration
	// Settle is how long after its start the house still waits for declarations before it ends
	// what an earlier house left and nobody declared; 3 s when 0.
	Settle time.Duration
}

const (
	defaultSettle = 3 * time.Second
	defaultGrace  = 10 * time.Second
)

// A Supervisor keeps the units of one house.
type Supervisor struct {
	options Options
	host    process.Host
	log     *slog.Logger
	house   string // as marks name it
	prober  *prober
	config  Section
	scribe  *scribe

	setting sync.Mutex // one Set at a time
	mu      sync.Mutex
	life    context.Context // ends the keepers; nil before Start
	end     context.CancelFunc
	keepers map[string]*keeper
	holds   map[string]hold
	left    map[string][]leftover // found of an earlier house, by unit
	claims  []func(process.Mark) bool
	changed chan struct{} // closed when a unit comes or goes
	closing bool
	running sync.WaitGroup
}

// New makes a supervisor. It does no I/O.
func New(o Options) *Supervisor {
	if o.Host == nil {
		o.Host = process.Machine{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Cap == 0 {
		o.Cap = DefaultCap
	}
	if o.Settle == 0 {
		o.Settle = defaultSettle
	}
	s := &Supervisor{
		options: o, host: o.Host, log: o.Log, house: HouseMark(o.Home), prober: newProber(o.Host),
		config: Section{}, keepers: map[string]*keeper{}, holds: map[string]hold{}, left: map[string][]leftover{},
	}
	s.changed = make(chan struct{})
	s.scribe = newScribe(s)
	return s
}

// open finds what an earlier house left running and takes up the units of the configuration.
func (s *Supervisor) open(ctx context.Context) error {
	if err := s.makeFolders(); err != nil {
		return err
	}
	if err := s.readHolds(); err != nil {
		return err
	}
	left, err := s.findLeft()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.left = left
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.mu.Unlock()
	s.scribe.start()
	if err := s.Set(ctx, ownerConfig, s.config.units(s.options.Home)); err != nil {
		return errors.Join(err, s.close(ctx))
	}
	return nil
}

// run reaps orphans until ctx ends; soon after its begin it ends what nobody declared any more.
func (s *Supervisor) run(ctx context.Context) error {
	s.running.Go(func() { s.endLeft(s.life) })
	return process.ReapOrphans(ctx)
}

// close ends all units, each after those that need it. Only a crash leaves units running.
func (s *Supervisor) close(ctx context.Context) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	s.mu.Lock()
	if s.life == nil || s.life.Err() != nil {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	gone := s.dismiss(slices.Collect(maps.Keys(s.keepers)))
	s.mu.Unlock()
	err := waitAll(ctx, gone)
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.running.Wait()
	s.scribe.close()
	return err
}

// Set declares all units of one owner: new ones start, vanished ones end, changed ones restart
// when the change concerns their process. It answers when the vanished ones have ended and all
// else is under way; whether a unit came up is told by its status. On an error nothing changed.
func (s *Supervisor) Set(ctx context.Context, owner string, units []holdfast.Unit) error {
	if problems := checkUnits(units); len(problems) > 0 {
		return holdfast.BadInput("cannot take the units of "+owner, problems...)
	}
	gone, err := s.set(ctx, owner, units)
	if err != nil {
		return err
	}
	return waitAll(ctx, gone)
}

func (s *Supervisor) set(ctx context.Context, owner string, units []holdfast.Unit) ([]<-chan struct{}, error) {
	s.setting.Lock()
	defer s.setting.Unlock()
	if err := waitAll(ctx, s.leaving(units)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	vanished, err := s.compare(owner, units)
	if err != nil {
		return nil, err
	}
	gone := s.dismiss(vanished)
	for _, u := range units {
		u.Owner = owner
		s.take(u)
	}
	s.scribe.touch()
	return gone, nil
}

// leaving finds units of the same names that are on their way out, to be waited for.
func (s *Supervisor) leaving(units []holdfast.Unit) []<-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []<-chan struct{}
	for _, u := range units {
		if k, ok := s.keepers[u.Name]; ok && k.order.want == wantGone && !s.closing {
			all = append(all, k.done)
		}
	}
	return all
}

// compare finds which units of the owner vanished, and refuses names of others and cycles.
func (s *Supervisor) compare(owner string, units []holdfast.Unit) (vanished []string, err error) {
	if s.life == nil || s.life.Err() != nil {
		return nil, holdfast.Errorf(holdfast.CodeUnavailable, "cannot take units: the supervisor is not running")
	}
	next := map[string]holdfast.Unit{}
	for name, k := range s.keepers {
		if k.unit.Owner != owner && k.order.want != wantGone {
			next[name] = k.unit
		}
	}
	var problems []holdfast.Problem
	for _, u := range units {
		if other, taken := next[u.Name]; taken {
			problems = append(problems, holdfast.Problem{
				Field: u.Name, Message: "is already a unit of " + other.Owner, Remedy: "give it another name",
			})
			continue
		}
		next[u.Name] = u
	}
	if ring := cycle(next); ring != nil {
		problems = append(problems, cycleProblem(ring))
	}
	if len(problems) > 0 {
		return nil, holdfast.BadInput("cannot take the units of "+owner, problems...)
	}
	for name, k := range s.keepers {
		if _, stays := next[name]; !stays && k.unit.Owner == owner && k.order.want != wantGone {
			vanished = append(vanished, name)
		}
	}
	return vanished, nil
}

// take gives a declaration to its keeper, a new one when there is none.
func (s *Supervisor) take(u holdfast.Unit) {
	if k, ok := s.keepers[u.Name]; ok {
		k.redeclare(u)
		return
	}
	k := newKeeper(s, u)
	s.keepers[u.Name] = k
	k.adopt(s.left[u.Name])
	delete(s.left, u.Name)
	k.give(k.firstOrder())
	s.wake()
	s.running.Go(k.run)
}

// dismiss orders units to end for good, each after those that need it, and forgets them.
func (s *Supervisor) dismiss(names []string) []<-chan struct{} {
	declared := map[string]holdfast.Unit{}
	for name, k := range s.keepers {
		declared[name] = k.unit
	}
	needed := dependents(declared)
	var gone []<-chan struct{}
	for _, name := range names {
		o := order{want: wantGone}
		for _, by := range needed[name] {
			if slices.Contains(names, by) {
				o.after = append(o.after, s.keepers[by].done)
			}
		}
		s.keepers[name].give(o)
		gone = append(gone, s.keepers[name].done)
	}
	return gone
}

// wake tells all who wait for a unit to be declared; the caller holds the lock.
func (s *Supervisor) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func waitAll(ctx context.Context, all []<-chan struct{}) error {
	for _, one := range all {
		select {
		case <-one:
		case <-ctx.Done():
			return fmt.Errorf("cannot wait for units to end: %w", ctx.Err())
		}
	}
	return nil
}

// List tells how all units stand, by name.
func (s *Supervisor) List() []holdfast.UnitStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]holdfast.UnitStatus, 0, len(s.keepers))
	for _, name := range slices.Sorted(maps.Keys(s.keepers)) {
		all = append(all, s.keepers[name].shown())
	}
	return all
}

// Status tells how one unit stands.
func (s *Supervisor) Status(name string) (holdfast.UnitStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.keeper(name)
	if err != nil {
		return holdfast.UnitStatus{}, err
	}
	return k.shown(), nil
}

func (s *Supervisor) keeper(name string) (*keeper, error) {
	if k, ok := s.keepers[name]; ok {
		return k, nil
	}
	return nil, holdfast.Errorf(holdfast.CodeNotFound, "there is no unit %q; `holdfast unit list` shows all", name)
}

// Claim tells the supervisor of launches that another part of the house keeps (tool servers), so
// that they do not count as strays.
func (s *Supervisor) Claim(mine func(process.Mark) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = append(s.claims, mine)
}

// House is the name by which this house marks its processes.
func (s *Supervisor) House() string { return s.house }
