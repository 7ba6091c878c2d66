// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/tools/pin"
	"holdfast/agent/upstream"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/holdfasttest/timing"
)

// everyKind is a library with one of everything.
func everyKind() library {
	return library{
		Instructions: "Use it well.",
		Tools:        []*mcp.Tool{tool("add_note", "Adds a <note> & more, for 1e21 reasons.")},
		Prompts:      []*mcp.Prompt{{Name: "letter", Description: "Writes a letter.", Arguments: []*mcp.PromptArgument{{Name: "to", Required: true}}}},
		Resources:    []*mcp.Resource{{URI: "note://one", Name: "one", Meta: mcp.Meta{"size": 3}}},
		Templates:    []*mcp.ResourceTemplate{{URITemplate: "note://any/{name}", Name: "any"}},
	}
}

// standing is the one server that there is.
func (b *bench) standing() Server {
	b.t.Helper()
	list := b.desk().servers()
	if len(list) != 1 {
		b.t.Fatalf("there are %d servers", len(list))
	}
	return list[0]
}

// rests fails the test unless the server has not been started since the house is up.
func (b *bench) rests() {
	b.t.Helper()
	b.names(operator()) // waits until every server has tried what it tries by itself
	if s := b.standing(); s.State != upstream.StateResting || s.Starts != 0 || len(b.left()) != 0 {
		b.t.Fatalf("it was started for nobody: %+v, processes %v", s, b.left())
	}
}

// serves fails the test unless the server starts by itself.
func (b *bench) serves() {
	b.t.Helper()
	timing.Until(b.t, "it starts by itself", func() bool { s := b.standing(); return s.State == upstream.StateServing && s.Starts == 1 })
}

// everything is all that a client sees, as JSON.
func (b *bench) everything() string {
	b.t.Helper()
	v := b.View(agent(), Scope{})
	tools, err := v.List(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range tools {
		tools[i].Use = Use{}
	}
	text, err := json.Marshal([]any{tools, v.Prompts(b.t.Context()), v.Resources(b.t.Context()), v.Templates(b.t.Context()), v.Instructions()})
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, s *store.Store, query string) {
	t.Helper()
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, query)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNoProcessUntilTheFirstUse: after a restart of the house all that a server has is listed without a
// process, and the first use of any kind starts exactly one.
func TestNoProcessUntilTheFirstUse(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		b := newBench(t, libraryServer(t, "notes", everyKind())).stored(s).up()
		before := b.everything()
		view := func() View { return b.View(agent(), Scope{}) }
		uses := map[string]func() error{
			"call": func() error {
				var group sync.WaitGroup
				for range 10 {
					group.Go(func() { b.must("add_note", `{}`) })
				}
				group.Wait()
				return nil
			},
			"read": func() error { _, err := view().Read(t.Context(), upstream.Request{Name: "note://one"}); return err },
			"prompt": func() error {
				_, err := view().Prompt(t.Context(), upstream.Request{Name: "letter", Arguments: json.RawMessage(`{"to":"me"}`)})
				return err
			},
			"complete": func() error {
				_, err := view().Complete(t.Context(), &mcp.CompleteParams{
					Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "letter"}, Argument: mcp.CompleteParamsArgument{Name: "to"},
				})
				return err
			},
			"subscription": func() error { return view().Subscribe(t.Context(), "note://one") },
			"restart":      func() error { return b.Restart(t.Context(), "notes") },
		}
		for use, make := range uses {
			if s.Dialect() != store.SQLite && use != "call" {
				continue // the store has no part in the others
			}
			b = b.again()
			b.rests()
			if after := b.everything(); after != before {
				t.Fatalf("unused it shows\n%s\nbefore it did\n%s", after, before)
			}
			if err := make(); err != nil {
				t.Errorf("%s: %v", use, err)
			}
			if s := b.standing(); s.Starts != 1 || s.State != upstream.StateServing {
				t.Errorf("%s: it stands as %+v", use, s)
			}
			if after := b.everything(); after != before {
				t.Errorf("%s: it shows\n%s\nbefore it did\n%s", use, after, before)
			}
		}
	})
}

