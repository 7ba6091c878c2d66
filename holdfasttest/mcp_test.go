// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/holdfasttest"
)

func mcpSession(t *testing.T, url, key, version string) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: bearer(key)}},
		&mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func offered(t *testing.T, session *mcp.ClientSession, name string) *mcp.Tool {
	t.Helper()
	for tool, err := range session.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if tool.Name == name {
			return tool
		}
	}
	return nil
}

// TestAnMCPClientsDestructionWaitsForAPerson who sees what is lost before it is: over HTTP, with an
// operator's key, in both protocols. Agents are not even offered it, and no program answers for the person.
func TestAnMCPClientsDestructionWaitsForAPerson(t *testing.T) {
	const operator = "for-the-operator-alone"
	h := holdfasttest.Start(t, holdfasttest.Options{Files: map[string]string{".env": "SUPERVISOR_API_TOKEN=" + operator + "\nAGENT_API_KEY=sk-for-agents\n"}})
	url := apiURL(t, h) + "/api/mcp"
	there := func() bool {
		_, err := os.Stat(h.Home.Path("extensions", "notes", "config.json"))
		return !errors.Is(err, os.ErrNotExist)
	}
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			if tool := offered(t, mcpSession(t, url, "sk-for-agents", version), "extension_delete"); tool != nil {
				t.Errorf("agents are offered %+v", tool)
			}
			session := mcpSession(t, url, operator, version)
			tool := offered(t, session, "extension_delete")
			if tool == nil || tool.Annotations == nil || tool.Annotations.ReadOnlyHint || tool.Annotations.DestructiveHint == nil || !*tool.Annotations.DestructiveHint {
				t.Fatalf("the tool is %+v", tool)
			}
			if offered(t, session, "approval_allow") != nil {
				t.Error("a program may answer for a person")
			}
			answer, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "extension_delete", Arguments: map[string]any{"name": "notes"}})
			if err != nil || answer.IsError || !strings.Contains(answer.Content[0].(*mcp.TextContent).Text, "Nothing was destroyed") {
				t.Fatalf("answered %+v, %v", answer, err)
			}
			var waiting struct {
				Approvals []struct{ ID, Action, Subject, Caller string }
			}
			if err := json.Unmarshal(h.Do("approval.list", `{}`), &waiting); err != nil || len(waiting.Approvals) != 1 ||
				waiting.Approvals[0].Action != "extension.delete" || waiting.Approvals[0].Subject != "notes" {
				t.Fatalf("%+v waits, %v", waiting, err)
			}
			if !there() {
				t.Fatal("it was deleted before anybody was asked")
			}
			inventory, _ := h.Destroy("approval.allow", fmt.Sprintf(`{"id":%q}`, waiting.Approvals[0].ID))
			if len(inventory.Categories) == 0 || there() {
				t.Fatalf("allowed, and it is there still: %v; the inventory is %+v", there(), inventory)
			}
			var done struct {
				Entries []struct{ Outcome, Caller string }
			}
			if err := json.Unmarshal(h.Do("journal.show", `{"action":"extension.delete"}`), &done); err != nil || !slices.ContainsFunc(done.Entries, func(e struct{ Outcome, Caller string }) bool {
				return e.Outcome == "noted" && e.Caller == waiting.Approvals[0].Caller
			}) || done.Entries[len(done.Entries)-1].Outcome != "done" {
				t.Errorf("journaled is %+v, %v", done, err)
			}
			h.Do("trash.restore", fmt.Sprintf(`{"id":%q}`, trashed(t, h)))
			h.Do("extension.sync", `{}`)
			if !there() {
				t.Fatal("it did not come back")
			}
		})
	}
}

// TestRemoteServersByLunasRoutes adds, lists, switches and deletes one over HTTP, as existing hub
// clients do, and sees its tools come and go.
func TestRemoteServersByLunasRoutes(t *testing.T) {
	const operator = "for-the-operator-alone"
	far := mcp.NewServer(&mcp.Implementation{Name: "far", Version: "1"}, nil)
	for _, name := range []string{"search", "wipe"} {
		far.AddTool(&mcp.Tool{Name: name, Description: "does " + name, InputSchema: json.RawMessage(`{"type":"object"}`)},
			func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "from afar"}}}, nil
			})
	}
	front := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return far }, &mcp.StreamableHTTPOptions{Stateless: true}))
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true, Files: map[string]string{".env": "SUPERVISOR_API_TOKEN=" + operator + "\nAGENT_API_KEY=sk-for-agents\n"}})
	t.Cleanup(func() {
		front.CloseClientConnections() // the house keeps a stream of notices open
		front.Close()
	})
	ask := func(method, path, body string, want int) string {
		t.Helper()
		status, text := h.Ask(method, h.Door()+"/api/supervisor/remote-mcp"+path, body, http.Header{"Authorization": {"Bearer " + operator}, "Content-Type": {"application/json"}})
		if status != want {
			t.Fatalf("%s %s: %d %s", method, path, status, text)
		}
		return string(text)
	}
	ask("POST", "/add", fmt.Sprintf(`{"url":%q,"name":"far"}`, front.URL), http.StatusOK)
	session := mcpSession(t, apiURL(t, h)+"/api/mcp", "sk-for-agents", "2025-11-25")
	tools := func(what string, ok func(names []string) bool) {
		t.Helper()
		deadline := time.After(time.Minute)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			var names []string
			for tool, err := range session.Tools(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, tool.Name)
			}
			if ok(names) {
				return
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("not within a minute: %s; tools are %v", what, names)
			}
		}
	}
	has := func(wanted ...string) func([]string) bool {
		return func(names []string) bool {
			names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "far_") })
			return slices.Equal(names, wanted)
		}
	}
	tools("both", has("far_search", "far_wipe"))
	if answer, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "far_search"}); err != nil || answer.Content[0].(*mcp.TextContent).Text != "from afar" {
		t.Errorf("answered %+v, %v", answer, err)
	}
	if list := ask("GET", "/list", "", http.StatusOK); !strings.Contains(list, `"tool_count":2`) || !strings.Contains(list, `"state":"serving"`) {
		t.Errorf("the list is %s", list)
	}
	ask("PATCH", "/far", `{"tools":{"wipe":{"enabled":false}}}`, http.StatusOK)
	tools("one switched off", has("far_search"))
	ask("PATCH", "/far", `{"enabled":false}`, http.StatusOK)
	tools("the server switched off", has())
	ask("DELETE", "/far", "", http.StatusOK)
	ask("DELETE", "/far", "", http.StatusNotFound)
}
