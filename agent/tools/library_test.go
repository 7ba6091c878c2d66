// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/core/config"
	corekeys "holdfast/core/keys"
	"holdfast/core/store"
)

// a library is what a test's server says it has: written to a file that the server reads at its
// start and whenever its tool reload is called.
type library struct {
	Instructions string
	Tools        []*mcp.Tool
	Prompts      []*mcp.Prompt
	Resources    []*mcp.Resource
	Templates    []*mcp.ResourceTemplate
	NoTools      bool // also not those by which tests steer it
}

// serveLibrary is a server of what a file says. Its tools answer what they were given.
func serveLibrary(path string) int {
	spec, err := readLibrary(path)
	if err != nil {
		return 1
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "library", Version: "1"}, &mcp.ServerOptions{
		Instructions: spec.Instructions,
		CompletionHandler: func(_ context.Context, r *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
			return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{r.Params.Ref.Name + r.Params.Ref.URI + ":" + r.Params.Argument.Value}}}, nil
		},
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	put(server, spec)
	server.AddTool(&mcp.Tool{Name: "reload", Description: "reads the library again", InputSchema: json.RawMessage(`{"type":"object"}`)},
		func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			spec, err := readLibrary(path)
			if err != nil {
				return nil, err
			}
			put(server, spec)
			return &mcp.CallToolResult{}, nil
		})
	server.AddTool(&mcp.Tool{Name: "touch", Description: "tells that a resource changed", InputSchema: json.RawMessage(`{"type":"object"}`)},
		func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			var in struct{ URI string }
			_ = json.Unmarshal(r.Params.Arguments, &in)
			return &mcp.CallToolResult{}, server.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: in.URI})
		})
	if spec.NoTools {
		server.RemoveTools("reload", "touch")
	}
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		return 1
	}
	return 0
}

func readLibrary(path string) (spec library, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &spec)
	}
	return spec, err
}

func put(server *mcp.Server, spec library) {
	for _, t := range spec.Tools {
		server.AddTool(t, func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Meta: mcp.Meta{"own": true}, Content: []mcp.Content{&mcp.TextContent{Text: t.Name + " got " + string(r.Params.Arguments)}}}, nil
		})
	}
	for _, p := range spec.Prompts {
		server.AddPrompt(p, func(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: fmt.Sprint(r.Params.Name, " with ", r.Params.Arguments)}}}}, nil
		})
	}
	read := func(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: r.Params.URI, Text: "content of " + r.Params.URI}}}, nil
	}
	for _, r := range spec.Resources {
		server.AddResource(r, read)
	}
	for _, t := range spec.Templates {
		server.AddResourceTemplate(t, read)
	}
}

// tool is a tool of a library.
func tool(name, description string) *mcp.Tool {
	return &mcp.Tool{Name: name, Description: description, InputSchema: json.RawMessage(`{"type":"object","properties":{"text":{"type":"string","description":"what it is about"}}}`)}
}

// libraryServer declares an extension whose server is a library.
func libraryServer(t *testing.T, extension string, spec library) holdfast.ToolServer {
	t.Helper()
	decl := goServer(t, extension, "")
	decl.Env["TOOL_LIBRARY"] = filepath.Join(decl.Dir, "library.json")
	rewrite(t, decl, spec)
	return decl
}

// rewrite changes what a library says from its next start or reload on.
func rewrite(t *testing.T, decl holdfast.ToolServer, spec library) {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(decl.Dir, "library.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tables are the package's own.
func tables() []store.Migration { return []store.Migration{{Package: "tools", FS: Migrations()}} }

// stored gives the catalogue a store, before it is up.
func (b *bench) stored(s *store.Store) *bench {
	needs := b.needs
	needs.Store = s
	b.Catalogue = New(needs)
	return b
}

// governed gives the catalogue a master_config.json and an .env, before it is up.
func (b *bench) governed(master string) *bench {
	b.t.Helper()
	if master != "" {
		b.edit(master)
	}
	needs := b.needs
	needs.Master, needs.Keys = config.NewMaster(b.home), corekeys.New(b.home)
	b.Catalogue = New(needs)
	return b
}

// edit writes master_config.json as a person would.
func (b *bench) edit(text string) {
	b.t.Helper()
	next := b.home.MasterFile() + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Rename(next, b.home.MasterFile()); err != nil {
		b.t.Fatal(err)
	}
}

// again is the same home's catalogue after a restart of the house.
func (b *bench) again() *bench {
	b.t.Helper()
	b.down()
	b.Catalogue = New(b.needs)
	return b.up()
}

// client is a caller by MCP.
func client() holdfast.Caller {
	c := agent()
	c.Surface = surfaceMCP
	return c
}

func namesOf(entries []Entry) []string {
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}
