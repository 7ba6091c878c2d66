// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"strings"
	"testing"
)

// TestNoRequestEndsTheHostOfOthers: what the host of an agent of the home cannot read, and would end by
// with all that it does for others, is refused before it.
func TestNoRequestEndsTheHostOfOthers(t *testing.T) {
	b := newBench(t)
	if err := os.MkdirAll(b.place.Path("agents", "companion"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.place.Path("agents", "companion", "agent.py"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	asked := func(content string) string {
		return `{"model":"companion","messages":[{"role":"user","content":` + content + `}]}`
	}
	deep := `[{"type":"text","text":"x","y":` + strings.Repeat("[", maxDeep) + strings.Repeat("]", maxDeep) + `}]`
	for body, want := range map[string]string{
		asked(deep): "nested more than",
		asked(`"` + strings.Repeat("x", maxSaid/2) + `"`):  "want at most",
		asked(`"` + strings.Repeat("<", maxSaid/12) + `"`): "want at most",
	} {
		got := b.post(body)
		if got.status != 400 || got.whole.Error.Type != "invalid_request_error" || !strings.Contains(got.whole.Error.Message, want) {
			t.Errorf("answer is %d %.200s, want %s", got.status, got.body, want)
		}
	}
	// What fits comes as far as the host, which this test has none of.
	if got := b.post(asked(`"hello"`)); got.status == 400 {
		t.Errorf("answer is %d %s", got.status, got.body)
	}
}
