// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestInspector looks at a house by the published inspector's command line: over HTTP with a key, and
// by `holdfast mcp`.
func TestInspector(t *testing.T) {
	program := node(t)
	h := startHouse(t)
	url := h.api.JoinPath("mcp", hub).String()
	ways := map[string][]string{
		"http":  {url, "--transport", "http", "--header", "Authorization: Bearer " + hubKey},
		"stdio": {filepath.Join(h.bin, "holdfast"), "--home", h.home, "mcp", "--hub", hub},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			for method, want := range map[string]string{
				"tools/list":               `"name": "test_simple_text"`,
				"prompts/list":             `"name": "test_simple_prompt"`,
				"resources/list":           `"uri": "test://static-text"`,
				"resources/templates/list": `"uriTemplate": "test://template/{id}/data"`,
				"tools/call":               "This is a simple text response for testing.",
				"resources/read":           "This is the content of the static text resource.",
				"prompts/get":              "This is a simple prompt for testing.",
			} {
				more := map[string][]string{
					"tools/call": {"--tool-name", "test_simple_text"}, "resources/read": {"--uri", "test://static-text"}, "prompts/get": {"--prompt-name", "test_simple_prompt"},
				}[method]
				out := inspect(t, program, way, append([]string{"--method", method}, more...))
				if !json.Valid(out) || !strings.Contains(string(out), want) {
					t.Errorf("%s is answered %s", method, out)
				}
			}
		})
	}
}

func inspect(t *testing.T, program string, way, asked []string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append([]string{filepath.Join("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"), "--cli"}, asked...)
	cmd := exec.CommandContext(ctx, program, append(args, way...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir()) // where it keeps a catalogue of servers
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("the inspector ends with %v\n%s%s", err, out, said.Bytes())
	}
	return out
}
