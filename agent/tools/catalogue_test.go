// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/upstream"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/process"
	"holdfast/holdfasttest/timing"
)

func TestCallsAServerAndJournalsWithoutSecrets(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good")).up()
	r := b.must("echo", `{"text":"hello","pin":"1234","password":"hunter2"}`)
	if r.Text != "hello" || r.Failed {
		t.Errorf("echo answered %+v", r)
	}
	if e := b.entry("echo"); e.Calls != 1 || e.Errors != 0 || e.LastUsed.IsZero() || e.Source != "extension alpha" || !e.EnabledInMCP {
		t.Errorf("entry is %+v", e)
	}
	entries := b.journal.Of("tool.run")
	if len(entries) != 2 || entries[0].Outcome != holdfast.OutcomeStarted || entries[1].Outcome != holdfast.OutcomeDone {
		t.Fatalf("journal is %+v", entries)
	}
	for _, e := range entries {
		if strings.Contains(string(e.Detail), "hunter2") || strings.Contains(string(e.Detail), "1234") {
			t.Errorf("a secret is in the journal: %s", e.Detail)
		}
	}
	if got := b.View(agent(), Scope{}).Instructions()["alpha"]; got != "Use it well." {
		t.Errorf("instructions are %q", got)
	}
}

func TestArgumentsAreHeldAgainstTheSchema(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good")).up()
	for arguments, want := range map[string]string{
		`{}`:          "text",
		`{"text": 3}`: "text",
		`[1]`:         "not a JSON object",
		`{"text": "a`: "not a JSON object",
		`"x"`:         "not a JSON object",
		`{"text":"` + strings.Repeat("x", maxArguments) + `"}`: "at most",
	} {
		_, err := b.Call(t.Context(), agent(), "echo", json.RawMessage(arguments))
		bad, ok := errors.AsType[*holdfast.Error](err)
		if !ok || bad.Code != holdfast.CodeBadInput || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: error is %v, want bad input about %q", arguments, err, want)
		}
	}
}

// TestASoonListGoesOnWithoutWhoStillStarts, and says who that is.
func TestASoonListGoesOnWithoutWhoStillStarts(t *testing.T) {
	b := newBench(t, goServer(t, "slow", "hung"), goServer(t, "alpha", "good")).up()
	timing.Until(t, "the one that starts", func() bool {
		return slices.ContainsFunc(b.View(agent(), Scope{}).Now(), func(e Entry) bool { return e.Name == "echo" })
	})
	list, late, err := b.View(agent(), Scope{}).Soon(t.Context(), time.Millisecond)
	if err != nil || !slices.Equal(late, []string{"slow"}) || !slices.ContainsFunc(list, func(e Entry) bool { return e.Name == "echo" }) {
		t.Errorf("late are %v of %d tools, %v", late, len(list), err)
	}
	left, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.View(agent(), Scope{}).Soon(left, time.Minute); err == nil || !strings.Contains(err.Error(), "slow is still starting") {
		t.Errorf("who left is told %v", err)
	}
	for _, ref := range []mcp.CompleteReference{{Type: "ref/prompt", Name: "none"}, {Type: "ref/resource", URI: "none://x"}} {
		_, err := b.View(agent(), Scope{}).Complete(left, &mcp.CompleteParams{Ref: &ref})
		if said, ok := errors.AsType[*holdfast.Error](err); !ok || said.Code != holdfast.CodeNotFound {
			t.Errorf("who types %s waits for who starts: %v", ref.Type, err)
		}
	}
}

func TestUnknownToolNamesTheNearest(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good")).up()
	for _, name := range []string{"ecko", "ECHO"} {
		_, err := b.Call(t.Context(), agent(), name, nil)
		bad, ok := errors.AsType[*holdfast.Error](err)
		if !ok || bad.Code != holdfast.CodeNotFound || !strings.Contains(err.Error(), "did you mean echo") {
			t.Errorf("error is %v", err)
		}
	}
}

func TestCrashLoopSlowsDown(t *testing.T) {
	b := newBench(t, goServer(t, "dead", "dead"), goServer(t, "alpha", "good")).up()
	b.must("echo", `{"text":"the other still works"}`)
	timing.Until(t, "waiting", func() bool { s, _ := b.desk().server("dead"); return s.State == upstream.StateWaiting })
	s, _ := b.desk().server("dead")
	if !strings.Contains(s.Error, "status 7") || !strings.Contains(s.Error, "cannot find my configuration") {
		t.Errorf("error is %q", s.Error)
	}
	timing.Until(t, "warning", func() bool { // not while it is tried again
		got := b.desk().check(t.Context())
		return got.Status == holdfast.StatusWarn && strings.Contains(got.Detail, "dead:")
	})
	timing.Until(t, "alert", func() bool { return len(b.desk().alert().Firing(t.Context())) == 1 })
}

