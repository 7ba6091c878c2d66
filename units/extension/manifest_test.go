// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"holdfast"
)

func TestManifestMistakes(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)
	tests := []struct {
		name, text   string
		field, says  string
		line, column int
	}{
		{"empty", "", "", "is not JSON", 1, 1},
		{"not JSON", "{\n  \"name\": notes\n}", "", "is not JSON", 2, 12},
		{"trailing comma", "{\"name\": \"a\",\n}", "", "is not JSON", 2, 1},
		{"comment", "{ // why\n}", "", "is not JSON", 1, 3},
		{"two documents", "{}\n{}", "", "is not JSON", 2, 1},
		{"cut off", "{\"name\": \"a\"", "", "is not JSON", 1, 12},
		{"a list", "[]", "", "is an array, want an object", 1, 1},
		{"a text", "\n  \"x\"", "", "is a string, want an object", 2, 3},
		{"byte order mark", "\xef\xbb\xbf{}", "", "byte order mark", 1, 1},
		{"latin 1", "{\"name\": \"Gr\xfc\"}", "", "is not UTF-8", 1, 13},
		{"too deep", deep, "", "nested deeper", 1, 326},
		{"too large", `{"x": "` + strings.Repeat("a", maxManifest) + `"}`, "", "bytes, the limit is", 0, 0},
		{"twice", "{\"name\": \"a\",\n\"name\": \"b\"}", "name", "is given twice", 2, 1},
		{"twice inside", "{\"ui\": {\"strip_prefix\": true,\n \"strip_prefix\": false}}", "strip_prefix", "is given twice", 2, 2},
		{"name a number", `{"name": 5}`, "name", "is a number, want a string", 1, 10},
		{"name too long", `{"name": "` + strings.Repeat("ä", 201) + `"}`, "name", "has 201 characters, the limit is 200", 1, 10},
		{"name with NUL", `{"name": "a\u0000"}`, "name", "NUL", 1, 10},
		{"enabled as text", `{"enabled": "true"}`, "enabled", "is a string, want a boolean", 1, 13},
		{"enabled as number", `{"enabled": 1}`, "enabled", "is a number, want a boolean", 1, 13},
		{"version a number", `{"version": 1.0}`, "version", "is a number, want a string", 1, 13},
		{"auto_update an object", `{"auto_update": {}}`, "auto_update", "is an object, want a boolean", 1, 17},
		{"secrets a text", `{"required_secrets": "KEY"}`, "required_secrets", "is a string, want an array", 1, 22},
		{"a secret that is a number", `{"required_secrets": ["A", 7]}`, "required_secrets[1]", "is a number, want a string", 1, 28},
		{"a secret with a space", "{\"required_secrets\": [\n\"A B\"]}", "required_secrets[0]", "is not the name of a key", 2, 1},
		{"a secret with a digit first", `{"required_secrets": ["1A"]}`, "required_secrets[0]", "is not the name of a key", 1, 23},
		{"an empty secret", `{"required_secrets": [""]}`, "required_secrets[0]", "is not the name of a key", 1, 23},
		{"a secret with =", `{"required_secrets": ["A=B"]}`, "required_secrets[0]", "is not the name of a key", 1, 23},
		{"ui a flag", `{"ui": true}`, "ui", "is a boolean, want an object", 1, 8},
		{"strip_prefix a text", `{"ui": {"strip_prefix": "no"}}`, "ui.strip_prefix", "is a string, want a boolean", 1, 25},
		{"slash a number", `{"ui": {"enforce_trailing_slash": 0}}`, "ui.enforce_trailing_slash", "is a number", 1, 35},
		{"mcp a text", `{"mcp": "node"}`, "mcp", "is a string, want an object", 1, 9},
		{"mcp without command", `{"mcp": {"args": []}}`, "mcp.command", "is required", 1, 9},
		{"mcp args a text", `{"mcp": {"command": "x", "args": "y"}}`, "mcp.args", "is a string, want an array", 1, 34},
		{"mcp arg a number", `{"mcp": {"command": "x", "args": ["y", 1]}}`, "mcp.args[1]", "is a number, want a string", 1, 40},
		{"mcp env a list", `{"mcp": {"command": "x", "env": []}}`, "mcp.env", "is an array, want an object", 1, 33},
		{"mcp env value a number", `{"mcp": {"command": "x", "env": {"A": 1}}}`, "mcp.env.A", "is a number, want a string", 1, 39},
		{"mcp env name", `{"mcp": {"command": "x", "env": {"A-B": "1"}}}`, "mcp.env.A-B", "cannot be set here", 1, 34},
		{"mcp env of the house", `{"mcp": {"command": "x", "env": {"HOLDFAST_UNIT": "1"}}}`, "mcp.env.HOLDFAST_UNIT", "cannot be set here", 1, 34},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, problems := parseManifest("config.json", []byte(test.text), true)
			mustSay(t, problems, test.field, test.says, test.line, test.column)
		})
	}
}

