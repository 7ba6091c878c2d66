// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/skills"
	"holdfast/agent/tools/pin"
	"holdfast/agent/upstream"
	"holdfast/core/config"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/holdfasttest/timing"
)

func notesLibrary() library {
	return library{
		Instructions: "Notes are short.",
		Tools:        []*mcp.Tool{tool("add", "Adds a note."), tool("find", "Finds notes."), tool("wipe", "Wipes notes.")},
		Prompts:      []*mcp.Prompt{{Name: "minutes", Description: "Writes minutes.", Arguments: []*mcp.PromptArgument{{Name: "who"}}}},
		Resources:    []*mcp.Resource{{URI: "notes://all", Name: "all"}},
		Templates:    []*mcp.ResourceTemplate{{URITemplate: "notes://one/{id}", Name: "one"}},
	}
}

func (b *bench) seen(caller holdfast.Caller, scope Scope) []string {
	b.t.Helper()
	list, err := b.View(caller, scope).List(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return namesOf(list)
}

// TestSettingsCascade lays master, hub and preset over each other.
func TestSettingsCascade(t *testing.T) {
	decl := libraryServer(t, "notes", notesLibrary())
	decl.Settings = map[string]holdfast.ToolSetting{"wipe": {EnabledInMCP: false}, "find": {EnabledInMCP: true, Passthrough: true}}
	b := newBench(t, decl, libraryServer(t, "mail", library{Tools: []*mcp.Tool{tool("send", "Sends mail.")}})).governed(`{
  "tool_configs": {"send": {"passthrough": true}, "add": {"enabled_in_mcp": false}},
  "mcp_servers": {
    "all": {"tool_config": {}},
    "some": {"name": "some", "port": 9000, "tool_config": {"*": false, "add": {"enabled_in_mcp": true, "passthrough": true}, "find": {"enabled": true}}},
    "mail": {"upstreams": ["mail"]},
    "off": {"enabled": false},
    "broken": {"tool_config": ["add"]}
  }
}`).up()
	preset, err := ReadSelection(json.RawMessage(`{"send": {"enabled_in_mcp": false}, "wipe": {"enabled_in_mcp": true}, "find": {"passthrough": false}}`))
	if err != nil {
		t.Fatal(err)
	}
	own := []string{"reload", "touch"} // each library's
	own = []string{"mail_" + own[0], "mail_" + own[1], "notes_" + own[0], "notes_" + own[1]}
	for name, c := range map[string]struct {
		caller holdfast.Caller
		scope  Scope
		want   []string
	}{
		"agents see all":        {agent(), Scope{}, append([]string{"add", "find", "send", "wipe"}, own...)},
		"clients what is on":    {client(), Scope{}, append([]string{"find", "send"}, own...)},
		"a hub inherits":        {client(), Scope{Hub: "all"}, append([]string{"find", "send"}, own...)},
		"a hub chooses":         {client(), Scope{Hub: "some"}, []string{"add", "find"}},
		"a hub of one server":   {client(), Scope{Hub: "mail"}, []string{"mail_reload", "mail_touch", "send"}},
		"a hub that is off":     {client(), Scope{Hub: "off"}, []string{}},
		"a hub that is not":     {client(), Scope{Hub: "none"}, []string{}},
		"a hub that is garbled": {client(), Scope{Hub: "broken"}, []string{}},
		"a preset over master":  {agent(), Scope{Preset: &preset}, append([]string{"find", "wipe"}, own...)},
		"a preset over a hub":   {agent(), Scope{Hub: "some", Preset: &preset}, []string{"add", "find", "wipe"}},
		"nobody":                {holdfast.Nobody("http"), Scope{}, []string{}},
	} {
		slices.Sort(c.want)
		if got := b.seen(c.caller, c.scope); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	passthrough := func(scope Scope, tool string) bool {
		list := b.View(agent(), scope).Now()
		i := slices.IndexFunc(list, func(e Entry) bool { return e.Name == tool })
		return i >= 0 && list[i].Passthrough
	}
	if !passthrough(Scope{}, "find") || !passthrough(Scope{}, "send") || passthrough(Scope{}, "add") || !passthrough(Scope{Hub: "some"}, "add") || passthrough(Scope{Preset: &preset}, "find") {
		t.Error("passthrough does not cascade")
	}
	if _, err := b.View(client(), Scope{Hub: "some"}).Call(t.Context(), upstream.Request{Name: "wipe"}); err == nil {
		t.Error("a tool that is not in the hub is called through it")
	}
	if _, err := b.View(client(), Scope{Hub: "some"}).Call(t.Context(), upstream.Request{Name: "add"}); err != nil {
		t.Error(err)
	}
}

// TestEditsByHandCount: what people and other programs write into master_config.json is taken up while
// the house runs, kept, and a file that cannot be read changes nothing.
func TestEditsByHandCount(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary())).governed(`{"mine": [1, 2.50]}`).up()
	b.must("add", `{}`)
	if got := b.seen(client(), Scope{}); !slices.Contains(got, "wipe") {
		t.Fatalf("clients see %v", got)
	}
	changed := b.Changed()
	b.edit(`{"mine": [1, 2.50], "tool_configs": {"wipe": {"enabled_in_mcp": false, "note": "by hand"}}}`)
	<-changed
	timing.Until(t, "the edit counts", func() bool { return !slices.Contains(b.seen(client(), Scope{}), "wipe") })
	b.edit(`{"mine": `)
	timing.Until(t, "the fault is known", func() bool { return b.shelf.fault.Load() != nil })
	if got := b.seen(client(), Scope{}); slices.Contains(got, "wipe") {
		t.Errorf("after a broken edit clients see %v", got)
	}
	if got := b.desk().check(t.Context()); got.Status != holdfast.StatusWarn || !strings.Contains(got.Detail, "master_config.json") {
		t.Errorf("check is %+v", got)
	}
	b.edit(`{"mine": [1, 2.50], "tool_configs": {"wipe": {"enabled_in_mcp": false, "note": "by hand"}}}`)
	if _, err := b.as(operator(), "tool.set", `{"name":"wipe","enabled_in_mcp":true}`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.as(operator(), "tool.set", `{"name":"add","passthrough":true}`); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(b.home.MasterFile())
	if err != nil || !strings.Contains(string(text), `"note": "by hand"`) || !strings.Contains(string(text), "2.50") || !strings.Contains(string(text), `"passthrough": true`) {
		t.Errorf("the file is %s, %v", text, err)
	}
	if got := b.seen(client(), Scope{}); !slices.Contains(got, "wipe") || !b.entry("add").Passthrough {
		t.Errorf("clients see %v", got)
	}
}

// TestWritersAtOnce: switches set by the house and by another program at once are all kept.
func TestWritersAtOnce(t *testing.T) {
	spec := library{}
	for i := range 20 {
		spec.Tools = append(spec.Tools, tool(fmt.Sprintf("t%02d", i), "A tool."))
	}
	b := newBench(t, libraryServer(t, "many", spec)).governed(`{}`).up()
	b.must("t00", `{}`)
	other := config.NewMaster(b.home) // as another process has it
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if _, err := b.as(operator(), "tool.set", fmt.Sprintf(`{"name":"t%02d","enabled_in_mcp":false}`, i)); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			err := other.Update(context.WithoutCancel(t.Context()), func(d *config.Document) error { return d.Set(true, "mine", fmt.Sprint(i)) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	d, err := other.Read()
	if err != nil || len(d.Keys("mine")) != 20 || len(d.Keys("tool_configs")) != 20 {
		t.Errorf("the file has %v and %v, %v", d.Keys("mine"), d.Keys("tool_configs"), err)
	}
	if got := b.seen(client(), Scope{}); slices.Contains(got, "t07") {
		t.Errorf("clients see %v", got)
	}
}

// TestHouseToolsRunAsked: no setting lets an agent change the house unasked.
func TestHouseToolsRunAsked(t *testing.T) {
	b := newBench(t).governed(`{"tool_configs": {"unit_restart": {"passthrough": true}, "unit_list": {"passthrough": false, "enabled_in_mcp": false}}}`)
	b.actions.add(houseActions()...)
	b.up()
	for _, e := range b.View(operator(), Scope{}).Now() {
		if !e.ReadOnly && e.Passthrough {
			t.Errorf("%s runs unasked", e.Name)
		}
	}
	for _, e := range b.View(operator(), Scope{}).Now() {
		if e.ReadOnly || e.Extension != "" {
			continue
		}
		if _, err := b.as(operator(), "tool.set", fmt.Sprintf(`{"name":%q,"passthrough":true}`, e.Name)); err == nil {
			t.Errorf("%s can be set to run unasked", e.Name)
		}
		if _, err := b.as(operator(), "tool.accept", fmt.Sprintf(`{"name":%q}`, e.Name)); err == nil {
			t.Errorf("%s, the house's own, is accepted", e.Name)
		}
	}
}

// TestWhatAHubNamesAndIsNotThereIsTold: they are kept, for they may come later.
func TestWhatAHubNamesAndIsNotThereIsTold(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary())).governed(`{}`).up()
	b.must("add", `{}`)
	for only, want := range map[string][]string{
		`"only":["find"]`:        nil,
		`"only":["find", "fnd"]`: {`no tool that is offered now is called "fnd": did you mean find?`},
		`"upstreams":["notes", "house", "note", "nobody"]`: {
			`no extension and no remote server is called "note": did you mean notes?`, `no extension and no remote server is called "nobody"`,
		},
	} {
		out, err := b.as(operator(), "mcp-hub.add", fmt.Sprintf(`{"name":"of%d",%s}`, len(want), only))
		if err != nil || !slices.Equal(out.(hubShown).Warnings, want) {
			t.Errorf("of %s it answers %+v, %v", only, out, err)
		}
	}
}

// TestHubs adds, changes and deletes a hub, and opens it by its key alone.
func TestHubs(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary())).governed(`{"mcp_servers": {"old": {"name": "old", "api_key": "sk-of-luna", "mine": 1}}}`).up()
	b.must("add", `{}`)
	ask := func(name, input string) any {
		t.Helper()
		out, err := b.as(operator(), name, input)
		if err != nil {
			t.Fatalf("%s %s: %v", name, input, err)
		}
		return out
	}
	added := ask("mcp-hub.add", `{"name":"research","only":["find"]}`).(hubShown)
	if !slices.Equal(added.Offers, []string{"find"}) || added.KeySet || added.URL != "/mcp/research" {
		t.Errorf("added is %+v", added)
	}
	if _, ok := b.Bearer("research", ""); ok {
		t.Error("a hub without a key opens to no key")
	}
	key := ask("mcp-hub.key", `{"name":"research"}`).(hubKeyShown)
	caller, ok := b.Bearer("research", key.Key)
	if !ok || caller.Tier != holdfast.TierTenantPeer || caller.Kind != holdfast.CallerAgent || key.In != "MCP_SERVER_RESEARCH_API_KEY in .env" {
		t.Errorf("bearer is %+v, %v; %s", caller, ok, key.In)
	}
	for _, wrong := range []string{"", "x", key.Key + "x", key.Key[:len(key.Key)-1], strings.Repeat("x", 10_000), "sk-of-luna"} {
		if _, ok := b.Bearer("research", wrong); ok {
			t.Errorf("%.20q opens the hub", wrong)
		}
	}
	if _, ok := b.Bearer("old", key.Key); ok {
		t.Error("a key opens another hub")
	}
	if _, ok := b.Bearer("old", "sk-of-luna"); !ok {
		t.Error("the key in master_config.json does not open its hub")
	}
	ask("mcp-hub.key", `{"name":"old"}`)
	if _, ok := b.Bearer("old", "sk-of-luna"); ok {
		t.Error("the key before still opens the hub")
	}
	ask("mcp-hub.update", `{"name":"research","enabled":false,"only":["*"]}`)
	if _, ok := b.Bearer("research", key.Key); ok {
		t.Error("a hub that is off opens")
	}
	again := ask("mcp-hub.update", `{"name":"research","enabled":true,"upstreams":["notes"],"prefix":false}`).(hubShown)
	if !slices.Contains(again.Offers, "wipe") || again.Prefix {
		t.Errorf("changed is %+v", again)
	}
	if list := ask("mcp-hub.list", `{}`).(hubList); len(list.Hubs) != 2 || list.Hubs[0].Name != "old" || !list.Hubs[1].KeySet {
		t.Errorf("hubs are %+v", list)
	}
	text, _ := os.ReadFile(b.home.MasterFile())
	if !strings.Contains(string(text), `"mine": 1`) || strings.Contains(string(text), "sk-of-luna") || strings.Contains(string(text), key.Key) {
		t.Errorf("the file is %s", text)
	}
	ask("mcp-hub.delete", `{"name":"research"}`)
	if _, ok := b.Bearer("research", key.Key); ok {
		t.Error("a deleted hub opens")
	}
	if _, there := b.needs.Keys.Get(KeyName("research")); there {
		t.Error("a deleted hub's key stays")
	}
	for input, action := range map[string]string{
		`{"name":"a/b"}`: "mcp-hub.add", `{"name":"OLD"}`: "mcp-hub.add", `{"name":"old"}`: "mcp-hub.add", `{"name":"none"}`: "mcp-hub.update",
		`{"name":"two","prefix":false,"upstreams":["a","b"]}`: "mcp-hub.add", `{"name":"three","only":["a,b"]}`: "mcp-hub.add", `{"name":"four","upstreams":["a,b"]}`: "mcp-hub.add",
		`{"name":"gone"}`: "mcp-hub.delete", `{"name":"no"}`: "mcp-hub.key",
	} {
		if _, err := b.as(operator(), action, input); err == nil {
			t.Errorf("%s %s is done", action, input)
		}
	}
}