func TestHungServerIsBounded(t *testing.T) {
	b := newBench(t, goServer(t, "hung", "hung"), goServer(t, "alpha", "good"))
	b.section.StartWithin = config.Duration(3 * time.Second) // the good one needs some of it, too
	b.up()
	began := time.Now()
	if names := b.names(agent()); !slices.Contains(names, "echo") {
		t.Errorf("names are %v", names)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("listing took %s", took)
	}
	s, _ := b.desk().server("hung")
	if s.State == upstream.StateServing || !strings.Contains(s.Error, "did not answer within") { // it may be tried again already
		t.Errorf("server is %+v", s)
	}
}

func TestSlowCallIsCancelledAlone(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good"))
	b.section.Timeout = config.Duration(2 * time.Second)
	b.up()
	b.must("echo", `{"text":"x"}`)
	pid := b.desk().servers()[0].PID
	_, err := b.Call(t.Context(), agent(), "slow", nil)
	if err == nil || !strings.Contains(err.Error(), "did not answer within") {
		t.Errorf("error is %v", err)
	}
	b.must("echo", `{"text":"y"}`)
	if got := b.desk().servers()[0].PID; got != pid {
		t.Errorf("the server was restarted: pid %d, was %d", got, pid)
	}
}

func TestGarbageIsLoggedAndDisturbsNothing(t *testing.T) {
	b := newBench(t, goServer(t, "noisy", "garbage")).up()
	b.must("echo", `{"text":"x"}`)
	timing.Until(t, "the banner in the log", func() bool { return strings.Contains(b.log("noisy"), "Welcome to the server!") })
}

func TestHugeResultIsCut(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good")).up()
	r := b.must("huge", `{}`)
	if !r.Cut || len(r.Text) > 1<<20+200 || !strings.Contains(r.Text, "[cut:") {
		t.Errorf("cut is %v, %d bytes", r.Cut, len(r.Text))
	}
	_, err := b.Call(t.Context(), agent(), "enormous", nil)
	if err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("a 20 MiB message: error is %v", err)
	}
}

func TestProtocolErrorIsTheToolsOwn(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good")).up()
	if r := b.must("refuse", `{}`); !r.Failed || !strings.Contains(r.Text, "no such luck") {
		t.Errorf("answer is %+v", r)
	}
	if e := b.entry("refuse"); e.Errors != 1 {
		t.Errorf("entry is %+v", e)
	}
}

func TestOnlyNamedSecretsReachAServerAndNoneItsLog(t *testing.T) {
	t.Setenv("SOMETHING_PRIVATE", "from the house's environment")
	decl := goServer(t, "alpha", "good")
	decl.Secrets = []string{"THE_KEY"}
	b := newBench(t, decl).up()
	r := b.must("secret", `{}`)
	if !strings.Contains(r.Text, "THE_KEY=s3cr3t-value-of-THE_KEY") || strings.Contains(r.Text, "SOMETHING_PRIVATE") {
		t.Errorf("environment is %s", r.Text)
	}
	if !strings.Contains(r.Text, "HOLDFAST_UNIT="+b.house+"/tools.alpha/") || !strings.Contains(r.Text, "LUNA_ENV_FILE=") {
		t.Errorf("environment lacks the mark: %s", r.Text)
	}
	timing.Until(t, "the log", func() bool { return strings.Contains(b.log("alpha"), "the key is ••••") })
	if strings.Contains(b.log("alpha"), "s3cr3t") {
		t.Error("the secret is in the log")
	}
}

func TestBlockedServerOffersNothing(t *testing.T) {
	decl := goServer(t, "alpha", "good")
	decl.Blocked = "OPENAI_API_KEY is not set"
	b := newBench(t, decl).up()
	if names := b.names(agent()); len(names) != 0 {
		t.Errorf("names are %v", names)
	}
	if s := b.desk().servers()[0]; s.State != upstream.StateBlocked || !strings.Contains(s.Error, "OPENAI_API_KEY") {
		t.Errorf("server is %+v", s)
	}
}

func TestIdleServerRestsAndWakes(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good"))
	b.section.Idle = config.Duration(50 * time.Millisecond)
	b.up()
	timing.Until(t, "rest", func() bool { return b.desk().servers()[0].State == upstream.StateResting && len(b.left()) == 0 })
	if names := b.names(agent()); !slices.Contains(names, "echo") {
		t.Errorf("a resting server's tools are gone: %v", names)
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { b.must("echo", `{"text":"x"}`) })
	}
	group.Wait()
	if s := b.desk().servers()[0]; s.Starts != 2 {
		t.Errorf("20 calls at once made %d starts", s.Starts-1)
	}
}

func TestListChangedIsFollowed(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "grow")).up()
	changed := b.Changed()
	b.must("grow", `{}`)
	<-changed
	timing.Until(t, "the new tool", func() bool { return slices.Contains(b.names(agent()), "grown") })
}

func TestClashingNamesArePrefixedVisibly(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good"), goServer(t, "beta", "good"))
	b.actions.add(action.NewAction(holdfast.Action{Name: "huge.x", Summary: "x", Tier: holdfast.TierPublic, Effect: holdfast.EffectRead},
		func(context.Context, action.Nothing) (action.Nothing, error) { return action.Nothing{}, nil }))
	b.up()
	names := b.names(agent())
	if slices.Contains(names, "echo") || !slices.Contains(names, "alpha_echo") || !slices.Contains(names, "beta_echo") {
		t.Errorf("names are %v", names)
	}
	if e := b.entry("beta_echo"); e.OwnName != "echo" {
		t.Errorf("entry is %+v", e)
	}
	b.must("beta_echo", `{"text":"x"}`)
}

