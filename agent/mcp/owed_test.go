// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
)

// desk is a client of `holdfast mcp`: what it says are lines, and so is what it hears.
type desk struct {
	t     *testing.T
	conn  net.Conn
	heard *bufio.Scanner
}

// sitting opens a session, in a version or, without one, not yet begun.
func sitting(t *testing.T, books *shelf, version string) *desk {
	t.Helper()
	s := New(Needs{View: books.view, Changed: books.next, Version: "1", Log: slog.New(slog.DiscardHandler)})
	f, err := s.face(t.Context(), holdfast.Caller{Kind: holdfast.CallerAgent, Name: "desk", Tier: holdfast.TierTenantPeer}, "")
	if err != nil {
		t.Fatal(err)
	}
	here, there := halves(t)
	ended := make(chan error, 1)
	go func() {
		ended <- s.converse(f, there, bufio.NewReadWriter(bufio.NewReader(there), bufio.NewWriter(there)))
	}()
	t.Cleanup(func() {
		_ = here.Close()
		<-ended
	})
	d := &desk{t, here, bufio.NewScanner(here)}
	for d.heard.Scan() && strings.TrimSpace(d.heard.Text()) != "" { // the head of the connection
	}
	if version != "" {
		d.say(`{"jsonrpc":"2.0","id":"first","method":"initialize","params":{"protocolVersion":"`+version+
			`","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		if got := d.hear(); len(got) != 1 || got[0].ID != "first" || got[0].Error.Code != 0 {
			t.Fatalf("the beginning is answered %+v", got)
		}
	}
	return d
}

func (d *desk) say(lines ...string) {
	d.t.Helper()
	if _, err := io.WriteString(d.conn, strings.Join(lines, "\n")+"\n"); err != nil {
		d.t.Fatal(err)
	}
}

// halves are the two ends of a connection of which each way ends by itself.
func halves(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	here, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	there, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return here, there
}

type heard struct {
	ID    any
	Error struct {
		Code    int
		Message string
	}
}

// hear gives the answers of the next line that has some, and nothing when the session ended.
func (d *desk) hear() []heard {
	d.t.Helper()
	for d.heard.Scan() {
		line := d.heard.Bytes()
		if strings.Contains(d.heard.Text(), `"method":`) {
			continue // the house tells something
		}
		if line[0] != '[' {
			line = slices.Concat([]byte("["), line, []byte("]"))
		}
		var list []heard
		if err := json.Unmarshal(line, &list); err != nil {
			d.t.Fatalf("%v: %s", err, line)
		}
		return list
	}
	return nil
}

// lives fails the test where the session does not answer the next request.
func (d *desk) lives() {
	d.t.Helper()
	d.say(`{"jsonrpc":"2.0","id":"alive","method":"ping"}`)
	if got := d.hear(); len(got) != 1 || got[0].ID != "alive" || got[0].Error.Code != 0 {
		d.t.Fatalf("the session does not go on: %+v", got)
	}
}

// TestABatchThatIsNoneEndsNoSession, be it of a version that knows batches, of one that does not, or of
// none yet.
func TestABatchThatIsNoneEndsNoSession(t *testing.T) {
	const ping = `{"jsonrpc":"2.0","id":7,"method":"ping"}`
	lines := []string{
		`[]`, `[ ]`, `[7]`, `[null]`, `[[]]`, `[[` + ping + `]]`, `[` + ping + `,{"hello":1}]`, `[{"hello":1},` + ping + `]`,
		`[` + ping + `,` + ping + `]`, `[` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `]`,
	}
	for _, version := range []string{"", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		t.Run(version, func(t *testing.T) {
			d := sitting(t, newShelf(entry("add", 0)), version)
			refused := lines
			if !slices.Contains(batched, version) {
				refused = append(slices.Clone(lines), `[`+ping+`]`)
			}
			for _, line := range refused {
				d.say(line)
				if got := d.hear(); len(got) != 1 || got[0].ID != nil || got[0].Error.Code != -32600 {
					t.Fatalf("%.60s is answered %+v", line, got)
				}
				d.lives()
			}
		})
	}
}

func TestABatchIsAnsweredTogether(t *testing.T) {
	d := sitting(t, newShelf(entry("add", 0)), "2025-03-26")
	const told = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}`
	for range 2 { // the ids are free again
		d.say(`[` + told + `,{"jsonrpc":"2.0","id":1,"method":"ping"},` + told +
			`,{"jsonrpc":"2.0","id":"two","method":"foo/bar"},{"jsonrpc":"2.0","id":99,"result":{}}]`)
		codes := map[any]int{}
		for _, answer := range d.hear() {
			codes[answer.ID] = answer.Error.Code
		}
		if len(codes) != 2 || codes[1.0] != 0 || codes["two"] != -32601 {
			t.Fatalf("answers are %v", codes)
		}
		d.say(`[` + told + `,` + told + `]`)
		d.lives()
	}
}

// TestACancelledRequestIsNotAnswered, and a batch does not wait for it.
func TestACancelledRequestIsNotAnswered(t *testing.T) {
	books := newShelf(entry("add", 0))
	books.calls = make(chan context.Context)
	d := sitting(t, books, "2025-03-26")
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{}}}`
	const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`
	d.say(call)
	running := <-books.calls
	d.say(call)
	if got := d.hear(); len(got) != 1 || got[0].ID != nil || got[0].Error.Code != -32600 {
		t.Errorf("an id that is in use is answered %+v", got)
	}
	d.say(cancel)
	<-running.Done()
	d.lives()
	d.say(`[{"jsonrpc":"2.0","id":2,"method":"ping"},` + strings.ReplaceAll(call, `"id":1`, `"id":3`) + `]`)
	<-books.calls
	d.say(strings.ReplaceAll(cancel, `:1}`, `:3}`))
	if got := d.hear(); len(got) != 1 || got[0].ID != 2.0 || got[0].Error.Code != 0 {
		t.Errorf("the rest of the batch is answered %+v", got)
	}
}

