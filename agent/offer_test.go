// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"strings"
	"testing"

	"holdfast"
	"holdfast/agent/tools"
)

// TestManyToolsOfOneServerTakeNoOthersPlace: a server with a thousand tools leaves room for the tools of
// others, and for what loads skills; what is left out is told.
func TestManyToolsOfOneServerTakeNoOthersPlace(t *testing.T) {
	var entries []tools.Entry
	add := func(source, extension, name string) {
		entries = append(entries, tools.Entry{Extension: extension, Tool: holdfast.Tool{Name: name, Source: source}})
	}
	for i := range 1000 {
		add("extension aaa", "aaa", fmt.Sprintf("AAA_%d", i))
		add(houseSource, "", fmt.Sprintf("unit_%d", i))
	}
	for i := range 40 {
		add("remote far", "", fmt.Sprintf("far_%d", i))
	}
	add("extension notes", "notes", "NOTES_add")
	add(houseSource, "", skillTool)
	asked := &request{own: map[string]bool{"far_1": true}}
	o := offer(asked, entries, true)
	if len(o.list) != maxOffered || len(o.entries) != maxOffered-1 || o.left != len(entries)-1-len(o.entries) {
		t.Fatalf("%d are offered, %d left out of %d", len(o.list), o.left, len(entries))
	}
	many := map[string]int{}
	for _, e := range o.entries {
		many[e.Source]++
	}
	if many["extension notes"] != 1 || many["remote far"] != 39 || many[houseSource] != 1 || many["extension aaa"] != maxOffered-1-41 {
		t.Errorf("of each source are offered %v", many)
	}
	if _, loads := o.entries[skillTool]; !loads {
		t.Error("no skill can be loaded")
	}
	if few := offer(asked, entries[len(entries)-2:], true); few.left != 0 || len(few.entries) != 2 {
		t.Errorf("of two %d are offered, %d left out", len(few.entries), few.left)
	}
	b := newBench(t, line{text: "ok"})
	for i := range 300 {
		b.box.tools[fmt.Sprint("tool", i)] = answers("x")
	}
	b.post(hello)
	if guide := b.model.asked[0].Messages[0].text(); !strings.Contains(guide, "177 more tools are there") {
		t.Errorf("the model is told\n%s", guide)
	}
}
