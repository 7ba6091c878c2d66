// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"holdfast/holdfasttest"
)

// TestStreamsAreToldThatTheHouseEnds, those of models and of agents alike, instead of being cut.
func TestStreamsAreToldThatTheHouseEnds(t *testing.T) {
	const script = `models: [default]
rules:
  - {name: silent, reply: {text: "one two three four five six"}, fault: {stall: 2}}
`
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true, Files: map[string]string{
		"rehearsal.yaml": script,
		"holdfast.yaml":  "models: {providers: {rehearsal: {kind: rehearsal, script: rehearsal.yaml}}, aliases: {chat: [rehearsal/default]}}\n",
	}})
	url := apiURL(t, h) + "/v1/chat/completions"
	var streams []*bufio.Reader
	for _, model := range []string{"chat", "passthrough_agent"} {
		body := `{"model":"` + model + `","stream":true,"messages":[{"role":"user","content":"hello"}]}`
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+h.Key())
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		stream := bufio.NewReader(answer.Body)
		for line := ""; !strings.Contains(line, "one"); {
			if line, err = stream.ReadString('\n'); err != nil {
				t.Fatalf("%s: %d %s %v", model, answer.StatusCode, line, err)
			}
		}
		streams = append(streams, stream)
	}
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	for i, stream := range streams {
		rest, err := io.ReadAll(stream)
		if text := string(rest); err != nil || !strings.Contains(text, `data: {"error":{`) || !strings.Contains(text, `"code":"house_ending"`) {
			t.Errorf("stream %d ends with %q, %v", i, text, err)
		}
	}
}
