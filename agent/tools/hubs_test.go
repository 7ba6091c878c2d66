// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/holdfasttest/timing"
)

// TestTwoHubsOfOneKey: of two hubs written by hand whose keys would stand in one place, the second
// answers nobody, says so, and touches nothing of the first.
func TestTwoHubsOfOneKey(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary())).governed(`{"mcp_servers": {"a-b": {}, "a_b": {"enabled": true, "api_key": "sk-own"}, "garbled": {"tool_config": 7}}}`).up()
	b.must("add", `{}`)
	key, err := b.as(operator(), "mcp-hub.key", `{"name":"a-b"}`)
	if err != nil {
		t.Fatal(err)
	}
	secret := key.(hubKeyShown).Key
	if _, ok := b.Bearer("a-b", secret); !ok {
		t.Error("the first does not answer")
	}
	for _, token := range []string{secret, "sk-own"} {
		if _, ok := b.Bearer("a_b", token); ok {
			t.Error("the second answers")
		}
	}
	if got := b.seen(client(), Scope{Hub: "a_b"}); len(got) > 0 {
		t.Errorf("the second shows %v", got)
	}
	if _, err := b.as(operator(), "mcp-hub.key", `{"name":"a_b"}`); err == nil {
		t.Error("the second got a key, in the place of the first's")
	}
	out, err := b.as(operator(), "mcp-hub.list", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range out.(hubList).Hubs {
		if bad := h.Name != "a-b"; bad != (h.Problem != "") || bad == h.Enabled || bad == h.KeySet {
			t.Errorf("listed is %+v", h)
		}
	}
	if got := b.desk().check(t.Context()); got.Status != holdfast.StatusWarn || !strings.Contains(got.Detail, "MCP_SERVER_A_B_API_KEY, where that of the hub a-b stands") {
		t.Errorf("check is %+v", got)
	}
	if _, err := b.as(operator(), "mcp-hub.delete", `{"name":"a_b"}`); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Bearer("a-b", secret); !ok {
		t.Error("the second took the key of the first with it")
	}
}

// ended are the hubs whose grants ended.
type ended struct {
	mu    sync.Mutex
	hubs  []string
	fails error
}

func (e *ended) EndHub(_ context.Context, hub string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fails == nil {
		e.hubs = append(e.hubs, hub)
	}
	return e.fails
}

func (e *ended) have(hubs ...string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Equal(e.hubs, hubs)
}

func (e *ended) failing(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fails = err
}

// granting gives the catalogue something that ends grants, before it is up.
func (b *bench) granting(by grants) *bench {
	needs := b.needs
	needs.Grants = by
	b.Catalogue = New(needs)
	return b
}

// TestAHubThatIsGoneEndsItsGrants, however it went, and before another can have its name.
func TestAHubThatIsGoneEndsItsGrants(t *testing.T) {
	const both = `{"mcp_servers": {"one": {}, "two": {}}}`
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		end := &ended{}
		b := newBench(t).governed(both).stored(s).granting(end).up()
		timing.Until(t, "the hubs are known", func() bool { b.register.mu.Lock(); defer b.register.mu.Unlock(); return len(b.register.known) == 2 })

		end.failing(errors.New("the disk is full"))
		if _, err := b.as(operator(), "mcp-hub.delete", `{"name":"one"}`); err == nil {
			t.Error("nobody is told that the old access stays")
		}
		if _, err := b.as(operator(), "mcp-hub.add", `{"name":"one"}`); err == nil {
			t.Error("a hub is made that old access opens")
		}
		end.failing(nil)
		if _, err := b.as(operator(), "mcp-hub.add", `{"name":"one"}`); err != nil || !end.have("one") {
			t.Errorf("ended are %v, %v", end.hubs, err)
		}
		if _, err := b.as(operator(), "mcp-hub.delete", `{"name":"one"}`); err != nil || !end.have("one", "one") {
			t.Errorf("ended are %v, %v", end.hubs, err)
		}

		b.down()
		b.edit(`{"mcp_servers": {"three": {}}}`) // by hand, while the house is down
		b.Catalogue = New(b.needs)
		b.up()
		timing.Until(t, "the next start ends them", func() bool { return end.have("one", "one", "two") })

		b.edit(`{"mcp_servers": {}}`)
		if _, err := b.as(operator(), "mcp-hub.list", `{}`); err != nil || !end.have("one", "one", "two", "three") {
			t.Errorf("after an edit by hand ended are %v, %v", end.hubs, err)
		}
	})
}

