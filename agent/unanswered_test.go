// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestEveryCallHasAnAnswer in what the model is sent, also where the client gave none.
func TestEveryCallHasAnAnswer(t *testing.T) {
	b := newBench(t, line{calls: []toolCall{call("c1", "delete", `{"id":1}`), call("c2", "delete", `{"id":2}`)}}, line{text: "One."}, line{text: "None."})
	calls := b.post(hello).whole.Choices[0].Message.ToolCalls
	messages := func(more ...any) string {
		return string(encode(map[string]any{"messages": append([]any{
			map[string]string{"role": "user", "content": "hello"}, map[string]any{"role": "assistant", "tool_calls": calls},
		}, more...)}))
	}
	b.post(messages(map[string]string{"role": "tool", "tool_call_id": calls[0].ID, "content": `{"approval":"allow"}`}))
	if _, heard := sentCalls(b.model.asked[1]); b.deletes() != 1 || !strings.Contains(heard["c1"], "deleted") || heard["c2"] != stillWaits {
		t.Errorf("the model heard %v, %d were deleted", heard, b.deletes())
	}
	calls = []toolCall{call("x", "delete", `{}`), call("y", "delete", `{}`)}
	b.post(messages(map[string]string{"role": "tool", "tool_call_id": "x", "content": "done"}, map[string]string{"role": "user", "content": "never mind"}))
	var roles []string
	for _, m := range b.model.asked[2].Messages[1:] {
		roles = append(roles, m.Role+m.ToolCallID)
	}
	if want := []string{"user", "assistant", "toolx", "tooly", "user"}; !slices.Equal(roles, want) {
		t.Errorf("the model saw %v", roles)
	}
	if _, heard := sentCalls(b.model.asked[2]); heard["x"] != "done" || heard["y"] != notAnswered {
		t.Errorf("the model heard %v", heard)
	}
}

// TestAPlanForMoreThanMayWait: what fits is asked for, and the model hears of the rest.
func TestAPlanForMoreThanMayWait(t *testing.T) {
	var many []toolCall
	for i := range 52 {
		many = append(many, call(fmt.Sprint("c", i), "delete", `{}`))
	}
	b := newBench(t, line{calls: many[:12]}, line{calls: many}, line{calls: many[:1]}, line{text: "Full."})
	b.post(hello)
	got := b.post(hello)
	if len(got.whole.Choices) != 1 || len(got.whole.Choices[0].Message.ToolCalls) != 38 {
		t.Fatalf("answer is %d %.500s", got.status, got.body)
	}
	if len(b.box.refused) != 14 {
		t.Errorf("refused are %v", b.box.refused)
	}
	if got := b.post(hello); got.text() != "Full." || !strings.Contains(b.toldLast(), "50 of at most 50 requests wait for approval") {
		t.Errorf("answer is %d %s, the model heard %q", got.status, got.body, b.toldLast())
	}
}
