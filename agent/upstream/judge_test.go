// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/core/process"
)

const (
	fine     = `{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"fine"}]}}`
	notRPC   = "it sent a message that is not JSON-RPC 2.0"
	whileSay = "the tool server of alpha ended while say ran: "
)

// says has a raw server say lines in answer to a call.
func (b *bench) says(lines ...string) (*mcp.CallToolResult, error) {
	b.t.Helper()
	arguments, err := json.Marshal(map[string][]string{"lines": lines})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.Call(b.t.Context(), Request{Name: "say", Arguments: arguments})
}

// What is no message ends the session, and is told as such, not by how the house then ended the process.
// What it was stands in the log alone: it may be of another caller's answer.
func TestWhatIsNoMessageIsTold(t *testing.T) {
	for _, line := range []string{
		`{"jsonrpc":"1.0","method":"started"}`,
		`{"jsonrpc":"2.0","id":true,"method":"ping"}`,
		`{"jsonrpc":"2.0","id":{"of":1},"method":"ping"}`,
		`{"jsonrpc":"2.0","id":7,"method":5}`,
		`{"jsonrpc":"2.0","id":true,"result":{}}`,
		`{"jsonrpc":"2.0","id":{"of":1},"result":{}}`,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			b := started(t, "raw", nil)
			if _, err := b.says(line); err == nil || err.Error() != whileSay+notRPC+logged {
				t.Errorf("it is told as %v", err)
			}
			if log, _ := os.ReadFile(b.needs.LogFile); !strings.Contains(string(log), notRPC+": "+line) {
				t.Errorf("its log has %s", log)
			}
		})
	}
}

// Who closes its output and runs on is told as such.
func TestAClosedOutputIsTold(t *testing.T) {
	b := started(t, "raw", nil)
	if _, err := b.says("shut"); err == nil || err.Error() != whileSay+"it closed its output" {
		t.Errorf("it is told as %v", err)
	}
}

// What is quoted of a message is short, and has no key in it.
func TestABadMessageIsQuotedShort(t *testing.T) {
	b := started(t, "raw", nil)
	_, err := b.says(`{"id":$ID,"result":"` + strings.Repeat("x", 5000) + `"}`)
	if err == nil || !strings.Contains(err.Error(), notRPC+`: {"id":`) || len(err.Error()) > 400 {
		t.Errorf("it is told as %v", err)
	}
	_, err = b.says(`{"id":$ID,"result":"sk-abcdefghijklmnopqrstuvwx"}`)
	if err == nil || !strings.HasSuffix(err.Error(), notRPC+": ••••") {
		t.Errorf("it is told as %v", err)
	}
}

// An answer that nobody asked for is dropped, and noted; so is what a logger writes as JSON.
func TestWhatIsForNobodyIsDropped(t *testing.T) {
	for _, line := range []string{
		`{"jsonrpc":"2.0","id":null,"result":{}}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`,
		`{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"}}`,
		`{"jsonrpc":"2.0","id":4711,"error":"no"}`,
		`{"level":"info","msg":"started"}`,
		`{}`,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			b := started(t, "raw", nil)
			answer, err := b.says(line, fine)
			if err != nil || text(answer) != "fine" {
				t.Fatalf("it is told as %v", err)
			}
			if s := b.Status(); s.State != StateServing || s.Starts != 1 {
				t.Errorf("it stands as %+v", s)
			}
			if log, _ := os.ReadFile(b.needs.LogFile); !strings.Contains(string(log), line) {
				t.Errorf("its log has %s", log)
			}
		})
	}
}

// An answer that cannot be read fails its own call alone.
func TestAnUnreadableAnswerFailsItsCallAlone(t *testing.T) {
	deep := strings.Repeat("[", 1100) + strings.Repeat("]", 1100)
	b := started(t, "raw", nil)
	for line, want := range map[string]string{
		`{"jsonrpc":"1.0","id":$ID,"result":{}}`:                 notRPC + `: {"jsonrpc":"1.0"`,
		`{"id":$ID,"result":{}}`:                                 notRPC + `: {"id":`,
		`{"jsonrpc":"2.0","id":$ID,"error":"no"}`:                notRPC + `: {"jsonrpc":"2.0"`,
		`{"jsonrpc":"2.0","id":$ID,"error":{"code":"E1"}}`:       notRPC + `: {"jsonrpc":"2.0"`,
		`{"jsonrpc":"2.0","id":$ID,"result":{"a":` + deep + `}}`: `it sent a message that is nested too deep: {"jsonrpc":"2.0"`,
	} {
		if _, err := b.says(line); err == nil || !strings.HasPrefix(err.Error(), "the tool server of alpha did not answer say: "+want) {
			t.Errorf("%.60s: it is told as %v", line, err)
		}
	}
	if answer, err := b.says(fine); err != nil || text(answer) != "fine" {
		t.Errorf("the next call: %v", err)
	}
	if s := b.Status(); s.Starts != 1 {
		t.Errorf("it stands as %+v", s)
	}
}

// Why a server does not start is told, too.
func TestABadAnswerToInitializeIsTold(t *testing.T) {
	for line, want := range map[string]string{
		`{"jsonrpc":"1.0","id":$ID,"result":{}}`: `cannot initialize it: ` + notRPC + `: {"jsonrpc":"1.0","id":1,"result":{}}`,
		`{}`:                                     `cannot initialize it: it did not answer within 1s; it sent what is no message` + logged,
		`{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no"}}`: `cannot initialize it: it did not answer within 1s; ` +
			`it sent an answer to nobody` + logged,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			b := started(t, "raw "+line, func(n *Needs) {
				patience := time.Minute
				if strings.Contains(want, "1s") {
					patience = time.Second
				}
				n.Settings = func() Settings { return Settings{StartWithin: patience, Parallel: 4} }
			})
			<-b.Tried()
			if got := b.Status().Error; got != want {
				t.Errorf("it says %q", got)
			}
		})
	}
}

// An error without a word is told as such.
func TestAnErrorWithoutAWord(t *testing.T) {
	b := started(t, "raw", nil)
	if _, err := b.says(`{"jsonrpc":"2.0","id":$ID,"error":{}}`); err == nil || err.Error() != "alpha refused say: with no word of why" {
		t.Errorf("it is told as %v", err)
	}
}

// a dying process is known as ended only a moment after its output was closed.
type dying struct {
	process.Child

	done chan struct{}
}

func (d *dying) Done() <-chan struct{} { return d.done }

func (d *dying) Exit() process.Exit { return process.Exit{Known: true, Code: 9} }

func TestTheReasonOfACrashIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		close(read)
		child := &dying{done: make(chan struct{})}
		p := &pipes{child: child, reader: &messages{}, stderr: &logPipe{read: read}}
		time.AfterFunc(lastWords/2, func() { close(child.done) })
		for _, got := range []error{p.reason(), p.explain(t.Context(), fmt.Errorf("EOF"))} {
			if got.Error() != "it ended: exited with status 9" {
				t.Errorf("it says %v", got)
			}
		}
	})
}
