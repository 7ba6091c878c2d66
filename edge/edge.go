// SPDX-License-Identifier: Apache-2.0

// Package edge is the front door as the house sees it: it binds the sockets, keeps the edge's
// process as a unit, streams it the table of routes, and answers its questions about sessions.
//
// It is not for handling requests (edge/router, in a process of its own) nor for judging logins
// (edge/auth). The Hub and what others wrote have an origin each. A running edge of an earlier
// house is found and kept, with its sockets and connections. app wires it.
package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/edge/auth"
	"holdfast/edge/router"
)

// UnitName is the edge's among the units.
const UnitName = "edge"

// unitOwner declares the house's own units.
const unitOwner = "house"

// units keeps declared units running.
type units interface {
	Set(ctx context.Context, owner string, units []holdfast.Unit) error
}

// mounts tells which paths extensions serve; Changed is closed at the next change.
type mounts interface {
	Mounts() []holdfast.Mount
	Changed() <-chan struct{}
}

// keys knows callers by bearer key.
type keys interface {
	Key(ctx context.Context, token string) (holdfast.Caller, bool)
}

// journal is where changes of the door's addresses are written down.
type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
}

// Options are what the front door needs of the house.
type Options struct {
	Home    home.Home
	Auth    *auth.Auth
	Units   units
	Mounts  mounts
	Journal journal
	// Keys lets bearer keys of tier operator open extensions; nil lets none.
	Keys keys
	// Status and Tail tell operators why a unit does not answer; nil tells nothing.
	Status func(unit string) (holdfast.UnitStatus, bool)
	Tail   func(ctx context.Context, unit string, lines int) ([]string, error)
	// Reserved lists ports that others of the house are about to bind.
	Reserved func() []int
	// Binary is the holdfast-edge program; empty means beside the running one.
	Binary string
	Log    *slog.Logger
}

// An Edge is the front door of one house.
type Edge struct {
	Options
	settings Settings
	doors    doors
	admin    admin
	exchange *exchange

	mu       sync.Mutex
	mounted  []router.Mount
	problems []string // mounts that were left out, and why
	failed   string   // why the configuration did not load
	started  time.Time
	cancel   context.CancelFunc
	listener net.Listener
}

// New makes a front door; it touches nothing. It attaches itself to the logins.
func New(opt Options) *Edge {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	e := &Edge{
		Options: opt, settings: Defaults(), exchange: newExchange(opt.Log), admin: newAdmin(opt.Home),
		doors: doors{home: opt.Home, reserved: opt.Reserved},
	}
	e.exchange.answer = clerk{opt}.answer
	e.exchange.dead = opt.Auth.Dead
	opt.Auth.Attach(e)
	return e
}

// Capability is the front door: its section, unit, actions, checks and alert.
func (e *Edge) Capability() house.Capability {
	return house.Capability{
		Name: "edge", Config: &e.settings,
		Actions: e.actions(), Checks: e.checks(), Alerts: e.alerts(), Report: e.report,
		Start: e.start, Run: e.run, Stop: e.stop,
		Reason: "the door opens once those behind it are declared",
	}
}

// Origin is the Hub's, as browsers write it; empty before the start.
func (e *Edge) Origin() string { return origin(e.doors.addresses().Hub) }

// URL is where the Hub is.
func (e *Edge) URL() string { return e.Origin() }

// ExtensionURL is the origin of what others wrote.
func (e *Edge) ExtensionURL() string { return origin(e.doors.addresses().Extensions) }

// Cookie is the name of the Hub's session cookie. It carries the port, for several houses on one
// machine share one set of cookies.
func (e *Edge) Cookie() string {
	return router.CookiePrefix + "session_" + port(e.doors.addresses().Hub)
}

func (e *Edge) extensionCookie() string {
	return router.CookiePrefix + "extension_" + port(e.doors.addresses().Extensions)
}

// Ended tells the edge which sessions are over.
func (e *Edge) Ended(sessions []string) { e.exchange.revoke(sessions) }

