// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A model without tool calling plans in JSON; all else is as with one that has it.
func TestAModelWithoutToolCallingPlansInJSON(t *testing.T) {
	for _, stream := range []string{"false", "true"} {
		b := newBench(t,
			line{text: "```json\n{\"calls\":[{\"tool\":\"list\",\"arguments\":{\"all\":true}},{\"tool\":\"broken\",\"arguments\":null}],\"direct_response\":null}\n```"},
			line{text: `{"calls":[],"direct_response":"You have milk."}`},
		)
		b.section.Plan = planJSON
		got := b.post(fmt.Sprintf(`{"stream":%s,"tools":[],"messages":[{"role":"user","content":"x"}]}`, stream))
		if got.said() != "You have milk." || !slices.Contains(b.box.calls, `list{"all":true}`) || !slices.Contains(b.box.calls, `broken{}`) {
			t.Errorf("answer is %s, calls are %v", got.body, b.box.calls)
		}
		asked := b.model.asked[1]
		if len(asked.Tools) != 0 || asked.Stream || asked.Format.Type != "json_schema" || asked.Format.Schema.Name != planName {
			t.Errorf("the model was asked %+v", asked)
		}
		for _, m := range asked.Messages {
			if m.Role == "tool" || len(m.ToolCalls) > 0 {
				t.Errorf("it was shown %+v", m)
			}
		}
		results := asked.Messages[len(asked.Messages)-2:]
		if results[0].Role != "user" || !strings.Contains(results[0].text(), "not from the user") ||
			!strings.Contains(results[0].text(), "\nmilk\n</tool_output>\n[data ") ||
			!strings.Contains(results[1].text(), "try once more") {
			t.Errorf("the results are %+v", results)
		}
		if system := asked.Messages[0].text(); !strings.Contains(system, "- delete: does delete") || strings.Contains(system, directResponse+":") {
			t.Errorf("the tools are told as %s", system)
		}
	}
}

func TestAPlanInJSONWaitsForApprovalToo(t *testing.T) {
	b := newBench(t, line{text: `{"calls":[{"tool":"delete","arguments":{"id":1}}],"direct_response":null}`}, line{text: `{"calls":[],"direct_response":"Gone."}`})
	b.section.Plan = planJSON
	conversation, _ := b.asks()
	b.restart()
	b.section.Plan = planJSON
	if got := b.post(conversation(`{"approval":"allow"}`)); got.text() != "Gone." || b.deletes() != 1 {
		t.Errorf("answer is %s", got.body)
	}
	if told := b.toldLast(); !strings.Contains(told, "The tool delete answered") || !strings.Contains(told, "\ndeleted\n") {
		t.Errorf("the model was told %q", told)
	}
}

func TestWhatIsNoPlanIsTheAnswer(t *testing.T) {
	for _, text := range []string{"Just text.", `{"calls":`, `{"other":1}`, `[]`, `{"calls":[],"direct_response":null}`} {
		b := newBench(t, line{text: text})
		b.section.Plan = planJSON
		if got := b.post(hello); got.text() != text {
			t.Errorf("%q is answered %s", text, got.body)
		}
	}
	// A plan without an end is ended: the last step is plain.
	var script []line
	for range 8 {
		script = append(script, line{text: `{"calls":[{"tool":"list","arguments":{}}],"direct_response":null}`})
	}
	b := newBench(t, script...)
	b.section.Plan = planJSON
	b.post(hello)
	if last := b.model.asked[7]; last.Format.Type != "" || slices.ContainsFunc(last.Messages, func(m message) bool { return m.Role == "tool" }) {
		t.Errorf("the last step is asked as %+v", last)
	}
	// A client that wants a form of its own gets it.
	b = newBench(t, line{text: `{"a":1}`})
	b.section.Plan = planJSON
	b.post(strings.Replace(hello, `"temperature"`, `"response_format":{"type":"json_object"},"temperature"`, 1))
	if asked := b.model.asked[0]; asked.Format.Type != "json_object" || len(asked.Tools) == 0 {
		t.Errorf("the model was asked %+v", asked)
	}
}
