// SPDX-License-Identifier: Apache-2.0

package house

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/action"
)

// A Desk answers for the house as a whole: how it stands, who may do what, what is served where.
type Desk struct {
	Version  string
	Name     func() string
	PID      int
	Started  time.Time
	Home     string
	Registry *action.Registry
	// Capabilities is read at each call, so that the desk may stand in the list that it tells of.
	Capabilities func() []Capability
	URL          func() string
	// API is the base address of the bearer-key listener.
	API     func() string
	Units   func() []holdfast.UnitStatus
	Breaker func(context.Context) holdfast.Breaker
	// Watch tells of the process outside that starts the house again.
	Watch func() WatchStatus
	// Shutdown records that the house stays down, and begins its end; where no house runs, it ends
	// what one left.
	Shutdown func(context.Context, Shutdown) (Goodbye, error)

	mu sync.Mutex
	// seen is since when the desk has known of alerts whose rule does not say.
	seen map[string]time.Time
}

// A Status is how the house stands.
type Status struct {
	House   string                 `json:"house"`
	URL     string                 `json:"url" help:"the front door"`
	API     string                 `json:"api" help:"bearer-key routes for programs on this machine"`
	PID     int                    `json:"pid"`
	Version string                 `json:"version"`
	Home    string                 `json:"home"`
	Since   time.Time              `json:"since"`
	Units   []holdfast.UnitStatus  `json:"units"`
	Breaker holdfast.Breaker       `json:"breaker"`
	Alerts  []holdfast.Alert       `json:"alerts"`
	Checks  []holdfast.CheckResult `json:"checks"`
	Watch   WatchStatus            `json:"watch"`
}

// A WatchStatus is how the process outside stands that starts the house again.
type WatchStatus struct {
	State    string        `json:"state" help:"what it does; off when there is none, or who watches instead"`
	PID      int           `json:"pid,omitempty"`
	Since    time.Time     `json:"since,omitzero"`
	Restarts int           `json:"restarts" help:"how often it started the house again"`
	Last     *WatchRestart `json:"last,omitempty" help:"the last time"`
}

// A WatchRestart is one time that the watch started the house again.
type WatchRestart struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
	PID int       `json:"pid,omitempty"`
}

// A Shutdown is how the house is to end.
type Shutdown struct {
	Workers bool `json:"workers" help:"end workers too, instead of leaving them to finish; the next up adopts those"`
	Quick   bool `json:"quick" help:"end all at once with a grace of 2 s, in no order and without waiting for operations"`
}

// A Goodbye is what becomes of the house and its units.
type Goodbye struct {
	Status  string   `json:"status" enum:"stopping,stopped"`
	Message string   `json:"message"`
	Left    []string `json:"left,omitempty" help:"workers that run on; the next up adopts them"`
	Ended   []string `json:"ended,omitempty" help:"units of a house that had died, ended now"`
	// Unrecorded tells why a service or the watch may start the house again.
	Unrecorded string `json:"unrecorded,omitempty" help:"why it could not be recorded that the house stays down"`
}

// Capability gives the desk's actions.
func (d *Desk) Capability() Capability {
	read := func(name, short, summary string) holdfast.Action {
		return holdfast.Action{Name: name, Short: short, Summary: summary, Tier: holdfast.TierOperator, Effect: holdfast.EffectRead}
	}
	routes := read("house.routes", "routes", "Print what is served where, and how each route knows its caller")
	guards := read("house.guards", "guards", "Print the guard table: which guards judge which actions")
	tiers := read("house.tiers", "tiers", "Print who is what: callers, tiers and what each may do")
	routes.Offline, guards.Offline, tiers.Offline = true, true, true
	health := read("house.health", "", "Tell whether the house and its services run")
	health.Tier, health.Routes = holdfast.TierPublic, []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/health"}}
	shutdown := holdfast.Action{
		Name: "house.shutdown", Short: "down", Summary: "Stop every unit and end the house, which stays down until up", Tier: holdfast.TierOperator,
		Effect: holdfast.EffectChange, Safer: true, Offline: true,
		Help: "Neither the watch nor a service that starts with the machine starts it again; `holdfast up` does. Workers are left to finish. " +
			"Where the house has died, what it left is ended; where it does not answer, it is ended too.",
		Examples: []string{"holdfast down", "holdfast down --workers", "holdfast down --quick"},
		Routes:   []holdfast.ActionRoute{{Method: "POST", Path: "/api/supervisor/shutdown"}},
	}
	return Capability{
		Name: "desk", Reason: "it only declares actions",
		Actions: []holdfast.Action{
			action.NewAction(read("house.status", "status", "Show how the house stands"), d.status),
			d.reporting(),
			action.NewAction(health, d.health),
			action.NewAction(routes, d.routes),
			action.NewAction(guards, d.guards),
			action.NewAction(tiers, d.tiers),
			action.NewAction(shutdown, d.shutdown),
		},
	}
}

func (d *Desk) status(ctx context.Context, _ action.Nothing) (Status, error) {
	s := Status{
		House: d.Name(), URL: d.URL(), API: d.API(), PID: d.PID, Version: d.Version, Home: d.Home, Since: d.Started,
		Units: d.Units(), Breaker: d.Breaker(ctx), Watch: d.Watch(), Alerts: []holdfast.Alert{}, Checks: []holdfast.CheckResult{},
	}
	for _, c := range d.Capabilities() {
		for _, rule := range c.Alerts {
			s.Alerts = append(s.Alerts, firing(ctx, rule)...)
		}
		for _, check := range c.Checks {
			s.Checks = append(s.Checks, check.Run(ctx))
		}
	}
	d.date(s.Alerts)
	slices.SortStableFunc(s.Alerts, func(a, b holdfast.Alert) int { return b.Since.Compare(a.Since) })
	return s, nil
}