// TestWhatStartsWithTheHouse: a server of which it is not known for certain what it offers does not wait
// for a call, nor one that is to be kept warm.
func TestWhatStartsWithTheHouse(t *testing.T) {
	s := storetest.SQLite(t, tables())
	for name, change := range map[string]func(b *bench, decl *holdfast.ToolServer){
		"kept warm":       func(b *bench, _ *holdfast.ToolServer) { b.section.Idle = 0 },
		"another command": func(_ *bench, decl *holdfast.ToolServer) { decl.Run = append(slices.Clone(decl.Run), "-v") },
		"a new variable":  func(_ *bench, decl *holdfast.ToolServer) { decl.Env["MORE"] = "1" },
		"a changed file": func(_ *bench, decl *holdfast.ToolServer) {
			if err := os.WriteFile(filepath.Join(decl.Dir, "server.py"), []byte("print(2)"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a damaged row":          func(*bench, *holdfast.ToolServer) { write(t, s, `UPDATE tool_offers SET offer = '{}'`) },
		"an unreadable row":      func(*bench, *holdfast.ToolServer) { write(t, s, `UPDATE tool_offers SET offer = '\x00', sum = ''`) },
		"a row of another shape": func(*bench, *holdfast.ToolServer) { reshape(t, s) },
		"a lost row":             func(*bench, *holdfast.ToolServer) { write(t, s, `DELETE FROM tool_offers`) },
		"a lost pin":             func(*bench, *holdfast.ToolServer) { write(t, s, `DELETE FROM tool_pins WHERE name = 'add_note'`) },
	} {
		decl := libraryServer(t, "notes", everyKind())
		decl.Run = append(decl.Run, "server.py")
		if err := os.WriteFile(filepath.Join(decl.Dir, "server.py"), []byte("print(1)"), 0o600); err != nil {
			t.Fatal(err)
		}
		write(t, s, `DELETE FROM tool_pins`)
		write(t, s, `DELETE FROM tool_offers`)
		b := newBench(t, decl).stored(s).up()
		b.serves()
		b = b.again()
		b.rests()
		b.down()
		b.Catalogue = New(b.needs)
		change(b, &decl)
		b.extensions.set(decl)
		b.up()
		t.Log(name)
		b.serves()
		b.must("add_note", `{}`)
		b.down()
		if n := rowsKept(t, s); n != 1 {
			t.Errorf("after it started %d offers are kept", n)
		}
	}
}

// reshape has what is kept be of a house that writes it in another way.
func reshape(t *testing.T, s *store.Store) {
	t.Helper()
	var k kept
	err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, `SELECT identity, offer FROM tool_offers`).Scan(&k.identity, &k.offer)
	})
	if err != nil {
		t.Fatal(err)
	}
	k.offer = strings.Replace(k.offer, `"Tools"`, `"AllTools"`, 1)
	k.sum = k.fingerprint()
	err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tool_offers SET offer = ?, sum = ?`, k.offer, k.sum)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// otherUses are those of what is no tool: a prompt that changed, and a resource and a template that are gone.
func otherUses(t *testing.T, view func() View) map[string]func() error {
	complete := func(ref mcp.CompleteReference) func() error {
		return func() error {
			_, err := view().Complete(t.Context(), &mcp.CompleteParams{Ref: &ref, Argument: mcp.CompleteParamsArgument{Name: "to"}})
			return err
		}
	}
	return map[string]func() error{
		"a prompt":                   func() error { _, err := view().Prompt(t.Context(), upstream.Request{Name: "letter"}); return err },
		"a resource":                 func() error { _, err := view().Read(t.Context(), upstream.Request{Name: "note://one"}); return err },
		"a completion of a prompt":   complete(mcp.CompleteReference{Type: "ref/prompt", Name: "letter"}),
		"a completion of a template": complete(mcp.CompleteReference{Type: "ref/resource", URI: "note://any/{name}"}),
		"a subscription":             func() error { return view().Subscribe(t.Context(), "note://one") },
	}
}

// TestAWokenServerThatSaysSomethingElse: what changed while the house was down is judged when the server
// wakes, and the use that woke it is refused with what is wrong.
func TestAWokenServerThatSaysSomethingElse(t *testing.T) {
	s := storetest.SQLite(t, tables())
	spec := everyKind()
	spec.Tools = append(spec.Tools, tool("list_notes", "Lists notes."))
	decl := libraryServer(t, "notes", spec)
	b := newBench(t, decl).stored(s).up()
	b.serves()
	next := everyKind()
	next.Tools[0].Description = "Adds a note and mails it to me."
	next.Tools = append(next.Tools, tool("new_note", "Is new."))
	next.Prompts[0].Description = "Writes a letter to somebody else."
	next.Resources, next.Templates = nil, nil
	refused := func(what string, use func() error, want holdfast.Code, says string) {
		t.Helper()
		rewrite(t, decl, spec)
		if err := b.Restart(t.Context(), "notes"); err != nil {
			t.Fatal(err)
		}
		b.down()
		rewrite(t, decl, next)
		b.Catalogue = New(b.needs)
		b.up()
		b.rests()
		err := use()
		if said, ok := errors.AsType[*holdfast.Error](err); !ok || said.Code != want || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "mails") {
			t.Errorf("%s: %v", what, err)
		}
		if s := b.standing(); s.Starts != 1 {
			t.Errorf("%s: it stands as %+v", what, s)
		}
	}
	call := func(name string) func() error {
		return func() error {
			_, err := b.Call(t.Context(), agent(), name, json.RawMessage(`{"text":"milk"}`))
			return err
		}
	}
	refused("a changed tool", call("add_note"), holdfast.CodeConflict, "changed and not called until a person accepts it")
	runs := b.journal.Of("tool.run")
	if last := runs[len(runs)-1]; last.Outcome != holdfast.OutcomeRefused || last.Subject != "add_note" {
		t.Errorf("it is journaled as %+v", last)
	}
	if b.shown("add_note").Standing != pin.Changed || !slices.Contains(b.names(agent()), "new_note") {
		t.Errorf("offered are %v", b.names(agent()))
	}
	refused("a tool that is gone", call("list_notes"), holdfast.CodeNotFound, "there is no tool")
	for what, use := range otherUses(t, func() View { return b.View(agent(), Scope{}) }) {
		refused(what, use, holdfast.CodeConflict, "another")
	}

	b = b.again() // what waits for a person is not left to rest: no call would wake it
	b.serves()
	if b.shown("add_note").Standing != pin.Changed {
		t.Error("it is offered after a restart")
	}
	for _, input := range []string{`{"name":"add_note"}`, `{"name":"letter","kind":"prompt"}`} {
		if _, err := b.as(operator(), "tool.accept", input); err != nil {
			t.Fatal(err)
		}
	}
	b = b.again()
	b.rests()
	b.must("add_note", `{}`)
}

// TestNothingIsKeptOfAFailure: a server that failed when it was started last, or that is gone, is
// forgotten.
func TestNothingIsKeptOfAFailure(t *testing.T) {
	s := storetest.SQLite(t, tables())
	decl := libraryServer(t, "notes", everyKind())
	b := newBench(t, decl).stored(s).up()
	b.serves()
	b = b.again()
	b.rests()
	good, err := os.ReadFile(decl.Env["TOOL_LIBRARY"])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(decl.Env["TOOL_LIBRARY"], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Call(t.Context(), agent(), "add_note", nil); err == nil {
		t.Fatal("a server that cannot start answered")
	}
	b.down()
	if err := os.WriteFile(decl.Env["TOOL_LIBRARY"], good, 0o600); err != nil {
		t.Fatal(err)
	}
	b.Catalogue = New(b.needs)
	b.up()
	b.serves()

	b = b.again()
	b.rests()
	b.extensions.set()
	b.Refresh()
	b = b.again()
	if n := rowsKept(t, s); n != 0 {
		t.Errorf("of an extension that is gone %d offers are kept", n)
	}
	b.down()
	b.extensions.set(decl)
	b.Catalogue = New(b.needs)
	b.up()
	b.serves()
	b.down()
	b.extensions.set() // also one that goes while the house is down
	b.Catalogue = New(b.needs)
	b.up()
	b.down()
	if n := rowsKept(t, s); n != 0 {
		t.Errorf("of an extension that went while the house was down %d offers are kept", n)
	}
}

func rowsKept(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM tool_offers`).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNodesRememberForThemselves: two houses share a database, and have servers of one name.
func TestNodesRememberForThemselves(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		node := func(name string) *bench {
			spec := everyKind()
			spec.Tools = append(spec.Tools, tool("only_"+name, "Is only there."))
			b := newBench(t, libraryServer(t, "notes", spec))
			b.needs.Journal = named{b.journal, name}
			return b.stored(s).up()
		}
		one, two := node("one"), node("two")
		one.serves()
		two.serves()
		for range 2 { // so that each comes up with what both keep
			one, two = one.again(), two.again()
		}
		for name, b := range map[string]*bench{"one": one, "two": two} {
			b.rests()
			if names := b.names(agent()); !slices.Contains(names, "only_"+name) {
				t.Errorf("%s has %v", name, names)
			}
			b.must("only_"+name, `{}`)
		}
	})
}

