// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
)

// The sections below have the shapes that the real ones have: fields, a scalar, a map of structs,
// an enum, and a value that is text or a map.

type houseSection struct {
	Name     string `json:"name"`
	Timezone string `json:"timezone"`
}

func (h *houseSection) Check() []holdfast.Problem {
	if h.Name == "bad" {
		return []holdfast.Problem{{Field: "name", Message: "is not a good name", Remedy: "choose another"}}
	}
	return nil
}

type edgeMode string

type edgeSection struct {
	Mode   edgeMode          `json:"mode"`
	Listen string            `json:"listen"`
	Domain string            `json:"domain"`
	Limit  config.Bytes      `json:"limit"`
	Idle   config.Duration   `json:"idle"`
	Port   uint16            `json:"port"`
	Ratio  float64           `json:"ratio"`
	On     bool              `json:"on"`
	Hosts  []string          `json:"hosts"`
	Labels map[string]string `json:"labels"`
}

func (*edgeSection) Types() map[reflect.Type]*jsonschema.Schema {
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[edgeMode](): config.Enum("local", "custom_domain", "ngrok"),
	}
}

type need struct{ Unit, Until string }

func (n *need) UnmarshalJSON(raw []byte) error {
	var short string
	if json.Unmarshal(raw, &short) == nil {
		if strings.Contains(short, " ") {
			return errors.New("a unit's name has no space")
		}
		n.Unit = short
		return nil
	}
	var long map[string]string
	if err := json.Unmarshal(raw, &long); err != nil || len(long) != 1 {
		return errors.New("want a unit's name, or unit: until")
	}
	for n.Unit, n.Until = range long {
	}
	return nil
}

func (n need) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]string{n.Unit: n.Until}) }

type unit struct {
	Run   []string        `json:"run"`
	Needs []need          `json:"needs"`
	Grace config.Duration `json:"grace"`
	Deep  struct {
		Every config.Duration `json:"every"`
	} `json:"deep"`
}

type unitsSection map[string]unit

func (*unitsSection) Types() map[reflect.Type]*jsonschema.Schema {
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[need](): config.Either(
			&jsonschema.Schema{Type: "string"},
			&jsonschema.Schema{Type: "object", AdditionalProperties: config.Enum("booted", "ready", "healthy")},
		),
	}
}

func (u *unitsSection) Check() []holdfast.Problem {
	var out []holdfast.Problem
	for name, v := range *u {
		if len(v.Run) == 0 {
			out = append(out, holdfast.Problem{Field: name + ".run", Message: "is missing"})
		}
	}
	return out
}

type world struct {
	house houseSection
	store string
	edge  edgeSection
	units unitsSection
}

func newWorld() *world {
	return &world{
		house: houseSection{Name: "house", Timezone: "UTC"},
		store: "sqlite",
		edge:  edgeSection{Mode: "local", Listen: "127.0.0.1:8443", Idle: config.Duration(time.Minute), Hosts: []string{"localhost"}},
		units: unitsSection{},
	}
}

