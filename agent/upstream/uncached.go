// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The SDK keeps what a modern server's resources and lists were, by URI, without an end and whoever
// asked. A session here serves many callers, and one's resource is not another's: so what must not be
// kept comes past the SDK's cache as an error, and is taken out of it again.

// a fresh answer is one that is not to be kept.
type fresh struct{ result mcp.Result }

func (fresh) Error() string { return "an answer that is not to be kept" }

// uncached lets the answers of these methods past the cache. The list of tools stays in it, for the
// SDK reads there which arguments a tool wants as headers.
func uncached(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		result, err := next(ctx, method, req)
		if err != nil {
			return result, err
		}
		switch method {
		case "resources/read", "resources/list", "resources/templates/list", "prompts/list":
			return nil, fresh{result}
		}
		return result, nil
	}
}

// taken is the answer of a method that is not kept.
func taken[R mcp.Result](answer R, err error) (R, error) {
	if carried, ok := errors.AsType[fresh](err); ok {
		if result, ok := carried.result.(R); ok {
			return result, nil
		}
	}
	return answer, err
}
