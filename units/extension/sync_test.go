// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"holdfast"
)

func TestSyncWritesSettingsBackAndKeepsTheRest(t *testing.T) {
	b := newBench(t)
	const before = "{\n\t\"name\" : \"Mine\",\n\t\"x-unknown\": { \"n\": 1.50, \"list\": [1,2,\n3] },\n\t\"timeout\": 5,\n\t\"enabled\": true\n}\n"
	b.put("mine/config.json", before)
	b.master(`{"luna": {"timezone": "UTC"}, "extensions": {"mine": {"enabled": false, "source": "github:a/b", "x-more": 1, "config": {"timeout": 30, "version": "9", "not_in_file": 1}}}, "x": [1, 2.50]}`)
	report := b.sync()
	if !slices.Equal(report.Written, []string{"mine/config.json"}) || len(report.Problems) > 0 {
		t.Fatalf("%+v", report)
	}
	const after = "{\n\t\"name\" : \"Mine\",\n\t\"x-unknown\": { \"n\": 1.50, \"list\": [1,2,\n3] },\n\t\"timeout\": 30,\n\t\"enabled\": false,\n\t\"source\": \"github:a/b\",\n\t\"version\": \"03-09-26\"\n}\n"
	if got := b.text("mine/config.json"); got != after {
		t.Errorf("config.json is\n%s\nwant\n%s", got, after)
	}
	if b.value("x") != "[1,2.50]" || b.value("extensions", "mine", "x-more") != "1" || b.value("luna", "timezone") != `"UTC"` {
		t.Error("master_config.json lost a field that is not ours")
	}
	if report := b.sync(); len(report.Written) > 0 {
		t.Errorf("a second sync wrote %v", report.Written)
	}
}

func TestSyncNeverTouchesAVersion(t *testing.T) {
	b := newBench(t)
	b.put("mine/config.json", `{"version": "0.1", "enabled": true, "source": "local"}`)
	b.master(`{"extensions": {"mine": {"enabled": true, "source": "local", "config": {"version": "2"}}}}`)
	if report := b.sync(); len(report.Written) > 0 {
		t.Errorf("wrote %v: %s", report.Written, b.text("mine/config.json"))
	}
}

func TestASettingThatTheManifestCannotTake(t *testing.T) {
	b := newBench(t)
	const text = `{"required_secrets": [], "enabled": true, "source": "local", "version": "1"}`
	b.put("mine/config.json", text)
	b.full("good")
	b.master(`{"extensions": {"mine": {"config": {"required_secrets": "KEY"}}}}`)
	report := b.sync()
	if len(report.Problems) != 1 || report.Problems[0].Field != "extensions.mine.config.required_secrets" || report.Problems[0].File != bookFile {
		t.Errorf("%v", report.Problems)
	}
	if b.text("mine/config.json") != text || b.standing("mine").state != stateBroken || b.standing("good").state != stateReady {
		t.Error("more was touched than the one extension")
	}
}

func TestFolderThatVanishedIsMarkedAndComesBack(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.sync()
	if err := os.Rename(b.home.Path("extensions", "full"), b.home.Path("away")); err != nil {
		t.Fatal(err)
	}
	report := b.sync()
	if !slices.Equal(report.Missing, []string{"full"}) || b.value("extensions", "full", "missing") != "true" {
		t.Errorf("%+v, %s", report, b.value("extensions", "full"))
	}
	if x := b.standing("full"); x.state != stateMissing || len(b.units.of("full")) > 0 || len(b.Mounts()) > 0 {
		t.Errorf("%s with %d units", x.state, len(b.units.of("full")))
	}
	if again := b.sync(); len(again.Missing) > 0 {
		t.Error("it is told twice")
	}
	b.full("other")
	b.sync()
	if b.units.of("other")["other.ui"].Port != 5201 {
		t.Error("the port of the missing one went to another")
	}
	if err := os.Rename(b.home.Path("away"), b.home.Path("extensions", "full")); err != nil {
		t.Fatal(err)
	}
	if report := b.sync(); !slices.Equal(report.Returned, []string{"full"}) || b.value("extensions", "full", "missing") != "" {
		t.Errorf("%+v", report)
	}
	if b.units.of("full")["full.ui"].Port != 5200 {
		t.Error("it came back with another port")
	}
}

