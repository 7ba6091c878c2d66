// SPDX-License-Identifier: Apache-2.0

package template

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
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/keys"
	"holdfast/core/operation"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/holdfasttest/timing"
	"holdfast/units/supervisor"
)

// ring is a gateway's keys, by name.
type ring struct {
	mu   sync.Mutex
	keys map[string]lent
}

type lent struct {
	models []string
	token  string
}

func (r *ring) Has(_ context.Context, name string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, there := r.keys[name]
	return there, nil
}

func (r *ring) Lend(_ context.Context, agent string, models []string, token holdfast.Secret) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[agent] = lent{models, token.Reveal()}
	return nil
}

func (r *ring) Withdraw(_ context.Context, agent string, token holdfast.Secret) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys[agent].token == token.Reveal() {
		delete(r.keys, agent)
	}
	return nil
}

type memory struct{}

func (memory) Append(_ context.Context, e holdfast.Entry) (holdfast.Entry, error) { return e, nil }

// limits is the section budgets, as far as a declaration uses it.
type limits struct {
	Limits map[string]struct {
		Tokens int64  `json:"tokens_per_day"`
		At     string `json:"at_limit"`
	} `json:"limits"`
}

// bench is the templates of a home; program is one that answers --version.
type bench struct {
	*Templates
	t       *testing.T
	home    home.Home
	store   *store.Store
	env     *keys.Keys
	ring    *ring
	config  *config.Config
	runner  *operation.Runner
	program string
	units   []holdfast.UnitStatus
	refuses error // what the supervisor says to new units
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, home: home.At(t.TempDir()), ring: &ring{keys: map[string]lent{}}}
	if err := b.home.Ensure(); err != nil {
		t.Fatal(err)
	}
	b.store = storetest.SQLite(t, []store.Migration{{Package: "operation", FS: operation.Migrations()}})
	b.env = keys.New(b.home)
	if err := b.env.Set(t.Context(), "PROVIDER_KEY", holdfast.NewSecret("sk-of-a-provider")); err != nil {
		t.Fatal(err)
	}
	var err error
	sections := []config.Section{{Name: "units", Into: &supervisor.Section{}}, {Name: "budgets", Into: &limits{}}}
	if b.config, err = config.Load(b.home, sections, config.Options{Environ: []string{}}); err != nil {
		t.Fatal(err)
	}
	b.config.Subscribe("units", func(context.Context, any) error { return b.refuses })
	b.config.Subscribe("budgets", func(context.Context, any) error { return nil })
	b.program = script(t, "echo 'agent 1.2.3'")
	b.begin(disk.Disk{})
	return b
}

// begin is a house of the home: its templates, and the runner of their operations.
func (b *bench) begin(d disk.Disk) {
	b.t.Helper()
	b.runner = operation.NewRunner(b.store, memory{}, nil)
	b.Templates = New(Needs{
		Home: b.home, Units: func() []holdfast.UnitStatus { return b.units }, Secrets: b.env, Bearers: b.ring, Operations: b.runner,
		Config: func() *config.Config { return b.config }, API: func() string { return "http://127.0.0.1:8444" }, Disk: d,
	})
	if err := b.runner.Register(b.kind()); err != nil {
		b.t.Fatal(err)
	}
}

