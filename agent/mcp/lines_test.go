// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"holdfast"
)

// TestALineThatIsNoMessageEndsNoSession: the client is told, and what it asked before and asks after is
// answered.
func TestALineThatIsNoMessageEndsNoSession(t *testing.T) {
	books := stocked()
	s := New(Needs{View: books.view, Changed: books.next, Version: "1", Log: slog.New(slog.DiscardHandler)})
	f, err := s.face(t.Context(), holdfast.Caller{Kind: holdfast.CallerAgent, Name: "desk", Tier: holdfast.TierTenantPeer}, "")
	if err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- s.converse(f, there, bufio.NewReadWriter(bufio.NewReader(there), bufio.NewWriter(there)))
	}()
	go func() {
		for _, line := range []string{
			`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`,
			`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
			"a banner of the client", "", "\r", `{"jsonrpc":"2.0","id":2`, `7`, `{"hello":1}`,
			`{"jsonrpc":"2.0","id":3,"method":"ping","params":{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`,
			`{"x":"` + strings.Repeat("x", maxBody) + `"}`,
			`{"jsonrpc":"2.0","id":4,"method":"ping"}` + "\r",
		} {
			_, _ = io.WriteString(here, line+"\n") // an end of the session shows below
		}
	}()
	answered, refused := map[string]bool{}, map[float64]int{}
	said := bufio.NewScanner(here)
	for !answered["1"] || !answered["4"] || refused[-32700] < 2 || refused[-32600] < 4 {
		if !said.Scan() {
			t.Fatalf("the session ended: answered are %v, refused %v", answered, refused)
		}
		var m struct {
			ID    any
			Error *struct{ Code float64 }
		}
		if json.Unmarshal(said.Bytes(), &m) != nil {
			continue // the head of the connection
		}
		if m.Error != nil && m.ID == nil {
			refused[m.Error.Code]++
			continue
		}
		answered[fmt.Sprint(m.ID)] = true
	}
	_ = here.Close()
	<-ended
}

// TestTheLastLineNeedsNoEnd, as of a script that prints one request.
func TestTheLastLineNeedsNoEnd(t *testing.T) {
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	got, err := io.ReadAll(&lines{from: bufio.NewReader(strings.NewReader("\n" + ping)), to: io.Discard, owed: newOwed()})
	if err != nil || string(got) != ping+"\n" {
		t.Errorf("read is %q, %v", got, err)
	}
}
