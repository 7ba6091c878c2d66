// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/core/journal/journaltest"
)

// asking is an extension that asks for what its arguments say.
func (b *bench) asking(name, secrets, sandbox string) {
	b.put(name+"/config.json", `{"name": "Asking", "version": "1", "enabled": true, "source": "local", "required_secrets": [`+secrets+`], "holdfast": {"sandbox": {`+sandbox+`}}}`)
	b.put(name+"/services/backend/start.sh", "#!/bin/sh\n")
	b.put(name+"/tools/"+name+"_tools.py", "def "+name+"_GET():\n    pass\n")
}

const (
	little = `"network": "off", "folder": "read"`
	both   = `"KEY_A", "KEY_B"`
)

func (b *bench) accept(caller holdfast.Caller, name string, wishes ...string) (Summary, error) {
	return desk{b.Extensions}.accept(holdfast.WithCaller(b.Context(), caller), acceptIn{Name: name, Wishes: wishes})
}

func (b *bench) keysSet() {
	b.keys.set("KEY_A", "a")
	b.keys.set("KEY_B", "b")
}

func TestTheFirstSightOfAnExtensionIsRecorded(t *testing.T) {
	b := newBench(t)
	b.keysSet()
	b.asking("one", both, `"network": "off"`)
	b.put("one/tools/tool_config.json", `{"one_GET": {"passthrough": true}}`)
	b.sync()
	if x := b.standing("one"); x.state != stateReady || len(x.asks) > 0 {
		t.Errorf("it is %s: %q, asks %v", x.state, x.reason, x.asks)
	}
	text, err := os.ReadFile(grantFile(b.home, "one"))
	if err != nil || string(text) != `{"granted":["folder","key:KEY_A","key:KEY_B","unasked:one_GET"]}`+"\n" {
		t.Errorf("the record is %s, %v", text, err)
	}
	if info, err := os.Stat(grantFile(b.home, "one")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

func TestWhatAnExtensionAsksForMoreWaits(t *testing.T) {
	b := newBench(t)
	b.keysSet()
	b.asking("one", `"KEY_A"`, little)
	b.sync()
	unit, server := b.units.of("one")["one.backend"], b.ToolServers()[0]
	b.asking("one", both, "")
	b.put("one/tools/tool_config.json", `{"one_GET": {"passthrough": true}}`)
	for range 2 {
		report := b.sync()
		want := []string{"folder", "key:KEY_B", "network", "unasked:one_GET"}
		x := b.standing("one")
		if x.state != stateReady || !slices.Equal(x.asks, want) {
			t.Errorf("it is %s: %q, asks %v", x.state, x.reason, x.asks)
		}
		const says = "extensions/one: asks for more than it was granted: folder, key:KEY_B, network, unasked:one_GET (give it what it may have of that with `holdfast extension accept one folder key:KEY_B network unasked:one_GET`)"
		if s := x.summary(); s.Reason != says || !slices.Equal(s.Asks, want) {
			t.Errorf("it says %q, asks %v", s.Reason, s.Asks)
		}
		if len(report.Problems) != 1 || report.Problems[0].String() != says || len(b.alerts(t.Context())) != 1 {
			t.Errorf("the sync reports %v", report.Problems)
		}
		if now := b.units.of("one")["one.backend"]; !reflect.DeepEqual(now, unit) {
			t.Errorf("its unit was\n%+v, is\n%+v", unit, now)
		}
		if now := b.ToolServers()[0]; !slices.Equal(now.Secrets, server.Secrets) || !reflect.DeepEqual(now.Sandbox, server.Sandbox) || now.Settings["one_GET"].Passthrough {
			t.Errorf("its tools were\n%+v, are\n%+v", server, now)
		}
		for _, r := range b.Required() {
			if r.Key == "KEY_B" {
				t.Error("the key counts as required")
			}
		}
		if got := b.value("tool_configs", "one_GET"); got != "" {
			t.Errorf("master_config.json has the tool: %s", got)
		}
		if len(report.Written) > 0 {
			t.Errorf("its files were written: %v", report.Written)
		}
		b.renew() // and so in the next house
	}
}

func TestAPersonAccepts(t *testing.T) {
	b := newBench(t)
	b.keysSet()
	b.asking("one", "", little)
	b.sync()
	b.asking("one", both, "")
	b.put("one/tools/tool_config.json", `{"one_GET": {"passthrough": true}}`)
	b.sync()
	agent := holdfast.Caller{Kind: holdfast.CallerAgent, Name: "tools.one", Tier: holdfast.TierOwner}
	if _, err := b.accept(agent, "one", "key:KEY_A"); !isRefusal(err) {
		t.Errorf("an agent: %v", err)
	}
	byMCP, unit := operator(), operator()
	byMCP.Surface, unit.Unit = "mcp", "one.backend"
	for name, ctx := range map[string]context.Context{
		"an operator's key by MCP": holdfast.WithCaller(b.Context(), byMCP),
		"its unit":                 holdfast.WithCaller(b.Context(), unit),
		"an agent of an operator":  holdfast.WithAgent(holdfast.WithCaller(b.Context(), operator()), "passthrough_agent"),
	} {
		if _, err := (desk{b.Extensions}).accept(ctx, acceptIn{Name: "one", Wishes: []string{"key:KEY_A"}}); !isRefusal(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for says, wishes := range map[string][]string{
		"names nothing; it asks for folder, key:KEY_A, key:KEY_B, network, unasked:one_GET": nil,
		`"key:KEY_C" is not what one asks for`:                                              {"key:KEY_A", "key:KEY_C"},
		`"KEY_A" is not what one asks for`:                                                  {"KEY_A"},
	} {
		if _, err := b.accept(operator(), "one", wishes...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v, want %q", wishes, err, says)
		}
	}
	if got := b.units.of("one")["one.backend"].Secrets; len(got) > 0 {
		t.Fatalf("it has %v", got)
	}
	s, err := b.accept(operator(), "one", "key:KEY_A", "network", "unasked:one_GET")
	if err != nil || !slices.Equal(s.Asks, []string{"folder", "key:KEY_B"}) {
		t.Fatalf("%+v, %v", s, err)
	}
	u := b.units.of("one")["one.backend"]
	if !slices.Equal(u.Secrets, []string{"KEY_A"}) || u.Sandbox.Network != "" || slices.Contains(u.Sandbox.Write, b.home.Path("extensions", "one")) {
		t.Errorf("the unit has %v, %+v", u.Secrets, u.Sandbox)
	}
	if !b.ToolServers()[0].Settings["one_GET"].Passthrough || !strings.Contains(b.value("tool_configs", "one_GET"), `"passthrough":true`) {
		t.Errorf("the tool is %s", b.value("tool_configs", "one_GET"))
	}
	if s, err := b.accept(operator(), "one", "key:KEY_B", "folder"); err != nil || len(s.Asks) > 0 || s.Reason != "" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := b.accept(operator(), "one", "network"); err == nil || !strings.Contains(err.Error(), "asks for nothing") {
		t.Errorf("once more: %v", err)
	}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*holdfast.Refusal](err)
	return ok
}

// An extension asks for so much that nobody would read it all.
func TestManyWishesAreToldInOneLine(t *testing.T) {
	b := newBench(t)
	b.asking("one", "", "")
	b.sync()
	var tools []string
	for i := range maxTools {
		tools = append(tools, fmt.Sprintf(`"T%04d": {"passthrough": true}`, i))
	}
	b.put("one/tools/tool_config.json", "{"+strings.Join(tools, ",")+"}")
	b.asking("one", `"KEY_A"`, "")
	b.sync()
	s := b.standing("one").summary()
	if len(s.Asks) != maxTools+1 || len(s.Reason) > 600 || !strings.Contains(s.Reason, "key:KEY_A, unasked:T0000") ||
		!strings.Contains(s.Reason, "and 1993 more, which `holdfast extension show one` lists") {
		t.Errorf("it asks for %d: %q", len(s.Asks), s.Reason)
	}
}

// Between a person's look and the answer, the extension asks for another key.
func TestAnAcceptanceGivesOnlyWhatItNames(t *testing.T) {
	b := newBench(t)
	b.keysSet()
	b.asking("one", "", "")
	b.sync()
	b.asking("one", `"KEY_A"`, "")
	b.sync()
	b.asking("one", both, "")
	if s, err := b.accept(operator(), "one", "key:KEY_A"); err != nil || !slices.Equal(s.Asks, []string{"key:KEY_B"}) {
		t.Errorf("%+v, %v", s, err)
	}
	b.asking("one", `"KEY_A"`, "")
	if _, err := b.accept(operator(), "one", "key:KEY_B"); err == nil {
		t.Error("what is not asked for any more was granted")
	}
}

func TestLessCountsAtOnceAndWhatWasGrantedMayReturn(t *testing.T) {
	b := newBench(t)
	b.keysSet()
	b.asking("one", both, "")
	b.sync()
	b.asking("one", `"KEY_A"`, little)
	b.sync()
	u := b.units.of("one")["one.backend"]
	if !slices.Equal(u.Secrets, []string{"KEY_A"}) || u.Sandbox.Network != networkOff || slices.Contains(u.Sandbox.Write, b.home.Path("extensions", "one")) {
		t.Errorf("the unit has %v, %+v", u.Secrets, u.Sandbox)
	}
	b.asking("one", both, "")
	b.sync()
	if x := b.standing("one"); len(x.asks) > 0 || !slices.Equal(b.units.of("one")["one.backend"].Secrets, []string{"KEY_A", "KEY_B"}) {
		t.Errorf("it asks %v", x.asks)
	}
}

func TestALostRecordGrantsNothing(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"damaged":  func(path string) error { return os.WriteFile(path, []byte(`{"gran`), 0o600) },
		"a folder": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		b := newBench(t)
		b.keysSet()
		b.asking("one", `"KEY_A"`, little)
		b.sync()
		if err := lose(grantFile(b.home, "one")); err != nil {
			t.Fatal(err)
		}
		b.sync()
		x := b.standing("one")
		if x.state != stateBlocked || !strings.Contains(x.reason, "var/grants/one.json") || !strings.Contains(x.reason, "`holdfast extension accept one key:KEY_A`") {
			t.Errorf("%s: it is %s: %q", name, x.state, x.reason)
		}
		if u := b.units.of("one")["one.backend"]; u.Blocked == "" || len(u.Secrets) > 0 {
			t.Errorf("%s: blocked %q with %v", name, u.Blocked, u.Secrets)
		}
		if name != "damaged" {
			continue
		}
		if s, err := b.accept(operator(), "one", "key:KEY_A"); err != nil || s.State != stateReady || len(s.Asks) > 0 {
			t.Errorf("accepted: %+v, %v", s, err)
		}
	}
}

func TestAnExtensionThatCannotBeRecordedWaitsUntilItCan(t *testing.T) {
	b := newBench(t)
	b.full("full")
	if err := os.MkdirAll(b.home.Var(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(b.home.Var("nowhere"), b.home.Var("grants")); err != nil {
		t.Fatal(err)
	}
	b.sync()
	if x := b.standing("full"); x.state != stateBlocked || !strings.Contains(x.reason, "cannot be recorded") || b.units.of("full")["full.ui"].Blocked == "" {
		t.Errorf("it is %s: %q", x.state, x.reason)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.run(ctx) }()
	changed := b.Changed()
	if err := os.Remove(b.home.Var("grants")); err != nil {
		t.Fatal(err)
	}
	b.keys.set("ANY", "wakes it")
	await(t, changed)
	if x := b.standing("full"); x.state != stateReady || len(x.asks) > 0 || b.units.of("full")["full.ui"].Blocked != "" {
		t.Errorf("it is %s: %q", x.state, x.reason)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A folder that vanished and came back as another one has not been accepted.
func TestAReturnedFolderAsksAnew(t *testing.T) {
	b := newBench(t)
	b.keysSet()
	b.asking("one", `"KEY_A"`, "")
	b.sync()
	if err := os.RemoveAll(b.home.Path("extensions", "one")); err != nil {
		t.Fatal(err)
	}
	b.sync()
	b.asking("one", both, "")
	b.sync()
	if x := b.standing("one"); !slices.Equal(x.asks, []string{"key:KEY_B"}) {
		t.Errorf("it is %s, asks %v", x.state, x.asks)
	}
}

// An extension names a tool of another one in its own tool_config.json.
func TestNobodyGrantsAnothersTool(t *testing.T) {
	b := newBench(t)
	b.asking("aaa", "", "")
	b.sync()
	b.put("aaa/tools/tool_config.json", `{"two_GET": {"enabled_in_mcp": false, "passthrough": true}}`)
	b.asking("two", "", "")
	b.put("two/tools/tool_config.json", `{"two_GET": {"enabled_in_mcp": true, "passthrough": false}}`)
	b.sync()
	if got := b.value("tool_configs", "two_GET"); !sameObject(got, `{"enabled_in_mcp": true, "passthrough": false}`) {
		t.Errorf("the tool is %s", got)
	}
	if got := b.text("two/tools/tool_config.json"); !sameObject(got, `{"two_GET": {"enabled_in_mcp": true, "passthrough": false}}`) {
		t.Errorf("the file of the other is %s", got)
	}
	for _, s := range b.ToolServers() {
		if s.Settings["two_GET"].Passthrough {
			t.Errorf("in %s it runs without asking", s.Name)
		}
	}
}

// An extension names the tool of one that is not there yet, or that says nothing of its own.
func TestAFileSettlesOnlyItsOwnTools(t *testing.T) {
	for name, two := range map[string]string{"silent": "", "says so": `{"two_GET": {"enabled_in_mcp": true, "passthrough": false}}`} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.asking("aaa", "", "")
			b.put("aaa/tools/tool_config.json", `{"two_GET": {"passthrough": true}, "two_SET": {"enabled_in_mcp": false}, "aaa_GET": {"passthrough": true}}`)
			b.sync()
			b.asking("two", "", "")
			if two != "" {
				b.put("two/tools/tool_config.json", two)
			}
			for range 2 {
				b.sync()
				for _, s := range b.ToolServers() {
					if own := s.Name == "aaa"; s.Settings["two_GET"].Passthrough != own || s.Settings["aaa_GET"].Passthrough != own {
						t.Errorf("%s has %v", s.Name, s.Settings)
					}
					if _, said := s.Settings["two_SET"]; said != (s.Name == "aaa") {
						t.Errorf("%s has %v", s.Name, s.Settings)
					}
				}
			}
			if two != "" && !sameObject(b.text("two/tools/tool_config.json"), two) {
				t.Errorf("the other's file is %s", b.text("two/tools/tool_config.json"))
			}
			if got := b.value("tool_configs", "two_GET"); !sameObject(got, `{"enabled_in_mcp": true, "passthrough": true, "extension": "aaa"}`) {
				t.Errorf("the book says %s", got)
			}
			// What one extension brought is no grant for the other's own file.
			b.put("two/tools/tool_config.json", `{"two_GET": {"passthrough": true}}`)
			b.sync()
			if x := b.standing("two"); !slices.Equal(x.asks, []string{"unasked:two_GET"}) {
				t.Errorf("it asks for %v", x.asks)
			}
		})
	}
}

// What an extension asks for beyond its grant is journaled once a wish, also over restarts.
func TestWhatIsAskedForIsJournaledOnce(t *testing.T) {
	b, told := newBench(t), &journaltest.Journal{}
	b.needs.Journal = told
	b.asking("one", "", little)
	b.sync()
	if len(told.Entries()) > 0 {
		t.Fatalf("the first sight is told as %+v", told.Entries())
	}
	b.put("one/tools/tool_config.json", `{"one_GET": {"passthrough": true}}`)
	b.sync()
	b.sync()
	b.renew()
	b.needs.Journal = told
	b.sync()
	if len(told.Entries()) != 1 || told.Entries()[0].Subject != "one" || told.Entries()[0].Outcome != holdfast.OutcomeRefused ||
		!strings.Contains(string(told.Entries()[0].Detail), `"unasked:one_GET"`) {
		t.Fatalf("told is %+v", told.Entries())
	}
	b.asking("one", "", "")
	b.sync()
	if len(told.Entries()) != 2 || strings.Contains(string(told.Entries()[1].Detail), "one_GET") || !strings.Contains(string(told.Entries()[1].Detail), `"network"`) {
		t.Errorf("with more wishes told is %+v", told.Entries())
	}
}
