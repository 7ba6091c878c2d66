// SPDX-License-Identifier: Apache-2.0

package starter

import (
	"log/slog"
	"path/filepath"
	"testing"

	"holdfast/agent"
	"holdfast/agent/tools"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/core/store"
	"holdfast/core/trash"
	"holdfast/edge"
	"holdfast/gateway"
	"holdfast/surface/api"
	"holdfast/units/supervisor"
)

// What the starter home says is read by the sections that it is for, and is their default.
func TestConfigurationIsRightAndSaysTheDefaults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	if _, err := Write(dir, Models{}); err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{}
	for _, v := range effective(t, t.TempDir()) {
		defaults[v.Path] = string(v.Value)
	}
	// The script is what makes the rehearsal model more than polite.
	delete(defaults, "models.providers.rehearsal.script")
	said := 0
	for _, v := range effective(t, dir) {
		if v.Origin != config.OriginFile {
			continue
		}
		said++
		if want, known := defaults[v.Path]; known && want != string(v.Value) {
			t.Errorf("%s is %s, the default is %s", v.Path, v.Value, want)
		}
	}
	if said < 15 {
		t.Errorf("only %d values are said", said)
	}
}

func effective(t *testing.T, dir string) []config.Value {
	t.Helper()
	at, log := home.At(dir), slog.New(slog.DiscardHandler)
	models, door := gateway.Defaults(), edge.Defaults()
	read, err := config.Load(at, []config.Section{
		{Name: "house", Into: &struct {
			Name     string `json:"name"`
			Timezone string `json:"timezone"`
		}{"house", "UTC"}},
		{Name: "store", Into: &[]string{"sqlite"}[0]},
		{Name: "edge", Into: &door},
		{Name: "api", Into: api.Defaults()},
		{Name: "models", Into: &models},
		section(agent.New(agent.Needs{Log: log}).Capability()),
		section(tools.New(tools.Needs{Home: at, Log: log}).Capability()),
		section(supervisor.New(supervisor.Options{Home: at}).Capability()),
		section(trash.New(at, store.New(at.Var("house.db"))).Capability()),
	}, config.Options{Environ: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	return read.Effective()
}

func section(c house.Capability) config.Section {
	name := c.Section
	if name == "" {
		name = c.Name
	}
	return config.Section{Name: name, Into: c.Config}
}