func TestAProgramDeletesNoHub(t *testing.T) {
	b := newBench(t).governed(`{"mcp_servers": {"research": {}}}`).up()
	program := operator()
	program.Surface = "mcp"
	if _, err := b.as(program, "mcp-hub.delete", `{"name":"research"}`); err == nil || !strings.Contains(err.Error(), "only a person deletes a hub") {
		t.Errorf("a program deletes a hub: %v", err)
	}
	if len(b.Hubs()) != 1 {
		t.Error("the hub is gone")
	}
}

// TestAMisspeltSwitchIsRefused: it would leave open what was to be closed. What stands in the file like
// that is off.
func TestAMisspeltSwitchIsRefused(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary())).governed(`{"mcp_servers": {"desk": {"tool_config": {"find": false}}}}`).up()
	for text, want := range map[string]string{
		`{"find": {"enabled_in_mpc": false}}`: `"find": unknown field "enabled_in_mpc"`,
		`{"find": {"passthrough": "no"}}`:     `"find": cannot unmarshal`,
		`{"*": 7}`:                            `"*": is no switch (want true, false, or`,
		`{"find": "yes"}`:                     `"find": is no switch`,
		`{"find": null}`:                      `"find": is no switch`,
		`["find"]`:                            "tool_config",
	} {
		for _, action := range []string{"mcp-hub.add", "mcp-hub.update"} {
			name := map[string]string{"mcp-hub.add": "fresh", "mcp-hub.update": "desk"}[action]
			if _, err := b.as(operator(), action, fmt.Sprintf(`{"name":%q,"tool_config":%s}`, name, text)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s of %s: %v", action, text, err)
			}
		}
	}
	hubs := b.Hubs()
	if len(hubs) != 1 || *hubs[0].Tools.Tools["find"].EnabledInMCP {
		t.Errorf("the hubs are %+v", hubs)
	}
	if _, err := b.as(operator(), "mcp-hub.update", `{"name":"desk","tool_config":{"find":true,"wipe":{"enabled":false},"*":{"enabled_in_mcp":true,"passthrough":false}}}`); err != nil {
		t.Error(err)
	}
}

