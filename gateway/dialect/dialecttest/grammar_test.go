// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func writeFrames(list []frame) string {
	var out strings.Builder
	number := int64(0)
	for _, f := range list {
		if f.name != "" {
			out.WriteString("event: " + f.name + "\n")
		}
		if strings.HasPrefix(f.name, "response.") {
			f.data = withNumber(f.data, number)
			number++
		}
		out.WriteString("data: " + f.data + "\n\n")
	}
	return out.String()
}

// says nothing: events that may be missing, or come twice.
func mute(f frame) bool {
	return f.name == "ping" || strings.Contains(f.data, `"partial_json":""`) || strings.Contains(f.data, `"signature_delta"`)
}

// apart tells deltas of chat completions that belong to different parts, so that their order says
// nothing.
func apart(a, b frame) bool {
	part := func(f frame) string {
		_, delta, _ := strings.Cut(f.data, `"delta":`)
		return delta[:min(len(delta), len(`{"tool_calls":[{"index":0`))]
	}
	return a.name == "" && part(a) != part(b) && strings.Contains(b.data, `"finish_reason":null`) && !strings.Contains(a.data, "role")
}

// TestGrammarsAreStrict: a stream of which one event is missing, comes twice or comes before the one
// it followed is refused, or says something else.
func TestGrammarsAreStrict(t *testing.T) {
	t.Parallel()
	for _, c := range streamCases() {
		for name, stream := range c.streams {
			list, err := frames([]byte(stream))
			if err != nil {
				t.Fatal(err)
			}
			refused := func(what string, i int, changed []frame) {
				heard, err := Check(name, []byte(writeFrames(changed)))
				if err == nil && reflect.DeepEqual(heard, c.says) {
					t.Errorf("%s in %s: event %d %s and nobody noticed: %s", c.name, name, i, what, list[i].data)
				}
			}
			for i := range list {
				if mute(list[i]) {
					continue
				}
				refused("is missing", i, slices.Delete(slices.Clone(list), i, i+1))
				if list[i].name != "message_delta" { // there may be several
					refused("comes twice", i, slices.Insert(slices.Clone(list), i, list[i]))
				}
				if i+1 < len(list) && !mute(list[i+1]) && !apart(list[i], list[i+1]) {
					swapped := slices.Clone(list)
					swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
					refused("comes late", i, swapped)
				}
			}
		}
	}
}

func TestFraming(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{
		"data: {}", "data: {}\n", "data: a\ndata: b\n\n", "data: a\nevent: b\n\n", "id: 5\ndata: a\n\n", "data:a\n\n",
	} {
		if list, err := frames([]byte(stream)); err == nil {
			t.Errorf("%q was read as %v", stream, list)
		}
	}
	if _, err := Check("other", nil); err == nil {
		t.Error("a grammar of no dialect")
	}
}

func FuzzGrammars(f *testing.F) {
	for _, c := range streamCases() {
		for name, stream := range c.streams {
			f.Add(name, stream)
		}
	}
	f.Fuzz(func(_ *testing.T, name, stream string) {
		_, _ = Check(name, []byte(stream))
	})
}

// withNumber gives an event's data a number.
func withNumber(data string, number int64) string {
	var e map[string]any
	if json.Unmarshal([]byte(data), &e) != nil {
		return data
	}
	e["sequence_number"] = number
	out, _ := json.Marshal(e)
	return string(out)
}
