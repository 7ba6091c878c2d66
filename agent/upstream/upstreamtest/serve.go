// SPDX-License-Identifier: Apache-2.0

// Package upstreamtest is MCP servers to be tested against: good, hung, crashing, talking garbage,
// leaving children behind.
//
// It is for test binaries that stand in for the servers of others: TestMain calls Serve when the
// environment says so. It is not for the house. It guarantees nothing but the faults it is asked for.
// The tests of agent/upstream, agent/tools and agent/mcp call it.
package upstreamtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Env has a test binary be a server of a kind: for the environment of what it starts.
func Env(kind string) map[string]string {
	// Under the race detector a program lets a second pass at its end, for races yet to be told.
	return map[string]string{"TOOL_SERVER": kind, "GORACE": "atexit_sleep_ms=0"}
}

// Serve is a server of a kind on standard input and output, until its end: good, hung, dead, garbage,
// tree, hungtree, grow; raw, which says what it is told to,
// also, after a space, in place of all its answers; both, legacy and modern are talkers of these eras. It answers the exit code.
func Serve(kind string) int {
	if line, ok := strings.CutPrefix(kind, "raw "); ok {
		return raw(line)
	}
	switch kind {
	case "raw":
		return raw("")
	case "both": // eras
		return talk("")
	case "legacy":
		return talk("server/discover")
	case "modern":
		return talk("initialize")
	case "hung":
		select {}
	case "dead":
		fmt.Fprintln(os.Stderr, "cannot find my configuration")
		return 7
	case "garbage":
		fmt.Println("Welcome to the server!\n{\"half\": \n[1,2]\nnull")
	case "tree", "hungtree":
		// A child that ignores TERM and holds the pipes, and one in a session of its own.
		for _, script := range []string{"trap '' TERM; sleep 1000", "exec setsid sleep 1000"} {
			child := exec.CommandContext(context.Background(), "sh", "-c", script)
			child.Stdout = os.Stdout
			if err := child.Start(); err != nil {
				return 1
			}
		}
	}
	if kind == "hungtree" {
		select {}
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "3"}, &mcp.ServerOptions{Instructions: "Use it well."})
	addTools(server, kind)
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		return 1
	}
	return 0
}

type echoInput struct {
	Text string `json:"text"`
}

func addTools(server *mcp.Server, kind string) {
	text := func(s string) *mcp.CallToolResult {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
	}
	add := func(name string, schema string, run func(context.Context, json.RawMessage) (*mcp.CallToolResult, error)) {
		server.AddTool(&mcp.Tool{Name: name, Description: "does " + name, InputSchema: json.RawMessage(schema)},
			func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return run(ctx, r.Params.Arguments)
			})
	}
	add("echo", `{"type":"object","properties":{"text":{"type":"string"},"pin":{"type":"string","writeOnly":true}},"required":["text"]}`,
		func(_ context.Context, raw json.RawMessage) (*mcp.CallToolResult, error) {
			var in echoInput
			if err := json.Unmarshal(raw, &in); err != nil {
				return nil, err
			}
			return text(in.Text), nil
		})
	add("crash", `{"type":"object"}`, func(context.Context, json.RawMessage) (*mcp.CallToolResult, error) {
		fmt.Fprintln(os.Stderr, "fatal: out of cheese")
		os.Exit(9)
		return nil, nil
	})
	add("slow", `{"type":"object"}`, func(ctx context.Context, _ json.RawMessage) (*mcp.CallToolResult, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	add("huge", `{"type":"object"}`, func(context.Context, json.RawMessage) (*mcp.CallToolResult, error) {
		return text(strings.Repeat("ä", 3<<20)), nil
	})
	add("enormous", `{"type":"object"}`, func(context.Context, json.RawMessage) (*mcp.CallToolResult, error) {
		return text(strings.Repeat("x", 20<<20)), nil
	})
	add("refuse", `{"type":"object"}`, func(context.Context, json.RawMessage) (*mcp.CallToolResult, error) {
		return nil, fmt.Errorf("no such luck")
	})
	add("secret", `{"type":"object"}`, func(context.Context, json.RawMessage) (*mcp.CallToolResult, error) {
		fmt.Fprintln(os.Stderr, "the key is "+os.Getenv("THE_KEY"))
		return text(strings.Join(os.Environ(), "\n")), nil
	})
	if kind == "grow" {
		add("grow", `{"type":"object"}`, func(context.Context, json.RawMessage) (*mcp.CallToolResult, error) {
			add("grown", `{"type":"object"}`, func(context.Context, json.RawMessage) (*mcp.CallToolResult, error) { return text("ok"), nil })
			return text("ok"), nil
		})
	}
}