// TestOffersBesideTools: prompts, resources, templates, completion and subscriptions follow the tools.
func TestOffersBesideTools(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary()), libraryServer(t, "diary", notesLibrary())).governed(
		`{"mcp_servers": {"notes": {"upstreams": ["notes"]}, "none": {"tool_config": {"*": false}}}}`).up()
	ctx := t.Context()
	all, notes, none := b.View(client(), Scope{}), b.View(client(), Scope{Hub: "notes"}), b.View(client(), Scope{Hub: "none"})
	names := []string{}
	for _, p := range all.Prompts(ctx) {
		names = append(names, p.Name+"<"+p.OwnName)
	}
	if !slices.Equal(names, []string{"minutes<", "notes_minutes<minutes"}) {
		t.Errorf("prompts are %v", names)
	}
	filled, err := all.Prompt(ctx, upstream.Request{Name: "notes_minutes", Arguments: json.RawMessage(`{"who":"ada"}`)})
	if err != nil || !strings.Contains(filled.Messages[0].Content.(*mcp.TextContent).Text, "minutes with map[who:ada]") {
		t.Errorf("%+v, %v", filled, err)
	}
	resources := all.Resources(ctx)
	if len(resources) != 1 || resources[0].Source != "extension diary" {
		t.Errorf("resources are %+v", resources)
	}
	listed, err := b.as(operator(), "resource.list", `{}`)
	if err != nil || len(listed.(resourceList).Resources) != 2 || !strings.Contains(listed.(resourceList).Resources[1].Note, "of the same address") {
		t.Errorf("resources are %+v, %v", listed, err)
	}
	if of := notes.Resources(ctx); len(of) != 1 || of[0].Source != "extension notes" {
		t.Errorf("the hub's resources are %+v", of)
	}
	for _, uri := range []string{"notes://all", "notes://one/7"} {
		read, err := notes.Read(ctx, upstream.Request{Name: uri})
		if err != nil || read.Contents[0].Text != "content of "+uri {
			t.Errorf("%s: %+v, %v", uri, read, err)
		}
		if _, err := none.Read(ctx, upstream.Request{Name: uri}); err == nil {
			t.Errorf("%s is read through a hub that has nothing", uri)
		}
	}
	if len(none.Prompts(ctx))+len(none.Resources(ctx))+len(none.Templates(ctx))+len(none.Instructions()) != 0 {
		t.Errorf("a hub that has nothing offers %+v, %v", none.Prompts(ctx), none.Instructions())
	}
	if got := notes.Instructions(); len(got) != 1 || got["notes"] == "" {
		t.Errorf("instructions are %v", got)
	}
	if _, err := none.Prompt(ctx, upstream.Request{Name: "minutes"}); err == nil {
		t.Error("a prompt is filled in through a hub that has nothing")
	}
	done, err := all.Complete(ctx, &mcp.CompleteParams{Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "notes_minutes"}, Argument: mcp.CompleteParamsArgument{Name: "who", Value: "a"}})
	if err != nil || !slices.Equal(done.Completion.Values, []string{"minutes:a"}) {
		t.Errorf("%+v, %v", done, err)
	}
	done, err = notes.Complete(ctx, &mcp.CompleteParams{Ref: &mcp.CompleteReference{Type: "ref/resource", URI: "notes://one/{id}"}, Argument: mcp.CompleteParamsArgument{Name: "id", Value: "7"}})
	if err != nil || len(done.Completion.Values) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if e := b.journal.Of("prompt.get"); len(e) != 1 || !strings.Contains(string(e[0].Detail), `"who":"ada"`) || e[0].Outcome != holdfast.OutcomeDone {
		t.Errorf("the prompt is journaled as %+v", e)
	}
	if e := b.journal.Of("resource.read"); len(e) == 0 || !strings.Contains(string(e[0].Detail), `"result_bytes"`) {
		t.Errorf("the resource is journaled as %+v", e)
	}
}

