// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
	"holdfast/holdfasttest"
	"holdfast/surface/cli"
)

type greeting struct {
	Name string `json:"name" required:"true" pos:"1" help:"whom to greet"`
}

type greeted struct {
	Text string `json:"text"`
}

// added is an action that no surface has ever heard of.
func added() house.Capability {
	return house.Capability{Name: "added", Actions: []holdfast.Action{action.NewAction(
		holdfast.Action{Name: "greeting.send", Summary: "Greet somebody", Tier: holdfast.TierTenantPeer, Effect: holdfast.EffectChange},
		func(_ context.Context, in greeting) (greeted, error) { return greeted{"hello " + in.Name}, nil },
	)}}
}

func TestAnAddedActionIsOnEverySurface(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true, More: []house.Capability{added()}})
	t.Run("command line", func(t *testing.T) {
		var out bytes.Buffer
		home := ""
		remote := cli.NewRemote(func(ctx context.Context) (net.Conn, error) { return h.Home.Dial(ctx, "control") })
		root := cli.New(cli.Options{
			Registry: h.Registry, Home: &home, Terminal: cli.Terminal{In: strings.NewReader(""), Out: &out, Err: &out},
			Connect: func(context.Context, holdfast.Action) (cli.Caller, func() error, error) {
				return remote, func() error { return nil }, nil
			},
		})
		root.SetArgs([]string{"greeting", "send", "zed"})
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), "hello zed") {
			t.Errorf("%v: %s", err, out.String())
		}
	})
	t.Run("HTTP", func(t *testing.T) {
		status, body := h.Ask("POST", frontDoor(t, h)+"/api/v1/greeting/send", `{"name":"zed"}`, http.Header{"Authorization": {"Bearer " + h.Key()}, "Content-Type": {"application/json"}})
		if status != http.StatusOK || !strings.Contains(string(body), "hello zed") {
			t.Errorf("%d %s", status, body)
		}
		_, document := h.Ask("GET", frontDoor(t, h)+"/api/openapi.json", "", http.Header{"Authorization": {"Bearer " + h.Key()}})
		if !strings.Contains(string(document), `"/api/v1/greeting/send"`) {
			t.Error("the OpenAPI document does not name it")
		}
	})
	t.Run("MCP", func(t *testing.T) {
		client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
		session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
			Endpoint: apiURL(t, h) + "/api/mcp", HTTPClient: &http.Client{Transport: bearer(h.Key())},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = session.Close() }()
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "greeting_send", Arguments: map[string]any{"name": "zed"}})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(result)
		if result.IsError || !strings.Contains(string(text), "hello zed") {
			t.Errorf("%s", text)
		}
	})
}

type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func frontDoor(t *testing.T, h *holdfasttest.House) string {
	t.Helper()
	var s struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(h.Do("house.status", `{}`), &s); err != nil {
		t.Fatal(err)
	}
	return s.URL
}

// TestEverySchemaCanBeBuilt asks each action for its schemas, which are made on demand.
func TestEverySchemaCanBeBuilt(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true})
	for _, a := range h.Registry.Actions() {
		for _, shape := range []holdfast.Shape{a.Input, a.Output} {
			if !json.Valid(shape.Schema()) {
				t.Errorf("%s has a schema that is no JSON", a.Name)
			}
		}
		if a.Effect == holdfast.EffectRead && a.Safer {
			t.Errorf("%s reads and is marked safer", a.Name)
		}
	}
}
