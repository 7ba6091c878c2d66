// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/agent/upstream/upstreamtest"
	"holdfast/core/home"
	"holdfast/core/journal/journaltest"
	"holdfast/core/process"
	"holdfast/holdfasttest/timing"
)

// TestMain lets the test's own binary stand in for the MCP servers of others: good, hung, crashing.
func TestMain(m *testing.M) {
	if place := os.Getenv("TOOL_HOUSE"); place != "" {
		os.Exit(liveAs(place, os.Getenv("TOOL_HOUSE_MARK")))
	}
	if spec := os.Getenv("TOOL_LIBRARY"); spec != "" {
		os.Exit(serveLibrary(spec))
	}
	if kind := os.Getenv("TOOL_SERVER"); kind != "" {
		os.Exit(upstreamtest.Serve(kind))
	}
	os.Exit(m.Run())
}

// liveAs is a house with one tool server, until it is killed.
func liveAs(place, mark string) int {
	binary, err := os.Executable()
	if err != nil {
		return 1
	}
	server := holdfast.ToolServer{Name: "alpha", Run: []string{binary}, Dir: place, Env: map[string]string{"TOOL_SERVER": "tree", "TOOL_HOUSE": ""}}
	c := New(Needs{
		Home: home.At(place), House: func() string { return mark }, Extensions: &declared{servers: []holdfast.ToolServer{server}},
		Journal: &journaltest.Journal{}, Log: slog.New(slog.DiscardHandler),
	})
	if err := c.start(context.Background()); err != nil {
		return 1
	}
	if _, err := c.View(operator(), Scope{}).List(context.Background()); err != nil {
		return 1
	}
	fmt.Println("up")
	select {}
}

type declared struct {
	mu      sync.Mutex
	servers []holdfast.ToolServer
}

func (d *declared) ToolServers() []holdfast.ToolServer {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.servers)
}

func (d *declared) Changed() <-chan struct{} { return nil }

func (d *declared) set(servers ...holdfast.ToolServer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.servers = servers
}

// a bench is a catalogue under test.
type bench struct {
	*Catalogue
	t          *testing.T
	home       home.Home
	house      string
	journal    *journaltest.Journal
	extensions *declared
	actions    *fakeActions
}

func newBench(t *testing.T, servers ...holdfast.ToolServer) *bench {
	t.Helper()
	b := &bench{t: t, home: home.At(t.TempDir()), journal: &journaltest.Journal{}, extensions: &declared{servers: servers}, actions: &fakeActions{}}
	b.house = fmt.Sprintf("test%d", time.Now().UnixNano())
	if err := b.home.Ensure(); err != nil {
		t.Fatal(err)
	}
	b.Catalogue = New(Needs{
		Home: b.home, House: func() string { return b.house }, Extensions: b.extensions, Actions: b.actions, Journal: b.journal,
		Secret: func(name string) (holdfast.Secret, bool) {
			return holdfast.NewSecret("s3cr3t-value-of-" + name), name == "THE_KEY"
		},
		Log: slog.New(slog.DiscardHandler),
	})
	return b
}

func (b *bench) up() *bench {
	b.t.Helper()
	if err := b.start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.down() })
	return b
}

func (b *bench) down() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := b.stop(ctx); err != nil {
		b.t.Error(err)
	}
	if left := b.left(); len(left) > 0 {
		b.t.Errorf("processes left: %v", left)
	}
}

func (b *bench) left() []process.Found {
	b.t.Helper()
	left, err := process.Machine{}.Marked(b.house)
	if err != nil {
		b.t.Fatal(err)
	}
	return left
}

// kill kills a server as a crash would, once it serves.
func (b *bench) kill(extension string) {
	b.t.Helper()
	timing.Until(b.t, extension+" serves", func() bool { s, _ := b.desk().server(extension); return s.PID > 0 })
	s, err := b.desk().server(extension)
	if err != nil || s.PID <= 0 { // pid 0 would be this test's own group
		return
	}
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		b.t.Fatal(err)
	}
}

func (b *bench) names(caller holdfast.Caller) []string {
	b.t.Helper()
	entries, err := b.View(caller, Scope{}).List(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

func (b *bench) entry(name string) Entry {
	b.t.Helper()
	entries, err := b.View(operator(), Scope{}).List(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		b.t.Fatalf("there is no tool %s", name)
	}
	return entries[i]
}

func (b *bench) must(name, arguments string) Result {
	b.t.Helper()
	r, err := b.Call(b.t.Context(), agent(), name, json.RawMessage(arguments))
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	return r
}

func agent() holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerAgent, Name: "test", Tier: holdfast.TierTenantPeer}
}

func operator() holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerOperator, Name: "me", Tier: holdfast.TierOperator}
}

// goServer is the test's own binary as an MCP server.
func goServer(t *testing.T, extension, kind string) holdfast.ToolServer {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return holdfast.ToolServer{Name: extension, Run: []string{binary}, Dir: t.TempDir(), Env: upstreamtest.Env(kind)}
}

// pythonServer is an extension of Python modules, by file name and source.
func pythonServer(t *testing.T, extension string, modules map[string]string) holdfast.ToolServer {
	t.Helper()
	dir := t.TempDir()
	folder := filepath.Join(dir, "tools")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	decl := holdfast.ToolServer{Name: extension, Dir: dir}
	for name, source := range modules {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_tools.py") {
			decl.Modules = append(decl.Modules, path)
		}
	}
	slices.Sort(decl.Modules)
	return decl
}

func (b *bench) log(extension string) string {
	b.t.Helper()
	file, err := os.Open(b.home.Var("logs", extension+"_tools.log"))
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	var lines []string
	for scan := bufio.NewScanner(file); scan.Scan(); {
		lines = append(lines, scan.Text())
	}
	return strings.Join(lines, "\n")
}

func (b *bench) desk() desk { return desk{b.Catalogue} }
