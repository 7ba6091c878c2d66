// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/http"
	"slices"
	"testing"
)

func TestListedTracesCountTheirCalls(t *testing.T) {
	b := newBench(t, line{calls: []toolCall{call("c1", "add", `{"title":"milk"}`)}}, line{text: "Done."})
	b.post(hello)
	list, err := desk{b.Agents}.list(t.Context(), traceFilter{Limit: 5})
	if err != nil || len(list.Traces) != 1 {
		t.Fatalf("the list is %+v, %v", list, err)
	}
	if got := list.Traces[0]; got.ModelCalls != 2 || got.ToolCalls != 1 || got.Plan != nil || got.Tools != nil {
		t.Errorf("the list tells %+v", got)
	}
	page, err := desk{b.Agents}.show(t.Context(), agentName{Name: Name})
	if err != nil || len(page.LastTrace) != 1 || page.LastTrace[0].ToolCalls != 1 {
		t.Errorf("the page tells %+v, %v", page.LastTrace, err)
	}
}

func TestATraceTellsWhoseToolsWereNotThereYet(t *testing.T) {
	b := newBench(t, line{text: "Hello."})
	b.box.late = []string{"far", "slow"}
	b.post(hello)
	kept, err := b.traces.newest(t.Context(), 1, "", "")
	if err != nil || len(kept) != 1 || !slices.Equal(kept[0].Late, b.box.late) {
		t.Errorf("the trace tells %+v, %v", kept, err)
	}
}

func TestAFailedModelCallIsTold(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"message":"no such model","type":"x"}}`: "the model call was answered 500: no such model",
		"  <html>oops</html>\n":                            "the model call was answered 500: <html>oops</html>",
		`{"error":"flat"}`:                                 `the model call was answered 500: {"error":"flat"}`,
	} {
		if got := (&innerError{status: http.StatusInternalServerError, body: []byte(body)}).Error(); got != want {
			t.Errorf("%s is told as %q", body, got)
		}
	}
}
