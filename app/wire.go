// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/agent"
	"holdfast/agent/mcp"
	"holdfast/agent/remote"
	"holdfast/agent/skills"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/config/configactions"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/core/journal"
	"holdfast/core/keys"
	"holdfast/core/metrics"
	"holdfast/core/notify"
	"holdfast/core/operation"
	"holdfast/core/process"
	"holdfast/core/store"
	"holdfast/core/trace"
	"holdfast/core/trash"
	"holdfast/edge"
	"holdfast/edge/auth"
	"holdfast/edge/oauth"
	"holdfast/edge/router"
	"holdfast/gateway"
	"holdfast/gateway/breaker"
	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/budget"
	"holdfast/gateway/key"
	"holdfast/gateway/ledger"
	"holdfast/gateway/price"
	"holdfast/gateway/telemetry"
	"holdfast/surface/api"
	"holdfast/surface/hub"
	"holdfast/units/extension"
	"holdfast/units/logkeeper"
	"holdfast/units/logs"
	"holdfast/units/service"
	"holdfast/units/supervisor"
	"holdfast/units/template"
	"holdfast/units/venv"
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
	settleNode func(context.Context) error
	shutdown   func()
	ready      atomic.Bool
	next       succession
	sentry     *sentry
	supervisor *supervisor.Supervisor
	output     *logkeeper.Client
	// alone tells that the house has a process of its own; boot, set and say are of its command line.
	alone, boot bool
	set         []string
	say         func(string)
	running     atomic.Bool
	hurry       atomic.Bool
	fresh       atomic.Pointer[supervisor.Section] // the units, when they were read anew
	notifier    *notify.Notifier
	units       func() []holdfast.UnitStatus
	url         func() string
	loginLink   func(context.Context) (string, error)
	doorOpen    func(context.Context) error
	// reloaded takes up a section that a reload changed, by its name.
	reloaded map[string]func(ctx context.Context, fresh any) error
}

// New wires a house. It does no I/O.
func New(place home.Home, opt *Options) (*House, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	h := &House{
		Home: place, Store: store.New(place.Var("house.db")), options: opt, log: opt.Log,
		general: &General{Name: "house", Timezone: "UTC"}, database: &Database{URL: store.SQLite},
		shutdown: func() {}, say: func(string) {},
	}
	p := &parts{book: journal.New(h.Store, ""), meter: metrics.New()}
	p.book.Use(journal.Needs{Home: place, Log: h.log})
	h.settleNode = p.book.Settle
	var err error
	h.Registry, err = action.NewRegistry(action.Needs{
		Journal: p.book, Store: h.Store, Meter: p.meter, Log: h.log,
		Seal: func() ([]byte, error) { return seal(place) },
	})
	if err != nil {
		return nil, err
	}
	return h, h.wire(p)
}

// parts are what the wings are built of, in the order in which they are built.
type parts struct {
	book       *journal.Journal
	machine    process.Machine
	meter      *metrics.Metrics
	secrets    *keys.Keys
	spans      *trace.Traces
	bin        *trash.Trash
	master     *config.Master
	logs       *logs.Logs
	units      *supervisor.Supervisor
	extensions *extension.Extensions
	bearers    *key.Keys
	fuse       *breaker.Breaker
	charges    *vendors
	prices     *price.Prices
	tokens     *ledger.Ledger
	budgets    *budget.Budgets
	sessions   *telemetry.Telemetry
	models     *gateway.Gateway
	skills     *skills.Skills
	remotes    *remote.Servers
	catalogue  *tools.Catalogue
	agents     *agent.Agents
	logins     *auth.Auth
	grants     *oauth.Server
	door       *edge.Edge
}