// TestOneServerAsItIs: a hub of one server without prefixes shows its own names, words and answers.
func TestOneServerAsItIs(t *testing.T) {
	odd := tool("odd.name/α", "Is  odd.\n")
	strict := tool("strict", "Wants text.")
	strict.InputSchema = json.RawMessage(`{"type":"object","required":["text"]}`)
	spec := library{Tools: []*mcp.Tool{tool("add", "Adds."), odd, strict}, Prompts: notesLibrary().Prompts, Resources: notesLibrary().Resources}
	b := newBench(t, libraryServer(t, "notes", spec), libraryServer(t, "diary", spec)).governed(
		`{"mcp_servers": {"as-it-is": {"upstreams": ["notes"], "prefix": false}}}`)
	b.actions.add(houseActions()...)
	b.up()
	view := b.View(client(), Scope{Hub: "as-it-is"})
	if got := b.seen(client(), Scope{Hub: "as-it-is"}); !slices.Equal(got, []string{"add", "odd.name/α", "reload", "strict", "touch"}) || !view.Bare() {
		t.Errorf("shown are %v", got)
	}
	for _, e := range view.Now() {
		if e.Declared == nil || e.Declared.Name != e.Name || e.Name == "odd.name/α" && e.Declared.Description != "Is  odd.\n" {
			t.Errorf("%s is declared %+v", e.Name, e.Declared)
		}
	}
	r, err := view.Call(t.Context(), upstream.Request{Name: "add", Arguments: json.RawMessage(`{"text":"x"}`)})
	if err != nil || r.Text != `add got {"text":"x"}` || r.Meta["own"] != true {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := view.Call(t.Context(), upstream.Request{Name: "strict"}); err != nil || !strings.Contains(r.Text, "strict got") {
		t.Errorf("the server does not judge its arguments itself: %+v, %v", r, err)
	}
	if prompts := view.Prompts(t.Context()); len(prompts) != 1 || prompts[0].Name != "minutes" {
		t.Errorf("prompts are %+v", prompts)
	}
	if read, err := view.Read(t.Context(), upstream.Request{Name: "notes://all"}); err != nil || read.Contents[0].Text != "content of notes://all" {
		t.Errorf("%+v, %v", read, err)
	}
	// What it does not list is for the server to refuse, in its own words.
	if _, err := view.Read(t.Context(), upstream.Request{Name: "unlisted://x"}); err == nil || !strings.Contains(err.Error(), "refused unlisted://x") {
		t.Errorf("what is not listed: %v", err)
	}
	if e := b.journal.Of("tool.run"); e[0].Subject != "notes_add" || !strings.Contains(string(e[0].Detail), `"hub":"as-it-is"`) {
		t.Errorf("the call is journaled as %+v", e[0])
	}
}

// TestUseOutlivesTheHouse: calls and failures are counted over restarts, and none is lost at the end.
func TestUseOutlivesTheHouse(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		b := newBench(t, libraryServer(t, "notes", notesLibrary())).stored(s).up()
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { b.must("add", `{}`) })
		}
		group.Wait()
		found := 0
		timing.Until(t, "a part is written while the house runs", func() bool {
			found++
			b.pins.Found(pin.Of("extension notes", pin.KindName, fmt.Sprint(found)), found) // as a new tool, it has all written down
			stored := &usage{store: s, known: map[pin.Thing]*tally{}}
			return stored.load(t.Context()) == nil && stored.of(pin.Of("extension notes", pin.KindTool, "add")).use().Calls == 50
		})
		b.must("add", `{}`)
		if _, err := b.Call(t.Context(), agent(), "add", json.RawMessage(`[]`)); err == nil {
			t.Fatal("bad arguments are taken")
		}
		b = b.again()
		e := b.entry("add")
		if e.Calls != 52 || e.Errors != 1 || e.LastUsed.IsZero() || e.ErrorRate <= 0.01 || e.ErrorRate >= 0.03 || e.MeanTook <= 0 {
			t.Errorf("after a restart it is %+v", e.Use)
		}
		b.must("add", `{}`)
		b = b.again()
		if e := b.entry("add"); e.Calls != 53 {
			t.Errorf("after another it is %+v", e.Use)
		}
	})
}

