// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/agent/tools/host"
	"holdfast/agent/upstream"
	"holdfast/core/process"
	"holdfast/holdfasttest/timing"
)

// open starts processes that nothing confines: what confines them is no part of a test's binary.
type open struct{ process.Machine }

func (o open) Start(s process.Spec) (process.Child, error) {
	s.Sandbox, s.Hidden = nil, nil
	return o.Machine.Start(s)
}

// hosting is a bench that runs agents of the home by the Python host.
func hosting(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	folder, err := host.Install(b.place.Var("run"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(b.place.Var("logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	needs := upstream.Needs{
		Settings: func() upstream.Settings {
			return upstream.Settings{StartWithin: time.Minute, Idle: time.Hour, Parallel: 4}
		},
		Processes: open{process.NewMachine(process.Options{})}, House: fmt.Sprintf("agent%d", time.Now().UnixNano()),
		Python: folder, Home: b.place.Dir(), Log: slog.New(slog.DiscardHandler),
	}
	b.homes.lends = func() upstream.Needs { return needs }
	t.Cleanup(b.homes.stop)
	return b
}

// lay writes a file of an agent; age tells files of one size apart.
func (b *bench) lay(path, text string, age time.Duration) {
	b.t.Helper()
	full := b.place.Path("agents", filepath.FromSlash(path))
	at := time.Now().Add(-age)
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o700), os.WriteFile(full, []byte(text), 0o600), os.Chtimes(full, at, at)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) ask(agent string) gotten {
	b.t.Helper()
	return b.post(strings.Replace(hello, Name, agent, 1))
}

// listed is an agent as the list has it, and the page about it.
func (b *bench) listed(name string) (Info, Page) {
	b.t.Helper()
	var list agentList
	var page Page
	out, err := b.do("agent.list", `{}`)
	shown, wrong := b.do("agent.show", fmt.Sprintf(`{"name":%q}`, name))
	if err := errors.Join(err, wrong, json.Unmarshal(out, &list), json.Unmarshal(shown, &page)); err != nil {
		b.t.Fatal(err)
	}
	for _, one := range list.Agents {
		if one.Name == name {
			return one, page
		}
	}
	b.t.Fatalf("the list has no %s: %s", name, out)
	return Info{}, Page{}
}

func TestAnAgentThatCannotBeLoadedSaysWhy(t *testing.T) {
	b := hosting(t)
	b.lay("brk/agent.py", `raise RuntimeError("no good")`, time.Hour)
	b.lay("bare/agent.py", `x = 1`, time.Hour)
	if one, page := b.listed("brk"); one.Problem != "" || page.Problem != "" {
		t.Errorf("before a host has loaded it the problem is %q, %q", one.Problem, page.Problem)
	}
	const why = "the agent brk could not be loaded: RuntimeError: no good (var/logs/agent.brk.log)"
	if got := b.ask("brk"); got.status != 502 || got.whole.Error.Message != why {
		t.Errorf("it is answered %d %s", got.status, got.body)
	}
	if one, page := b.listed("brk"); one.Problem != why || page.Problem != why {
		t.Errorf("the problem is %q, %q", one.Problem, page.Problem)
	}
	if got := b.ask("bare"); !strings.Contains(got.whole.Error.Message, "the agent bare could not be loaded: ") {
		t.Errorf("one without run_agent is answered %s", got.body)
	}
	b.lay("brk/agent.py", `async def run_agent(user_prompt): return "mended"`, 0)
	if one, _ := b.listed("brk"); one.Problem != "" {
		t.Errorf("what is not loaded yet has the problem %q", one.Problem)
	}
	if got := b.ask("brk"); got.text() != "mended" {
		t.Errorf("mended it is answered %s", got.body)
	}
	if one, _ := b.listed("brk"); one.Problem != "" {
		t.Errorf("mended it has the problem %q", one.Problem)
	}
}

const helped = `import os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import helper2
async def run_agent(user_prompt): return "%s %d" % (helper2.WORD, os.getpid())
`

func TestAChangedHelperOfAnAgentIsTakenUp(t *testing.T) {
	b := hosting(t)
	b.lay("hlp/agent.py", helped, time.Hour)
	b.lay("hlp/helper2.py", `WORD = "one"`, time.Hour)
	first := b.ask("hlp").text()
	if !strings.HasPrefix(first, "one ") {
		t.Fatalf("it answers %q", first)
	}
	for _, path := range []string{"data/x.py", ".cache/x.py", "__pycache__/x.py", "notes.txt"} {
		b.lay("hlp/"+path, "x", 0)
	}
	if again := b.ask("hlp").text(); again != first {
		t.Errorf("after files that are none of its modules it answers %q, was %q", again, first)
	}
	b.lay("hlp/helper2.py", `WORD = "two"`, 0)
	if got := b.ask("hlp").text(); !strings.HasPrefix(got, "two ") {
		t.Errorf("it answers %q", got)
	}
}

func TestWhatIsLookedAtOfAnAgentIsBounded(t *testing.T) {
	b := newBench(t)
	b.lay("much/agent.py", "", time.Hour)
	b.lay("much/lib/deep/x.py", "", time.Hour)
	before := b.homes.state("much")
	b.lay("much/lib/deep/x.py", "", 0)
	if b.homes.state("much") == before {
		t.Error("a module in a folder is not looked at")
	}
	for i := range maxCrowd + 1 {
		b.lay(fmt.Sprintf("much/lib/f%d.py", i), "", time.Hour)
	}
	if state := b.homes.state("much"); strings.Count(state, "\n") != 2 {
		t.Errorf("of a crowded folder are looked at %d files", strings.Count(state, "\n"))
	}
	for i := range maxModules {
		b.lay(fmt.Sprintf("much/g%d.py", i), "", time.Hour)
	}
	if state := b.homes.state("much"); strings.Count(state, "\n") != maxModules+1 {
		t.Errorf("looked at are %d files", strings.Count(state, "\n"))
	}
}

func TestTheHostOfADeletedAgentEnds(t *testing.T) {
	const source = `async def run_agent(user_prompt): return "here"`
	b := hosting(t)
	for _, name := range []string{"gone", "stays"} {
		b.lay(name+"/agent.py", source, time.Hour)
		b.ask(name)
	}
	over := b.homes.running["gone"].Over()
	if err := os.RemoveAll(b.place.Path("agents", "gone")); err != nil {
		t.Fatal(err)
	}
	if got := b.ask("stays"); got.text() != "here" {
		t.Fatalf("another one is answered %s", got.body)
	}
	<-over
	timing.Until(t, "the host to be forgotten", func() bool {
		b.homes.mu.Lock()
		defer b.homes.mu.Unlock()
		return b.homes.running["gone"] == nil
	})
	over = b.homes.running["stays"].Over()
	if err := os.Remove(b.place.Path("agents", "stays", "agent.py")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.do("agent.list", `{}`); err != nil {
		t.Fatal(err)
	}
	<-over
	b.lay("stays/agent.py", source, 0)
	if got := b.ask("stays"); got.text() != "here" {
		t.Errorf("when it is back it is answered %s", got.body)
	}
}

func TestWhatCannotBeAnAgentIsTold(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"Bad Name", Name, ".draft.new", "fine"} {
		b.lay(name+"/agent.py", "", 0)
	}
	if err := os.MkdirAll(b.place.Path("agents", "odd", "agent.py"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := b.do("agent.list", `{}`)
	var list agentList
	if err != nil || json.Unmarshal(out, &list) != nil || len(list.Problems) != 3 {
		t.Fatalf("the list is %s, %v", out, err)
	}
	for i, want := range []string{
		`agents/Bad Name/agent.py "Bad Name" cannot be an agent's name`, "agents/odd/agent.py is no file", "agents/passthrough_agent/agent.py ",
	} {
		if p := list.Problems[i]; !strings.HasPrefix(p.File+" "+p.Message, want) || p.Remedy == "" {
			t.Errorf("problem %d is %+v", i, p)
		}
	}
}

func TestThePageOfAnAgentOfTheHomeHasItsBoundsAlone(t *testing.T) {
	b := newBench(t)
	b.lay("companion/agent.py", "", 0)
	if _, page := b.listed("companion"); page.Request != (Budget{Seconds: 300}) {
		t.Errorf("its bounds are %+v", page.Request)
	}
}