// TestAFileThatCannotBeReadEndsNoGrants: nor one that is empty or away for a while; and a hub that is made while
// it is away is another one.
func TestAFileThatCannotBeReadEndsNoGrants(t *testing.T) {
	end := &ended{}
	s := storetest.SQLite(t, tables())
	b := newBench(t).governed(`{"mcp_servers": {"one": {}}}`).stored(s).granting(end).up()
	timing.Until(t, "the hub is known", func() bool { b.register.mu.Lock(); defer b.register.mu.Unlock(); return b.register.known["one"] })
	b.down()
	b.edit(`{"mcp_servers": {`)
	b.Catalogue = New(b.needs)
	b.up()
	if out, err := b.as(operator(), "mcp-hub.list", `{}`); err != nil || !end.have() {
		t.Errorf("ended are %v; %+v, %v", end.hubs, out, err)
	}
	b.edit("") // as while an editor writes it in place
	if _, err := b.as(operator(), "mcp-hub.list", `{}`); err != nil || !end.have() {
		t.Errorf("after the file was emptied ended are %v, %v", end.hubs, err)
	}
	b.edit(`{"mcp_servers": {"one": {}}}`)
	if out, err := b.as(operator(), "mcp-hub.list", `{}`); err != nil || len(out.(hubList).Hubs) != 1 || !end.have() {
		t.Errorf("ended are %v; %+v, %v", end.hubs, out, err)
	}
	if err := os.Remove(b.home.MasterFile()); err != nil {
		t.Fatal(err)
	}
	if out, err := b.as(operator(), "mcp-hub.list", `{}`); err != nil || !end.have() {
		t.Errorf("ended are %v; %+v, %v", end.hubs, out, err)
	}
	if _, err := b.as(operator(), "mcp-hub.add", `{"name":"one"}`); err != nil || !end.have("one") {
		t.Errorf("ended are %v, %v", end.hubs, err)
	}
}

// TestStandingOfAHubsKey becomes another with the key, and ends with it; other callers are not its business.
func TestStandingOfAHubsKey(t *testing.T) {
	b := newBench(t).governed(`{"mcp_servers": {"desk": {}}}`).up()
	key := func() string {
		t.Helper()
		out, err := b.as(operator(), "mcp-hub.key", `{"name":"desk"}`)
		if err != nil {
			t.Fatal(err)
		}
		return out.(hubKeyShown).Key
	}
	caller, ok := b.Bearer("desk", key())
	if !ok {
		t.Fatal("the key opens nothing")
	}
	first, ours := b.Standing(caller, "desk")
	if again, _ := b.Standing(caller, "desk"); !ours || first == "" || again != first {
		t.Errorf("the standing is %q, then %q", first, again)
	}
	key()
	if second, _ := b.Standing(caller, "desk"); second == "" || second == first {
		t.Errorf("with another key the standing is %q after %q", second, first)
	}
	if err := b.needs.Keys.Delete(t.Context(), KeyName("desk")); err != nil {
		t.Fatal(err)
	}
	if last, _ := b.Standing(caller, "desk"); last != "" {
		t.Errorf("without a key the standing is %q", last)
	}
	for hub, other := range map[string]holdfast.Caller{"": caller, "desk2": caller, "desk": {Kind: holdfast.CallerAgent, Name: "laptop", Key: "laptop"}} {
		if _, ours := b.Standing(other, hub); ours {
			t.Errorf("%s at %q is taken for a bearer of the hub's key", other, hub)
		}
	}
}