// TestUseWaitsForTheStore: what cannot be written is written by the next flush, once.
func TestUseWaitsForTheStore(t *testing.T) {
	s := store.New(filepath.Join(t.TempDir(), "house.db"))
	u := &usage{store: s, known: map[pin.Thing]*tally{}}
	one := pin.Of("extension notes", pin.KindTool, "add")
	u.of(one).add(false, time.Second)
	if err := u.flush(t.Context()); err == nil {
		t.Fatal("a store that is closed takes a count")
	}
	opt := storetest.Options(t, store.SQLite, tables())
	opt.Path = ""
	if err := s.Open(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 3 {
		if err := u.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fresh := &usage{store: s, known: map[pin.Thing]*tally{}}
	if err := fresh.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := fresh.of(one).use(); got.Calls != 1 || got.MeanTook != time.Second {
		t.Errorf("counted is %+v", got)
	}
}

// TestSkillsAreServed: they are prompts and resources beside those of servers.
func TestSkillsAreServed(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary())).governed(`{"mcp_servers": {"notes": {"upstreams": ["notes"]}}}`)
	folder := b.home.Path("skills/tidy")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"SKILL.md": "---\nname: tidy\ndescription: Tidies notes.\n---\nDo it.\n", "logo.png": "\x89PNG\x00"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	needs := b.needs
	known := skills.New(skills.Needs{Home: b.home})
	needs.Skills = known
	b.actions.add(known.Capability().Actions...)
	b.Catalogue = New(needs)
	b.up()
	view := b.View(client(), Scope{})
	prompts := view.Prompts(t.Context())
	if len(prompts) != 2 || prompts[1].Name != "tidy" || prompts[1].Description != "Tidies notes." {
		t.Errorf("prompts are %+v", prompts)
	}
	filled, err := view.Prompt(t.Context(), upstream.Request{Name: "tidy"})
	if err != nil || !strings.Contains(filled.Messages[0].Content.(*mcp.TextContent).Text, "Do it.") {
		t.Errorf("%+v, %v", filled, err)
	}
	kinds := map[string]string{}
	for _, r := range view.Resources(t.Context()) {
		kinds[r.URI] = r.MIMEType
	}
	if kinds["skill://tidy/SKILL.md"] != "text/markdown" || kinds["skill://tidy/logo.png"] != "image/png" {
		t.Errorf("resources are %v", kinds)
	}
	read, err := view.Read(t.Context(), upstream.Request{Name: "skill://tidy/logo.png"})
	if err != nil || string(read.Contents[0].Blob) != "\x89PNG\x00" {
		t.Errorf("%+v, %v", read, err)
	}
	if index := b.View(agent(), Scope{}).Instructions()[SkillIndex]; !strings.Contains(index, "- tidy: Tidies notes.") {
		t.Errorf("agents are told %q", index)
	}
	if _, told := b.View(client(), Scope{Hub: "notes"}).Instructions()[SkillIndex]; told {
		t.Error("a hub of another server tells of skills")
	}
	if prompts := b.View(client(), Scope{Hub: "notes"}).Prompts(t.Context()); len(prompts) != 1 {
		t.Errorf("a hub of another server has %+v", prompts)
	}
}

// asker is a peer who takes long to answer.
type asker struct{ upstream.Peer }

func (asker) Ask(context.Context, mcp.InputRequest) (mcp.InputResponse, error) {
	<-time.After(300 * time.Millisecond) // three times as long as the call may take
	return nil, nil
}

// TestAPersonMayThink: the time of a call stands still while its caller is asked, and runs on after.
func TestAPersonMayThink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := within(upstream.WithPeer(t.Context(), asker{}), 100*time.Millisecond)
		defer cancel()
		if _, err := upstream.PeerFrom(ctx).Ask(ctx, nil); err != nil || ctx.Err() != nil {
			t.Fatalf("the call ended while its caller was asked: %v, %v", err, ctx.Err())
		}
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), upstream.ErrTimeout) {
			t.Errorf("ended by %v", context.Cause(ctx))
		}
	})
}
