// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/core/home"
	"holdfast/core/journal/journaltest"
	"holdfast/holdfasttest/need"
)

type extensions []holdfast.ToolServer

func (x extensions) ToolServers() []holdfast.ToolServer { return x }
func (x extensions) Changed() <-chan struct{}           { return nil }

// realCatalogue is a catalogue over real tool servers.
func realCatalogue(t *testing.T, servers ...holdfast.ToolServer) *tools.Catalogue {
	t.Helper()
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	c := tools.New(tools.Needs{
		Home: place, House: func() string { return "mcp-" + filepath.Base(place.Dir()) + strings.ReplaceAll(t.Name(), "/", "-") },
		Extensions: extensions(servers), Journal: &journaltest.Journal{}, Log: slog.New(slog.DiscardHandler),
	})
	capability := c.Capability()
	if err := capability.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := capability.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// needsOf serves a catalogue.
func needsOf(c *tools.Catalogue) Needs {
	return Needs{View: func(caller holdfast.Caller, s tools.Scope) View { return c.View(caller, s) }, Changed: c.Changed, Hear: c.Hear}
}

func notes(t *testing.T) holdfast.ToolServer {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "notes_tools.py")
	source := `
def add(title: str, tags: list = []):
    """Keep a note.

    Example Prompt: remember milk
    """
    return True, '{"title": "%s"}' % title
TOOLS = [add]
`
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return holdfast.ToolServer{Name: "notes", Dir: dir, Modules: []string{path}}
}

func everything(folder string) holdfast.ToolServer {
	return holdfast.ToolServer{
		Name: "everything", Dir: folder,
		Run: []string{"node", filepath.Join(folder, "node_modules/@modelcontextprotocol/server-everything/dist/index.js"), "stdio"},
	}
}

type published struct {
	Protocol string `json:"protocol"`
	Tools    []struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"tools"`
	Prompts []struct {
		Name string `json:"name"`
	} `json:"prompts"`
	Resources []struct {
		URI string `json:"uri"`
	} `json:"resources"`
	Progress []float64 `json:"progress"`
	Results  []struct {
		IsError    bool            `json:"isError"`
		Structured json.RawMessage `json:"structuredContent"`
		Error      string          `json:"error"`
		Content    []struct {
			Type, Text, Data, MIMEType string
		} `json:"content"`
	} `json:"results"`
}

func runClient(t *testing.T, folder string, args ...string) published {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", append([]string{"mcp.mjs"}, args...)...)
	command.Dir = folder
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	var answer published
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return answer
}

func TestPublishedClients(t *testing.T) {
	folder := need.Clients(t)
	_, url := serving(t, needsOf(realCatalogue(t, notes(t), everything(folder))))
	for flavour, protocol := range map[string]string{"v1": "2025-11-25", "v2-legacy": "2025-11-25", "v2": "2026-07-28"} {
		t.Run(flavour, func(t *testing.T) {
			got := runClient(t, folder, flavour, url, "agent",
				"add", `{"title":"milk"}`, "add", `{}`, "echo", `{"message":"hello"}`, "get-sum", `{"a":2,"b":3}`,
				"get-structured-content", `{"location":"Chicago"}`, "get-tiny-image", `{}`, "nowhere", `{}`,
				"trigger-elicitation-request", `{}`, "trigger-long-running-operation", `{"duration":1,"steps":4}`)
			if got.Protocol != protocol {
				t.Errorf("the protocol is %q, want %q", got.Protocol, protocol)
			}
			names := map[string]string{}
			for _, tool := range got.Tools {
				names[tool.Name] = tool.Description
			}
			if !strings.Contains(names["add"], "Example Prompt: remember milk") || names["echo"] == "" || len(names) < 8 {
				t.Errorf("tools are %v", names)
			}
			if len(got.Results) != 9 {
				t.Fatalf("results are %+v", got.Results)
			}
			for i, want := range []string{`{"title": "milk"}`, "title", "hello", "5", "temperature"} {
				r := got.Results[i]
				if len(r.Content) == 0 || !strings.Contains(r.Content[0].Text, want) || r.IsError != (i == 1) {
					t.Errorf("result %d is %+v, want %q", i, r, want)
				}
			}
			if len(got.Results[4].Structured) == 0 {
				t.Errorf("the structured content is lost: %+v", got.Results[4])
			}
			if image := got.Results[5]; len(image.Content) < 2 || image.Content[1].Type != "image" || len(image.Content[1].Data) < 100 {
				t.Errorf("the image is lost: %+v", image)
			}
			if got.Results[6].Error == "" && !got.Results[6].IsError {
				t.Errorf("an unknown tool is answered %+v", got.Results[6])
			}
			if asked := got.Results[7]; asked.IsError || !strings.Contains(fmt.Sprint(asked.Content), "Name: Ada") {
				t.Errorf("the server asked the client and got %+v", asked)
			}
			if len(got.Progress) < 4 || len(got.Prompts) < 3 || len(got.Resources) < 3 {
				t.Errorf("progress is %v, prompts are %v, resources are %v", got.Progress, got.Prompts, got.Resources)
			}
		})
	}
}