// wire lists every capability in start order, one line each.
func (h *House) wire(p *parts) error {
	h.wireUnits(p)
	h.wireGateway(p)
	h.wireAgent(p)
	h.wireEdge(p)
	h.sentry = newSentry(h, p)
	services := service.New(service.Needs{Home: h.Home, Program: os.Executable, Grace: graces{h}.longest, Journal: p.book, Log: h.log})
	h.reloaded["services"] = services.Reconfigure
	h.notifier = notify.New(notify.Options{Ready: h.ready.Load, Beat: h.sentry, Status: h.inOneLine, Log: h.log})
	probes, err := h.probes(p)
	if err != nil {
		return err
	}
	h.Capabilities = append([]house.Capability{
		{Name: "house", Config: h.general, Reason: "name and time zone, known to all"},
		{
			Name: "store", Config: h.database, Start: h.openStore, Stop: func(context.Context) error { return h.Store.Close() },
			Reason: "everything else keeps its tables here",
		},
		p.book.Capability(),
		h.sentry.capability(),
		configactions.New(configactions.Needs{Config: func() *config.Config { return h.config }, Master: p.master}).Capability(),
		p.secrets.Capability(),
		p.spans.Capability(),
		p.bin.Capability(),
		p.units.Workers(),
		p.logs.Capability(),
		templates(h, p).Capability(),
		p.units.Capability(),
		p.extensions.Capability(),
		h.recovery(),
		p.prices.Capability(),
		p.tokens.Capability(),
		p.budgets.Capability(),
		p.fuse.Capability(),
		p.sessions.Capability(),
		p.bearers.Capability(),
		p.models.Capability(),
		p.skills.Capability(),
		p.remotes.Capability(),
		p.catalogue.Capability(),
		p.agents.Capability(),
		toolServer(h, p).Capability(),
		probes,
		h.desk(p).Capability(),
		h.front.Capability(),
		p.logins.Capability(),
		p.grants.Capability(),
		p.door.Capability(),
		services.Capability(),
		h.upgrades(p).Capability(),
		h.notifier.Capability(),
	}, h.options.More...)
	return h.declare()
}

func (h *House) wireUnits(p *parts) {
	p.secrets = keys.New(h.Home)
	traced := trace.Defaults()
	p.spans = trace.New(trace.Needs{Config: &traced, Keys: p.secrets, Meter: p.meter, Version: version, Node: p.book.Node, Log: h.log})
	p.bin = trash.New(h.Home, h.Store)
	p.master = config.NewMaster(h.Home)
	h.operations = operation.NewRunner(h.Store, p.book, h.log)
	p.machine = process.NewMachine(process.Options{})
	keeper := logkeeper.New(logkeeper.Options{Home: h.Home, Binary: h.options.Watch, Log: h.log})
	h.output = keeper
	p.logs = logs.New(logs.Needs{Home: h.Home, Units: func() []holdfast.UnitStatus { return p.units.List() }, Keeper: keeper, Log: h.log})
	p.units = supervisor.New(supervisor.Options{
		Output: keeper, Home: h.Home, Host: p.machine, Journal: p.book, History: p.book, Secrets: p.secrets, Log: h.log,
		Helper: h.options.Watch,
	})
	p.units.Claim(upstream.Owns)
	p.extensions = extension.New(extension.Needs{
		Home: h.Home, Master: p.master, Units: p.units, Keys: p.secrets,
		Trash: p.bin, Operations: h.operations, Journal: p.book, Log: h.log,
		Packages: venv.New(venv.Needs{Home: h.Home, House: p.units.House, Processes: p.machine, Helper: h.options.Watch, Log: h.log}),
	})
	p.bin.Use(trash.Needs{Journal: p.book, Log: h.log})
	h.units, h.supervisor = p.units.List, p.units
}

// wireGateway ties ledger and breaker to each other: the ledger asks before it books, the breaker
// judges by what is booked.
func (h *House) wireGateway(p *parts) {
	p.bearers = key.New(key.Needs{Store: h.Store, Keys: p.secrets, Trash: p.bin, Log: h.log})
	clock := halt.NewClock(h.Home, nil, halt.Boot)
	p.fuse = breaker.New(breaker.Needs{
		Home: h.Home, Journal: p.book, Log: h.log,
		Burn: func(ctx context.Context) (judge.Burn, error) { return p.tokens.Burn(ctx) },
		Minutes: func(ctx context.Context, since time.Time) ([]judge.Minute, error) {
			return p.tokens.Minutes(ctx, since)
		},
		Boot: halt.Boot, Clock: clock, Helper: h.options.Watch,
	})
	settings := gateway.Defaults()
	p.charges = &vendors{}
	p.charges.config.Store(&settings)
	p.prices = price.New(price.Needs{Config: &price.Config{}, Vendor: p.charges.of})
	limits := budget.Defaults()
	p.budgets = budget.New(budget.Needs{
		Config: &limits, Store: h.Store, Journal: p.book, Log: h.log, Location: h.general.Location,
		Spent: func(ctx context.Context, by string, since time.Time) (map[string]ledger.Spent, error) {
			return p.tokens.Spent(ctx, by, since)
		},
	})
	p.tokens = ledger.New(ledger.Needs{
		Store: h.Store, Dir: h.Home.Var("ledger"), Journal: p.book, Gate: p.fuse, Purse: p.fuse.Purse(p.budgets), Prices: p.prices,
		Log: h.log, Clock: clock, Location: h.general.Location,
	})
	watched := telemetry.Defaults()
	p.sessions = telemetry.New(telemetry.Needs{Home: h.Home, Config: &watched, Books: p.tokens, Location: h.general.Location, Log: h.log})
	p.models = gateway.New(gateway.Needs{
		Home: h.Home, Config: &settings, Ledger: p.tokens, Breaker: p.fuse, Keys: p.secrets, Meter: p.meter, Traces: p.spans, Log: h.log,
		Limits: p.bearers, Budgets: p.budgets, Bounded: p.budgets.InForce, Prices: p.prices, Journal: p.book,
	})
}

