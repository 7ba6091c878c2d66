// SPDX-License-Identifier: Apache-2.0

// Command client is the house's side of MCP as a client, on its own, for the client scenarios of the
// conformance suite: agent/upstream and agent/remote/grant, with a person who agrees to everything.
//
// It is not a program for users. The suite starts it with a server's URL, and the scenario in the
// environment; test/conformance builds it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/remote/grant"
	"holdfast/agent/upstream"
)

// mostGrants is how often the person agrees before it is enough.
const mostGrants = 3

func main() {
	if err := run(context.Background(), os.Args[len(os.Args)-1], os.Getenv("MCP_CONFORMANCE_SCENARIO")); err != nil {
		fmt.Fprintln(os.Stderr, "cannot finish the scenario:", err)
		os.Exit(1)
	}
}

// a scenario is what the suite says besides the URL.
type scenario struct {
	name    string
	url     string
	grant   *grant.Grant
	server  *upstream.Server
	granted int

	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	ToolCalls    []struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"toolCalls"`
}

func run(ctx context.Context, at, name string) error {
	s := &scenario{name: name, url: at}
	if text := os.Getenv("MCP_CONFORMANCE_CONTEXT"); text != "" {
		if err := json.Unmarshal([]byte(text), s); err != nil {
			return err
		}
	}
	folder, err := os.MkdirTemp("", "conformance-client-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	remote := &upstream.Remote{URL: at}
	if strings.HasPrefix(name, "auth/") {
		options := grant.Options{
			Name: "the suite", URL: at, Path: filepath.Join(folder, "tokens.json"),
			Redirect: func() string { return "http://localhost:3000/callback" },
			Document: func() string { return "https://conformance-test.local/client-metadata.json" },
		}
		if s.ClientID != "" {
			options.Client = func() (string, string) { return s.ClientID, s.ClientSecret }
		}
		s.grant = grant.New(options)
		remote.Auth = s.grant
	}
	s.server = upstream.New(upstream.Declaration{Name: "suite", Remote: remote}, upstream.Needs{
		Settings: func() upstream.Settings { return upstream.Settings{StartWithin: 20 * time.Second, Parallel: 1} },
		Changed:  func() {}, Updated: func(string) {}, Log: slog.New(slog.DiscardHandler),
	})
	ctx, end := context.WithCancel(upstream.WithPeer(ctx, person{}))
	go s.server.Run(ctx)
	defer func() {
		end()
		<-s.server.Over()
	}()
	return s.play(ctx)
}

func (s *scenario) play(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	offer := s.server.Offer()
	if len(s.ToolCalls) > 0 {
		for _, c := range s.ToolCalls {
			s.try(ctx, c.Name, c.Arguments)
		}
		return nil
	}
	for _, tool := range offer.Tools {
		if err := s.call(ctx, tool, offer); err != nil {
			return err
		}
	}
	for _, r := range offer.Resources {
		_, _ = s.server.Read(ctx, upstream.Request{Name: r.URI})
	}
	for _, p := range offer.Prompts {
		_, _ = s.server.Prompt(ctx, upstream.Request{Name: p.Name})
	}
	return nil
}

// begin connects, and lets the person grant access where the server wants it.
func (s *scenario) begin(ctx context.Context) error {
	for {
		<-s.server.Tried()
		err := s.server.Trouble()
		if err == nil || s.grant == nil || !s.grant.Wanted() {
			return err
		}
		if err := s.agree(ctx); err != nil {
			return err
		}
		s.server.Restart()
	}
}

// call calls one tool; a server that wants more access than was granted is given it and called again.
func (s *scenario) call(ctx context.Context, tool *mcp.Tool, offer upstream.Offer) error {
	for {
		err := s.try(ctx, tool.Name, arguments(tool.Name, offer))
		if err == nil || s.grant == nil {
			return nil // what a server refuses is for the suite to judge
		}
		if !s.grant.Wanted() {
			return err
		}
		if err := s.agree(ctx); err != nil {
			return err
		}
		s.server.Restart()
		if err := s.begin(ctx); err != nil {
			return err
		}
	}
}

func (s *scenario) try(ctx context.Context, tool string, arguments json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	_, err := s.server.Call(ctx, upstream.Request{Name: tool, Arguments: arguments})
	return err
}

// arguments are what the suite's tools take.
func arguments(tool string, offer upstream.Offer) json.RawMessage {
	switch tool {
	case "add_numbers":
		return json.RawMessage(`{"a":5,"b":3}`)
	case "json_schema_echo":
		for _, t := range offer.Tools {
			if t.Name == "json_schema_2020_12_tool" {
				raw, _ := json.Marshal(map[string]any{"schema": t.InputSchema})
				return raw
			}
		}
	}
	return json.RawMessage(`{"region":"us-west1"}`)
}

// agree opens the authorization page, which sends the person straight back.
func (s *scenario) agree(ctx context.Context) error {
	if s.granted++; s.granted > mostGrants {
		return errors.New("access was granted often enough")
	}
	open, _, _, err := s.grant.Begin(ctx)
	if err != nil {
		return err
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, open, nil)
	if err != nil {
		return err
	}
	answer, err := browser.Do(request)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	back, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		return err
	}
	_, err = s.grant.Return(ctx, back.Query())
	return err
}

// a person agrees to everything, with what a form proposes.
type person struct{}

func (person) Progress(*mcp.ProgressNotificationParams) {}

func (person) Log(*mcp.LoggingMessageParams) {}

func (person) Era() upstream.Era { return upstream.Legacy }

func (person) Capabilities() *mcp.ClientCapabilities {
	return &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{Form: &mcp.FormElicitationCapabilities{}}}
}

func (person) Ask(_ context.Context, r mcp.InputRequest) (mcp.InputResponse, error) {
	form, ok := r.(*mcp.ElicitParams)
	if !ok {
		return nil, errors.New("the person answers forms only")
	}
	raw, err := json.Marshal(form.RequestedSchema)
	if err != nil {
		return nil, err
	}
	var schema struct {
		Properties map[string]struct {
			Type    string `json:"type"`
			Default any    `json:"default"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		return nil, err
	}
	content := map[string]any{}
	for name, p := range schema.Properties {
		if p.Default != nil {
			content[name] = p.Default
		} else if p.Type == "boolean" {
			content[name] = true
		}
	}
	return &mcp.ElicitResult{Action: "accept", Content: content}, nil
}
