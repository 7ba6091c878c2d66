// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"maps"
	"testing"

	"holdfast/holdfasttest/timing"
)

// TestSubscriptionsOutliveWhatTheyBeganWith: a server that is replaced goes on telling, and a client whose
// hub is gone leaves nothing behind.
func TestSubscriptionsOutliveWhatTheyBeganWith(t *testing.T) {
	decl := libraryServer(t, "notes", notesLibrary())
	b := newBench(t, decl).governed(`{"mcp_servers": {"desk": {"upstreams": ["notes"]}}}`).up()
	heard := make(chan string, 1000)
	defer b.Hear(func(uri string) { heard <- uri })()
	view := b.View(client(), Scope{Hub: "desk"})
	if err := view.Subscribe(t.Context(), "notes://all"); err != nil {
		t.Fatal(err)
	}
	again := decl
	again.Env = maps.Clone(decl.Env)
	again.Env["MORE"] = "1"
	b.extensions.set(again)
	b.Refresh()
	timing.Until(t, "the new one tells", func() bool {
		_, _ = b.Call(t.Context(), agent(), "touch", json.RawMessage(`{"uri":"notes://all"}`))
		return len(heard) > 0
	})
	b.edit(`{}`)
	timing.Until(t, "the hub is gone", func() bool { _, ok := view.Hub(); return !ok })
	if err := view.Unsubscribe(t.Context(), "notes://all"); err != nil || len(b.subscriptions.wanted) != 0 {
		t.Errorf("%v; left are %v", err, b.subscriptions.wanted)
	}
}

func TestSubscriptionsAreShared(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary())).up()
	heard := make(chan string, 10)
	stop := b.Hear(func(uri string) { heard <- uri })
	view := b.View(client(), Scope{})
	for range 2 {
		if err := view.Subscribe(t.Context(), "notes://all"); err != nil {
			t.Fatal(err)
		}
	}
	b.must("touch", `{"uri":"notes://all"}`)
	if got := <-heard; got != "notes://all" {
		t.Errorf("heard of %q", got)
	}
	if err := view.Unsubscribe(t.Context(), "notes://all"); err != nil {
		t.Fatal(err)
	}
	b.must("touch", `{"uri":"notes://all"}`)
	<-heard // the other still listens
	if err := view.Unsubscribe(t.Context(), "notes://all"); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := view.Subscribe(t.Context(), "elsewhere://x"); err == nil {
		t.Error("a resource that nobody has is subscribed to")
	}
	if len(b.subscriptions.wanted) != 0 {
		t.Errorf("left are %v", b.subscriptions.wanted)
	}
}