// script is a program of the test's own.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	syscall.ForkLock.RLock() // or a process that begins beside would have it open, and it could not run
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func (b *bench) add(in addIn) (Added, error) {
	ctx := holdfast.WithCaller(context.WithoutCancel(b.t.Context()), holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ada", Tier: holdfast.TierOperator})
	return board{b.Templates}.add(ctx, in)
}

// traces are what is left of an agent.
func (b *bench) traces(name string) (left []string) {
	b.t.Helper()
	for _, pattern := range []string{"agents/*", "holdfast.d/*"} {
		found, err := filepath.Glob(b.home.Path(pattern))
		if err != nil {
			b.t.Fatal(err)
		}
		// What a writer still holds is swept when its process is gone.
		left = append(left, slices.DeleteFunc(found, func(p string) bool { return strings.HasSuffix(p, disk.Suffix) })...)
	}
	for _, secret := range b.env.Names() {
		if secret != "PROVIDER_KEY" {
			left = append(left, secret)
		}
	}
	if has, _ := b.ring.Has(b.t.Context(), name); has {
		left = append(left, "key "+name)
	}
	if len(*config.Current[supervisor.Section](b.config, "units")) > 0 {
		left = append(left, "unit "+name)
	}
	return left
}

// TestEachIsAddedWhole: unit, sandbox, budget, keys and files fit together, and no key of a provider
// is among them.
func TestEachIsAddedWhole(t *testing.T) {
	for _, k := range kits() {
		t.Run(k.name, func(t *testing.T) {
			b := newBench(t)
			out, err := b.add(addIn{Template: k.name, Name: "one-agent", Program: b.program, Model: `fa'st"$x`})
			if err != nil {
				t.Fatal(err)
			}
			unit := (*config.Current[supervisor.Section](b.config, "units"))["one-agent"]
			if !slices.Contains(unit.Run, b.program) || unit.Dir != "agents/one-agent" || unit.Sandbox == nil || unit.Sandbox.Write[0] != "agents/one-agent" || unit.Limits.Memory == 0 {
				t.Errorf("the unit is %+v", unit)
			}
			if !slices.Equal(unit.Secrets, out.Secrets) || unit.Secrets[0] != "AGENT_ONE_AGENT_KEY" ||
				slices.Contains(unit.Secrets, "PROVIDER_KEY") || unit.Healthy == nil || unit.Ready == nil {
				t.Errorf("the unit is %+v, the answer %+v", unit, out)
			}
			if limit := config.Current[limits](b.config, "budgets").Limits["agent:one-agent"]; limit.Tokens != dailyTokens || limit.At != "refuse" {
				t.Errorf("the budget is %+v", limit)
			}
			token, _ := b.env.Get("AGENT_ONE_AGENT_KEY")
			if got := b.ring.keys["one-agent"]; got.token != token.Reveal() || !slices.Equal(got.models, []string{`fa'st"$x`}) {
				t.Errorf("the key is for %v", got.models)
			}
			if info, err := os.Stat(b.home.EnvFile()); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the mode of .env is %v, %v", info.Mode(), err)
			}
			for _, f := range k.files {
				text, err := os.ReadFile(filepath.Join(out.Folder, f.path))
				if err != nil || strings.Contains(string(text), token.Reveal()) || strings.Contains(string(text), "{{") {
					t.Errorf("%s: %v\n%s", f.path, err, text)
				}
			}
			if out.Version != "agent 1.2.3" {
				t.Errorf("the version is %q", out.Version)
			}
		})
	}
}

