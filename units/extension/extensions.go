// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"log/slog"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	corekeys "holdfast/core/keys"
	"holdfast/units/venv"
)

// units is what runs the units that extensions declare (units/supervisor).
type units interface {
	Set(ctx context.Context, owner string, units []holdfast.Unit) error
	List() []holdfast.UnitStatus
	// Changed is closed when a unit changed its state after the call.
	Changed() <-chan struct{}
}

// keys is what knows the secrets (core/keys).
type keys interface {
	Get(name string) (holdfast.Secret, bool)
}

// packages is what installs what extensions ask for in Python (units/venv).
type packages interface {
	Current(name string) (venv.Environment, bool)
	Build(ctx context.Context, order venv.Order) (venv.Environment, error)
	Forget(name string) error
}

// chronicle is where what was refused is told (core/journal).
type chronicle interface {
	Append(ctx context.Context, e holdfast.Entry) (holdfast.Entry, error)
}

// Needs is what extensions take from the rest of the house.
type Needs struct {
	Home       home.Home
	Master     *config.Master
	Units      units
	Keys       keys
	Trash      keeper
	Packages   packages
	Operations runner
	// Journal is told what extensions ask for beyond their grants; it may be nil.
	Journal chronicle
	Log     *slog.Logger
}

// Extensions are the extensions of one home.
type Extensions struct {
	needs    Needs
	settings Settings
	begun    time.Time
	today    func() time.Time
	free     func(port int) bool

	syncing sync.Mutex // one sync, or one step of a deletion, at a time
	leaving map[string]bool
	shelf   shelf
	started bool

	mu      sync.RWMutex
	list    []standing
	served  map[string]bool // units that serve, as far as was told
	changed chan struct{}
}

// A standing is one extension with what it contributes.
type standing struct {
	*extension
	declaration
	// refused is why the supervisor did not take the units; what it took before goes on.
	refused string
}

// New returns the extensions of a home; nothing is read until Start or Sync.
func New(needs Needs) *Extensions {
	leaving := map[string]bool{}
	return &Extensions{
		needs: needs, settings: Defaults(), begun: time.Now(), today: time.Now, free: freePort,
		leaving: leaving, shelf: shelf{home: needs.Home, leaving: leaving, log: needs.Log}, changed: make(chan struct{}),
	}
}

