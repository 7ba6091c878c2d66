// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func ours(command string) bool { return strings.Contains(command, "holdfast-watch") }

func wanted(program string) []Hook {
	return []Hook{
		{Event: "PreToolUse", Matcher: "*", Command: program + " hook claude <&> ", Timeout: 5},
		{Event: "UserPromptSubmit", Command: program + " hook claude", Timeout: 5},
	}
}

// settings are files as people have them.
func settings() map[string]string {
	return map[string]string{
		"nothing":          "",
		"an empty object":  "{}\n",
		"other settings":   "{\n  \"model\": \"opus\",\n  \"permissions\": {\"allow\": [\"Bash(ls:*)\"]}\n}\n",
		"tabs":             "{\n\t\"z\": 1,\n\t\"a\": [1, 2,3]\n}",
		"one line":         `{"a":1,"hooks":{"Stop":[{"hooks":[{"type":"command","command":"say done"}]}]}}`,
		"other hooks":      "{\n  \"hooks\": {\n    \"PreToolUse\": [\n      {\"matcher\": \"Bash\", \"hooks\": [{\"type\": \"command\", \"command\": \"lint \\\"x\\\"\"}]}\n    ]\n  },\n  \"env\": {}\n}\n",
		"empty containers": `{"hooks": {"PreToolUse": [ ], "Stop": []}}`,
		"odd members":      `{"hooks": {"PreToolUse": [1, null, {"hooks": 3}, {"hooks": [{"command": 5}]}]}, "ü\u00fc": "\\\""}`,
		"windows lines":    "{\r\n  \"a\": 1\r\n}\r\n",
	}
}

func TestInstallAndUndo(t *testing.T) {
	t.Parallel()
	for name, text := range settings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with, changed, err := Install([]byte(text), wanted("/x/holdfast-watch"), ours)
			if err != nil || !changed {
				t.Fatalf("%v, %v", changed, err)
			}
			if !json.Valid(with) || bytes.Count(with, []byte("holdfast-watch")) != 2 {
				t.Fatalf("made %s", with)
			}
			again, changed, err := Install(with, wanted("/x/holdfast-watch"), ours)
			if err != nil || changed || !bytes.Equal(again, with) {
				t.Errorf("it is not idempotent: %v\n%s", err, again)
			}
			moved, changed, err := Install(with, wanted("/y/holdfast-watch"), ours)
			if err != nil || !changed || bytes.Count(moved, []byte("/y/holdfast-watch")) != 2 || bytes.Contains(moved, []byte("/x/")) {
				t.Errorf("another program is not taken up: %v\n%s", err, moved)
			}
			back, changed, err := Remove(moved, ours)
			if err != nil || !changed {
				t.Fatalf("%v, %v", changed, err)
			}
			if name == "nothing" || name == "empty containers" {
				same(t, text, back)
			} else if string(back) != text {
				t.Errorf("undone it is\n%s\nand was\n%s", back, text)
			}
		})
	}
}

// same compares what texts mean, but for empty lists and objects of hooks.
func same(t *testing.T, want string, got []byte) {
	t.Helper()
	var a, b map[string]any
	if want == "" {
		want = "{}"
	}
	_, _ = json.Unmarshal([]byte(want), &a), json.Unmarshal(got, &b)
	for _, m := range []map[string]any{a, b} {
		if h, ok := m["hooks"].(map[string]any); ok {
			delete(h, "PreToolUse")
			delete(h, "Stop")
			if len(h) == 0 {
				delete(m, "hooks")
			}
		}
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("undone it is %s, and was %s", got, want)
	}
}

func TestWhatIsNotUnderstoodIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{", "[]", "// a comment\n{}", `{"hooks": []}`, `{"hooks": {"PreToolUse": {}}}`, "null", `"x"`, "{} {}"} {
		if out, _, err := Install([]byte(text), wanted("holdfast-watch"), ours); err == nil {
			t.Errorf("%s became %s", text, out)
		}
	}
}

// TestOthersInOurGroupStay: a person may have put a hook of his beside ours.
func TestOthersInOurGroupStay(t *testing.T) {
	t.Parallel()
	text := `{"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [{"command": "holdfast-watch hook"}, {"command": "mine"}]}]}}`
	back, _, err := Remove([]byte(text), ours)
	if err != nil || string(back) != `{"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [{"command": "mine"}]}]}}` {
		t.Errorf("%v: %s", err, back)
	}
}

func FuzzInstall(f *testing.F) {
	for _, text := range settings() {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"hooks":{"PreToolUse":[{"hooks":[{"command":"holdfast-watch"}]}],"PreToolUse":[]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		with, changed, err := Install(text, wanted("holdfast-watch"), ours)
		if err != nil || !changed {
			return
		}
		if !json.Valid(with) {
			t.Fatalf("%q became %q", text, with)
		}
		back, _, err := Remove(with, ours)
		if err != nil || !json.Valid(back) {
			t.Fatalf("%v: %q became %q", err, with, back)
		}
		if root, _ := parse(back); len(find(root, ours)) > 0 {
			t.Fatalf("ours stay in %q", back)
		}
	})
}