// wireAgent lets agents call models, and models be agents.
func (h *House) wireAgent(p *parts) {
	p.skills = skills.New(skills.Needs{Home: h.Home, Enabled: extension.Enabled(p.extensions), Log: h.log})
	p.remotes = remote.New(remote.Needs{
		Home: h.Home, Master: p.master, Secret: p.secrets.Get, Origin: func() string { return p.door.Origin() },
		Page: router.SayingPage, Log: h.log,
	})
	p.catalogue = tools.New(tools.Needs{
		Remotes: p.remotes,
		Home:    h.Home, House: p.units.House, Processes: p.machine, Extensions: p.extensions,
		Actions: h.Registry, Secret: p.secrets.Get, Journal: p.book, Helper: h.options.Watch, Log: h.log,
		Skills: p.skills, Master: p.master, Keys: p.secrets, Grants: endpoints{p}, Store: h.Store, Meter: p.meter.Use,
	})
	p.agents = agent.New(agent.Needs{
		Chat: p.models.Inner(), View: seenBy(p.catalogue), Lends: p.catalogue.Lends,
		Environment: func() map[string]string { return gatewayEnv(h, p) }, Skills: p.skills.Offered, Budgets: budgetsOf(h.Registry),
		Required: func() []agent.Secret { return given(p.extensions) }, Home: h.Home, Keys: p.secrets, Store: h.Store,
		Approvals: h.Registry.Queue("tool"), Standing: p.bearers.Standing, Master: p.master, Traces: p.spans, Log: h.log, Knows: knows(p),
		Aliased: func(name string) bool { return gateway.Aliased(p.models, name) }, Node: p.book.Node,
	})
	p.remotes.Use(remote.Speaker{Servers: func() []tools.Server { return tools.Servers(p.catalogue) }, Restart: p.catalogue.Restart})
	p.models.SetAgents(p.agents)
	p.secrets.Use(keys.Needs{Required: askers{p.units, p.extensions, p.models, p.spans}, Units: p.units, Log: h.log})
	h.reloaded = map[string]func(context.Context, any) error{
		"units": graces{h}.take(p.units.Reconfigure), "workers": p.units.Reconfigure, "logs": p.logs.Reconfigure,
		"models":    applyModels(p, p.charges),
		"telemetry": func(_ context.Context, fresh any) error { p.sessions.Apply(*fresh.(*telemetry.Config)); return nil },
		"budgets":   func(_ context.Context, fresh any) error { p.budgets.Apply(*fresh.(*budget.Config)); return nil },
		"ledger":    func(_ context.Context, fresh any) error { p.tokens.Apply(*fresh.(*ledger.Config)); return nil },
		"traces":    func(_ context.Context, fresh any) error { p.spans.Apply(*fresh.(*trace.Config)); return nil },
		"prices":    func(_ context.Context, fresh any) error { p.prices.Apply(*fresh.(*price.Config)); return nil },
		"tools":     func(_ context.Context, fresh any) error { p.catalogue.Apply(*fresh.(*tools.Settings)); return nil },
		"agent":     func(_ context.Context, fresh any) error { p.agents.Apply(*fresh.(*agent.Settings)); return nil },
	}
}

// gatewayEnv points an agent of the home at the house's own models.
func gatewayEnv(h *House, p *parts) map[string]string {
	env := map[string]string{"OPENAI_BASE_URL": h.front.URL() + "/v1"}
	if bearer, ok := p.secrets.Get("AGENT_API_KEY"); ok {
		env["OPENAI_API_KEY"] = bearer.Reveal()
	}
	return env
}

// budgetsOf asks for the budgets of a scope as any caller does.
func budgetsOf(r *action.Registry) func(context.Context, string) (any, error) {
	return func(ctx context.Context, scope string) (any, error) {
		return r.Dispatch(ctx, holdfast.CallerFrom(ctx), "budget.report", json.RawMessage(`{"scope":`+strconv.Quote(scope)+`}`), nil)
	}
}

// given is which extension is given which key.
func given(to interface{ Required() []keys.Requirement }) []agent.Secret {
	var list []agent.Secret
	for _, one := range to.Required() {
		list = append(list, agent.Secret{Key: one.Key, Who: one.Source})
	}
	return list
}

// seenBy is the catalogue as agents see it.
func seenBy(c *tools.Catalogue) func(holdfast.Caller, tools.Scope) agent.View {
	return func(caller holdfast.Caller, s tools.Scope) agent.View { return c.View(caller, s) }
}

