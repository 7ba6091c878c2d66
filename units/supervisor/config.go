// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
)

// frontDoor is the unit that the house declares itself.
const frontDoor = "edge"

// ownerConfig declares the units of holdfast.yaml.
const ownerConfig = "config"

// Section is the section units of holdfast.yaml: units by name.
type Section map[string]Entry

// An Entry is one unit of the section units.
type Entry struct {
	// Kind is what carries the unit out: process when left out.
	Kind string `json:"kind,omitempty" enum:"process,container,commands"`
	// Run is the program and its arguments. There is no shell.
	Run []string `json:"run"`
	// Dir is the working folder, relative to the home. The home itself when left out.
	Dir string `json:"dir"`
	// Env is added to the small base environment (PATH, HOME, LANG, TZ).
	Env map[string]string `json:"env"`
	// Secrets names the keys of .env that the unit receives, nothing else of it.
	Secrets []string `json:"secrets"`
	// Needs lists what must be up first: a unit's name, or name: booted, ready or healthy.
	Needs []Need `json:"needs"`
	// Port is what the unit listens on; it must be free before the unit starts. Its probes ask it
	// when they name no port of their own.
	Port int `json:"port,omitempty" min:"1" max:"65535"`
	// Ready asks a starting unit whether it serves; without it a unit runs once it has started.
	Ready *Probe `json:"ready,omitempty"`
	// Healthy asks a unit that serves how it is, for as long as it runs.
	Healthy *Probe `json:"healthy,omitempty"`
	// Restart says when an ended unit starts again: always, on-failure or never; or, with a bound of
	// its own for the delay between restarts, {policy: always, cap: 1m}.
	Restart Restart `json:"restart"`
	// Stop says how the unit is asked to end before it is killed.
	Stop Ending `json:"stop"`
	// Enabled units start with the house. They do when this is left out.
	Enabled *bool `json:"enabled,omitempty"`
	// Limits bound what the unit may use. None when left out.
	Limits Limits `json:"limits,omitzero"`
	// Sandbox confines the unit to what it lists, and keeps it from gaining privileges. None when
	// left out.
	Sandbox *Sandbox `json:"sandbox,omitempty"`
	// User is the account that the unit runs as, by name or number. The house's own when left out;
	// another needs a house that runs as root.
	User string `json:"user,omitempty"`
	// Worker marks a short-lived agent process: it counts for the zombie guard, and `down` leaves it
	// to finish unless told otherwise.
	Worker bool `json:"worker,omitempty"`
	// Idle ends the unit when it wrote no line and used next to no CPU for this long; `unit start`
	// starts it again. Never when left out.
	Idle config.Duration `json:"idle,omitempty"`
}

// A Restart says when an ended unit starts again, and how far the delay before it may grow.
type Restart struct {
	// Policy is always, on-failure or never.
	Policy Policy `json:"policy"`
	// Cap bounds the delay between restarts. 5m when left out.
	Cap config.Duration `json:"cap,omitempty"`
}

// Limits bound what a unit may use, with all that it starts. What is left out is not bounded.
type Limits struct {
	// NoFile is how many files each process of the unit may hold open.
	NoFile uint64 `json:"nofile,omitempty" min:"3"`
	// Memory is how much memory the unit may use, such as 512MiB.
	Memory config.Bytes `json:"memory,omitempty"`
	// CPU is how many cores the unit may use: 0.5 is half of one.
	CPU float64 `json:"cpu,omitempty" min:"0.01"`
	// Processes is how many processes and threads the unit may have.
	Processes int `json:"processes,omitempty" min:"1"`
	// Nice is the priority, from -20 (first; only as root) to 19 (last).
	Nice int `json:"nice,omitempty" min:"-20" max:"19"`
}

// Bounds are the limits in the house's words.
func (l Limits) Bounds() holdfast.Limits {
	return holdfast.Limits{NoFile: l.NoFile, Memory: int64(l.Memory), CPU: l.CPU, Processes: l.Processes, Nice: l.Nice}
}

// Problems finds limits that no system can grant; field is where they stand.
func (l Limits) Problems(field string) []holdfast.Problem { return checkLimits(field, l.Bounds()) }

// A Sandbox confines a unit.
type Sandbox struct {
	// Read lists files and folders that the unit may read, beside the system's own programs and
	// libraries; relative to the home.
	Read []string `json:"read,omitempty"`
	// Write lists files and folders that the unit may read and write; relative to the home.
	Write []string `json:"write,omitempty"`
	// Network is on or off; off leaves no sockets but those handed to the unit. On when left out.
	Network string `json:"network,omitempty" enum:"on,off"`
}