func origin(address string) string {
	if address == "" {
		return ""
	}
	return "http://" + address
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// start finds or binds the sockets, opens the line to the edge, and declares the unit.
func (e *Edge) start(ctx context.Context) error {
	e.started = time.Now()
	if err := os.MkdirAll(e.Home.Var("edge"), 0o700); err != nil {
		return fmt.Errorf("cannot make the edge's folder: %w", err)
	}
	config := caddyConfig(e.Home)
	path, err := writeConfig(e.Home, config)
	if err != nil {
		return err
	}
	if err := e.openDoors(ctx, config); err != nil {
		return err
	}
	l, err := e.Home.Listen("router")
	if err != nil {
		e.doors.close()
		return err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.listener, e.cancel = l, cancel
	e.Refresh()
	e.exchange.wait.Go(func() { e.exchange.accept(life, l) })
	if err := e.Units.Set(ctx, unitOwner, []holdfast.Unit{e.unit(path)}); err != nil {
		return errors.Join(fmt.Errorf("cannot declare the edge: %w", err), e.stop(ctx))
	}
	return nil
}

// openDoors keeps the edge of an earlier house when one runs at the wanted address, else binds.
func (e *Edge) openDoors(ctx context.Context, config object) error {
	last := e.doors.remembered()
	if last.Wanted == e.settings.Listen && checkListen(last.Hub) == "" && checkListen(last.Extensions) == "" {
		if running := e.admin.running(ctx); running != nil {
			e.doors.adopt(last)
			e.reload(ctx, running, config)
			return nil
		}
	}
	if err := e.doors.open(ctx, e.settings.Listen, last); err != nil {
		return err
	}
	at := e.doors.addresses()
	if at != last && (last.Hub != "" || at.Hub != e.settings.Listen) {
		e.note(ctx, "edge.listen", at.Hub, map[string]string{"wanted": at.Wanted, "hub": at.Hub, "extensions": at.Extensions, "before": last.Hub})
	}
	return nil
}

// reload gives an edge that goes on the configuration of this house, if that is another one.
func (e *Edge) reload(ctx context.Context, running, config object) {
	if sameConfig(running, config) {
		return
	}
	e.Log.Info("the edge gets a new configuration, which ends open connections")
	err := e.admin.load(ctx, config)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failed = ""
	if err != nil {
		e.failed = err.Error()
		e.Log.Error("the edge goes on with its old configuration", slog.Any("error", err))
	}
}

func (e *Edge) note(ctx context.Context, action, subject string, detail any) {
	text, err := json.Marshal(detail)
	if err == nil {
		who := holdfast.Internal("edge", action)
		_, err = e.Journal.Append(ctx, holdfast.Entry{
			Caller: who.String(), Tier: who.Tier, Action: action, Subject: subject, Outcome: holdfast.OutcomeNoted, Detail: text,
		})
	}
	if err != nil {
		e.Log.Error("cannot journal", slog.String("action", action), slog.Any("error", err))
	}
}

// unit declares the edge's process. Its arguments and environment are the same at each start of
// the house, so that a running one is kept; they change with the addresses, which only a new one
// can serve.
func (e *Edge) unit(config string) holdfast.Unit {
	at := e.doors.addresses()
	u := holdfast.Unit{
		Name: UnitName, Owner: unitOwner, Dir: e.Home.Var("edge"),
		Env: map[string]string{
			"XDG_DATA_HOME": e.Home.Var("edge"), "XDG_CONFIG_HOME": e.Home.Var("edge"),
			"HOLDFAST_EDGE_HUB": at.Hub, "HOLDFAST_EDGE_EXTENSIONS": at.Extensions,
		},
		Restart: holdfast.RestartAlways,
		Stop:    holdfast.Stop{Signal: "TERM", Grace: 10 * time.Second},
		Files:   e.doors.descriptors,
	}
	number := 0
	if _, err := fmt.Sscanf(port(at.Hub), "%d", &number); err == nil {
		u.Ready = &holdfast.Probe{HTTP: router.ReadyPath, Port: number, Within: 15 * time.Second, Every: 10 * time.Second, Timeout: 3 * time.Second, Failures: 3}
	}
	binary, err := e.binary()
	if err != nil {
		u.Blocked = err.Error()
	}
	u.Run = []string{binary, config}
	return u
}

// binary is the program of the edge.
func (e *Edge) binary() (string, error) {
	path := e.Binary
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return "holdfast-edge", fmt.Errorf("cannot tell where holdfast-edge is: %w", err)
		}
		path = filepath.Join(filepath.Dir(self), "holdfast-edge")
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return path, fmt.Errorf("there is no program %s; it is built beside holdfast by `make build`", path)
	}
	return path, nil
}

// run republishes the table whenever what it is made of changes.
func (e *Edge) run(ctx context.Context) error {
	for {
		changed := e.Mounts.Changed()
		e.Refresh()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (e *Edge) stop(context.Context) error {
	if e.cancel == nil {
		return nil
	}
	e.cancel()
	err := e.listener.Close()
	e.exchange.wait.Wait()
	e.doors.close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Settled waits until the edge serves by the current table.
func (e *Edge) Settled(ctx context.Context) error {
	if err := e.exchange.settled(ctx); err != nil {
		return fmt.Errorf("cannot wait for the front door: %w", err)
	}
	return nil
}