// TestChangedModulesAreNoticed: Python modules that changed while the house was down are read at its
// start, and only those.
func TestChangedModulesAreNoticed(t *testing.T) {
	s := storetest.SQLite(t, tables())
	source := func(says string) []byte {
		return fmt.Appendf(nil, "def greet(name: str) -> str:\n    \"\"\"%s\"\"\"\n    return name\n\nTOOLS = [greet]\n", says)
	}
	decl := pythonServer(t, "notes", map[string]string{"notes_tools.py": string(source("Greets."))})
	b := newBench(t, decl).stored(s).up()
	b.serves()
	b = b.again()
	b.rests()
	b.down()
	if err := os.WriteFile(decl.Modules[0], source("Greets, and more."), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Catalogue = New(b.needs)
	b.up()
	b.serves()
	if b.shown("greet").Standing != pin.Changed {
		t.Error("a module that changed is as it was")
	}
}

// TestWhatIsNotKept: an offer that is not whole, too large, does not come back as it was, or has a secret
// in it.
func TestWhatIsNotKept(t *testing.T) {
	with := func(description string) upstream.Offer {
		return upstream.Offer{Tools: []*mcp.Tool{{Name: "add", Description: description, InputSchema: map[string]any{"type": "object"}}}}
	}
	secrets := []holdfast.Secret{holdfast.NewSecret(`pass"word`)}
	k, err := newKept("it", with("Adds."), secrets)
	if err != nil {
		t.Fatal(err)
	}
	if o, err := k.read(); err != nil || len(o.Tools) != 1 || o.Tools[0].Description != "Adds." {
		t.Errorf("it comes back as %+v: %v", o, err)
	}
	partly := with("Adds.")
	partly.Problems = []upstream.Problem{{Part: "prompts", Error: "none"}}
	for name, o := range map[string]upstream.Offer{
		"in part": partly, "large": with(strings.Repeat("x", maxKept)), "no text": with("\xff"), "secret": with(`uses pass"word`),
	} {
		if _, err := newKept("it", o, secrets); err == nil {
			t.Errorf("%s: it is kept", name)
		}
	}
	k.identity = "another"
	if _, err := k.read(); err == nil {
		t.Error("the offer of another server is read")
	}
}

// TestAPipeInAFilesPlace: what a server puts in the place of its files does not keep the house waiting.
func TestAPipeInAFilesPlace(t *testing.T) {
	dir := t.TempDir()
	decl := holdfast.ToolServer{Name: "notes", Dir: dir, Modules: []string{filepath.Join(dir, "pipe"), filepath.Join(dir, "none"), dir}}
	if err := syscall.Mkfifo(decl.Modules[0], 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := identity(decl, "host-1")
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := identity(decl, "host-1"); again != a {
		t.Error("one server has two identities")
	}
	if other, _ := identity(decl, "host-2"); other == a {
		t.Error("another host of Python makes no difference")
	}
}
