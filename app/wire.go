// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"holdfast"
	"holdfast/agent"
	"holdfast/agent/mcp"
	"holdfast/agent/tools"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/config/configactions"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/core/journal"
	"holdfast/core/keys"
	"holdfast/core/metrics"
	"holdfast/core/operation"
	"holdfast/core/store"
	"holdfast/core/trash"
	"holdfast/edge"
	"holdfast/edge/auth"
	"holdfast/gateway"
	"holdfast/gateway/breaker"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/key"
	"holdfast/gateway/ledger"
	"holdfast/surface/api"
	"holdfast/surface/hub"
	"holdfast/units/extension"
	"holdfast/units/supervisor"
)

// A House is one installation, wired. Nothing is read or started before Open or Run.
type House struct {
	Home     home.Home
	Registry *action.Registry
	Store    *store.Store
	// Capabilities stand in start order.
	Capabilities []house.Capability

	options    *Options
	log        *slog.Logger
	general    *General
	database   *Database
	config     *config.Config
	front      *api.Front
	operations *operation.Runner
	shutdown   func()
	units      func() []holdfast.UnitStatus
	url        func() string
	loginLink  func(context.Context) (string, error)
	doorOpen   func(context.Context) error
	// reloaded takes up a section that a reload changed, by its name.
	reloaded map[string]func(ctx context.Context, fresh any) error
}

// General is the section house of holdfast.yaml.
type General struct {
	// Name is how this house calls itself, in titles and messages.
	Name string `yaml:"name" json:"name"`
	// Timezone is the operator's, by its IANA name: days begin and schedules run by it.
	Timezone string `yaml:"timezone" json:"timezone"`
}

// Check tells an unknown time zone.
func (g General) Check() []holdfast.Problem {
	if _, err := time.LoadLocation(g.Timezone); err != nil {
		return []holdfast.Problem{{Field: "timezone", Message: err.Error(), Remedy: "want an IANA name like UTC or Europe/Lisbon"}}
	}
	return nil
}

// Location is the operator's time zone.
func (g *General) Location() *time.Location {
	at, err := time.LoadLocation(g.Timezone)
	if err != nil {
		return time.UTC
	}
	return at
}

// New wires a house. It does no I/O.
func New(place home.Home, opt *Options) (*House, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	h := &House{
		Home: place, Store: store.New(place.Var("house.db")), options: opt, log: opt.Log,
		general: &General{Name: "house", Timezone: "UTC"}, database: &Database{URL: store.SQLite},
		shutdown: func() {},
	}
	node, err := os.Hostname()
	if err != nil {
		node = "node"
	}
	book := journal.New(h.Store, node)
	meter := metrics.New()
	h.Registry, err = action.NewRegistry(action.Needs{
		Journal: book, Store: h.Store, Meter: meter, Log: h.log,
		Seal: func() ([]byte, error) { return seal(place) },
	})
	if err != nil {
		return nil, err
	}
	return h, h.wire(book, meter)
}

