// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"strings"
	"testing"

	"holdfast/gateway/provider"
	"holdfast/gateway/provider/remote"
)

// TestThoughtsGoBack: thinking of an earlier turn goes back to servers that want it, in their form, and
// not to those that refuse it.
func TestThoughtsGoBack(t *testing.T) {
	t.Parallel()
	all := allTongues()
	client := all.get(provider.Messages)
	said, err := client.Decode([]byte(`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},
		{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for flavor, want := range map[string]string{
		"generic": `"reasoning_content":"hm"`, "vllm": `"reasoning_content":"hm"`, "zai": `"reasoning_content":"hm"`,
		"openrouter": `"reasoning_details":[{"type":"reasoning.text","text":"hm"`, "groq": "", "mistral": "", "azure": "", "gemini": "",
	} {
		via, err := remote.New(remote.Options{URL: "https://127.0.0.1/v1", Flavor: flavor})
		if err != nil {
			t.Fatal(err)
		}
		body, err := all.way(client, via).Encode(said)
		if err != nil || want == "" && strings.Contains(string(body), "hm") || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s %v", flavor, body, err)
		}
	}
}
