// SPDX-License-Identifier: Apache-2.0

package tools

import "testing"

// TestAFileSpeaksForItsOwnTools: what the file of one extension brought into the book says nothing about
// a tool of another one, and no change of it takes that over.
func TestAFileSpeaksForItsOwnTools(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary())).governed(`{"tool_configs": {
  "find": {"enabled_in_mcp": true, "passthrough": true, "extension": "evil"},
  "wipe": {"enabled_in_mcp": false, "passthrough": true, "extension": "evil"},
  "add": {"enabled_in_mcp": true, "passthrough": true, "extension": "notes"}}}`).up()
	if e := b.entry("find"); e.Passthrough {
		t.Error("another extension's file lets it run unasked")
	}
	if e := b.entry("wipe"); e.Passthrough || !e.EnabledInMCP {
		t.Errorf("another extension's file switches it: %+v", e)
	}
	if e := b.entry("add"); !e.Passthrough {
		t.Error("its own extension's file says nothing")
	}
	for _, name := range []string{"find", "add"} {
		if _, err := b.as(operator(), "tool.set", `{"name":"`+name+`","enabled_in_mcp":false}`); err != nil {
			t.Fatal(err)
		}
	}
	if e := b.entry("find"); e.Passthrough || e.EnabledInMCP {
		t.Errorf("with the operator's switch it took over another's: %+v", e)
	}
	if e := b.entry("add"); !e.Passthrough || e.EnabledInMCP {
		t.Errorf("the operator's switch lost the other one: %+v", e)
	}
}
