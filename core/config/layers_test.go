// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast/core/config"
	"holdfast/core/home"
)

func values(c *config.Config) map[string]config.Value {
	out := map[string]config.Value{}
	for _, v := range c.Effective() {
		out[v.Path] = v
	}
	return out
}

// TestPriority gives the same field in every layer and takes the strongest away one by one.
func TestPriority(t *testing.T) {
	dir := t.TempDir()
	opt := config.Options{
		Environ: []string{"HOLDFAST_EDGE_MODE=ngrok", "DEPLOYMENT_MODE=custom_domain"},
		Set:     map[string]string{"edge.mode": "local"},
	}
	check := func(mode string, origin config.Origin, file string, line int) {
		t.Helper()
		w, c, err := loadIn(dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		v := values(c)["edge.mode"]
		if string(w.edge.Mode) != mode || v.Origin != origin || v.File != file || v.Line != line {
			t.Errorf("got %s from %+v, want %s from %s %s:%d", w.edge.Mode, v, mode, origin, file, line)
		}
		pinFile, pinLine, pinned := c.Pinned("edge.mode")
		strong := origin == config.OriginFile || origin == config.OriginEnvironment || origin == config.OriginFlag
		if pinned != strong || pinned && (pinFile != file || pinLine != line) {
			t.Errorf("pinned %v by %s:%d, origin %s", pinned, pinFile, pinLine, origin)
		}
	}
	write(t, dir, "holdfast.yaml", "\nedge:\n  mode: custom_domain\n")
	write(t, dir, "master_config.json", "{\n  \"deployment_mode\": \"ngrok\"\n}")
	check("local", config.OriginFlag, "command line", 0)
	opt.Set = nil
	check("ngrok", config.OriginEnvironment, "environment HOLDFAST_EDGE_MODE", 0)
	opt.Environ = opt.Environ[1:]
	check("custom_domain", config.OriginEnvironment, "environment DEPLOYMENT_MODE", 0)
	opt.Environ = []string{}
	check("custom_domain", config.OriginFile, "holdfast.yaml", 3)
	write(t, dir, "holdfast.yaml", "edge:\n  mode:\n")
	check("ngrok", config.OriginMaster, "master_config.json", 2)
	write(t, dir, "master_config.json", "{}")
	check("local", config.OriginDefault, "", 0)
}

// TestDropIns lays parts beneath holdfast.yaml, by name; what is wrong in one is told with its place.
func TestDropIns(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "holdfast.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "holdfast.d/b.yaml", "units:\n  two: {run: [b]}\n  one: {grace: 4s}\n")
	write(t, dir, "holdfast.d/a.yaml", "units:\n  one: {run: [a], grace: 3s}\nedge: {port: 81}\n")
	write(t, dir, "holdfast.d/.hidden.yaml", "no part")
	write(t, dir, "holdfast.d/notes.txt", "no part")
	write(t, dir, "holdfast.yaml", "edge: {port: 82}\n")
	w, c, err := loadIn(dir, config.Options{Environ: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	if w.units["one"].Run[0] != "a" || w.units["one"].Grace.String() != "4s" || w.units["two"].Run[0] != "b" || w.edge.Port != 82 {
		t.Errorf("got %+v %+v", w.units, w.edge)
	}
	if v := values(c)["units.two.run"]; v.File != "holdfast.d/b.yaml" || v.Line != 2 || v.Origin != config.OriginFile {
		t.Errorf("got %+v", v)
	}
	write(t, dir, "holdfast.d/b.yaml", "units:\n  two: {runn: [b]}\n")
	if _, err := c.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "holdfast.d/b.yaml:2") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "holdfast.d/b.yaml")); err != nil {
		t.Fatal(err)
	}
	if changes, err := c.Reload(t.Context()); err != nil || len(changes) != 1 || changes[0].Section != "units" {
		t.Errorf("got %v, %v", changes, err)
	}
}

func TestEnvironmentForms(t *testing.T) {
	w, _, err := load(t, "units: {one: {run: [a]}}", config.Options{Environ: []string{
		"HOLDFAST_STORE=postgres://me@h/d", "HOLDFAST_EDGE_PORT=81", "HOLDFAST_EDGE_ON=true", "HOLDFAST_EDGE_RATIO=0.5",
		"HOLDFAST_EDGE_HOSTS=a, b", "HOLDFAST_EDGE_LABELS={x: y}", "HOLDFAST_EDGE_LIMIT=2MiB", "HOLDFAST_EDGE_IDLE=5m",
		"HOLDFAST_UNITS_ONE_GRACE=3s", "HOLDFAST_UNITS_ONE_DEEP_EVERY=4s", "HOLDFAST_UNITS_TWO_RUN=[b, c]", "HOLDFAST_HOME=/x", "HOLDFAST_PORTS={}",
		"HOLDFAST_HOUSE_NAME=12",
	}})
	if err != nil {
		t.Fatal(err)
	}
	e := w.edge
	if w.store != "postgres://me@h/d" || e.Port != 81 || !e.On || e.Ratio != 0.5 || !reflect.DeepEqual(e.Hosts, []string{"a", "b"}) ||
		e.Labels["x"] != "y" || e.Limit != 2<<20 || e.Idle.String() != "5m" || w.house.Name != "12" {
		t.Errorf("got %+v %+v", w.store, e)
	}
	if one := w.units["one"]; one.Grace.String() != "3s" || one.Deep.Every.String() != "4s" || one.Run[0] != "a" {
		t.Errorf("got %+v", one)
	}
	if two := w.units["two"]; !reflect.DeepEqual(two.Run, []string{"b", "c"}) {
		t.Errorf("got %+v", two)
	}
}