func (w *world) sections() []config.Section {
	return []config.Section{
		{Name: "house", Into: &w.house},
		{Name: "store", Into: &w.store},
		{Name: "edge", Into: &w.edge},
		{Name: "units", Into: &w.units},
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, yaml string, opt config.Options) (*world, *config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	if yaml != "" {
		write(t, dir, "holdfast.yaml", yaml)
	}
	return loadIn(dir, opt)
}

func loadIn(dir string, opt config.Options) (*world, *config.Config, error) {
	if opt.Environ == nil {
		opt.Environ = []string{}
	}
	w := newWorld()
	c, err := config.Load(home.At(dir), w.sections(), opt)
	return w, c, err
}

func problems(t *testing.T, err error) []holdfast.Problem {
	t.Helper()
	e, ok := errors.AsType[*holdfast.Error](err)
	if !ok {
		t.Fatalf("want a *holdfast.Error, got %v", err)
	}
	if e.Code != holdfast.CodeBadInput {
		t.Errorf("code %s, want bad-input", e.Code)
	}
	return e.Problems
}

func TestLoadWholeShape(t *testing.T) {
	w, _, err := load(t, `
house: {name: den}
store: postgres://me@host/db
edge:
  mode: ngrok
  limit: 1GiB
  idle: 7d
  port: 80
  ratio: 1
  on: true
  hosts: [a, b]
  labels: {x.y: z}
units:
  companion:
    run: [python3, agent.py]
    needs: [notes.backend, {store: ready}]
    grace: 1h30m
`, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := newWorld()
	want.house.Name, want.store = "den", "postgres://me@host/db"
	want.edge = edgeSection{
		Mode: "ngrok", Listen: "127.0.0.1:8443", Limit: 1 << 30, Idle: config.Duration(7 * 24 * time.Hour),
		Port: 80, Ratio: 1, On: true, Hosts: []string{"a", "b"}, Labels: map[string]string{"x.y": "z"},
	}
	want.units = unitsSection{"companion": {
		Run: []string{"python3", "agent.py"}, Needs: []need{{"notes.backend", ""}, {"store", "ready"}},
		Grace: config.Duration(90 * time.Minute),
	}}
	if !reflect.DeepEqual(w, want) {
		t.Errorf("got  %+v\nwant %+v", w, want)
	}
}

func TestNoFileIsAllDefaults(t *testing.T) {
	w, c, err := load(t, "", config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(w, newWorld()) {
		t.Errorf("got %+v", w)
	}
	for _, v := range c.Effective() {
		if v.Origin != config.OriginDefault {
			t.Errorf("%s has origin %s", v.Path, v.Origin)
		}
	}
}

// TestEveryProblemTogether is the promise: one reading tells every mistake, each with its place.
func TestEveryProblemTogether(t *testing.T) {
	w, _, err := load(t, `house: {name: bad}
edeg:
  mode: local
edge:
  mode: lokal
  listne: ":1"
  idle: 30
  port: 70000
  on: "yes"
  limit: 3 apples
  hosts: localhost
units:
  one:
    needs: [{x: redy}]
    runn: [a]
  two: {grace: -1s}
`, config.Options{Environ: []string{"HOLDFAST_EDGE_LISTE=1", "HOLDFAST_UNIT=me", "PATH=/bin"}, Set: map[string]string{"edge.nope": "1"}})
	got := []string{}
	for _, p := range problems(t, err) {
		p.Excerpt = ""
		got = append(got, p.String())
	}
	want := []string{
		`command line: edge.nope: there is no such field`,
		`environment HOLDFAST_EDGE_LISTE: edge: there is no such field in the section edge (did you mean HOLDFAST_EDGE_LISTEN?)`,
		`holdfast.yaml:1:15: house.name: is not a good name (choose another)`,
		`holdfast.yaml:2:1: edeg: there is no such section (did you mean edge?)`,
		`holdfast.yaml:5:9: edge.mode: wants one of local, custom_domain, ngrok, has "lokal" (did you mean local?)`,
		`holdfast.yaml:6:3: edge.listne: there is no such field (did you mean listen?)`,
		`holdfast.yaml:7:9: edge.idle: wants text, has 30 (write it with its unit, such as 30s or 7d)`,
		`holdfast.yaml:8:9: edge.port: wants at most 65535, has 70000`,
		`holdfast.yaml:9:7: edge.on: wants true or false, has "yes" (write true or false)`,
		`holdfast.yaml:10:10: edge.limit: "3 apples" is not an amount of bytes: want a number with its unit, such as 512MiB or 1GiB`,
		`holdfast.yaml:11:10: edge.hosts: wants a list, has "localhost" (write [localhost])`,
		`holdfast.yaml:14:17: units.one.needs[0].x: wants one of booted, ready, healthy, has "redy" (did you mean ready?)`,
		`holdfast.yaml:15:5: units.one.runn: there is no such field (did you mean run?)`,
		`holdfast.yaml:16:16: units.two.grace: "-1s" is not a span of time: want a number with its unit, such as 30s, 5m, 1h30m or 7d`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !reflect.DeepEqual(w, newWorld()) {
		t.Errorf("a refused file changed the sections: %+v", w)
	}
}
