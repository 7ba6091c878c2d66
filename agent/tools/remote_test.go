// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/upstream"
	"holdfast/holdfasttest/timing"
)

// declaredRemotes are servers elsewhere.
type declaredRemotes []upstream.Declaration

func (d declaredRemotes) Declarations() []upstream.Declaration { return d }
func (d declaredRemotes) Changed() <-chan struct{}             { return nil }

// elsewhere is a remote server of a library, until the test ends.
func elsewhere(t *testing.T, name string, of library) upstream.Declaration {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: name, Version: "1"}, nil)
	put(server, of)
	front := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	t.Cleanup(front.Close) // after the house's end
	return upstream.Declaration{Name: name, Remote: &upstream.Remote{URL: front.URL}}
}

// reaching gives the catalogue servers elsewhere, before it is up.
func (b *bench) reaching(servers ...upstream.Declaration) *bench {
	needs := b.needs
	needs.Remotes = declaredRemotes(servers)
	b.Catalogue = New(needs)
	return b
}

// TestRemoteServersAreInTheCatalogue, with their switches, and in the form of existing hub clients.
func TestRemoteServersAreInTheCatalogue(t *testing.T) {
	far := elsewhere(t, "far", library{Tools: []*mcp.Tool{tool("search", "Searches."), tool("delete", "Deletes.")}})
	b := newBench(t).governed(`{"remote_mcp_servers": {
  "far": {"url": "` + far.Remote.URL + `", "tools": {"delete": {"enabled": false}}},
  "off": {"url": "https://off.example/mcp?key=s3cr3t", "enabled": false}, "garbled": 7}}`).reaching(far).up()
	if got := b.seen(client(), Scope{}); !slices.Equal(got, []string{"far_search"}) {
		t.Fatalf("clients see %v; %+v", got, b.desk().servers())
	}
	if r := b.must("far_search", `{"text":"x"}`); r.Text != `search got {"text":"x"}` {
		t.Errorf("answered %+v", r)
	}
	out, err := b.as(operator(), "tool.all", `{}`)
	raw, _ := json.Marshal(out)
	want := `{"extensions":{},"remote_mcp_servers":{"far":{"server_id":"far","url":"` + far.Remote.URL + `","enabled":true,"tool_count":2,"tools":{` +
		`"delete":{"name":"delete","enabled":false,"docstring":"Deletes."},"search":{"name":"search","enabled":true,"docstring":"Searches."}}},` +
		`"garbled":{"server_id":"garbled","url":"","enabled":false,"tool_count":0,"tools":{}},` +
		`"off":{"server_id":"off","url":"https://off.example/mcp","enabled":false,"tool_count":0,"tools":{}}}}`
	if err != nil || string(raw) != want {
		t.Errorf("got  %s\nwant %s, %v", raw, want, err)
	}
}

const mailAndFar = `{
  "tool_configs": {"send": {"passthrough": true}, "wipe": {"passthrough": true}},
  "mcp_servers": {"desk": {"tool_config": {"*": false, "send": true}}, "far": {"upstreams": ["far"], "prefix": false, "tool_config": {"*": false, "send": true}}},
  "remote_mcp_servers": {"far": {"url": "x"}}
}`

