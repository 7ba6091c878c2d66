// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"errors"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// noting has the view journal calls of what the face does not show: the library refuses them before
// they reach a handler.
func (f *face) noting(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, r sdk.Request) (sdk.Result, error) {
		result, err := next(ctx, method, r)
		params, ok := r.GetParams().(*sdk.CallToolParamsRaw)
		var refused *jsonrpc.Error
		if ok && errors.As(err, &refused) && refused.Code == jsonrpc.CodeInvalidParams && strings.HasPrefix(refused.Message, "unknown tool") {
			f.view.Refused(ctx, params.Name, params.Arguments, err)
		}
		return result, err
	}
}

// codeCancelled is what the Language Server Protocol calls a cancelled request; MCP names no code, for
// it wants no answer, but a stream of HTTP ends by one.
const codeCancelled = -32800

// coding has every error be one of the protocol, which the library gives the code 0 otherwise.
func coding(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, r sdk.Request) (sdk.Result, error) {
		result, err := next(ctx, method, r)
		otherwise := int64(jsonrpc.CodeInternalError)
		if method == "initialize" { // of a session that has begun
			otherwise = jsonrpc.CodeInvalidRequest
		}
		return result, coded(err, otherwise)
	}
}

func coded(err error, otherwise int64) error {
	if _, has := errors.AsType[*jsonrpc.Error](err); err == nil || has {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return &jsonrpc.Error{Code: codeCancelled, Message: "the request was cancelled"}
	}
	return &jsonrpc.Error{Code: otherwise, Message: err.Error()}
}