// askers are all who ask for keys, as one.
type askers []interface{ Required() []keys.Requirement }

// Required lists who asks for which key.
func (a askers) Required() []keys.Requirement {
	var all []keys.Requirement
	for _, one := range a {
		all = append(all, one.Required()...)
	}
	return all
}

// toolServer serves the catalogue by MCP.
func toolServer(h *House, p *parts) *mcp.Server {
	return mcp.New(mcp.Needs{
		View:    func(caller holdfast.Caller, s tools.Scope) mcp.View { return p.catalogue.View(caller, s) },
		Changed: p.catalogue.Changed, Hear: p.catalogue.Hear, Bearer: p.catalogue.Bearer, Version: version, Log: h.log,
		Standing: endpoints{p}.standing, Rekeyed: p.bearers.Changed,
	})
}

func (h *House) wireEdge(p *parts) {
	p.logins = auth.New(auth.Options{Store: h.Store, Journal: p.book, KeyedReads: true, Log: h.log})
	p.grants = oauth.New(oauth.Needs{
		Store: h.Store, Journal: p.book, Logins: p.logins, Keys: p.secrets, Log: h.log,
		Hubs: endpoints{p}.hubs, Tools: endpoints{p}.tools, API: func() string { return h.front.URL() },
	})
	h.reloaded["oauth"] = func(_ context.Context, fresh any) error { p.grants.Apply(*fresh.(*oauth.Settings)); return nil }
	p.door = edge.New(edge.Options{
		Home: h.Home, Auth: p.logins, Units: p.units, Mounts: p.extensions, Journal: p.book, Keys: p.bearers,
		Status: func(unit string) (holdfast.UnitStatus, bool) { s, err := p.units.Status(unit); return s, err == nil },
		Tail:   p.logs.Tail, Reserved: func() []int { return reserved(h.front.Settings.Listen) }, Binary: h.options.Edge, Log: h.log,
	})
	server := &api.Server{Registry: h.Registry, Sessions: p.logins, Keys: p.bearers, Grants: p.grants, Hub: hub.Handler(), Version: version, Log: h.log}
	h.front = &api.Front{Server: server, Home: h.Home, Journal: p.book, Settings: api.Defaults()}
	h.url, h.doorOpen = p.door.URL, p.door.Settled
	h.loginLink = func(ctx context.Context) (string, error) {
		link, err := p.logins.NewLink(ctx, "")
		return link.URL, err
	}
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

func (h *House) desk(p *parts) *house.Desk {
	return &house.Desk{
		Version: version, PID: os.Getpid(), Started: time.Now(), Home: h.Home.Dir(), Registry: h.Registry,
		Name:         func() string { return h.general.Name },
		Capabilities: func() []house.Capability { return h.Capabilities },
		URL:          p.door.URL,
		API:          h.front.URL,
		Units:        p.units.List,
		Breaker:      p.fuse.Word,
		Watch:        h.sentry.status,
		Shutdown:     ending{h}.end,
	}
}

func templates(h *House, p *parts) *template.Templates {
	return template.New(template.Needs{
		Home: h.Home, Units: p.units.List, Secrets: p.secrets, Bearers: p.bearers, Operations: h.operations,
		Config: func() *config.Config { return h.config }, API: h.front.URL, Log: h.log, Knows: knows(p),
	})
}

// knows tells whether the gateway knows a model now.
func knows(p *parts) func(model string) bool {
	return func(model string) bool { return gateway.Knows(p.models, model) }
}

// recovery finishes what a crash interrupted, once what the steps act on is there.
func (h *House) recovery() house.Capability {
	return house.Capability{
		Name: "operations", Actions: h.operations.Actions(), Streams: h.operations.Streams(), Migrations: operation.Migrations(),
		Start: func(ctx context.Context) error { return takeUp(ctx, h) }, Stop: func(ctx context.Context) error { return stopOperations(ctx, h) },
		Reason: "unfinished operations act on units and extensions, so these stand before",
	}
}

// takeUp ends what nobody can finish, and finishes the rest.
func takeUp(ctx context.Context, h *House) error {
	return errors.Join(h.Registry.Recover(ctx), h.operations.Recover(ctx))
}

// stopOperations lets the steps under way end; in a hurry it does not wait, for the next house takes
// them up.
func stopOperations(ctx context.Context, h *House) error {
	if h.hurry.Load() {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		ctx = gone
	}
	return h.operations.Stop(ctx)
}

// reserved are the ports that the api listener is about to bind.
func reserved(listen string) []int {
	_, text, err := net.SplitHostPort(listen)
	if err != nil {
		return nil
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil
	}
	return []int{port}
}