// TestWhoClosesItsEndIsAnswered what it asked before, and then the session ends.
func TestWhoClosesItsEndIsAnswered(t *testing.T) {
	books := newShelf(entry("add", 0))
	asked, closed := make(chan struct{}), make(chan struct{})
	books.does = func(context.Context, upstream.Request) (tools.Result, error) {
		asked <- struct{}{}
		<-closed
		return tools.Result{ToolResult: holdfast.ToolResult{Text: "done"}}, nil
	}
	d := sitting(t, books, "2025-03-26")
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{}}}`
	d.say(call, `[{"jsonrpc":"2.0","id":3,"method":"ping"},`+strings.ReplaceAll(call, `"id":1`, `"id":2`)+`]`)
	<-asked
	<-asked
	if err := d.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	close(closed)
	answers := map[any]int{}
	for list := d.hear(); list != nil; list = d.hear() {
		for _, answer := range list {
			answers[answer.ID] = answer.Error.Code
		}
	}
	if len(answers) != 3 || answers[1.0] != 0 || answers[2.0] != 0 || answers[3.0] != 0 {
		t.Errorf("answers are %v", answers)
	}
}

// TestEveryErrorHasACode over both ways: 0 is none.
func TestEveryErrorHasACode(t *testing.T) {
	const again = `{"jsonrpc":"2.0","id":5,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},` +
		`"clientInfo":{"name":"x","version":"1"}}}`
	books := newShelf(entry("add", 0))
	early := sitting(t, books, "")
	early.say(`{"jsonrpc":"2.0","id":5,"method":"tools/list"}`)
	late := sitting(t, books, "2025-11-25")
	late.say(again)
	for _, d := range []*desk{early, late} {
		if got := d.hear(); len(got) != 1 || got[0].ID != 5.0 || got[0].Error.Code != -32600 {
			t.Errorf("answer is %+v", got)
		}
	}
	_, url := endpoint(t, books)
	session := connect(t, url, "agent", "2025-11-25", nil)
	with := map[string]string{sessionHeader: session.ID(), versionHeader: "2025-11-25"}
	if got := post(t, url, "agent", again, with); !strings.Contains(got.body, `"code":-32600`) {
		t.Errorf("a second beginning is answered %d %s", got.code, got.body)
	}
	books.calls = make(chan context.Context)
	said := make(chan answered, 1)
	go func() {
		said <- post(t, url, "agent", `{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"add","arguments":{}}}`, with)
	}()
	<-books.calls
	post(t, url, "agent", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":6}}`, with)
	if got := <-said; !strings.Contains(got.body, `"code":-32800`) {
		t.Errorf("a cancelled call is answered %d %s", got.code, got.body)
	}
}
