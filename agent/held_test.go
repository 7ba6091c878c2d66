// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"holdfast"
	"holdfast/agent/tools"
)

const (
	keeper = `{"name":"librarian","base_agent":"simple_agent","tool_config":{"*":false,"delete":{"enabled_in_mcp":true,"passthrough":false}}}`
	asked  = `{"model":"librarian","messages":[{"role":"user","content":"hello"}]}`
)

// as is a conversation that goes on with a model.
func as(model, conversation string) string {
	return strings.Replace(conversation, `{"messages"`, `{"model":"`+model+`","messages"`, 1)
}

func (b *bench) must(name, input string) {
	b.t.Helper()
	if _, err := b.do(name, input); err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
}

// A call is held; then whoever asked for it is gone, or may not make it any more. Neither in the queue nor
// in the chat, also with another model, is it made, and both say why.
func TestAHeldCallOfWhoMayNotMakeItAnyMoreIsNotMade(t *testing.T) {
	for name, test := range map[string]struct {
		then func(*bench)
		says string
	}{
		"the preset is deleted":         {func(b *bench) { b.must("preset.delete", `{"name":"librarian"}`) }, `the agent "librarian", which asked for it, is gone`},
		"the preset is disabled":        {func(b *bench) { b.must("preset.update", `{"name":"librarian","enabled":false}`) }, `the preset "librarian", which asked for it, is disabled`},
		"the tool is taken out of it":   {func(b *bench) { b.must("preset.update", `{"name":"librarian","tool_config":{"*":false}}`) }, "librarian may not call delete"},
		"the tool is gone":              {func(b *bench) { delete(b.box.tools, "delete") }, "librarian may not call delete"},
		"the tool wants a higher tier":  {func(b *bench) { b.box.tier["delete"] = holdfast.TierOwner }, "librarian may not call delete"},
		"an agent of the home is there": {func(b *bench) { b.must("preset.delete", `{"name":"librarian"}`); b.lay("librarian/agent.py", "", 0) }, "an agent of the home has its name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, deleting(), deleting(), line{text: "So be it."}, line{text: "As said."})
			b.must("preset.add", keeper)
			_, queued := b.asksWith(asked)
			conversation, chatted := b.asksWith(asked)
			test.then(b)
			_, err := b.do("approval.allow", `{"id":"`+queued+`"}`)
			if known, ok := errors.AsType[*holdfast.Error](err); !ok || known.Code != holdfast.CodeConflict || !strings.Contains(err.Error(), test.says) {
				t.Errorf("in the queue it is answered %v", err)
			}
			if _, ruling, err := b.needs.Approvals.Find(t.Context(), queued); err != nil || !ruling.Pending() {
				t.Errorf("it stands as %+v, %v", ruling, err)
			}
			for range 2 { // clients send the conversation again
				if got := b.post(as("simple_agent", conversation(`{"approval":"allow"}`))); got.status != 200 {
					t.Fatalf("answer is %s", got.body)
				}
				if told := b.toldLast(); !strings.HasPrefix(told, "The call was not made: ") || !strings.Contains(told, test.says) {
					t.Errorf("the model was told %q", told)
				}
			}
			if _, ruling, err := b.needs.Approvals.Find(t.Context(), chatted); err != nil || ruling.State != "denied" {
				t.Errorf("after the chat it stands as %+v, %v", ruling, err)
			}
			if b.deletes() != 0 || len(b.box.refused) != 1 {
				t.Errorf("calls are %v, refused %v", b.box.calls, b.box.refused)
			}
			b.must("approval.deny", `{"id":"`+queued+`"}`)
		})
	}
}

// What is put right again can be allowed: in the queue, and in a chat with another model as what asked.
func TestAHeldCallOfAPresetThatIsBackIsMade(t *testing.T) {
	b := newBench(t, deleting(), deleting(), line{text: "Gone."})
	b.must("preset.add", keeper)
	_, queued := b.asksWith(asked)
	conversation, _ := b.asksWith(asked)
	b.must("preset.delete", `{"name":"librarian"}`)
	if _, err := b.do("approval.allow", `{"id":"`+queued+`"}`); err == nil {
		t.Fatal("it was allowed")
	}
	b.must("preset.add", keeper)
	b.must("approval.allow", `{"id":"`+queued+`"}`)
	var made string
	really := b.box.tools["delete"]
	b.box.tools["delete"] = func(ctx context.Context, in json.RawMessage) (tools.Result, error) {
		made = holdfast.AgentFrom(ctx)
		return really(ctx, in)
	}
	b.post(as("simple_agent", conversation(`{"approval":"allow"}`)))
	if b.deletes() != 2 || made != "librarian" {
		t.Errorf("%d deletions, the last by %q", b.deletes(), made)
	}
}

// The key of whoever asked is revoked while the call waits: a person does not allow it by mistake.
func TestAHeldCallEndsWithTheKeyOfItsAsker(t *testing.T) {
	b := newBench(t, deleting())
	_, id := b.asks()
	word, failed := "", error(nil)
	b.needs.Standing = func(_ context.Context, c holdfast.Caller) (string, error) {
		if c.Name != "key" {
			t.Errorf("asked of %s", c)
		}
		return word, failed
	}
	if _, err := b.do("approval.allow", `{"id":"`+id+`"}`); err == nil || !strings.Contains(err.Error(), "revoked or has expired") {
		t.Errorf("it is answered %v", err)
	}
	word, failed = "a key", errors.New("no store")
	if _, err := b.do("approval.allow", `{"id":"`+id+`"}`); !errors.Is(err, failed) || b.deletes() != 0 {
		t.Errorf("it is answered %v, %d deletions", err, b.deletes())
	}
	failed = nil
	b.must("approval.allow", `{"id":"`+id+`"}`)
}