// wire builds every capability in start order, one line each, and declares what they contribute.
func (h *House) wire(book *journal.Journal, meter *metrics.Metrics) error {
	secrets := keys.New(h.Home)
	bin := trash.New(h.Home, h.Store)
	h.operations = operation.NewRunner(h.Store, book, h.log)
	keeper := supervisor.New(supervisor.Options{Home: h.Home, Journal: book, Secrets: secrets, Log: h.log})
	master := config.NewMaster(h.Home)
	extensions := extension.New(extension.Needs{
		Home: h.Home, Master: master, Units: keeper, Keys: secrets,
		Trash: bin, Operations: h.operations, Log: h.log,
	})
	bearers := key.New(key.Needs{Store: h.Store, Keys: secrets, Trash: bin, Log: h.log})
	var tokens *ledger.Ledger
	fuse := breaker.New(breaker.Needs{
		Home: h.Home, Journal: book, Log: h.log,
		Burn: func(ctx context.Context) (judge.Burn, error) { return tokens.Burn(ctx) },
	})
	tokens = ledger.New(ledger.Needs{Store: h.Store, Node: book.Node(), Gate: fuse, Log: h.log, Location: h.general.Location})
	settings := gateway.Defaults()
	models := gateway.New(gateway.Needs{Home: h.Home, Config: &settings, Ledger: tokens, Breaker: fuse, Keys: secrets, Log: h.log})
	catalogue := tools.New(tools.Needs{
		Home: h.Home, House: keeper.House, Extensions: extensions,
		Actions: h.Registry, Secret: secrets.Get, Journal: book, Log: h.log,
	})
	keeper.Claim(tools.Owns)
	agents := agent.New(agent.Needs{Chat: models.Inner(), Tools: catalogue, Keys: secrets, Log: h.log})
	models.SetAgents(agents)
	logins := auth.New(auth.Options{Store: h.Store, Journal: book, Log: h.log})
	door := edge.New(edge.Options{
		Home: h.Home, Auth: logins, Units: keeper, Mounts: extensions, Journal: book, Keys: bearers,
		Status: func(unit string) (holdfast.UnitStatus, bool) { s, err := keeper.Status(unit); return s, err == nil },
		Tail:   keeper.Tail, Reserved: h.reserved, Binary: h.options.Edge, Log: h.log,
	})
	server := &api.Server{Registry: h.Registry, Sessions: logins, Keys: bearers, Hub: hub.Handler(), Version: version, Log: h.log}
	h.front = &api.Front{Server: server, Home: h.Home, Settings: &api.Settings{Listen: "127.0.0.1:8444"}}
	configuration := configactions.New(configactions.Needs{Config: func() *config.Config { return h.config }, Master: master})
	h.reloaded = map[string]func(context.Context, any) error{
		"units":  keeper.Reconfigure,
		"models": func(_ context.Context, fresh any) error { return models.Apply(*fresh.(*gateway.Config)) },
	}
	desk := h.desk()
	h.units, h.url, h.doorOpen = keeper.List, door.URL, door.Settled
	h.loginLink = func(ctx context.Context) (string, error) {
		link, err := logins.NewLink(ctx, "")
		return link.URL, err
	}
	desk.Breaker = fuse.Word
	secrets.Use(keys.Needs{Required: extensions, Log: h.log})
	bin.Use(trash.Needs{Journal: book, Log: h.log})

	h.Capabilities = []house.Capability{
		{Name: "house", Config: h.general, Reason: "name and time zone, known to all"},
		{Name: "store", Config: h.database, Start: h.openStore, Stop: h.closeStore, Reason: "everything else keeps its tables here"},
		book.Capability(),
		configuration.Capability(),
		secrets.Capability(),
		bin.Capability(),
		keeper.Capability(),
		extensions.Capability(),
		h.recovery(),
		fuse.Capability(),
		tokens.Capability(),
		bearers.Capability(),
		models.Capability(),
		catalogue.Capability(),
		agents.Capability(),
		mcp.New(catalogue, version, h.log).Capability(),
		desk.Capability(),
		h.front.Capability(),
		logins.Capability(),
		door.Capability(),
	}
	h.Capabilities = append(h.Capabilities, h.options.More...)
	return h.declare()
}

// declare hands what the capabilities contribute to the registry and the runner.
func (h *House) declare() error {
	var errs []error
	for _, c := range h.Capabilities {
		errs = append(errs, h.Registry.Add(c.Actions...), h.Registry.AddStreams(c.Streams...), h.operations.Register(c.Operations...))
		h.Registry.AddGuards(c.Guards...)
		h.front.Server.Routes = append(h.front.Server.Routes, c.Routes...)
	}
	return errors.Join(errs...)
}

func (h *House) desk() *house.Desk {
	return &house.Desk{
		Version: version, PID: os.Getpid(), Started: time.Now(), Home: h.Home.Dir(), Registry: h.Registry,
		Name:         func() string { return h.general.Name },
		Capabilities: func() []house.Capability { return h.Capabilities },
		URL:          func() string { return h.url() },
		API:          func() string { return h.front.URL() },
		Units:        func() []holdfast.UnitStatus { return h.units() },
		Shutdown:     func() { h.shutdown() },
	}
}

// recovery finishes what a crash interrupted, once what the steps act on is there.
func (h *House) recovery() house.Capability {
	return house.Capability{
		Name: "operations", Actions: h.operations.Actions(), Streams: h.operations.Streams(), Migrations: operation.Migrations(),
		Start: h.operations.Recover, Stop: h.operations.Stop,
		Reason: "unfinished operations act on units and extensions, so these stand before",
	}
}

// reserved are the ports that the api listener is about to bind.
func (h *House) reserved() []int {
	_, text, err := net.SplitHostPort(h.front.Settings.Listen)
	if err != nil {
		return nil
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil
	}
	return []int{port}
}