func TestToolSettingsGoBothWays(t *testing.T) {
	b := newBench(t)
	b.full("full")
	const theirs = "{\n  \"full_GET\": {\"x\": 1, \"enabled_in_mcp\": true, \"passthrough\": true},\n  \"old\": {}\n}\n"
	b.put("full/tools/tool_config.json", theirs)
	b.master(`{"tool_configs": {"full_GET": {"enabled_in_mcp": false, "passthrough": true}, "full_SET": {"enabled_in_mcp": false}, "else": {}}}`)
	b.sync()
	want := "{\n  \"full_GET\": {\"x\": 1, \"enabled_in_mcp\": false, \"passthrough\": true},\n  \"old\": {},\n  \"full_SET\": {\"enabled_in_mcp\": false, \"passthrough\": false}\n}\n"
	if got := b.text("full/tools/tool_config.json"); got != want {
		t.Errorf("tool_config.json is\n%s\nwant\n%s", got, want)
	}
	if got := b.value("tool_configs", "old"); got != `{"enabled_in_mcp":true,"passthrough":false}` {
		t.Errorf("old is %s", got)
	}
	s := b.ToolServers()[0].Settings
	if s["full_GET"] != (holdfast.ToolSetting{Passthrough: true}) || s["full_SET"] != (holdfast.ToolSetting{}) || s["old"] != (holdfast.ToolSetting{EnabledInMCP: true}) {
		t.Errorf("settings %v", s)
	}
	if again := b.sync(); len(again.Written) > 0 {
		t.Errorf("a second sync wrote %v", again.Written)
	}
}

func TestAToolFileIsMadeWhenTheBookKnowsMore(t *testing.T) {
	b := newBench(t)
	b.put("t/config.json", "{}")
	b.put("t/tools/t_tools.py", "def T_GET(a):\n    pass\n")
	b.master(`{"tool_configs": {"T_GET": {"enabled_in_mcp": true, "passthrough": true}}}`)
	b.sync()
	if got := b.text("t/tools/tool_config.json"); !sameObject(got, `{"T_GET": {"enabled_in_mcp": true, "passthrough": true}}`) {
		t.Errorf("tool_config.json is %s", got)
	}
}

func TestABookThatCannotBeReadChangesNothing(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.sync()
	before := b.text("full/config.json")
	b.master("{")
	if _, err := b.Sync(t.Context()); err == nil || !strings.Contains(err.Error(), "master_config.json") {
		t.Errorf("got %v", err)
	}
	if b.text("full/config.json") != before || len(b.Mounts()) != 2 || len(b.units.of("full")) != 3 {
		t.Error("something changed")
	}
}

func TestEntriesOfTheBookThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"entry":      `{"extensions": {"a": 5, "b": {}}}`,
		"tool":       `{"tool_configs": {"x": []}}`,
		"port":       `{"port_assignments": {"extensions": {"a": "5200"}}}`,
		"port range": `{"port_assignments": {"services": {"a.b": 70000}}}`,
		"twice":      `{"port_assignments": {"extensions": {"a": 5300}, "services": {"b.c": 5300}}}`,
	} {
		b, err := readBook(json.RawMessage(text))
		if err != nil || len(b.problems) != 1 || b.problems[0].Field == "" || b.problems[0].Remedy == "" {
			t.Errorf("%s: %v, %v", name, b.problems, err)
		}
	}
}