// freePort tells whether nobody listens on a port of this machine.
func freePort(port int) bool {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// A Report says what one sync found and did.
type Report struct {
	Added    []string           `json:"added"`
	Returned []string           `json:"returned"`
	Missing  []string           `json:"missing"`
	Written  []string           `json:"written"`
	Problems []holdfast.Problem `json:"problems"`
}

// Sync reads every extension, brings master_config.json and the manifests together, and declares
// the units of each. What is wrong with one extension is told in the report and leaves the
// others; an error means that nothing was changed.
func (e *Extensions) Sync(ctx context.Context) (Report, error) {
	e.syncing.Lock()
	defer e.syncing.Unlock()
	return e.sync(ctx)
}

func (e *Extensions) sync(ctx context.Context) (Report, error) {
	s, err := e.settle(ctx)
	if err != nil {
		return Report{}, err
	}
	report := Report{Added: list(s.added), Returned: list(s.returned), Missing: list(s.missing), Written: []string{}, Problems: list(s.problems)}
	for _, f := range s.files {
		if err := f.write(e.needs.Home); err != nil {
			e.needs.Log.Warn("cannot write a manifest back", slog.String("extension", f.extension), slog.Any("error", err))
			report.Problems = append(report.Problems, holdfast.Problem{File: "extensions/" + f.extension + "/" + f.name, Message: err.Error()})
			continue
		}
		report.Written = append(report.Written, f.extension+"/"+f.name)
	}
	report.Problems = append(report.Problems, strangers(e.settings, s.extensions)...)
	standings := e.declare(ctx, s)
	for _, x := range standings {
		report.Problems = append(report.Problems, x.allProblems()...)
	}
	e.tell(ctx, standings)
	e.publish(standings)
	return report, nil
}

// settle reads the folders and, in one turn of master_config.json, works out and notes what
// follows from them.
func (e *Extensions) settle(ctx context.Context) (settlement, error) {
	ui, services, err := e.settings.ranges()
	if err != nil {
		return settlement{}, err
	}
	folders, err := scan(e.needs.Home.Path("extensions"))
	if err != nil {
		return settlement{}, err
	}
	folders = slices.DeleteFunc(folders, func(f folder) bool { return e.leaving[f.name] })
	var s settlement
	err = e.needs.Master.Update(ctx, func(d *config.Document) error {
		kept, err := e.shelf.adopt(d)
		if err != nil {
			return err
		}
		text, _ := d.Get()
		b, err := readBook(text)
		if err != nil {
			return err
		}
		for name := range e.leaving {
			delete(b.extensions, name)
		}
		given := func(name string) grant { return readGrant(e.needs.Home, name) }
		s = settle(folders, b, given, e.today(), supply{ui: ui, services: services, free: e.free})
		s.kept = kept
		return apply(d, s.changes)
	})
	if err != nil {
		return settlement{}, err
	}
	e.shelf.clear(s.kept)
	for _, x := range s.extensions {
		x.record(e.needs.Home)
	}
	return s, nil
}

// list is never nil, for an empty list is shown as one.
func list[T any](items []T) []T { return append([]T{}, items...) }

func apply(d *config.Document, changes []change) error {
	for _, c := range changes {
		if c.value == nil {
			d.Delete(c.path...)
			continue
		}
		if err := d.Set(c.value, c.path...); err != nil {
			return err
		}
	}
	return nil
}

// declare hands each extension's units to the supervisor, and takes back those of extensions that
// are no more.
func (e *Extensions) declare(ctx context.Context, s settlement) []standing {
	before := e.snapshot()
	in := surrounding{home: e.needs.Home, set: e.has, ports: s.ports.table(), path: os.Getenv("PATH"), sandboxes: e.settings.Sandbox, limits: e.settings.Limits}
	var list []standing
	for _, x := range s.extensions {
		x.equip(e.needs.Packages)
		var told portTable
		if old, ok := find(before, x.name); ok {
			told = old.held
		}
		now := standing{extension: x, declaration: x.declare(in, told)}
		if err := e.hand(ctx, now); err != nil {
			now.refuse(err)
		}
		list = append(list, now)
	}
	for _, old := range before {
		if _, still := find(list, old.name); !still && !e.leaving[old.name] {
			_ = e.hand(ctx, standing{extension: old.extension})
		}
	}
	return list
}

// hand declares one extension's units.
func (e *Extensions) hand(ctx context.Context, x standing) error {
	if len(x.units)+len(x.servers) > 0 && x.state == stateReady {
		if err := privateDirs(e.needs.Home, x.name).make(); err != nil {
			e.needs.Log.Warn("cannot make the data folder", slog.String("extension", x.name), slog.Any("error", err))
		}
	}
	err := e.needs.Units.Set(ctx, owner(x.name), x.units)
	if err != nil {
		e.needs.Log.Error("cannot declare the units", slog.String("extension", x.name), slog.Any("error", err))
	}
	return err
}

// refuse blocks an extension whose units the supervisor did not take.
func (s *standing) refuse(err error) {
	s.refused = strings.ReplaceAll(err.Error(), "\n", "; ")
	if s.state != stateReady {
		return
	}
	s.state, s.reason = stateBlocked, s.refused
	for i := range s.servers {
		s.servers[i].Blocked = first(s.servers[i].Blocked, s.refused)
	}
}

func (e *Extensions) publish(list []standing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	same := slices.EqualFunc(e.list, list, standing.equal)
	e.list = list
	if e.unitsChanged() || !same {
		e.wake()
	}
}

// wake tells who waits for a change; the caller holds the lock.
func (e *Extensions) wake() {
	close(e.changed)
	e.changed = make(chan struct{})
}

func (s standing) equal(t standing) bool {
	return s.name == t.name && s.refused == t.refused && s.withheld == t.withheld && s.entry.enabled == t.entry.enabled &&
		reflect.DeepEqual(s.declaration, t.declaration) && reflect.DeepEqual(s.allProblems(), t.allProblems())
}

func (e *Extensions) snapshot() []standing {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.list
}

func find(list []standing, name string) (standing, bool) {
	i, ok := slices.BinarySearchFunc(list, name, func(s standing, name string) int { return strings.Compare(s.name, name) })
	if !ok {
		return standing{}, false
	}
	return list[i], true
}

// Changed is closed when mounts, tool servers or the standing of an extension changed after the
// call. Ask for it before reading, then read, then wait.
func (e *Extensions) Changed() <-chan struct{} {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.changed
}

// ToolServers lists where the extensions' tools come from.
func (e *Extensions) ToolServers() []holdfast.ToolServer {
	var servers []holdfast.ToolServer
	for _, x := range e.snapshot() {
		servers = append(servers, x.servers...)
	}
	return servers
}

// Enabled tells whether an extension is there and switched on.
func Enabled(e *Extensions) func(name string) bool {
	return func(name string) bool {
		x, ok := find(e.snapshot(), name)
		return ok && x.entry.enabled
	}
}

// has tells whether a key is there and not empty.
func (e *Extensions) has(key string) bool {
	value, ok := e.needs.Keys.Get(key)
	return ok && !value.Empty()
}

// Required lists each key that an enabled extension asks for.
func (e *Extensions) Required() []corekeys.Requirement {
	var required []corekeys.Requirement
	for _, x := range e.snapshot() {
		if x.state == stateReady || x.state == stateBlocked {
			for _, key := range x.secrets() {
				required = append(required, corekeys.Requirement{Key: key, Source: owner(x.name)})
			}
		}
	}
	return required
}

// allProblems are those of the extension and of each of its parts.
func (s standing) allProblems() []holdfast.Problem {
	problems := slices.Clone(s.problems)
	for _, v := range s.services {
		problems = append(problems, v.problems...)
	}
	problems = append(problems, s.tools.problems...)
	if len(s.asks) > 0 {
		problems = append(problems, holdfast.Problem{
			File: "extensions/" + s.name, Message: "asks for more than it was granted: " + s.asked(), Remedy: s.remedy(),
		})
	}
	if s.refused != "" {
		problems = append(problems, holdfast.Problem{File: "extensions/" + s.name, Message: s.refused})
	}
	return problems
}

// alerts tells of every enabled extension that cannot be used whole.
func (e *Extensions) alerts(context.Context) []holdfast.Alert {
	var alerts []holdfast.Alert
	for _, x := range e.snapshot() {
		reason := x.reason
		if problems := x.allProblems(); reason == "" && len(problems) > 0 {
			reason = brief(problems)
		}
		if reason == "" {
			reason = x.unequipped(e.needs.Home)
		}
		if reason != "" {
			alerts = append(alerts, holdfast.Alert{Subject: x.name, Message: x.name + " is " + x.state + ": " + reason})
		}
	}
	return alerts
}
