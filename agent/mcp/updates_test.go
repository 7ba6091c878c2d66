// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/holdfasttest/need"
)

// TestUpdatesOfARealServer follows a resource of a published server through the whole chain.
func TestUpdatesOfARealServer(t *testing.T) {
	folder := need.Clients(t)
	_, url := serving(t, needsOf(realCatalogue(t, everything(folder))))
	both(t, func(t *testing.T, version string) {
		told := make(chan struct{}, 100)
		client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
			ResourceUpdatedHandler: func(context.Context, *sdk.ResourceUpdatedNotificationRequest) { told <- struct{}{} },
		})
		follower := session(t, client, url, version)
		list, err := follower.ListResources(t.Context(), nil)
		if err != nil || len(list.Resources) == 0 {
			t.Fatalf("resources are %+v, %v", list, err)
		}
		if err := follower.Subscribe(t.Context(), &sdk.SubscribeParams{URI: list.Resources[0].URI}); err != nil {
			t.Fatal(err)
		}
		// The server tells at once when its updates are switched on, and then every five seconds.
		untilTold(t, "a resource of a real server", told, func() {
			if _, err := follower.CallTool(t.Context(), &sdk.CallToolParams{Name: "toggle-subscriber-updates"}); err != nil {
				t.Fatal(err)
			}
		})
	})
}
