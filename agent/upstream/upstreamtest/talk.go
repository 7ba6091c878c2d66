// SPDX-License-Identifier: Apache-2.0

package upstreamtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Talker is a server that says and asks while a call lasts, and has one of everything.
func Talker() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "talker", Version: "4"}, &mcp.ServerOptions{
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
		CompletionHandler: func(_ context.Context, r *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
			return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{r.Params.Argument.Value + "ing"}}}, nil
		},
	})
	said := func(text string) *mcp.CallToolResult {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
	}
	add := func(name string, run mcp.ToolHandler) {
		server.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)}, run)
	}
	add("progress", func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 20 {
			if err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: r.Params.GetProgressToken(), Progress: float64(i)}); err != nil {
				return nil, err
			}
			if err := r.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "info", Data: fmt.Sprint("line ", i)}); err != nil {
				return nil, err
			}
		}
		return said("done"), nil
	})
	add("elicit", func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		answer, err := r.Session.Elicit(ctx, question())
		if err != nil {
			return said("refused: " + err.Error()), nil
		}
		return said(fmt.Sprint(answer.Action, " ", answer.Content["name"])), nil
	})
	add("input", func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		answer, ok := r.Params.InputResponses["who"].(*mcp.ElicitResult)
		if !ok {
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": question()}, RequestState: "half way"}, nil
		}
		return said(fmt.Sprint(answer.Action, " ", answer.Content["name"], " ", r.Params.RequestState)), nil
	})
	add("nag", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": question()}}, nil
	})
	add("can", func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		raw, err := json.Marshal(r.Params.Meta)
		return said(string(raw)), err
	})
	add("touch", func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return said("ok"), server.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: "talk://one"})
	})
	greet := &mcp.Prompt{Name: "greet", Arguments: []*mcp.PromptArgument{{Name: "who"}}}
	server.AddPrompt(greet, func(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: "Hello " + r.Params.Arguments["who"]}}}}, nil
	})
	read := func(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: r.Params.URI, Text: "it is " + r.Params.URI}}}, nil
	}
	reads := 0
	counted := &mcp.Resource{Name: "counted", URI: "talk://counted"}
	server.AddResource(counted, func(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		reads++
		return &mcp.ReadResourceResult{
			Contents: []*mcp.ResourceContents{{URI: r.Params.URI, Text: fmt.Sprint("read ", reads)}}, Cacheable: mcp.Cacheable{TTLMs: 60_000},
		}, nil
	})
	server.AddResource(&mcp.Resource{Name: "one", URI: "talk://one"}, read)
	server.AddResourceTemplate(&mcp.ResourceTemplate{Name: "any", URITemplate: "talk://any/{name}"}, read)
	return server
}

func question() *mcp.ElicitParams {
	return &mcp.ElicitParams{Message: "Who are you?", RequestedSchema: json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"}}}`)}
}

// learner gives a server a tool that gives it another, and a prompt.
func learner(server *mcp.Server) {
	schema := json.RawMessage(`{"type":"object"}`)
	say := func(text string) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
	}
	server.AddTool(&mcp.Tool{Name: "learn", InputSchema: schema}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		server.AddTool(&mcp.Tool{Name: "learned", InputSchema: schema}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return say("learned")
		})
		server.AddPrompt(&mcp.Prompt{Name: "learned"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Description: "learned"}, nil
		})
		return say("ok")
	})
}

// talk serves a talker that refuses the messages of a method, as servers of one era do.
func talk(refused string) int {
	in, out := io.Pipe()
	go func() {
		defer func() { _ = out.Close() }()
		for scan := bufio.NewScanner(os.Stdin); scan.Scan(); {
			if line := scan.Bytes(); refused == "" || !refuse(line, refused) {
				_, _ = out.Write(append(bytes.Clone(line), '\n'))
			}
		}
	}()
	server := Talker()
	if refused == "" {
		learner(server)
	}
	if err := server.Run(context.Background(), &mcp.IOTransport{Reader: in, Writer: os.Stdout}); err != nil {
		return 1
	}
	return 0
}

func refuse(line []byte, method string) bool {
	var request struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	if json.Unmarshal(line, &request) != nil || request.Method != method {
		return false
	}
	fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"method not found"}}`+"\n", request.ID)
	return true
}
