// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/upstream/upstreamtest"
	"holdfast/core/process"
)

// TestMain lets the test's own binary stand in for the servers of others.
func TestMain(m *testing.M) {
	if kind := os.Getenv("TOOL_SERVER"); kind != "" {
		os.Exit(upstreamtest.Serve(kind))
	}
	os.Exit(m.Run())
}

func testNeeds(t *testing.T, settings Settings) Needs {
	t.Helper()
	return Needs{
		Settings: func() Settings { return settings }, Processes: process.NewMachine(process.Options{}),
		House: fmt.Sprintf("test%d", time.Now().UnixNano()), Home: t.TempDir(), LogFile: filepath.Join(t.TempDir(), "log"),
		Changed: func() {}, Updated: func(string) {}, Log: slog.New(slog.DiscardHandler),
	}
}

// a bench is a server under test that runs.
type bench struct {
	*Server
	t *testing.T
}

func usual() Settings { return Settings{StartWithin: 30 * time.Second, Parallel: 32} }

// started is the test's own binary as a server of a kind, running until the test ends, when nothing
// of it may be left.
func started(t *testing.T, kind string, change func(*Needs)) *bench {
	t.Helper()
	return standing(t, kind, change).up()
}

// standing is such a server before it runs.
func standing(t *testing.T, kind string, change func(*Needs)) *bench {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	needs := testNeeds(t, usual())
	if change != nil {
		change(&needs)
	}
	decl := holdfast.ToolServer{Name: "alpha", Run: []string{binary}, Dir: t.TempDir(), Env: upstreamtest.Env(kind)}
	return &bench{t: t, Server: New(Declaration{Name: "alpha", Stdio: &decl}, needs)}
}

func (b *bench) up() *bench {
	ctx, cancel := context.WithCancel(context.Background())
	go b.Run(ctx)
	b.t.Cleanup(func() {
		cancel()
		<-b.Over()
		if left := b.left(); left > 0 {
			b.t.Errorf("%d processes are left", left)
		}
	})
	return b
}

func (b *bench) left() int {
	b.t.Helper()
	found, err := process.Machine{}.Marked(b.needs.House)
	if err != nil {
		b.t.Fatal(err)
	}
	return len(found)
}

// launches is how many launches the processes of the server are of.
func (b *bench) launches() int {
	b.t.Helper()
	found, err := process.Machine{}.Marked(b.needs.House)
	if err != nil {
		b.t.Fatal(err)
	}
	marks := map[process.Mark]bool{}
	for _, f := range found {
		marks[f.Mark] = true
	}
	return len(marks)
}

func (b *bench) must(tool, arguments string) *mcp.CallToolResult {
	b.t.Helper()
	answer, err := b.Call(b.t.Context(), Request{Name: tool, Arguments: json.RawMessage(arguments)})
	if err != nil {
		b.t.Fatalf("%s: %v", tool, err)
	}
	return answer
}

func (b *bench) echo(want string) {
	b.t.Helper()
	if got := text(b.must("echo", fmt.Sprintf(`{"text":%q}`, want))); got != want {
		b.t.Errorf("the echo is %q, want %q", got, want)
	}
}

func text(r *mcp.CallToolResult) string {
	for _, block := range r.Content {
		if t, ok := block.(*mcp.TextContent); ok {
			return t.Text
		}
	}
	return ""
}

// old makes the process one that served for long, whose end is followed by a start at once.
func (b *bench) old() {
	main := b.round.main
	main.mu.Lock()
	defer main.mu.Unlock()
	main.live.began = time.Now().Add(-time.Minute)
}

// kill kills the process that serves.
func (b *bench) kill() {
	b.t.Helper()
	running := b.Status().Running
	if len(running) == 0 || running[0].PID <= 0 { // pid 0 would be this test's own group
		b.t.Fatal("nothing runs")
	}
	if err := syscall.Kill(running[0].PID, syscall.SIGKILL); err != nil {
		b.t.Fatal(err)
	}
}