func mustSay(t *testing.T, problems []holdfast.Problem, field, says string, line, column int) {
	t.Helper()
	for _, p := range problems {
		if p.Field == field && strings.Contains(p.Message, says) {
			if p.Line != line || p.Column != column {
				t.Errorf("at %d:%d, want %d:%d: %s", p.Line, p.Column, line, column, p)
			}
			return
		}
	}
	t.Errorf("no problem of %q says %q: %v", field, says, problems)
}

func TestManifestReportsEveryMistakeTogether(t *testing.T) {
	_, _, problems := parseManifest("config.json", []byte(`{"name": 1, "enabled": "no", "ui": [], "required_secrets": ["a b", 2]}`), true)
	if len(problems) != 5 {
		t.Errorf("%d problems, want 5: %v", len(problems), problems)
	}
}

func TestManifestTakesWhatIsRight(t *testing.T) {
	text := `{"name": "Grüße", "unknown": {"deep": [1, {"x": null}]}, "enabled": false, "required_secrets": ["B", "A", "B"],
		"version": null, "ui": {"trailing_slash": false, "open_mode": "iframe"},
		"mcp": {"command": "node", "args": ["a", "b"], "env": {"A": "1"}}}`
	m, d, problems := parseManifest("config.json", []byte(text), false)
	if len(problems) > 0 || d == nil {
		t.Fatal(problems)
	}
	want := Manifest{
		Name: "Grüße", RequiredSecrets: []string{"A", "B"},
		MCP: &mcpBlock{Command: "node", Args: []string{"a", "b"}, Env: map[string]string{"A": "1"}, Names: []string{"A"}},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got %s\nwant %s", encode(m), encode(want))
	}
}

func TestServiceMistakes(t *testing.T) {
	tests := []struct{ name, text, field, says string }{
		{"not JSON", `{`, "", "is not JSON"},
		{"port a text", `{"requires_port": "yes"}`, "requires_port", "is a string"},
		{"restart a number", `{"restart_on_failure": 1}`, "restart_on_failure", "is a number"},
		{"health a flag", `{"requires_port": true, "health_check": true}`, "health_check", "is a boolean"},
		{"health a URL", `{"requires_port": true, "health_check": "http://127.0.0.1:1/x"}`, "health_check", "is not a path"},
		{"health with a line end", `{"requires_port": true, "health_check": "/a\r\nHost: x"}`, "health_check", "is not a path"},
		{"health without a port", `{"health_check": "/healthz"}`, "health_check", "needs a port"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := parseService("service_config.json", []byte(test.text))
			for _, p := range problems {
				if p.Field == test.field && strings.Contains(p.Message, test.says) && p.Line == 1 && p.Column > 0 {
					return
				}
			}
			t.Errorf("no problem of %q says %q: %v", test.field, test.says, problems)
		})
	}
	s, problems := parseService("x", []byte(`{"name": "b", "requires_port": true, "health_check": "healthz", "more": 1}`))
	if len(problems) > 0 || s.HealthCheck != "/healthz" || !s.RestartOnFailure || !s.RequiresPort {
		t.Errorf("got %+v, %v", s, problems)
	}
	if s, problems := parseService("x", []byte(`{"health_check": null}`)); len(problems) > 0 || s.HealthCheck != "" {
		t.Errorf("got %+v, %v", s, problems)
	}
}

func TestToolMistakes(t *testing.T) {
	tests := []struct{ name, text, field, says string }{
		{"a list", `[]`, "", "want an object"},
		{"a tool that is a flag", `{"A": true}`, "A", "is a boolean, want an object"},
		{"passthrough a text", `{"A": {"passthrough": "yes"}}`, "A.passthrough", "is a string"},
		{"enabled a number", `{"A": {"enabled_in_mcp": 1}}`, "A.enabled_in_mcp", "is a number"},
		{"a name with a space", `{"A B": {}}`, "A B", "is not the name of a tool"},
		{"twice", `{"A": {}, "A": {}}`, "A", "is given twice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, problems := parseTools("tool_config.json", []byte(test.text))
			for _, p := range problems {
				if p.Field == test.field && strings.Contains(p.Message, test.says) {
					return
				}
			}
			t.Errorf("no problem of %q says %q: %v", test.field, test.says, problems)
		})
	}
	settings, _, problems := parseTools("x", []byte(`{"A": {}, "B": {"enabled_in_mcp": false, "passthrough": true, "x": 1}}`))
	if len(problems) > 0 || settings["A"] != (holdfast.ToolSetting{EnabledInMCP: true}) || settings["B"] != (holdfast.ToolSetting{Passthrough: true}) {
		t.Errorf("got %v, %v", settings, problems)
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"notes": true, "automation_memory": true, "a": true, "7days": true, "a-b": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "a-": false, "_a": false, "a_": false, "Notes": false, "a.b": false, "a/b": false, "..": false,
		"a b": false, "ä": false, "a__b": false, strings.Repeat("a", 64): false, "a\x00": false, "a\n": false,
		"api": false, "ext": false, "auth": false, "v1": false, "hooks": false, "agent": false, "mcp": false, "supervisor": false,
		"authorize": false, "token": false, "register": false, "revoke": false, "ext_service": false, "external-services": false,
		"openapi.json": false, "health": false, "healthz": false, "readyz": false, "metrics": false, "ofrep": false,
	} {
		if got := checkName(name) == ""; got != ok {
			t.Errorf("%q: allowed %v, want %v", name, got, ok)
		}
	}
}

