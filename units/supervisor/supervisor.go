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
	"iter"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/intent"
	"holdfast/core/keys"
	"holdfast/core/process"
	"holdfast/units/probe"
	"holdfast/units/usage"
)

// Options are what a supervisor needs from elsewhere.
type Options struct {
	Home home.Home
	// Host is the machine when nil.
	Host process.Host
	// Journal keeps every change of state; nil keeps none.
	Journal journal
	// History reads what Journal kept; nil knows nothing.
	History history
	// Secrets answers the keys that units name; nil knows none.
	Secrets secrets
	Log     *slog.Logger
	// Helper is the program that confines units; empty means holdfast-watch beside this program.
	Helper string
	// Meter tells what units use: Host does when this is nil and it can, else nobody.
	Meter meter
	// Output takes what units write; nil has them write their log files themselves.
	Output output
	// Cap bounds the delay between restarts, DefaultCap when 0.
	Cap time.Duration
	// Settle is how long after its start the house still waits for declarations before it ends
	// what an earlier house left and nobody declared; 3 s when 0.
	Settle time.Duration
}

const (
	defaultSettle = 3 * time.Second
	// calmAfter is how long no unit must have changed for a start to be over.
	calmAfter    = 300 * time.Millisecond
	defaultGrace = 10 * time.Second
)

// A Supervisor keeps the units of one house: it puts the parts together and answers for them.
type Supervisor struct {
	options Options
	house   string // as marks name it
	section Section
	workers Workers
	crowd   *crowd
	// launcher is the carrier of processes.
	launcher *launcher
	holds    *intent.Book
	estate   *estate
	herald   *herald
	roster   *roster
	strays   *strays
	book     *usage.Book
}

// New makes a supervisor. It does no I/O.
func New(o Options) *Supervisor {
	if o.Host == nil {
		o.Host = process.NewMachine(process.Options{})
	}
	if measurer, can := o.Host.(usage.Measurer); can && o.Meter == nil {
		o.Meter = usage.NewMeter(measurer, houseMark(o.Home))
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Cap == 0 {
		o.Cap = DefaultCap
	}
	if o.Output == nil {
		o.Output = straight{o.Home}
	}
	if o.Settle == 0 {
		o.Settle = defaultSettle
	}
	s := &Supervisor{options: o, house: houseMark(o.Home), section: Section{}, workers: Workers{Cap: defaultWorkers}, holds: intent.NewBook(o.Home)}
	boot := sync.OnceValue(thisBoot)
	limbo := limbo{home: o.Home, house: s.house, boot: boot, log: o.Log}
	fates := fates{home: o.Home, boot: boot, log: o.Log}
	s.herald = newHerald(newScribe(o.Journal, o.Log), newBoard(o.Home, o.Log))
	s.crowd = &crowd{host: o.Host, cap: defaultWorkers, admitted: map[string]bool{}}
	s.launcher = &launcher{
		home: o.Home, host: o.Host, house: s.house, secrets: o.Secrets, limbo: limbo, helper: o.Helper, notices: &notices{log: o.Log},
		crowd: s.crowd, names: &launchNames{}, output: o.Output,
	}
	s.estate = &estate{
		home: o.Home, host: o.Host, house: s.house, limbo: limbo, names: s.launcher.names, scribe: s.herald.scribe, log: o.Log,
		fates: fates, boot: boot,
	}
	s.roster = newRoster(ground{
		carriers: carriers{holdfast.KindProcess: s.launcher},
		fates:    fates,
		prober:   probe.NewProber(o.Host), meter: o.Meter, cap: o.Cap, running: &sync.WaitGroup{},
		logs: func(u holdfast.Unit) string { return o.Home.Path(logPath(u)) },
	}, s.herald, o.Log, s.holds, s.estate)
	s.herald.board.units = s.roster.all
	s.strays = &strays{host: o.Host, house: s.house, present: s.roster.launch}
	s.book = usage.NewBook(o.Meter, s.roster.measured)
	return s
}

// open finds what an earlier house left running and takes up the units of the configuration.
func (s *Supervisor) open(ctx context.Context) error {
	if err := makeFolders(s.options.Home); err != nil {
		return err
	}
	if err := s.holds.Open(); err != nil {
		return err
	}
	if err := s.roster.open(ctx); err != nil {
		return err
	}
	if err := s.Set(ctx, ownerConfig, s.section.units(s.options.Home)); err != nil {
		return errors.Join(err, s.close(ctx))
	}
	return nil
}

func makeFolders(h home.Home) error {
	for name, mode := range map[string]os.FileMode{
		"run": 0o700, "run/launching": 0o700, "run/launched": 0o700, "run/ended": 0o700, "logs": 0o700, "status": 0o755,
	} {
		if err := os.MkdirAll(h.Var(name), mode); err != nil {
			return fmt.Errorf("cannot make folder: %w", err)
		}
	}
	return nil
}

// run reaps orphans until ctx ends; soon after its begin it ends what nobody declared any more.
func (s *Supervisor) run(ctx context.Context) error {
	s.roster.attend(func(ctx context.Context) { rest(ctx, s.Changed) })
	s.roster.attend(func(ctx context.Context) { s.estate.endUndeclared(ctx, s.options.Settle, s.roster.undeclared) })
	s.roster.attend(s.book.Keep)
	return process.ReapOrphans(ctx)
}

// rest gives back what the start of many units needed, once no unit changed for a moment.
func rest(ctx context.Context, changed func() <-chan struct{}) {
	calm := time.NewTimer(calmAfter)
	defer calm.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed():
			calm.Reset(calmAfter)
		case <-calm.C:
			debug.FreeOSMemory()
			return
		}
	}
}