func TestExtensionsComeChangeAndGo(t *testing.T) {
	alpha, beta := goServer(t, "alpha", "good"), goServer(t, "beta", "grow")
	b := newBench(t, alpha).up()
	b.must("echo", `{"text":"x"}`)
	pid := b.desk().servers()[0].PID
	b.extensions.set(alpha, beta)
	b.Refresh()
	timing.Until(t, "both", func() bool { return slices.Contains(b.names(agent()), "alpha_echo") })
	if s, _ := b.desk().server("alpha"); s.PID != pid {
		t.Error("an unchanged server was restarted")
	}
	changed := beta
	changed.Settings = map[string]holdfast.ToolSetting{"grow": {Passthrough: true}}
	b.extensions.set(changed)
	b.Refresh()
	timing.Until(t, "one", func() bool {
		names := b.names(agent())
		return slices.Contains(names, "echo") && slices.Contains(names, "grow")
	})
	if e := b.entry("grow"); !e.Passthrough || e.EnabledInMCP {
		t.Errorf("entry is %+v", e)
	}
	b.extensions.set()
	b.Refresh()
	timing.Until(t, "none", func() bool { return len(b.left()) == 0 })
}

func TestWholeTreeEnds(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "tree")).up()
	b.must("echo", `{"text":"x"}`)
	timing.Until(t, "the children", func() bool { return len(b.left()) >= 3 })
	b.down()
}

func TestHundredStartsAndKillsLeaveNothing(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good")).up()
	for i := range 100 {
		if i%2 == 0 {
			b.kill("alpha")
		}
		if err := b.Restart(t.Context(), "alpha"); err != nil {
			t.Fatalf("start %d: %v", i, err)
		}
	}
	if n := len(b.left()); n > 1 {
		t.Errorf("%d processes live, want 1", n)
	}
	b.down()
}

func TestManyCallsAtOnce(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good")).up()
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			want := fmt.Sprint("call ", i)
			if r := b.must("echo", fmt.Sprintf(`{"text":%q}`, want)); r.Text != want {
				t.Errorf("answer is %q, want %q", r.Text, want)
			}
		})
	}
	group.Wait()
}

func TestStopEndsCallsInFlight(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good")).up()
	b.must("echo", `{"text":"x"}`)
	failed := make(chan error, 1)
	go func() {
		_, err := b.Call(context.Background(), agent(), "slow", nil)
		failed <- err
	}()
	timing.Until(t, "the call", func() bool { return b.servers["alpha"].Status().Calls == 1 })
	b.down()
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "ended while slow ran") {
		t.Errorf("error is %v", err)
	}
}

func TestMissingProgramIsClear(t *testing.T) {
	b := newBench(t, holdfast.ToolServer{Name: "none", Run: []string{"no-such-program"}, Dir: t.TempDir()}).up()
	b.names(agent())
	if s := b.desk().servers()[0]; !strings.Contains(s.Error, "no-such-program") {
		t.Errorf("server is %+v", s)
	}
}

func TestUnwritableLogDoesNotStopTools(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good"))
	if err := os.Mkdir(b.home.Var("logs", "alpha_tools.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.up()
	b.must("echo", `{"text":"x"}`)
}

// A house that is killed leaves servers that do not notice; the next one ends them.
func TestLeftoversOfAKilledHouseAreEnded(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "tree"))
	mark := process.Mark{House: b.house, Unit: "tools.alpha", Launch: "mcp-before"}
	other := process.Mark{House: b.house, Unit: "tools.ui", Launch: "unit1"}
	for _, m := range []process.Mark{mark, other} {
		child, err := process.Machine{}.Start(process.Spec{Argv: []string{"sleep", "1000"}, Env: []string{"PATH=" + os.Getenv("PATH")}, Mark: m})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = child.End(context.Background(), syscall.SIGKILL, 0) })
	}
	b.extensions.set()
	if err := b.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	timing.Until(t, "only the unit", func() bool { left := b.left(); return len(left) == 1 && left[0].Mark == other })
	if err := b.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestKilledHouseLeavesNothingForTheNext(t *testing.T) {
	b := newBench(t)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		house := exec.CommandContext(t.Context(), binary)
		house.Env = append(os.Environ(), "TOOL_HOUSE="+b.home.Dir(), "TOOL_HOUSE_MARK="+b.house)
		out, err := house.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := house.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "up\n" {
			t.Fatalf("the house says %q, %v", line, err)
		}
		timing.Until(t, "the server and its children", func() bool { return len(b.left()) >= 3 })
		if err := house.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = house.Wait()
		if len(b.left()) == 0 {
			t.Fatal("nothing was left, so nothing is shown")
		}
	}
	if err := b.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	timing.Until(t, "nothing left", func() bool { return len(b.left()) == 0 })
	if err := b.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}
