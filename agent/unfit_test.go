// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"
)

// TestNobodyIsAskedForACallThatCannotWork: the model hears at once what is wrong with it.
func TestNobodyIsAskedForACallThatCannotWork(t *testing.T) {
	b := newBench(t, line{calls: []toolCall{call("c1", "delete", `[1]`), call("c2", "delete", `{"id": 1}`)}})
	got := b.post(`{"model":"passthrough_agent","messages":[{"role":"user","content":"delete it"}]}`)
	calls := got.whole.Choices[0].Message.ToolCalls
	if len(calls) != 1 || calls[0].Function.Arguments != `{"id":1}` {
		t.Fatalf("asked for are %+v", calls)
	}
	b = newBench(t, line{calls: []toolCall{call("c1", "delete", `[1]`)}}, line{text: "sorry"})
	got = b.post(`{"model":"passthrough_agent","messages":[{"role":"user","content":"delete it"}]}`)
	if heard := b.model.asked[1].last().text(); got.text() != "sorry" || !strings.Contains(heard, "not a JSON object") || !strings.Contains(heard, "correct the call") {
		t.Errorf("the answer is %q, the model heard %q", got.text(), heard)
	}
	if len(b.box.calls) != 0 || len(b.box.refused) != 1 {
		t.Errorf("called were %v, refused %v", b.box.calls, b.box.refused)
	}
}