func TestLunaTimezoneAndMissingSections(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "master_config.json", `{"luna":{"timezone":"Asia/Tokyo"},"public_domain":"a.example","deployment_mode":""}`)
	w, _, err := loadIn(dir, config.Options{})
	if err != nil || w.house.Timezone != "Asia/Tokyo" || w.edge.Domain != "a.example" || w.edge.Mode != "local" {
		t.Errorf("got %+v %+v, %v", w.house, w.edge, err)
	}
	// A build without these sections has no use for them, and no complaint.
	only := "sqlite"
	if _, err := config.Load(home.At(dir), []config.Section{{Name: "store", Into: &only}}, config.Options{Environ: []string{}}); err != nil {
		t.Error(err)
	}
}

func TestProblemsOfABadMaster(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "master_config.json", "{\n  \"deployment_mode\": \"nowhere\"\n}")
	_, _, err := loadIn(dir, config.Options{})
	p := problems(t, err)
	if len(p) != 1 || p[0].File != "master_config.json" || p[0].Line != 2 || !strings.Contains(p[0].Excerpt, ">    2 |") {
		t.Errorf("got %v", p)
	}
	write(t, dir, "master_config.json", "{")
	_, _, err = loadIn(dir, config.Options{})
	if p := problems(t, err); len(p) != 1 || p[0].Line != 1 {
		t.Errorf("got %v", p)
	}
}

func TestEffectiveHidesPasswords(t *testing.T) {
	_, c, err := load(t, "store: postgres://me:hunter2@h/d\n", config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(values(c)["store"].Value); strings.Contains(got, "hunter2") || !strings.Contains(got, "postgres://me:") {
		t.Errorf("got %s", got)
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "holdfast.yaml", "edge: {mode: local}\n")
	w, c, err := loadIn(dir, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var heard []string
	cancel := c.Subscribe("edge", func(_ context.Context, fresh any) error {
		heard = append(heard, string(fresh.(*edgeSection).Mode))
		return nil
	})
	reload := func(text, want string) error {
		t.Helper()
		write(t, dir, "holdfast.yaml", text)
		changes, err := c.Reload(t.Context())
		raw, _ := json.Marshal(changes)
		if string(raw) != want {
			t.Errorf("changes %s, want %s", raw, want)
		}
		return err
	}
	if err := reload("edge: {mode: ngrok}\nhouse: {name: den}\n", `[{"section":"house","applied":false},{"section":"edge","applied":true}]`); err != nil {
		t.Fatal(err)
	}
	if err := reload("edge: {mode: nowhere}\n", "null"); err == nil || c.Failed() == nil {
		t.Error("an invalid file was taken")
	}
	if got := config.Current[edgeSection](c, "edge"); got.Mode != "ngrok" || w.edge.Mode != "local" {
		t.Errorf("the section is %s, and what was loaded %s", got.Mode, w.edge.Mode)
	}
	cancel()
	if err := reload("", `[{"section":"house","applied":false},{"section":"edge","applied":false}]`); err != nil || c.Failed() != nil {
		t.Error(err)
	}
	if strings.Join(heard, " ") != "ngrok" {
		t.Errorf("heard %v", heard)
	}
}

func TestReloadTellsAFailingSubscriber(t *testing.T) {
	dir := t.TempDir()
	_, c, err := loadIn(dir, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.Subscribe("house", func(context.Context, any) error { return errors.New("no room") })
	write(t, dir, "holdfast.yaml", "house: {name: den}\n")
	changes, err := c.Reload(t.Context())
	if err != nil || len(changes) != 1 || changes[0].Applied || !strings.Contains(changes[0].Error, "no room") {
		t.Errorf("got %+v, %v", changes, err)
	}
}

// TestSchema checks the schema against a validator of its own, with a file that loads and one that
// does not.
func TestSchema(t *testing.T) {
	_, c, err := load(t, "", config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &jsonschema.Schema{}
	if err := json.Unmarshal(c.Schema(), s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, valid := range map[string]bool{
		`{"edge":{"mode":"local","idle":"7d","limit":"1GiB"},"units":{"a":{"run":["x"],"needs":["b",{"c":"ready"}]}}}`: true,
		`{"edge":{"mode":"lokal"}}`:  false,
		`{"edge":{"idle":"soon"}}`:   false,
		`{"edeg":{}}`:                false,
		`{"edge":{"listne":"x"}}`:    false,
		`{"units":{"a":{"run":1}}}`:  false,
		`{"edge":{"limit":"apple"}}`: false,
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(v); (err == nil) != valid {
			t.Errorf("%s: %v", text, err)
		}
	}
	if got := string(s.Properties["edge"].Properties["idle"].Default); got != `"1m"` {
		t.Errorf("the default of edge.idle is %s", got)
	}
}

func TestCommentsRead(t *testing.T) {
	if config.Comments() == nil {
		t.Error("comments.json does not read")
	}
}