// TestARemoteServerGetsNothingByAnothersName: it calls its tools what it likes, so neither the names of
// an extension's tools go to it, nor what a preset, a hub or master_config.json gave to these names;
// be the extension on or off.
func TestARemoteServerGetsNothingByAnothersName(t *testing.T) {
	far := elsewhere(t, "far", library{Tools: []*mcp.Tool{tool("send", "Sends mail, elsewhere."), tool("wipe", "Wipes."), tool("search", "Searches.")}})
	preset := selected(t, `{"*": false, "send": {"enabled_in_mcp": true, "passthrough": true}}`)
	mail := libraryServer(t, "mail", library{Tools: []*mcp.Tool{tool("send", "Sends mail.")}})
	for name, servers := range map[string][]holdfast.ToolServer{"on": {mail}, "off": nil} {
		t.Run("the extension is "+name, func(t *testing.T) {
			b := newBench(t, servers...).governed(mailAndFar).reaching(far).up()
			timing.Until(t, "every server", func() bool { return len(b.seen(agent(), Scope{})) == 3+3*len(servers) })
			for name, scope := range map[string]Scope{"a preset": {Preset: &preset}, "a hub": {Hub: "desk"}} {
				if got := b.seen(client(), scope); !slices.Equal(got, []string{"send"}[:len(servers)]) {
					t.Errorf("by %s: %v", name, got)
				}
			}
			if got := b.seen(client(), Scope{Hub: "far"}); !slices.Equal(got, []string{"send"}) {
				t.Errorf("by its own hub: %v", got)
			}
			for _, name := range []string{"far_send", "far_wipe"} {
				if e := b.entry(name); e.Source != "remote far" || e.Passthrough || e.Note != "" || "far_"+e.OwnName != name {
					t.Errorf("%s is %+v", name, e)
				}
			}
			if len(servers) == 0 {
				return
			}
			if e := b.entry("send"); e.Source != "extension mail" || !e.Passthrough {
				t.Errorf("the extension's tool is %+v", e)
			}
		})
	}
}