func TestAPortGivenTwiceHoldsTheSecond(t *testing.T) {
	b := newBench(t)
	b.full("one")
	b.full("two")
	b.master(`{"port_assignments": {"extensions": {"one": 5250, "two": 5250}}}`)
	report := b.sync()
	if len(report.Problems) == 0 {
		t.Error("nobody says so")
	}
	if u := b.units.of("one")["one.ui"]; u.Port != 5250 || u.Blocked != "" {
		t.Errorf("one has %d, %q", u.Port, u.Blocked)
	}
	if u := b.units.of("two")["two.ui"]; u.Port != 0 || !strings.Contains(u.Blocked, "also given to extensions/one") {
		t.Errorf("two has %d, %q", u.Port, u.Blocked)
	}
	if b.value("port_assignments", "extensions", "two") != "5250" {
		t.Error("the assignment was changed in silence")
	}
}

func TestPortsRunOut(t *testing.T) {
	b := newBench(t)
	for i := range 101 {
		b.put(fmt.Sprintf("e%03d/config.json", i), "{}")
		b.put(fmt.Sprintf("e%03d/ui/start.sh", i), "")
	}
	b.sync()
	if u := b.units.of("e099")["e099.ui"]; u.Port != 5299 || u.Blocked != "" {
		t.Errorf("the hundredth has %d, %q", u.Port, u.Blocked)
	}
	if u := b.units.of("e100")["e100.ui"]; u.Port != 0 || !strings.Contains(u.Blocked, "no port from 5200 to 5299 is free") {
		t.Errorf("the next has %d, %q", u.Port, u.Blocked)
	}
}

func TestANewPortIsOneThatNobodyListensOn(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.free = func(port int) bool { return port != 5200 && port != 5300 }
	b.sync()
	if b.units.of("full")["full.ui"].Port != 5201 || b.units.of("full")["full.backend"].Port != 5301 {
		t.Errorf("mounts %+v", b.Mounts())
	}
	b.free = func(int) bool { return false }
	b.sync()
	if b.units.of("full")["full.ui"].Port != 5201 {
		t.Error("a given port was given up")
	}
}

// Whatever comes, goes, is deleted and comes back: no port ever has two names, and a name never
// has two ports.
func TestPortsAreGivenOnceForGood(t *testing.T) {
	settings := Defaults()
	ui, services, err := settings.ranges()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		text := json.RawMessage(`{}`)
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,4}`), 1, 12, rapid.ID[string]).Draw(r, "names")
		ever := map[string]int{} // by name
		holder := map[int]string{}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			b, err := readBook(text)
			if err != nil {
				r.Fatal(err)
			}
			name := rapid.SampledFrom(names).Draw(r, "name")
			kind := rapid.SampledFrom([]portRange{ui, services}).Draw(r, "kind")
			key := kind.kind + "/" + name
			if rapid.Bool().Draw(r, "delete") {
				if given := b.ports.given[kind.kind][name]; given != nil {
					text = changed(r, text, []change{unset("port_assignments", kind.kind, name), set(*given, "port_assignments", "retired", key)})
				}
				continue
			}
			busy := rapid.SampledFrom([]int{0, 5200, 5201, 5300}).Draw(r, "busy")
			port, changes, reason := b.ports.of(kind, name, func(p int) bool { return p != busy })
			if reason != "" {
				r.Fatalf("%s has no port: %s", key, reason)
			}
			if before, known := ever[key]; known && before != port {
				r.Fatalf("%s had %d and now has %d", key, before, port)
			}
			if other := holder[port]; other != "" && other != key {
				r.Fatalf("%d is of %s and of %s", port, other, key)
			}
			if port < kind.first || port > kind.last {
				r.Fatalf("%s has %d", key, port)
			}
			ever[key], holder[port] = port, key
			text = changed(r, text, changes)
		}
	})
}

func changed(r *rapid.T, text json.RawMessage, changes []change) json.RawMessage {
	var whole map[string]any
	if err := json.Unmarshal(text, &whole); err != nil {
		r.Fatal(err)
	}
	for _, c := range changes {
		at := whole
		for _, name := range c.path[:len(c.path)-1] {
			if _, ok := at[name].(map[string]any); !ok {
				at[name] = map[string]any{}
			}
			at = at[name].(map[string]any)
		}
		last := c.path[len(c.path)-1]
		if c.value == nil {
			delete(at, last)
		} else {
			at[last] = c.value
		}
	}
	return encode(whole)
}