// A Policy is always, on-failure or never.
type Policy string

// A Need is a unit that must have come so far.
type Need holdfast.Need

// A Probe is a question to a unit: exactly one of http, tcp, exec, heartbeat and line.
type Probe struct {
	// HTTP is a path that must answer below 400 at the port on the loopback address.
	HTTP string `json:"http,omitempty"`
	// TCP asks only that the port accepts a connection.
	TCP bool `json:"tcp,omitempty"`
	// Exec runs a program in the unit's folder and environment; status 0 is well.
	Exec []string `json:"exec,omitempty"`
	// Heartbeat is a file that the unit touches at least once in every; one that is older than twice
	// that is stale. It is relative to the home.
	Heartbeat string `json:"heartbeat,omitempty"`
	// Line is a regular expression that a line of the unit's log must match: once to be ready, within
	// twice every to be healthy.
	Line string `json:"line,omitempty"`
	// Port is what the unit listens on; it must be free before the unit starts.
	Port int `json:"port,omitempty"`
	// Within is how long a start may take until the first success: 60s for ready when left out; 10s
	// for healthy (at least twice every for a heartbeat or a line), in which failures do not count.
	Within config.Duration `json:"within,omitempty"`
	// Every is the pause between two questions, and how often a heartbeat or a line must come. 30s when
	// left out.
	Every config.Duration `json:"every,omitempty"`
	// Timeout is how long one answer may take. 5s when left out, or every where that is less.
	Timeout config.Duration `json:"timeout,omitempty"`
	// Failures in a row make the unit unhealthy. 3 when left out; 1 for a heartbeat or a line, which may
	// be silent for twice every before they fail.
	Failures int `json:"failures,omitempty"`
}

// An Ending is how a unit ends.
type Ending struct {
	// Signal asks the unit to end: TERM when left out.
	Signal string `json:"signal"`
	// Grace is how long the unit has before it is killed. 10s when left out.
	Grace *config.Duration `json:"grace,omitempty"`
}

// UnmarshalJSON reads "unit" or {"unit": "stage"}.
func (n *Need) UnmarshalJSON(raw []byte) error {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		n.Unit = name
		return nil
	}
	var staged map[string]string
	if err := json.Unmarshal(raw, &staged); err != nil || len(staged) != 1 {
		return errors.New("want a unit's name, or one name: stage")
	}
	for n.Unit, n.Until = range staged {
	}
	return nil
}

// UnmarshalJSON reads "policy" or {"policy": "policy", "cap": "span"}.
func (r *Restart) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &r.Policy) == nil {
		return nil
	}
	type plain Restart
	return json.Unmarshal(raw, (*plain)(r))
}

// MarshalJSON writes what UnmarshalJSON reads.
func (r Restart) MarshalJSON() ([]byte, error) {
	if r.Cap == 0 {
		return json.Marshal(r.Policy)
	}
	type plain Restart
	return json.Marshal(plain(r))
}

// MarshalJSON writes what UnmarshalJSON reads.
func (n Need) MarshalJSON() ([]byte, error) {
	if n.Until == "" {
		return json.Marshal(n.Unit)
	}
	return json.Marshal(map[string]string{n.Unit: n.Until})
}

// Types gives the forms that Go's types do not tell.
func (*Section) Types() map[reflect.Type]*jsonschema.Schema {
	policies := config.Enum("always", "on-failure", "never")
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[Restart](): config.Either(policies, &jsonschema.Schema{
			Type:                 "object",
			Properties:           map[string]*jsonschema.Schema{"policy": policies.CloneSchemas(), "cap": config.Span()},
			AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
		}),
		reflect.TypeFor[Need](): config.Either(
			&jsonschema.Schema{Type: "string"},
			&jsonschema.Schema{Type: "object", AdditionalProperties: config.Enum(untilBooted, untilReady, untilHealthy)},
		),
	}
}

// Check finds what the schema cannot: a unit without a program, a probe of two kinds, a circle.
func (s *Section) Check() []holdfast.Problem {
	units := s.units(home.At("/"))
	problems := checkUnits(units)
	byName := map[string]holdfast.Unit{}
	for _, u := range units {
		byName[u.Name] = u
	}
	if ring := cycle(byName); ring != nil {
		problems = append(problems, cycleProblem(ring))
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		entry := (*s)[name]
		if name == frontDoor {
			problems = append(problems, holdfast.Problem{
				Field: name, Message: "is the name of the front door's own unit", Remedy: "give it another name",
			})
		}
		problems = append(problems, checkPorts(name, entry)...)
		if grace := entry.Stop.Grace; grace != nil && *grace == 0 {
			problems = append(problems, holdfast.Problem{
				Field: name + ".stop.grace", Message: "is 0, and a unit needs a moment to end",
				Remedy: "leave it out for 10s; with signal: KILL there is no waiting",
			})
		}
	}
	return append(problems, checkTaken(units)...)
}

