// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"encoding/json"
	"slices"
	"testing"

	"holdfast/holdfasttest"
)

// TestKeysRequiredNamesEveryAsker wants units, extensions and model providers in one list.
func TestKeysRequiredNamesEveryAsker(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true, Files: map[string]string{
		"holdfast.yaml": `units:
  companion: {run: [sleep, "100"], secrets: [UNIT_KEY]}
models:
  providers:
    far: {kind: openai, url: "http://127.0.0.1:1/v1", key: MODEL_KEY}
`,
		".env":                                "UNIT_KEY=x\n",
		"extensions/wary/config.json":         `{"name": "wary", "enabled": true, "required_secrets": ["EXTENSION_KEY"]}`,
		"extensions/wary/tools/wary_tools.py": "TOOLS = []\n",
	}})
	var out struct {
		Required []struct {
			Key    string `json:"key"`
			Source string `json:"source"`
			Set    bool   `json:"set"`
		} `json:"required_secrets"`
	}
	raw := h.Do("keys.required", `{}`)
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, r := range out.Required {
		keys = append(keys, r.Key)
		if r.Set != (r.Key == "UNIT_KEY") {
			t.Errorf("%s of %s: set is %v", r.Key, r.Source, r.Set)
		}
	}
	slices.Sort(keys)
	if want := []string{"EXTENSION_KEY", "MODEL_KEY", "UNIT_KEY"}; !slices.Equal(slices.Compact(keys), want) {
		t.Errorf("got %s, want %v", raw, want)
	}
}
