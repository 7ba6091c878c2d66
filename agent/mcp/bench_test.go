// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/core/action"
	"holdfast/core/home"
	"holdfast/core/journal/journaltest"
)

type greeting struct {
	Name string `json:"name" required:"true"`
}

type greeted struct {
	Text string `json:"text"`
}

// oneAction is a waist with one action and nothing around it.
type oneAction []holdfast.Action

func (o oneAction) Actions() []holdfast.Action { return o }

func (o oneAction) Dispatch(ctx context.Context, _ holdfast.Caller, _ string, input json.RawMessage, _ *holdfast.Confirmation) (any, error) {
	in, err := o[0].Decode(input)
	if err != nil {
		return nil, err
	}
	return o[0].Run(ctx, in)
}

// BenchmarkCall compares tools/call through the house with the library's bare server: the same tool,
// in process, over HTTP with a session; cpu-µs/op is of client and server together.
func BenchmarkCall(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		server := sdk.NewServer(&sdk.Implementation{Name: "bare", Version: "1"}, nil)
		sdk.AddTool(server, &sdk.Tool{Name: "house_greet"}, func(_ context.Context, _ *sdk.CallToolRequest, in greeting) (*sdk.CallToolResult, greeted, error) {
			return nil, greeted{"hello " + in.Name}, nil
		})
		measure(b, sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, nil))
	})
	b.Run("house", func(b *testing.B) {
		greet := action.NewAction(holdfast.Action{Name: "house.greet", Summary: "Greet", Effect: holdfast.EffectRead},
			func(_ context.Context, in greeting) (greeted, error) { return greeted{"hello " + in.Name}, nil })
		c := tools.New(tools.Needs{
			Home: home.At(b.TempDir()), House: func() string { return "bench" }, Actions: oneAction{greet},
			Journal: &journaltest.Journal{}, Log: slog.New(slog.DiscardHandler),
		})
		needs := needsOf(c)
		needs.Version, needs.Log = "1", slog.New(slog.DiscardHandler)
		measure(b, New(needs))
	})
}

func measure(b *testing.B, handler http.Handler) {
	front := httptest.NewServer(handler)
	defer front.Close()
	client := sdk.NewClient(&sdk.Implementation{Name: "bench", Version: "1"}, nil)
	session, err := client.Connect(b.Context(), &sdk.StreamableClientTransport{Endpoint: front.URL, DisableStandaloneSSE: true},
		&sdk.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	call := func() {
		result, err := session.CallTool(b.Context(), &sdk.CallToolParams{Name: "house_greet", Arguments: map[string]any{"name": "you"}})
		if err != nil || result.IsError {
			b.Fatalf("%+v, %v", result, err)
		}
	}
	call()
	before := cpu(b)
	for b.Loop() {
		call()
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-µs/op")
}

func cpu(b *testing.B) int64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return (use.Utime.Nano() + use.Stime.Nano()) / 1000
}
