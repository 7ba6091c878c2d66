// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/tools"
)

// a face is the house as one caller sees it by MCP.
type face struct {
	caller    holdfast.Caller
	catalogue catalogue
	log       *slog.Logger
	server    *sdk.Server
	used      time.Time // under Server.mu

	mu    sync.Mutex
	shown map[string]string // name of the tool → what was shown of it
}

// manyFaces is from how many callers on those without sessions are forgotten.
const manyFaces = 64

// faceKey tells callers apart that may see or do different things.
func faceKey(c holdfast.Caller) string {
	return strings.Join([]string{c.String(), c.Tier.String(), c.Unit, c.Tenant, c.Only}, "\x00")
}

// face finds or makes the face of the caller of a request.
func (s *Server) face(ctx context.Context) *face { return s.faceOf(ctx, holdfast.CallerFrom(ctx)) }

func (s *Server) faceOf(ctx context.Context, caller holdfast.Caller) *face {
	caller.Surface = "mcp"
	key := faceKey(caller)
	s.mu.Lock()
	f := s.faces[key]
	if f != nil {
		f.used = time.Now()
	}
	s.mu.Unlock()
	if f != nil {
		return f
	}
	f = s.newFace(ctx, caller, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.faces[key]; other != nil {
		return other
	}
	f.used = time.Now()
	s.forget()
	s.faces[key] = f
	return f
}

func (s *Server) newFace(ctx context.Context, caller holdfast.Caller, key string) *face {
	entries, err := s.catalogue.List(ctx, caller)
	if err != nil {
		entries = s.catalogue.Now(caller) // the rest follows as a changed list
	}
	f := &face{caller: caller, catalogue: s.catalogue, log: s.log, shown: map[string]string{}}
	f.server = sdk.NewServer(&sdk.Implementation{Name: "holdfast", Title: "Holdfast", Version: s.version}, &sdk.ServerOptions{
		Instructions: instructions(s.catalogue.Instructions()),
		Capabilities: &sdk.ServerCapabilities{Tools: &sdk.ToolCapabilities{ListChanged: true}},
		GetSessionID: func() string { return s.sessionID(key) },
	})
	f.show(entries)
	return f
}

// forget drops faces that nobody uses, oldest first. Call it under the lock.
func (s *Server) forget() {
	if len(s.faces) < manyFaces {
		return
	}
	oldest := ""
	for key, f := range s.faces {
		busy := false
		for range f.server.Sessions() {
			busy = true
			break
		}
		if !busy && (oldest == "" || f.used.Before(s.faces[oldest].used)) {
			oldest = key
		}
	}
	delete(s.faces, oldest)
}

// instructions joins what the tool servers say about themselves.
func instructions(by map[string]string) string {
	const bound = 16 << 10
	var names []string
	for name := range by {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		if text := by[name]; b.Len()+len(text) < bound {
			fmt.Fprintf(&b, "Tools of extension %s:\n%s\n\n", name, text)
		}
	}
	return strings.TrimSpace(b.String())
}

// show brings the tools of the face up to date; unchanged ones are left alone.
func (f *face) show(entries []tools.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := map[string]bool{}
	for _, e := range entries {
		if !e.EnabledInMCP {
			continue
		}
		kept[e.Name] = true
		tool := toolOf(e)
		form, err := json.Marshal(tool)
		if err != nil || f.shown[e.Name] == string(form) {
			continue
		}
		if err := f.add(tool); err != nil {
			f.log.Warn("a tool cannot be served", slog.String("tool", e.Name), slog.Any("error", err))
			delete(kept, e.Name)
			continue
		}
		f.shown[e.Name] = string(form)
	}
	var gone []string
	for name := range f.shown {
		if !kept[name] {
			gone = append(gone, name)
			delete(f.shown, name)
		}
	}
	if len(gone) > 0 {
		f.server.RemoveTools(gone...)
	}
}

// add keeps the panic by which the library refuses a declaration from ending the house: the
// declaration comes from an extension.
func (f *face) add(tool *sdk.Tool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	name := tool.Name
	f.server.AddTool(tool, func(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return f.call(ctx, name, r.Params.Arguments)
	})
	return nil
}

func toolOf(e tools.Entry) *sdk.Tool {
	tool := &sdk.Tool{
		Name: e.Name, Title: e.Title, Description: e.Summary, InputSchema: e.Input, Annotations: e.Hints,
		Meta: sdk.Meta{"holdfast/source": e.Source},
	}
	if e.OwnName != "" {
		tool.Meta["holdfast/own_name"] = e.OwnName
	}
	if len(e.Output) > 0 {
		tool.OutputSchema = e.Output
	}
	return tool
}

// call runs a tool. What went wrong is told as a result that the model reads, so that it can do
// better; only a tool that is gone is an error of the protocol.
func (f *face) call(ctx context.Context, name string, arguments json.RawMessage) (*sdk.CallToolResult, error) {
	result, err := f.catalogue.Call(ctx, f.caller, name, arguments)
	if err != nil {
		said, ok := errors.AsType[*holdfast.Error](err)
		if ok && said.Code == holdfast.CodeNotFound {
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: err.Error()}}}, nil
	}
	answer := &sdk.CallToolResult{Content: result.Blocks(), IsError: result.Failed}
	if len(result.Structured) > 0 && result.Structured[0] == '{' {
		answer.StructuredContent = result.Structured
	}
	return answer, nil
}

// makeRoom ends the oldest sessions of a caller that opens ever more.
func (f *face) makeRoom() {
	sessions := slices.Collect(f.server.Sessions())
	for _, session := range sessions[:max(0, len(sessions)-sessionsEach+1)] {
		_ = session.Close()
	}
}
