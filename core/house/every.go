// SPDX-License-Identifier: Apache-2.0

package house

import (
	"context"
	"time"
)

// Every is the life of a capability that acts now and then: once a span, until ctx ends.
func Every(ctx context.Context, span time.Duration, act func(context.Context)) error {
	tick := time.NewTicker(span)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			act(ctx)
		}
	}
}