func firing(ctx context.Context, rule holdfast.AlertRule) []holdfast.Alert {
	alerts := rule.Firing(ctx)
	for i := range alerts {
		alerts[i].Name, alerts[i].Severity = rule.Name, cmp.Or(alerts[i].Severity, rule.Severity)
	}
	return alerts
}

// date gives the alerts whose rule does not say since when the time at which they were first seen.
func (d *Desk) date(alerts []holdfast.Alert) {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := map[string]time.Time{}
	for i, a := range alerts {
		if !a.Since.IsZero() {
			continue
		}
		key := a.Name + "\x00" + a.Subject
		since, known := d.seen[key]
		if !known {
			since = time.Now().UTC()
		}
		seen[key], alerts[i].Since = since, since
	}
	d.seen = seen
}

type health struct {
	Status   string            `json:"status" enum:"healthy,degraded"`
	Services map[string]string `json:"services,omitempty"`
}

// health tells strangers whether the house is well, and operators which services run.
func (d *Desk) health(ctx context.Context, _ action.Nothing) (health, error) {
	h := health{Status: "healthy"}
	known := holdfast.CallerFrom(ctx).Tier >= holdfast.TierOperator
	for _, u := range d.Units() {
		if !u.State.Up() && u.State != holdfast.UnitHeld && u.State != holdfast.UnitStopped {
			h.Status = "degraded"
		}
		if known {
			if h.Services == nil {
				h.Services = map[string]string{}
			}
			h.Services[u.Name] = string(u.State)
		}
	}
	return h, nil
}

type routeTable struct {
	Routes []routeRow `json:"routes"`
}

type routeRow struct {
	Pattern  string `json:"pattern"`
	Auth     string `json:"auth"`
	Plane    string `json:"plane" enum:"data,control"`
	Loopback bool   `json:"loopback" help:"also on the bearer-key listener"`
	To       string `json:"to"`
}

func (d *Desk) routes(context.Context, action.Nothing) (routeTable, error) {
	t := routeTable{Routes: []routeRow{}}
	for _, c := range d.Capabilities() {
		for _, r := range c.Routes {
			t.Routes = append(t.Routes, routeRow{r.Pattern, string(r.Auth), "data", r.Loopback, c.Name})
		}
	}
	for _, a := range d.Registry.Actions() {
		t.Routes = append(t.Routes, routeRow{"POST /api/v1/" + strings.Replace(a.Name, ".", "/", 1), "tier " + a.Tier.String(), "control", false, a.Name})
		for _, r := range a.Routes {
			t.Routes = append(t.Routes, routeRow{r.Method + " " + r.Path, "tier " + a.Tier.String(), "control", false, a.Name})
		}
	}
	return t, nil
}

type guardTable struct {
	Guards []guardRow `json:"guards"`
}

type guardRow struct {
	Guard   string   `json:"guard"`
	Summary string   `json:"summary"`
	Judges  []string `json:"judges" help:"the actions; all stands for every one"`
}

func (d *Desk) guards(context.Context, action.Nothing) (guardTable, error) {
	t := guardTable{Guards: []guardRow{}}
	all := d.Registry.Actions()
	for _, g := range d.Registry.Guards() {
		row := guardRow{Guard: g.Name, Summary: g.Summary, Judges: []string{}}
		for _, a := range all {
			if g.Judges(a) {
				row.Judges = append(row.Judges, a.Name)
			}
		}
		if len(row.Judges) == len(all) {
			row.Judges = []string{"all"}
		}
		t.Guards = append(t.Guards, row)
	}
	return t, nil
}

type tierTable struct {
	Callers []callerRow `json:"callers"`
	Tiers   []tierRow   `json:"tiers"`
}

type callerRow struct {
	Who  string `json:"who"`
	Kind string `json:"kind"`
	Tier string `json:"tier"`
}

type tierRow struct {
	Tier    string   `json:"tier"`
	Actions []string `json:"actions" help:"those that need exactly this tier"`
}

// tiers prints the caller table of chapter 10, and what each tier opens.
func (d *Desk) tiers(context.Context, action.Nothing) (tierTable, error) {
	t := tierTable{Callers: []callerRow{
		{"a terminal on the control socket, of the house's own user, no unit's mark on it or its ancestors", "operator", "owner until an owner key is made, then operator"},
		{"a process on the control socket that a unit, worker or tool server started, or that cannot be read", "agent", "tenant-peer"},
		{"a session opened by a one-time link", "operator", "operator"},
		{"the bearer of SUPERVISOR_API_TOKEN", "operator", "operator"},
		{"the bearer of an API key", "agent", "tenant-peer"},
		{"a schedule or webhook, for the one action it was set up for", "schedule", "internal"},
		{"anybody else", "nobody", "public"},
	}}
	for _, tier := range holdfast.Tiers() {
		row := tierRow{Tier: tier.String(), Actions: []string{}}
		for _, a := range d.Registry.Actions() {
			if a.Tier == tier {
				row.Actions = append(row.Actions, a.Name)
			}
		}
		t.Tiers = append(t.Tiers, row)
	}
	return t, nil
}

func (d *Desk) shutdown(ctx context.Context, how Shutdown) (Goodbye, error) {
	return d.Shutdown(ctx, how)
}
