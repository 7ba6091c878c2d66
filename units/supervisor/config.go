// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
)

// ownerConfig declares the units of holdfast.yaml.
const ownerConfig = "config"

// Section is the section units of holdfast.yaml: units by name.
type Section map[string]Entry

// An Entry is one unit of the section units.
type Entry struct {
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
	// Ready asks a starting unit whether it serves; without it a unit runs once it has started.
	Ready *Probe `json:"ready,omitempty"`
	// Healthy asks a unit that serves how it is, for as long as it runs.
	Healthy *Probe `json:"healthy,omitempty"`
	// Restart says when an ended unit starts again: always, on-failure or never.
	Restart Policy `json:"restart"`
	// Stop says how the unit is asked to end before it is killed.
	Stop Ending `json:"stop"`
	// Enabled units start with the house. They do when this is left out.
	Enabled *bool `json:"enabled,omitempty"`
}

// A Policy is always, on-failure or never.
type Policy string

// A Need is a unit that must have come so far.
type Need holdfast.Need

// A Probe is a question to a unit: exactly one of http, tcp and exec.
type Probe struct {
	// HTTP is a path that must answer below 400 at the port on the loopback address.
	HTTP string `json:"http,omitempty"`
	// TCP asks only that the port accepts a connection.
	TCP bool `json:"tcp,omitempty"`
	// Exec runs a program in the unit's folder and environment; status 0 is well.
	Exec []string `json:"exec,omitempty"`
	// Port is what the unit listens on; it must be free before the unit starts.
	Port int `json:"port,omitempty"`
	// Within is how long a start may take until the first success: 60s for ready when left out; 10s
	// for healthy, in which failures do not count.
	Within config.Duration `json:"within,omitempty"`
	// Every is the pause between two questions. 30s when left out.
	Every config.Duration `json:"every,omitempty"`
	// Timeout is how long one answer may take. 5s when left out.
	Timeout config.Duration `json:"timeout,omitempty"`
	// Failures in a row make the unit unhealthy. 3 when left out.
	Failures int `json:"failures,omitempty"`
}

// An Ending is how a unit ends.
type Ending struct {
	// Signal asks the unit to end: TERM when left out.
	Signal string `json:"signal"`
	// Grace is how long the unit has before it is killed. 10s when left out.
	Grace config.Duration `json:"grace"`
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

// MarshalJSON writes what UnmarshalJSON reads.
func (n Need) MarshalJSON() ([]byte, error) {
	if n.Until == "" {
		return json.Marshal(n.Unit)
	}
	return json.Marshal(map[string]string{n.Unit: n.Until})
}

// Types gives the forms that Go's types do not tell.
func (*Section) Types() map[reflect.Type]*jsonschema.Schema {
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[Policy](): config.Enum("always", "on-failure", "never"),
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
		problems = append(problems, checkPorts(name, (*s)[name])...)
	}
	return problems
}

func checkPorts(name string, e Entry) []holdfast.Problem {
	if e.Ready == nil || e.Healthy == nil || e.Ready.Port == 0 || e.Healthy.Port == 0 || e.Ready.Port == e.Healthy.Port {
		return nil
	}
	return []holdfast.Problem{{
		Field:   name + ".healthy.port",
		Message: fmt.Sprintf("is %d, and ready.port is %d: a unit has one port", e.Healthy.Port, e.Ready.Port),
		Remedy:  "leave it out",
	}}
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
		Name: name, Run: e.Run, Dir: e.Dir, Env: e.Env, Secrets: e.Secrets, Owner: ownerConfig,
		Ready: e.Ready.probe(), Healthy: e.Healthy.probe(), Restart: holdfast.RestartPolicy(e.Restart),
		Stop:     holdfast.Stop{Signal: e.Stop.Signal, Grace: e.Stop.Grace.Std()},
		Disabled: e.Enabled != nil && !*e.Enabled,
	}
	if !filepath.IsAbs(u.Dir) {
		u.Dir = h.Path(u.Dir)
	}
	if u.Restart == "" {
		u.Restart = holdfast.RestartAlways
	}
	for _, n := range e.Needs {
		u.Needs = append(u.Needs, holdfast.Need(n))
	}
	for _, p := range []*holdfast.Probe{u.Healthy, u.Ready} {
		if p != nil && p.Port != 0 {
			u.Port = p.Port
		}
	}
	return u
}

func (p *Probe) probe() *holdfast.Probe {
	if p == nil {
		return nil
	}
	return &holdfast.Probe{
		HTTP: p.HTTP, TCP: p.TCP, Exec: p.Exec, Port: p.Port, Within: p.Within.Std(),
		Every: p.Every.Std(), Timeout: p.Timeout.Std(), Failures: p.Failures,
	}
}