// TestTakenNames: whatever has the name keeps it, and stays as it is.
func TestTakenNames(t *testing.T) {
	for what, take := range map[string]func(*bench){
		"a unit": func(b *bench) { b.units = []holdfast.UnitStatus{{Name: "ada"}} },
		"agents/ada": func(b *bench) {
			if err := os.MkdirAll(b.home.Path("agents", "ada"), 0o700); err != nil {
				b.t.Fatal(err)
			}
		},
		"AGENT_ADA_KEY": func(b *bench) {
			if err := b.env.Set(b.t.Context(), "AGENT_ADA_KEY", holdfast.NewSecret("sk-mine")); err != nil {
				b.t.Fatal(err)
			}
		},
		"an API key": func(b *bench) { b.ring.keys["ada"] = lent{token: "sk-mine"} },
	} {
		b := newBench(t)
		take(b)
		before := b.traces("ada")
		_, err := b.add(addIn{Template: "python", Name: "ada", Program: b.program})
		bad, ok := errors.AsType[*holdfast.Error](err)
		if !ok || bad.Code != holdfast.CodeConflict || !strings.Contains(err.Error()+wordsOf(err), what) {
			t.Errorf("%s: %v", what, err)
		}
		if after := b.traces("ada"); !slices.Equal(before, after) {
			t.Errorf("%s: left is %v, before was %v", what, after, before)
		}
	}
	b := newBench(t)
	if _, err := b.add(addIn{Template: "python", Name: "ada", Program: b.program}); err != nil {
		t.Fatal(err)
	}
	before := b.traces("ada")
	if _, err := b.add(addIn{Template: "claude-code", Name: "ada", Program: b.program}); err == nil || !slices.Equal(before, b.traces("ada")) {
		t.Errorf("added twice: %v; left is %v", err, b.traces("ada"))
	}
	for _, name := range []string{"", "Ada", "../ada", "a b", "1ada", "ada.", "-ada", strings.Repeat("a", 41)} {
		if _, err := b.add(addIn{Template: "python", Name: name, Program: b.program}); err == nil {
			t.Errorf("%q names an agent", name)
		}
	}
}

// TestTwoAtOnce: of many who add one name, one does.
func TestTwoAtOnce(t *testing.T) {
	b := newBench(t)
	var group sync.WaitGroup
	added := make(chan Added, 8)
	for range 8 {
		group.Go(func() {
			if out, err := b.add(addIn{Template: "python", Name: "ada", Program: b.program}); err == nil {
				added <- out
			}
		})
	}
	group.Wait()
	if len(added) != 1 {
		t.Errorf("%d added it", len(added))
	}
}

// TestADiskThatFailsAnywhere: an error at each step of the disk leaves nothing of the agent.
func TestADiskThatFailsAnywhere(t *testing.T) {
	b := newBench(t)
	for n, done := 1, false; !done; n++ {
		seen := 0
		b.begin(disk.Disk{Watch: func(disk.Event) error {
			if seen++; seen == n {
				return errors.New("no space left on device")
			}
			return nil
		}})
		_, err := b.add(addIn{Template: "claude-code", Name: "ada", Program: b.program})
		if done = err == nil; done {
			if n < 20 {
				t.Errorf("only %d steps were tried", n)
			}
			continue
		}
		if left := b.traces("ada"); len(left) > 0 || !strings.Contains(err.Error(), "no space left") {
			t.Fatalf("step %d: %v; left is %v", n, err, left)
		}
	}
}

// TestUnitsThatAreNotTaken: a supervisor that refuses the unit has all of it undone.
func TestUnitsThatAreNotTaken(t *testing.T) {
	b := newBench(t)
	b.refuses = errors.New("two units share a log")
	_, err := b.add(addIn{Template: "python", Name: "ada", Program: b.program})
	if err == nil || !strings.Contains(err.Error(), "two units share a log") {
		t.Errorf("got %v", err)
	}
	b.refuses = nil
	if left := b.traces("ada"); len(left) > 0 {
		t.Errorf("left is %v", left)
	}
	if err := os.WriteFile(b.home.ConfigFile(), []byte("units: 7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.add(addIn{Template: "python", Name: "ada", Program: b.program}); err == nil {
		t.Error("it was added to an invalid configuration")
	}
	if err := os.Remove(b.home.ConfigFile()); err != nil {
		t.Fatal(err)
	}
	if left := b.traces("ada"); len(left) > 0 {
		t.Errorf("left is %v", left)
	}
}

// TestKilledAnywhere stops a house at each step of the disk; the next one leaves nothing of the agent.
func TestKilledAnywhere(t *testing.T) {
	const parts = 4 // each takes every fourth step: they mostly wait for the disk
	for part := range parts {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			for n := part + 1; killedAt(t, n); n += parts {
			}
		})
	}
}