func selected(t *testing.T, text string) Selection {
	t.Helper()
	s, err := ReadSelection(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWhatWasTakenStaysTaken: a switch that a person set when a remote server's tool had its plain own
// name goes on switching it off, and only a person takes that back, where it stands.
func TestWhatWasTakenStaysTaken(t *testing.T) {
	far := elsewhere(t, "far", library{Tools: []*mcp.Tool{tool("send", "Sends."), tool("odd.name", "Is odd."), tool("search", "Searches.")}})
	b := newBench(t).governed(`{
  "tool_configs": {"send": {"enabled_in_mcp": false}, "odd_name": {"enabled_in_mcp": false, "passthrough": false}, "search": {"enabled_in_mcp": true, "passthrough": true}},
  "remote_mcp_servers": {"far": {"url": "x", "tools": {"send": {"enabled": true}, "odd.name": {"passthrough": true}}}}
}`).reaching(far).up()
	if got := b.seen(client(), Scope{}); !slices.Equal(got, []string{"far_search"}) {
		t.Errorf("clients see %v", got)
	}
	if b.entry("far_odd_name").Passthrough || b.entry("far_search").Passthrough {
		t.Error("a remote server's tool runs unasked")
	}
	for _, less := range []string{`{"search": false}`, `{"far_search": false}`} {
		preset := selected(t, less)
		if got := b.seen(client(), Scope{Preset: &preset}); slices.Contains(got, "far_search") {
			t.Errorf("%s leaves %v", less, got)
		}
	}
	if _, err := b.as(operator(), "tool.set", `{"name": "far_send", "enabled_in_mcp": true}`); err == nil || !strings.Contains(err.Error(), "tool_configs") {
		t.Errorf("a switch that does nothing is set: %v", err)
	}
	if _, err := b.as(operator(), "tool.set", `{"name": "far_search", "passthrough": true}`); err != nil || !b.entry("far_search").Passthrough {
		t.Errorf("a person cannot switch it: %v", err)
	}
}

// TestNamesOfAServerAreItsOwn: what begins with the name of a server in the list is that server's, on or
// off, whoever else wants it; and no server has a name of the house.
func TestNamesOfAServerAreItsOwn(t *testing.T) {
	far := elsewhere(t, "far", library{
		Tools:   []*mcp.Tool{tool("away_send", "Sends."), tool("send", "Sends.")},
		Prompts: []*mcp.Prompt{{Name: "away_letter"}, {Name: "letter"}},
	})
	unit := elsewhere(t, "unit", library{Tools: []*mcp.Tool{tool("stop", "Stops.")}})
	long := strings.Repeat("long", 15)
	mail := library{
		Tools:   []*mcp.Tool{tool("far_send", "Sends mail."), tool("far_away_send", "Sends mail."), tool(long+"_x", "Is long.")},
		Prompts: []*mcp.Prompt{{Name: "far_letter"}},
	}
	b := newBench(t, libraryServer(t, "mail", mail)).governed(`{"remote_mcp_servers": {
  "far": {"url": "x"}, "far_away": {"url": "x", "enabled": false}, "unit": {"url": "x"}, "`+long+`": {"url": "x"}}}`).
		reaching(far, unit, elsewhere(t, long, library{Tools: []*mcp.Tool{tool("x", "Is long.")}}))
	b.actions.add(houseActions()...)
	b.up()
	named := map[string]string{}
	if _, err := b.View(operator(), Scope{}).List(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.desk().snapshot().entries {
		named[e.bringer()+" "+e.own] = e.Name
	}
	for of, want := range map[string]string{
		"far send": "far_send", "mail far_send": "mail_far_send", "mail far_away_send": "mail_far_away_send",
		"mail " + long + "_x": long + "_x", long + " x": long[:43] + "_" + short(long) + "_x",
	} {
		if named[of] != want {
			t.Errorf("%s is called %q, want %q", of, named[of], want)
		}
	}
	for _, of := range []string{"far away_send", "unit stop"} {
		if name := named[of]; strings.HasPrefix(name, "far") || strings.HasPrefix(name, "unit") || name == "" {
			t.Errorf("%s is called %q", of, name)
		}
	}
	prompts := map[string]string{}
	for _, p := range b.View(client(), Scope{}).Prompts(t.Context()) {
		prompts[fmt.Sprint(p.Source, " ", p.Declared.Name)] = p.Name
	}
	if prompts["remote far letter"] != "far_letter" || prompts["extension mail far_letter"] != "mail_far_letter" || strings.HasPrefix(prompts["remote far away_letter"], "far_") {
		t.Errorf("prompts are %v", prompts)
	}
}

// TestAnExtensionsNameIsNoRemoteServers: what a hub has of an extension does not pass to a remote server
// of its name while it is off.
func TestAnExtensionsNameIsNoRemoteServers(t *testing.T) {
	mail := elsewhere(t, "mail", library{Tools: []*mcp.Tool{tool("send", "Sends mail, elsewhere.")}})
	far := elsewhere(t, "far", library{Tools: []*mcp.Tool{tool("send", "Sends mail, elsewhere.")}})
	b := newBench(t).governed(`{"extensions": {"mail": {"enabled": false}}, "mcp_servers": {"desk": {"upstreams": ["mail"]}},
  "remote_mcp_servers": {"mail": {"url": "x"}, "far": {"url": "x"}}}`).reaching(mail, far).up()
	if got := b.seen(agent(), Scope{}); !slices.Equal(got, []string{"far_send"}) {
		t.Errorf("there are %v", got)
	}
	b.edit(`{"mcp_servers": {"desk": {"upstreams": ["mail"]}}, "remote_mcp_servers": {"mail": {"url": "x"}, "far": {"url": "x"}}}`)
	timing.Until(t, "the extension is gone", func() bool { return slices.Contains(b.seen(agent(), Scope{Hub: "desk"}), "mail_send") })
}

// TestWhoHangsUpIsNotQuoted: that a server went away in the midst of a call is the house's to tell, and no
// answer of the tool.
func TestWhoHangsUpIsNotQuoted(t *testing.T) {
	server := mcp.NewServer(&mcp.Implementation{Name: "far", Version: "1"}, nil)
	put(server, notesLibrary())
	talks := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || bytes.Contains(body, []byte(`"tools/call"`)) {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		talks.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	b := newBench(t).reaching(upstream.Declaration{Name: "far", Remote: &upstream.Remote{URL: front.URL}}).up()
	timing.Until(t, "it serves", func() bool { return slices.Contains(b.names(agent()), "far_find") })
	r, err := b.Call(t.Context(), agent(), "far_find", nil)
	if said, ok := errors.AsType[*holdfast.Error](err); !ok || said.Code != holdfast.CodeUnavailable || strings.Contains(err.Error(), "rejected by transport") {
		t.Errorf("it answers %+v, %v", r, err)
	}
}
