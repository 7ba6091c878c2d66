// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/holdfasttest"
	"holdfast/holdfasttest/need"
)

// TestAuthorization runs the suite's scenarios for authorization servers against the front door of a
// real house. The suite prints the address that a person has to open; the test is that person.
func TestAuthorization(t *testing.T) {
	program := node(t)
	h := holdfasttest.Start(t, holdfasttest.Options{})
	person, door := h.Person(), h.Door()
	address := need.Address(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, revision := range []string{"2025-11-25", "2026-07-28"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		suite := exec.CommandContext(ctx, program, filepath.Join(module, "dist/index.js"), "authorization", "--url", door,
			"--client-id", registered(t, h, "http://127.0.0.1:"+port+"/callback"), "--resource", door+"/api/mcp", "-p", port, "--spec-version", revision)
		said, err := suite.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := suite.Start(); err != nil {
			t.Fatal(err)
		}
		heard := converse(said, person)
		if err := suite.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", revision, err, heard)
		}
		for _, want := range []string{"✓ authorization-server-metadata-endpoint: 2 passed, 0 failed", "✓ authorization-code-grant: 1 passed, 0 failed"} {
			if !strings.Contains(heard, want) {
				t.Errorf("%s: the suite does not say %s\n%s", revision, want, heard)
			}
		}
	}
}

// registered is the id of a client of the house.
func registered(t *testing.T, h *holdfasttest.House, callback string) string {
	t.Helper()
	body := `{"client_name":"conformance","redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"none"}`
	status, text := h.Ask("POST", h.Door()+"/api/register", body, http.Header{"Content-Type": {"application/json"}})
	var client struct {
		ID string `json:"client_id"`
	}
	if err := json.Unmarshal(text, &client); err != nil || client.ID == "" {
		t.Fatalf("cannot register: %d %s", status, text)
	}
	return client.ID
}

// converse reads what the suite says, and opens the address that it prints once it listens for the answer.
func converse(said io.Reader, person *holdfasttest.Person) string {
	var heard strings.Builder
	request, listens := "", false
	for lines := bufio.NewScanner(said); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		heard.WriteString(line + "\n")
		if strings.HasPrefix(line, "http") && strings.Contains(line, "/api/authorize?") {
			request = line
		}
		listens = listens || strings.HasPrefix(line, "Callback server started")
		if request != "" && listens {
			person.Visit(person.Allow(request))
			request, listens = "", false
		}
	}
	return heard.String()
}
