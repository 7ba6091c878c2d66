// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/holdfasttest"
)

// revealed is the key that an action makes.
func revealed(t *testing.T, h *holdfasttest.House, name, input string) string {
	t.Helper()
	var made struct{ Key string }
	if err := json.Unmarshal(h.Do(name, input), &made); err != nil || made.Key == "" {
		t.Fatalf("%s made no key: %v", name, err)
	}
	return made.Key
}

// TestMCPSessionsEndWithTheirKey that is revoked, or made anew, at the endpoint of all and at a hub;
// those of other keys stay.
func TestMCPSessionsEndWithTheirKey(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true})
	all, hub := apiURL(t, h)+"/api/mcp", apiURL(t, h)+"/mcp/quiet"
	laptop, other := revealed(t, h, "key.create", `{"name":"laptop"}`), revealed(t, h, "key.create", `{"name":"other"}`)
	h.Do("mcp-hub.add", `{"name":"quiet"}`)
	quiet := revealed(t, h, "mcp-hub.key", `{"name":"quiet"}`)

	const version = "2025-11-25"
	revoked, stays, replaced := mcpSession(t, all, laptop, version), mcpSession(t, all, other, version), mcpSession(t, hub, quiet, version)
	h.Destroy("key.revoke", `{"name":"laptop"}`)
	over(t, revoked)
	revealed(t, h, "mcp-hub.key", `{"name":"quiet"}`)
	over(t, replaced)
	if _, err := stays.ListTools(t.Context(), nil); err != nil {
		t.Errorf("the session of another key is over too: %v", err)
	}
}

func over(t *testing.T, session *mcp.ClientSession) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = session.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the session goes on")
	}
}