// checkTaken finds ports that several units would listen on; units that are not enabled do not.
func checkTaken(units []holdfast.Unit) []holdfast.Problem {
	var problems []holdfast.Problem
	by := map[int]string{}
	for _, u := range units {
		if u.Port == 0 || u.Disabled {
			continue
		}
		if other, taken := by[u.Port]; taken {
			problems = append(problems, holdfast.Problem{
				Field: u.Name, Message: fmt.Sprintf("has port %d, and so has %s", u.Port, other),
				Remedy: "give one of them another port, or `enabled: false`",
			})
			continue
		}
		by[u.Port] = u.Name
	}
	return problems
}

func checkPorts(name string, e Entry) []holdfast.Problem {
	declared := []struct {
		field string
		port  int
	}{{"port", e.Port}, {"ready.port", e.Ready.port()}, {"healthy.port", e.Healthy.port()}}
	declared = slices.DeleteFunc(declared, func(d struct {
		field string
		port  int
	},
	) bool {
		return d.port == 0
	})
	for _, d := range declared[min(1, len(declared)):] {
		if first := declared[0]; d.port != first.port {
			return []holdfast.Problem{{
				Field:   name + "." + d.field,
				Message: fmt.Sprintf("is %d, and %s is %d: a unit has one port", d.port, first.field, first.port),
				Remedy:  "leave it out",
			}}
		}
	}
	return nil
}

// units turns the section into declarations, by name.
func (s *Section) units(h home.Home) []holdfast.Unit {
	var units []holdfast.Unit
	for _, name := range slices.Sorted(maps.Keys(*s)) {
		units = append(units, (*s)[name].unit(name, h))
	}
	return units
}

func (e Entry) unit(name string, h home.Home) holdfast.Unit {
	u := holdfast.Unit{
		Name: name, Kind: e.kind(), Run: e.Run, Dir: e.Dir, Env: e.Env, Secrets: e.Secrets, Owner: ownerConfig,
		Ready: e.Ready.probe(h), Healthy: e.Healthy.probe(h),
		Restart: holdfast.RestartPolicy(cmp.Or(e.Restart.Policy, Policy(holdfast.RestartAlways))), RestartCap: e.Restart.Cap.Std(),
		Stop:     e.Stop.stop(),
		Port:     cmp.Or(e.Port, e.Ready.port(), e.Healthy.port()),
		Disabled: e.Enabled != nil && !*e.Enabled,
		Limits:   e.Limits.Bounds(),
		Sandbox:  e.Sandbox.sandbox(h), User: e.User, Worker: e.Worker, Idle: e.Idle.Std(),
	}
	u.Dir = h.Place(u.Dir)
	for _, n := range e.Needs {
		u.Needs = append(u.Needs, holdfast.Need(n))
	}
	return u
}

func (e Ending) stop() holdfast.Stop {
	stop := holdfast.Stop{Signal: e.Signal}
	if e.Grace != nil {
		stop.Grace = e.Grace.Std()
	}
	return stop
}

// kind leaves a process the zero value that the words give it.
func (e Entry) kind() holdfast.UnitKind {
	if k := holdfast.UnitKind(e.Kind); k != holdfast.KindProcess {
		return k
	}
	return ""
}

func (p *Probe) port() int {
	if p == nil {
		return 0
	}
	return p.Port
}

func (p *Probe) probe(h home.Home) *holdfast.Probe {
	if p == nil {
		return nil
	}
	probe := &holdfast.Probe{
		HTTP: p.HTTP, TCP: p.TCP, Exec: p.Exec, Line: p.Line, Port: p.Port, Within: p.Within.Std(),
		Every: p.Every.Std(), Timeout: p.Timeout.Std(), Failures: p.Failures,
	}
	if p.Heartbeat != "" {
		probe.Heartbeat = h.Place(p.Heartbeat)
	}
	return probe
}

func (s *Sandbox) sandbox(h home.Home) *holdfast.Sandbox {
	if s == nil {
		return nil
	}
	box := &holdfast.Sandbox{Network: s.Network}
	for _, path := range s.Read {
		box.Read = append(box.Read, h.Place(path))
	}
	for _, path := range s.Write {
		box.Write = append(box.Write, h.Place(path))
	}
	return box
}
