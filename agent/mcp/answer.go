// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
)

// a wish is one request of a client that a server may have to ask about: a call of a tool, a prompt,
// a resource to read.
type wish struct {
	method       string
	request      upstream.Request
	session      *sdk.ServerSession
	token        any
	version      string
	capabilities *sdk.ClientCapabilities
}

// owner is who may come back for the wish: the same face with the same words.
func (w wish) owner(f *face) string {
	sum := sha256.Sum256(append([]byte(w.method+"\x00"+w.request.Name+"\x00"), w.request.Arguments...))
	return f.key + ownerEnd + hex.EncodeToString(sum[:])
}

// fulfil runs a wish with its client at hand. What it answers is an answer, or an asking.
func (f *face) fulfil(ctx context.Context, w wish, run func(context.Context, upstream.Request) (any, error)) (any, *asking, error) {
	over := &line{ctx: ctx, session: w.session, token: w.token}
	p := &peer{era: upstream.Legacy, capabilities: w.capabilities}
	if w.version < modern {
		p.hold(over)
		defer p.letGo()
		answer, err := run(upstream.WithPeer(ctx, p), w.request)
		return answer, nil, err
	}
	owner := w.owner(f)
	waiting, again, err := f.parked.resume(w.request.State, owner, over, w.request.Responses)
	if err != nil || again != nil {
		return nil, again, err
	}
	if waiting == nil {
		p.era = upstream.Modern
		waiting = f.parked.start(ctx, owner, p, over, func(ctx context.Context) (any, error) {
			return run(upstream.WithPeer(ctx, p), w.request)
		})
	}
	return f.parked.follow(waiting, over)
}

// passed is what of a request's metadata a server gets: not what is between the client and the house.
func passed(meta sdk.Meta) sdk.Meta {
	if len(meta) == 0 {
		return nil
	}
	with := maps.Clone(meta)
	for _, key := range []string{"progressToken", sdk.MetaKeyProtocolVersion, sdk.MetaKeyClientInfo} {
		delete(with, key)
	}
	return with
}

// call runs a tool. What went wrong is told as a result that the model reads, so that it can do
// better; only a tool that is gone, and what a server itself calls an error of the protocol, is one.
func (f *face) call(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
	answer, asked, err := f.fulfil(ctx, wish{
		method: "tools/call", session: r.Session, token: r.Params.GetProgressToken(),
		version: r.ProtocolVersion(), capabilities: r.ClientCapabilities(),
		request: upstream.Request{
			Name: r.Params.Name, Arguments: r.Params.Arguments, Meta: passed(r.Params.Meta),
			Responses: r.Params.InputResponses, State: r.Params.RequestState,
		},
	}, func(ctx context.Context, request upstream.Request) (any, error) { return f.view.Call(ctx, request) })
	switch {
	case asked != nil:
		return &sdk.CallToolResult{InputRequests: asked.requests(), RequestState: asked.state}, nil
	case err == nil:
		return f.toolResult(answer.(tools.Result), r.ProtocolVersion()), nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if said := protocolError(err); said != nil {
		return nil, said
	}
	return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: err.Error()}}}, nil
}

func (a asking) requests() sdk.InputRequestMap { return sdk.InputRequestMap{question: a.request} }

func (f *face) toolResult(r tools.Result, version string) *sdk.CallToolResult {
	if len(r.Asks) > 0 || r.State != "" {
		asks := r.Asks
		if asks == nil {
			asks = sdk.InputRequestMap{} // only to be asked again, later
		}
		return &sdk.CallToolResult{InputRequests: asks, RequestState: r.State}
	}
	answer := &sdk.CallToolResult{Content: r.Blocks(), IsError: r.Failed}
	if f.plain && len(r.Meta) > 0 {
		answer.Meta = maps.Clone(r.Meta)
		delete(answer.Meta, sdk.MetaKeyServerInfo) // the house answers
	}
	// Before 2026 structured content was an object.
	if len(r.Structured) > 0 && (r.Structured[0] == '{' || version >= modern) {
		answer.StructuredContent = r.Structured
	}
	return answer
}

// protocolError is an error that is one of the protocol: a server's own, or that there is no such
// thing; nil for all others.
func protocolError(err error) error {
	// The house's own words come first: they may have an error of the SDK's in them.
	if ours, ok := errors.AsType[*holdfast.Error](err); ok {
		if ours.Code == holdfast.CodeNotFound {
			return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
		}
		return nil
	}
	if said, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return said
	}
	return nil
}

// failure is any error as one of the protocol.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if said := protocolError(err); said != nil {
		return said
	}
	code := int64(jsonrpc.CodeInternalError)
	if said, ok := errors.AsType[*holdfast.Error](err); ok && said.Code == holdfast.CodeBadInput {
		code = jsonrpc.CodeInvalidParams
	}
	return &jsonrpc.Error{Code: code, Message: err.Error()}
}

func (f *face) prompt(ctx context.Context, r *sdk.GetPromptRequest) (*sdk.GetPromptResult, error) {
	arguments, err := json.Marshal(r.Params.Arguments)
	if err != nil {
		return nil, err
	}
	answer, asked, err := f.fulfil(ctx, wish{
		method: "prompts/get", session: r.Session, token: r.Params.GetProgressToken(),
		version: r.ProtocolVersion(), capabilities: r.ClientCapabilities(),
		request: upstream.Request{
			Name: r.Params.Name, Arguments: arguments, Meta: passed(r.Params.Meta),
			Responses: r.Params.InputResponses, State: r.Params.RequestState,
		},
	}, func(ctx context.Context, request upstream.Request) (any, error) { return f.view.Prompt(ctx, request) })
	switch {
	case asked != nil:
		return &sdk.GetPromptResult{InputRequests: asked.requests(), RequestState: asked.state}, nil
	case err != nil:
		return nil, failure(ctx, err)
	}
	return answer.(*sdk.GetPromptResult), nil
}

func (f *face) read(ctx context.Context, r *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
	answer, asked, err := f.fulfil(ctx, wish{
		method: "resources/read", session: r.Session, token: r.Params.GetProgressToken(),
		version: r.ProtocolVersion(), capabilities: r.ClientCapabilities(),
		request: upstream.Request{
			Name: r.Params.URI, Meta: passed(r.Params.Meta),
			Responses: r.Params.InputResponses, State: r.Params.RequestState,
		},
	}, func(ctx context.Context, request upstream.Request) (any, error) { return f.view.Read(ctx, request) })
	switch {
	case asked != nil:
		return &sdk.ReadResourceResult{InputRequests: asked.requests(), RequestState: asked.state}, nil
	case err != nil:
		if said, ok := errors.AsType[*holdfast.Error](err); ok && said.Code == holdfast.CodeNotFound {
			return nil, sdk.ResourceNotFoundError(r.Params.URI)
		}
		return nil, failure(ctx, err)
	}
	return answer.(*sdk.ReadResourceResult), nil
}

func (f *face) complete(ctx context.Context, r *sdk.CompleteRequest) (*sdk.CompleteResult, error) {
	asked := *r.Params
	asked.Meta = passed(asked.Meta)
	answer, err := f.view.Complete(ctx, &asked)
	if err != nil {
		return nil, failure(ctx, err)
	}
	if answer.Completion.Values == nil {
		answer.Completion.Values = []string{}
	}
	return answer, nil
}
