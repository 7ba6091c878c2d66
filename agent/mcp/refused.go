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