func TestDocumentKeepsEveryOtherByte(t *testing.T) {
	tests := []struct {
		name, text, want string
		path             []string
		value            any
	}{
		{"replace", "{\n\t\"a\" : 1 ,\n\t\"b\":[ 1,2 ]}\n", "{\n\t\"a\" : 2 ,\n\t\"b\":[ 1,2 ]}\n", []string{"a"}, 2},
		{"add", "{\n    \"a\": 1e2\n}", "{\n    \"a\": 1e2,\n    \"b\": true\n}", []string{"b"}, true},
		{"add on one line", `{"a":1}`, `{"a":1, "b": true}`, []string{"b"}, true},
		{"add to nothing", "{}", "{\n  \"b\": true\n}", []string{"b"}, true},
		{"add inside", "{\n  \"t\": {\n    \"x\": 1\n  }\n}", "{\n  \"t\": {\n    \"x\": 1,\n    \"y\": 2\n  }\n}", []string{"t", "y"}, 2},
		{"add below nothing", "{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n  \"t\": {\"y\": 2}\n}\n", []string{"t", "y"}, 2},
		{"Windows line ends", "{\r\n  \"a\": \"\\u00e4\"\r\n}", "{\r\n  \"a\": \"\\u00e4\",\r\n  \"b\": \"ä\"\r\n}", []string{"b"}, "ä"},
		{"a name in escapes", `{"\u0061": 1}`, `{"\u0061": 2}`, []string{"a"}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, problems := parse("x", []byte(test.text))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			changed, err := d.set(encode(test.value), test.path...)
			if err != nil {
				t.Fatal(err)
			}
			if string(changed.text) != test.want {
				t.Errorf("got  %q\nwant %q", changed.text, test.want)
			}
			if !changed.has(encode(test.value), test.path...) {
				t.Error("the value is not found again")
			}
		})
	}
	d, _ := parse("x", []byte(`{"a": 1}`))
	if _, err := d.set(encode(1), "a", "b"); err == nil {
		t.Error("a number took a member")
	}
}

func FuzzManifest(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"name": "x", "ui": {"strip_prefix": true}, "mcp": {"command": "./a", "args": ["b"], "env": {"A": "b"}}}`,
		"{\"a\":\"\\\"\\\\\",\n\"b\":[{},[]]}", `{"required_secrets":["A",null,1]}`, "[", `"`, "\xff", `{"a":1}}`, `{"x":-0.0e+5,"y":nul}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, problems := parse("config.json", text)
		if (d == nil && len(problems) == 0) || (d != nil && !json.Valid(text)) {
			t.Fatalf("document %v, valid %v, problems %v", d != nil, json.Valid(text), problems)
		}
		for _, p := range problems {
			if strings.ContainsAny(p.Excerpt, "\x1b\x00") {
				t.Fatalf("the excerpt holds control characters: %q", p.Excerpt)
			}
		}
		_, _, _ = parseManifest("config.json", text, true)
		_, _ = parseService("service_config.json", text)
		_, _, _ = parseTools("tool_config.json", text)
		if len(problems) > 0 {
			return
		}
		changed, err := d.set(encode("new"), "version")
		if err != nil {
			t.Fatalf("cannot set a member: %v", err)
		}
		if !changed.has(encode("new"), "version") {
			t.Fatalf("the member is not there: %q", changed.text)
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(text, &before) != nil || json.Unmarshal(changed.text, &after) != nil {
			t.Fatalf("%q became %q", text, changed.text)
		}
		delete(before, "version")
		for name, value := range before {
			if !bytes.Equal(after[name], value) {
				t.Fatalf("member %q was %q, is %q", name, value, after[name])
			}
		}
	})
}

func FuzzScript(f *testing.F) {
	f.Add([]byte("#!/bin/sh -e\n"), true)
	f.Add([]byte("#!\x00 \xff"), false)
	f.Fuzz(func(t *testing.T, text []byte, executable bool) {
		mode := fs.FileMode(0o644)
		if executable {
			mode = 0o755
		}
		run := interpreted("/x/start.sh", text, mode)
		if len(run) < 1 || len(run) > 3 || run[len(run)-1] != "/x/start.sh" || run[0] == "" {
			t.Fatalf("%q", run)
		}
		definition(string(text))
		checkName(string(text))
	})
}