// killedAt kills the house at a step, and answers false when there is no such step.
func killedAt(t *testing.T, n int) bool {
	t.Helper()
	b := newBench(t)
	reached, release := make(chan struct{}), make(chan struct{})
	seen := 0
	b.begin(disk.Disk{Watch: func(disk.Event) error {
		if seen++; seen == n {
			close(reached)
			<-release
		}
		if seen >= n {
			return errors.New("the house is dead")
		}
		return nil
	}})
	ended := make(chan error, 1)
	go func() {
		_, err := b.add(addIn{Template: "openclaw", Name: "ada", Program: b.program})
		ended <- err
	}()
	select {
	case <-reached:
	case err := <-ended:
		if err != nil || n < 20 {
			t.Fatalf("after %d steps: %v", n, err)
		}
		return false
	}
	b.begin(disk.Disk{})
	if err := b.runner.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.awaitNothing(n)
	close(release)
	<-ended
	if err := b.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(b.home.Path("holdfast.d/.*")); len(left) > 0 {
		t.Errorf("killed at step %d, left is %v", n, left)
	}
	return true
}

// awaitNothing waits until nothing is left of the agent: a recovery goes on beside the house's start.
func (b *bench) awaitNothing(step int) {
	b.t.Helper()
	var left []string
	if !timing.Within(time.Minute, func() bool { left = b.traces("ada"); return len(left) == 0 }) {
		b.t.Fatalf("killed at step %d, left is %v", step, left)
	}
}

// TestProgramsThatAreNotThere: what is missing, or does not work, is told with what would help.
func TestProgramsThatAreNotThere(t *testing.T) {
	b := newBench(t)
	t.Setenv("PATH", t.TempDir())
	for name, want := range map[string]string{
		"claude-code": "npm install -g @anthropic-ai/claude-code", "codex": "npm install -g @openai/codex", "openclaw": "Node.js 24.16", "python": "python3",
	} {
		if _, err := b.add(addIn{Template: name, Name: "ada"}); err == nil || !strings.Contains(wordsOf(err), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := script(t, "echo 'node:sqlite is unavailable' >&2; exit 3")
	if _, err := b.add(addIn{Template: "openclaw", Name: "ada", Program: broken}); err == nil || !strings.Contains(wordsOf(err), "node:sqlite is unavailable") {
		t.Errorf("got %v", err)
	}
	module := filepath.Join(t.TempDir(), "openclaw.mjs")
	if err := os.WriteFile(module, []byte("//"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.add(addIn{Template: "openclaw", Name: "ada", Program: module}); err == nil || !strings.Contains(wordsOf(err), "no Node.js") {
		t.Errorf("got %v", err)
	}
	if left := b.traces("ada"); len(left) > 0 {
		t.Errorf("left is %v", left)
	}
}

// TestNoSecretIsStored: the stored input of the operation holds no key.
func TestNoSecretIsStored(t *testing.T) {
	b := newBench(t)
	out, err := b.add(addIn{Template: "openclaw", Name: "ada", Program: b.program})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range out.Secrets {
		secret, _ := b.env.Get(name)
		if secret.Empty() || strings.Contains(string(raw), secret.Reveal()) {
			t.Errorf("%s is told", name)
		}
	}
}

// TestAModelThatNobodyKnowsIsTold: the agent is made all the same, for the alias may come later.
func TestAModelThatNobodyKnowsIsTold(t *testing.T) {
	b := newBench(t)
	b.needs.Knows = func(model string) bool { return model == "chat" }
	out, err := b.add(addIn{Template: "python", Name: "ada", Program: b.program, Model: "nosuchmodel"})
	if err != nil || len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], `there is no model "nosuchmodel" now`) {
		t.Errorf("the answer is %+v, %v", out, err)
	}
	if out, err = b.add(addIn{Template: "python", Name: "bob", Program: b.program, Model: "chat"}); err != nil || len(out.Warnings) > 0 {
		t.Errorf("of a model that there is: %+v, %v", out, err)
	}
}
