// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/holdfasttest"
	"holdfast/holdfasttest/need"
)

// dancer is test/clients/oauth.mjs: a published client that finds its way to a token by itself.
type dancer struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	errs strings.Builder
}

func dance(t *testing.T, args ...string) *dancer {
	t.Helper()
	folder := need.Clients(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	d := &dancer{t: t, cmd: exec.CommandContext(ctx, "node", append([]string{"oauth.mjs"}, args...)...)}
	d.cmd.Dir, d.cmd.Stderr = folder, &d.errs
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	d.out = bufio.NewScanner(out)
	d.out.Buffer(nil, 4<<20)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

// says reads what the client says next.
func (d *dancer) says() map[string]json.RawMessage {
	d.t.Helper()
	if !d.out.Scan() {
		d.t.Fatalf("the client ended: %v\n%s", d.cmd.Wait(), d.errs.String())
	}
	said := map[string]json.RawMessage{}
	if err := json.Unmarshal(d.out.Bytes(), &said); err != nil {
		d.t.Fatalf("%s: %v", d.out.Bytes(), err)
	}
	return said
}

func (d *dancer) hears(text string) {
	d.t.Helper()
	if _, err := io.WriteString(d.in, text+"\n"); err != nil {
		d.t.Fatal(err)
	}
}

func word(raw json.RawMessage) string {
	var text string
	_ = json.Unmarshal(raw, &text)
	return text
}

// TestPublishedClientsFindTheirWayIn: from a 401 by metadata, registration, a person's yes, and a code
// to tools; then with a new token by the old refresh token; then never again.
func TestPublishedClientsFindTheirWayIn(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{})
	person := h.Person()
	for _, flavour := range []string{"v1", "v2"} {
		t.Run(flavour, func(t *testing.T) {
			d := dance(t, flavour, h.Door()+"/api/mcp")
			asked := d.says()
			if word(asked["authorize"]) == "" {
				t.Fatalf("the client did not ask for access: %v", asked)
			}
			d.hears(person.Allow(word(asked["authorize"])))
			first := d.says()
			if first["tools"] == nil || first["error"] != nil {
				t.Fatalf("no tools: %v", text(first))
			}
			d.hears("refresh")
			if again := d.says(); again["tools"] == nil || word(again["before"]) == word(again["after"]) {
				t.Errorf("the client could not go on with its refresh token: %v", text(again))
			}
			h.Do("grant.revoke", `{"all":true}`)
			d.hears("again")
			if after := d.says(); word(after["authorize"]) == "" {
				t.Errorf("the client does not have to ask anew: %v", text(after))
			}
			_ = d.in.Close()
			if err := d.cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, d.errs.String())
			}
		})
	}
}

func text(said map[string]json.RawMessage) string {
	raw, _ := json.Marshal(said)
	return string(raw)
}

// TestAHubHasTokensOfItsOwn, and a client that may look there asks for more when it has to call. The
// first generation of clients does that only without a refresh token: with one it refreshes, gets no
// more than it had, and gives up.
func TestAHubHasTokensOfItsOwn(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{Files: map[string]string{
		"master_config.json": `{"mcp_servers": {"desk": {"name": "desk", "enabled": true, "upstreams": ["notes"]}}}`,
	}})
	person, desk := h.Person(), h.Door()+"/mcp/desk"
	for _, flavour := range []string{"v1-short", "v2"} {
		t.Run(flavour, func(t *testing.T) {
			d := dance(t, flavour, desk)
			asked := word(d.says()["authorize"])
			if u, err := url.Parse(asked); err != nil || u.Query().Get("resource") != desk || !strings.Contains(u.Query().Get("scope"), "hub:desk") {
				t.Fatalf("the client asks for %s: %v", asked, err)
			}
			d.hears(person.Allow(asked, "tools:call"))
			first := d.says()
			if !strings.Contains(string(first["tools"]), "NOTES_add") {
				t.Fatalf("the hub's tools are %s", text(first))
			}
			bearer := http.Header{"Authorization": {"Bearer " + word(first["token"])}}
			if status, body := h.Ask("POST", h.Door()+"/api/mcp", `{}`, bearer); status != http.StatusUnauthorized {
				t.Errorf("the hub's token at the endpoint of all: %d %s", status, body)
			}
			d.hears(`call NOTES_add {"text": "water the plants"}`)
			more := d.says()
			if asked = word(more["authorize"]); !strings.Contains(asked, "tools%3Acall") && !strings.Contains(asked, "tools:call") {
				t.Fatalf("the client does not ask for more: %s", text(more))
			}
			d.hears(person.Allow(asked))
			if called := d.says(); !strings.Contains(string(called["result"]), "plants") {
				t.Errorf("called: %s", text(called))
			}
			_ = d.in.Close()
			if err := d.cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, d.errs.String())
			}
		})
	}
}

// TestATokenOpensMCPAlone: not the gateway, not the control API, and no session.
func TestATokenOpensMCPAlone(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{})
	d := dance(t, "v1", h.Door()+"/api/mcp")
	d.hears(h.Person().Allow(word(d.says()["authorize"])))
	token := word(d.says()["token"])
	_ = d.in.Close()
	_ = d.cmd.Wait()
	bearer := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	const list = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	door, api := h.Door(), apiURL(t, h)
	for path, want := range map[string]int{door + "/api/mcp": http.StatusOK, api + "/api/mcp": http.StatusOK} {
		if status, body := h.Ask("POST", path, list, bearer); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for _, c := range [][2]string{
		{"POST", api + "/v1/chat/completions"},
		{"GET", api + "/v1/models"},
		{"POST", door + "/v1/chat/completions"},
		{"POST", door + "/api/v1/unit/list"},
		{"GET", door + "/api/supervisor/config/master"},
		{"GET", door + "/api/agent/v1/models"},
	} {
		if status, body := h.Ask(c[0], c[1], `{}`, bearer); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", c[1], status, body)
		}
	}
	var grants struct {
		Grants []struct{ Tier holdfast.Tier }
	}
	if err := json.Unmarshal(h.Do("grant.list", `{}`), &grants); err != nil || len(grants.Grants) != 1 || grants.Grants[0].Tier != holdfast.TierTenantPeer {
		t.Errorf("%+v %v", grants, err)
	}
}
