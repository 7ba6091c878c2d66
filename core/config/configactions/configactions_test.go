// SPDX-License-Identifier: Apache-2.0

package configactions_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/config/configactions"
	"holdfast/core/home"
)

type edge struct {
	Mode   string `json:"mode" enum:"local,ngrok"`
	Domain string `json:"domain"`
}

type rig struct {
	home     home.Home
	config   *config.Config
	registry map[string]holdfast.Action
	alerts   []holdfast.AlertRule
}

func newRig(t *testing.T, yaml, master string) *rig {
	t.Helper()
	r := &rig{home: home.At(t.TempDir()), registry: map[string]holdfast.Action{}}
	r.write(t, "holdfast.yaml", yaml)
	r.write(t, "master_config.json", master)
	sections := []config.Section{{Name: "edge", Into: &edge{Mode: "local"}}}
	var err error
	r.config, err = config.Load(r.home, sections, config.Options{Environ: []string{}})
	if r.config == nil {
		t.Fatal(err)
	}
	capability := configactions.New(configactions.Needs{
		Config: func() *config.Config { return r.config }, Master: config.NewMaster(r.home),
	}).Capability()
	r.alerts = capability.Alerts
	for _, a := range capability.Actions {
		r.registry[a.Name] = a
	}
	return r
}

func (r *rig) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(r.home.Path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) call(t *testing.T, name, input string) (string, error) {
	t.Helper()
	a := r.registry[name]
	in, err := a.Decode(json.RawMessage(input))
	if err != nil {
		return "", err
	}
	out, err := a.Run(t.Context(), in)
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), nil
}

func TestCheckAndShow(t *testing.T) {
	r := newRig(t, "edge: {mode: ngrok}\n", `{"public_domain":"a.example"}`)
	if out, err := r.call(t, "config.check", ""); err != nil || !strings.Contains(out, `"ok"`) {
		t.Error(out, err)
	}
	out, err := r.call(t, "config.show", "")
	want := `{"values":[{"path":"edge.mode","value":"ngrok","origin":"file","file":"holdfast.yaml","line":1},` +
		`{"path":"edge.domain","value":"a.example","origin":"master","file":"master_config.json","line":1}]}`
	if err != nil || out != want {
		t.Errorf("got %s, %v", out, err)
	}
	if _, err := r.call(t, "config.show", `{"path":"egde"}`); err == nil {
		t.Error("showed nothing without a word")
	}
	schema, err := r.call(t, "config.schema", "")
	if err != nil || !strings.Contains(schema, `"ngrok"`) {
		t.Error(schema, err)
	}
}

func TestCheckOfABrokenFile(t *testing.T) {
	r := newRig(t, "edge: {mode: nowhere, domian: x}\n", "")
	_, err := r.call(t, "config.check", "")
	bad, ok := errors.AsType[*holdfast.Error](err)
	if !ok || bad.Code != holdfast.CodeBadInput || len(bad.Problems) != 2 {
		t.Fatalf("got %v", err)
	}
	if alerts := r.alerts[0].Firing(t.Context()); len(alerts) != 1 {
		t.Errorf("alerts %v", alerts)
	}
	r.write(t, "holdfast.yaml", "edge: {mode: ngrok}\n")
	if out, err := r.call(t, "config.reload", ""); err != nil || !strings.Contains(out, `{"section":"edge","applied":false}`) {
		t.Error(out, err)
	}
	if alerts := r.alerts[0].Firing(t.Context()); len(alerts) != 0 {
		t.Errorf("alerts %v", alerts)
	}
}

func TestMasterSet(t *testing.T) {
	r := newRig(t, "edge:\n  mode: local\n", `{"deployment_mode":"local"}`)
	_, err := r.call(t, "config.master_set", `{"document":{"deployment_mode":"ngrok"}}`)
	refusal, ok := errors.AsType[*holdfast.Refusal](err)
	if !ok || !strings.Contains(refusal.Reason, "holdfast.yaml:2") {
		t.Errorf("got %v", err)
	}
	out, err := r.call(t, "config.master_set", `{"document":{"public_domain":"b.example","mcp_servers":{"h":{"api_key":"sk-very-secret-value"}}}}`)
	if err != nil || !strings.Contains(out, `"status":"success"`) || !strings.Contains(out, `"section":"edge"`) {
		t.Error(out, err)
	}
	if got := config.Current[edge](r.config, "edge").Domain; got != "b.example" {
		t.Errorf("the domain is %q", got)
	}
	if out, err = r.call(t, "config.master", ""); err != nil || strings.Contains(out, "very-secret") {
		t.Error(out, err)
	}
}

func TestAProgramAddsNoRemoteServer(t *testing.T) {
	r := newRig(t, "", `{}`)
	a := r.registry["config.master_set"]
	set := func(caller holdfast.Caller, document string) error {
		in, err := a.Decode(json.RawMessage(`{"document":` + document + `}`))
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Run(holdfast.WithCaller(t.Context(), caller), in)
		return err
	}
	const document = `{"remote_mcp_servers":{"far":{"url":"https://x.invalid/mcp","key":"OPENAI_API_KEY"}}}`
	for _, caller := range []holdfast.Caller{
		{Kind: holdfast.CallerAgent, Tier: holdfast.TierOperator},
		{Kind: holdfast.CallerOperator, Unit: "notes.ui", Tier: holdfast.TierOperator},
		{Kind: holdfast.CallerOperator, Surface: "mcp", Tier: holdfast.TierOperator},
		{Kind: holdfast.CallerWebhook, Tier: holdfast.TierOperator},
		holdfast.Internal("schedules", "config.master_set"),
	} {
		if _, refused := errors.AsType[*holdfast.Refusal](set(caller, document)); !refused {
			t.Errorf("%s of %q added one", caller, caller.Unit+caller.Surface)
		}
		if err := set(caller, `{"public_domain":"b.example"}`); err != nil {
			t.Errorf("another section: %v", err)
		}
	}
	if err := set(holdfast.Caller{Kind: holdfast.CallerOperator, Tier: holdfast.TierOperator}, document); err != nil {
		t.Errorf("a person: %v", err)
	}
}

func TestMasterSetRefusesWhatWouldNotLoad(t *testing.T) {
	r := newRig(t, "", `{}`)
	_, err := r.call(t, "config.master_set", `{"document":{"deployment_mode":"nowhere"}}`)
	if bad, ok := errors.AsType[*holdfast.Error](err); !ok || bad.Problems[0].Field != "edge.mode" {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(r.home.MasterFile()); string(text) != "{}" {
		t.Errorf("the file became %s", text)
	}
}

func TestJournalHoldsNoHubKey(t *testing.T) {
	r := newRig(t, "", `{}`)
	in, err := r.registry["config.master_set"].Decode(json.RawMessage(`{"document":{"mcp_servers":{"h":{"api_key":"sk-very-secret-value"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"input": in})
	if err != nil || strings.Contains(string(raw), "very-secret") {
		t.Errorf("the journal would hold %s, %v", raw, err)
	}
}