// close ends all units, each after those that need it; only a crash leaves units running. It puts
// away what launches left that ended between the first sweep and the look at who lived.
func (s *Supervisor) close(ctx context.Context) error {
	defer sweep(s.options.Host, s.house)
	return s.roster.close(ctx)
}

// Set declares all units of one owner: new ones start, vanished ones end, changed ones restart
// when the change concerns their process. It answers when the vanished ones have ended and all
// else is under way; whether a unit came up is told by its status. On an error nothing changed.
func (s *Supervisor) Set(ctx context.Context, owner string, units []holdfast.Unit) error {
	if problems := checkUnits(units); len(problems) > 0 {
		return holdfast.BadInput("cannot take the units of "+owner, problems...)
	}
	gone, err := s.roster.set(ctx, owner, units)
	if err != nil {
		return err
	}
	return waitAll(ctx, gone)
}

// Reconfigure takes a section units, or workers, that was read anew.
func (s *Supervisor) Reconfigure(ctx context.Context, fresh any) error {
	switch section := fresh.(type) {
	case *Section:
		return s.Set(ctx, ownerConfig, section.units(s.options.Home))
	case *Workers:
		s.crowd.limit(section.Cap)
		return nil
	}
	return fmt.Errorf("cannot take %T for the sections units and workers", fresh)
}

// Start clears the operator's hold, starts the unit and waits until it is proven up.
func (s *Supervisor) Start(ctx context.Context, name string) error {
	proof, err := s.roster.start(name)
	if err != nil {
		return err
	}
	return awaitProof(ctx, "start", name, proof)
}

// Restart ends the unit and starts it anew; it answers when the new launch is proven healthy.
func (s *Supervisor) Restart(ctx context.Context, name string) error {
	proof, err := s.roster.restart(name)
	if err != nil {
		return err
	}
	return awaitProof(ctx, "restart", name, proof)
}

func awaitProof(ctx context.Context, verb, name string, proof <-chan error) error {
	select {
	case err := <-proof:
		if err != nil {
			return holdfast.Errorf(holdfast.CodeFailed, "cannot %s %s: %w", verb, name, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot tell whether %s came up: %w", name, ctx.Err())
	}
}

// Stop ends the unit and holds it: nothing but Start starts it again, not even the next
// house. It stops first and reports after when the hold could not be written.
func (s *Supervisor) Stop(ctx context.Context, name string) error {
	p, ended, unkept, err := s.roster.stop(name, holdfast.CallerFrom(ctx).String())
	if err != nil {
		return err
	}
	select {
	case <-ended:
	case <-ctx.Done():
		return fmt.Errorf("cannot wait for %s to end: %w", name, ctx.Err())
	}
	switch now := p.look(); {
	case now.state != holdfast.UnitHeld:
		return holdfast.Errorf(holdfast.CodeConflict, "cannot stop %s: %w", name, errSuperseded)
	case unkept != nil:
		return fmt.Errorf("%s is stopped, but held only until the house restarts: %w", name, unkept)
	case now.left != nil:
		return fmt.Errorf("cannot stop %s whole: %w", name, now.left)
	}
	return nil
}

// List tells how all units stand, by name.
func (s *Supervisor) List() []holdfast.UnitStatus {
	all := s.roster.all()
	list := make([]holdfast.UnitStatus, 0, len(all))
	for _, u := range all {
		list = append(list, u.status())
	}
	return list
}

// Answer returns when every unit could be asked how it stands; where a lock is never given back it
// does not.
func (s *Supervisor) Answer() { s.roster.answer() }

// Status tells how one unit stands.
func (s *Supervisor) Status(name string) (holdfast.UnitStatus, error) {
	u, err := s.roster.look(name)
	if err != nil {
		return holdfast.UnitStatus{}, err
	}
	return u.status(), nil
}

// Services lists the units in luna's form.
func (s *Supervisor) Services() map[string]Service {
	all := map[string]Service{}
	for _, u := range s.roster.all() {
		all[u.unit.Name] = u.service()
	}
	return all
}

// UnitsUsing lists the units that run now and received a key of .env at their start, by name:
// those that must be restarted to see a new value.
func (s *Supervisor) UnitsUsing(key string) []string {
	names := []string{}
	for _, u := range s.roster.all() {
		if slices.Contains(u.received, key) {
			names = append(names, u.unit.Name)
		}
	}
	return names
}

// Required lists which keys the units of holdfast.yaml ask for; those of other owners are told by
// their owners. Before the start it goes by the configuration.
func (s *Supervisor) Required() []keys.Requirement {
	var units []holdfast.Unit
	for _, u := range s.roster.all() {
		if u.unit.Owner == ownerConfig {
			units = append(units, u.unit)
		}
	}
	if units == nil {
		units = s.section.units(s.options.Home)
	}
	var list []keys.Requirement
	for _, u := range units {
		for _, key := range u.Secrets {
			list = append(list, keys.Requirement{Key: key, Source: "unit " + u.Name})
		}
	}
	return list
}

// Changes follows the changes of all units until ctx ends or the supervisor stops. A slow reader
// gets the newest change of each unit, never an old one after a newer.
func (s *Supervisor) Changes(ctx context.Context) iter.Seq[Change] {
	return s.herald.audience.follow(ctx)
}

// Changed is closed when a unit changed its state after the call. Ask for it before List.
func (s *Supervisor) Changed() <-chan struct{} { return s.herald.audience.next() }

// Claim tells the supervisor of launches that another part of the house keeps (tool servers), so
// that they do not count as strays.
func (s *Supervisor) Claim(mine func(process.Mark) bool) { s.strays.claim(mine) }

// House is the name by which this house marks its processes.
func (s *Supervisor) House() string { return s.house }
