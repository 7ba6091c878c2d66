// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
)

const librarian = `{"name":"librarian","base_agent":"simple_agent","tool_config":{"*":false,"list":true,"delete":{"enabled_in_mcp":true,"passthrough":true}},
	"system_prompt":"You keep the notes.","alias":"fast","budget":{"steps":2,"tokens":1000,"seconds":60}}`

func TestAPresetIsAnAgentOfItsOwn(t *testing.T) {
	b := newBench(t, line{calls: []toolCall{call("c1", "delete", `{}`), call("c2", "add", `{}`)}}, line{text: "Done."})
	if _, err := b.do("preset.add", librarian); err != nil {
		t.Fatal(err)
	}
	got := b.post(strings.Replace(hello, Name, "librarian", 1))
	if got.text() != "Done." || got.whole.Model != "librarian" {
		t.Fatalf("answer is %s", got.body)
	}
	asked := b.model.asked[0]
	offered := asked.offered()
	slices.Sort(offered)
	if asked.Model != "fast" || asked.agent != "librarian" || !slices.Equal(offered, []string{"delete", "list"}) {
		t.Errorf("the model %s was asked by %s with %v", asked.Model, asked.agent, offered)
	}
	if system := asked.Messages[0].text(); !strings.HasPrefix(system, "You keep the notes.\n") || strings.Contains(system, directResponse) {
		t.Errorf("the system message is %s", system)
	}
	// Its switches let delete run by itself; add is not its tool. It has two steps.
	if !slices.Equal(b.box.calls, []string{"delete{}"}) || len(b.model.asked[1].Tools) != 0 {
		t.Errorf("calls are %v, the last step has %d tools", b.box.calls, len(b.model.asked[1].Tools))
	}
}

// TestAModelThatIsNotThereIsTold: the preset is kept, for the alias may come later.
func TestAModelThatIsNotThereIsTold(t *testing.T) {
	b := newBench(t)
	b.needs.Knows = func(model string) bool { return model == "fast" }
	for alias, told := range map[string]bool{"nosuch": true, "fast": false} {
		out, err := b.do("preset.add", fmt.Sprintf(`{"name":"of_%[1]s","alias":%[1]q}`, alias))
		if err != nil || strings.Contains(string(out), "there is no model") != told {
			t.Errorf("of %s it answers %s, %v", alias, out, err)
		}
	}
}

// TestAnAliasThatHidesAPresetIsTold: who asks for the name gets the model of the alias.
func TestAnAliasThatHidesAPresetIsTold(t *testing.T) {
	b := newBench(t)
	b.needs.Aliased = func(name string) bool { return name == "chat" }
	for name, told := range map[string]bool{"chat": true, "mine": false} {
		out, err := b.do("preset.add", fmt.Sprintf(`{"name":%q}`, name))
		if err != nil || strings.Contains(string(out), "stands before it") != told {
			t.Errorf("of %s it answers %s, %v", name, out, err)
		}
	}
}

// TestSwitchesOfNoToolAreNamed: they are kept, for the tool may come later, and said with the nearest.
func TestSwitchesOfNoToolAreNamed(t *testing.T) {
	b := newBench(t)
	const near, far = `no tool that is offered now is called \"delte\": did you mean delete?`, `no tool that is offered now is called \"weather_today\"`
	for _, step := range []struct{ name, input string }{
		{"preset.add", `{"name":"mine","tool_config":{"*":false,"list":true,"delte":true,"weather_today":true}}`},
		{"preset.update", `{"name":"mine","system_prompt":"Be brief."}`},
		{"preset.list", `{}`},
	} {
		out, err := b.do(step.name, step.input)
		if err != nil || !strings.Contains(string(out), `"warnings":["`+near+`","`+far+`"]`) || !strings.Contains(string(out), `"tool_count":1`) {
			t.Errorf("%s answers %s, %v", step.name, out, err)
		}
	}
	if out, err := b.do("preset.update", `{"name":"mine","tool_config":{"*":false,"list":true}}`); err != nil || strings.Contains(string(out), "warnings") {
		t.Errorf("without them it answers %s, %v", out, err)
	}
}

func TestPresetsAreKeptWithWhatOthersWrote(t *testing.T) {
	b := newBench(t)
	before := `{"luna": {"version": "1"}, "agent_presets": {"old": {"base_agent": "passthrough_agent", "enabled": true, "tool_config": {"add": {"enabled": false}}, "theirs": [1]}}, "more": 1}`
	if err := os.WriteFile(b.place.MasterFile(), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ name, input, want string }{
		{"preset.list", `{}`, `"name":"old","base_agent":"passthrough_agent","enabled":true,"tool_count":3`},
		{"preset.tools", `{"name":"old"}`, `"name":"add","source":"","enabled":false`},
		{"preset.add", librarian, `"tool_count":2`},
		{"preset.update", `{"name":"old","enabled":false,"system_prompt":"Be brief."}`, `"enabled":false`},
		{"preset.list", `{}`, `"system_prompt":"Be brief."`},
		{"preset.delete", `{"name":"librarian"}`, `"deleted":{"name":"librarian"`},
	} {
		out, err := b.do(step.name, step.input)
		if err != nil || !strings.Contains(string(out), step.want) {
			t.Errorf("%s answers %s, %v; want %s", step.name, out, err, step.want)
		}
	}
	var after struct {
		Presets map[string]struct {
			Theirs []int  `json:"theirs"`
			Prompt string `json:"system_prompt"`
		} `json:"agent_presets"`
		More int `json:"more"`
	}
	text, err := os.ReadFile(b.place.MasterFile())
	if err != nil || json.Unmarshal(text, &after) != nil || len(after.Presets) != 1 || after.Presets["old"].Prompt == "" ||
		len(after.Presets["old"].Theirs) != 1 || after.More != 1 {
		t.Errorf("the file is %s, %v", text, err)
	}
	if _, ok := b.Lookup("old"); ok {
		t.Error("a preset that is off is a model")
	}
	if _, ok := b.Lookup("librarian"); ok {
		t.Error("a preset that is deleted is a model")
	}
}

func TestWrongPresetsAreRefused(t *testing.T) {
	b := newBench(t)
	for input, want := range map[string]string{
		`{"name":"passthrough_agent"}`:        "cannot be a preset's name",
		`{"name":"a/b"}`:                      "cannot be a preset's name",
		`{"name":"../x"}`:                     "cannot be a preset's name",
		`{"name":"x","base_agent":"other"}`:   "base_agent",
		`{"name":"x","alias":"simple_agent"}`: "is an agent",
		`{"name":"x","tool_config":[1]}`:      "tool_config",
		`{"name":"x","system_prompt":"` + strings.Repeat("x", 17<<10) + `"}`: "at most 16384",
		`{"name":"x","budget":{"steps":-1}}`:                                 "budget",
	} {
		if _, err := b.do("preset.add", input); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s is answered %v, want %s", input, err, want)
		}
	}
	for name, code := range map[string]holdfast.Code{"preset.update": holdfast.CodeNotFound, "preset.delete": holdfast.CodeNotFound, "preset.tools": holdfast.CodeNotFound} {
		_, err := b.do(name, `{"name":"nobody"}`)
		if known, ok := errors.AsType[*holdfast.Error](err); !ok || known.Code != code {
			t.Errorf("%s is answered %v", name, err)
		}
	}
	if _, err := b.do("preset.add", librarian); err != nil {
		t.Fatal(err)
	}
	if _, err := b.do("preset.add", librarian); err == nil {
		t.Error("a preset was made twice")
	}
}

func TestAPresetTakesOverNoAgentOfTheHome(t *testing.T) {
	b := newBench(t)
	b.lay("noisy/agent.py", "", 0)
	_, err := b.do("preset.add", `{"name":"noisy"}`)
	if known, ok := errors.AsType[*holdfast.Error](err); !ok || known.Code != holdfast.CodeConflict || !strings.Contains(err.Error(), "agents/noisy/agent.py") {
		t.Errorf("it is answered %v", err)
	}
	if b.presets.all()["noisy"].BaseAgent != "" {
		t.Error("it was kept")
	}
	// One that was there first may be changed, and says what it hides.
	if _, err := b.do("preset.add", `{"name":"later"}`); err != nil {
		t.Fatal(err)
	}
	b.lay("later/agent.py", "", 0)
	out, err := b.do("preset.update", `{"name":"later","system_prompt":"Be brief."}`)
	if err != nil || !strings.Contains(string(out), `"warnings":["it hides the agent of the home in agents/later/agent.py"]`) {
		t.Errorf("the change is answered %s, %v", out, err)
	}
	if one, _ := b.listed("later"); !strings.Contains(one.Problem, "a preset has its name") {
		t.Errorf("the hidden agent has the problem %q", one.Problem)
	}
}

// TestGivenSwitchesAreReadStrictly: a misspelt one is refused; what stands in the file is not in the way.
func TestGivenSwitchesAreReadStrictly(t *testing.T) {
	b := newBench(t)
	before := `{"agent_presets": {"old": {"tool_config": {"add": {"enabled_in_mpc": false}}}}}`
	if err := os.WriteFile(b.place.MasterFile(), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ name, input string }{
		{"preset.add", `{"name":"x","tool_config":{"add":{"enabled_in_mpc":false}}}`},
		{"preset.add", `{"name":"x","tool_config":{"add":"off"}}`},
		{"preset.update", `{"name":"old","tool_config":{"add":{"enabled_in_mpc":true}}}`},
	} {
		if out, err := b.do(step.name, step.input); err == nil || !strings.Contains(err.Error(), "tool_config") || !strings.Contains(err.Error(), `"add"`) {
			t.Errorf("%s of %s is answered %s, %v", step.name, step.input, out, err)
		}
	}
	if out, err := b.do("preset.update", `{"name":"old","system_prompt":"Be brief."}`); err != nil || !strings.Contains(string(out), "enabled_in_mpc") {
		t.Errorf("a change beside an old switch is answered %s, %v", out, err)
	}
}

func TestAgentsAndPresetsAreModels(t *testing.T) {
	b := newBench(t)
	b.box.tier["delete"] = holdfast.TierOwner
	if _, err := b.do("preset.add", librarian); err != nil {
		t.Fatal(err)
	}
	want := []holdfast.AgentModel{
		{Name: Name, BaseAgent: Name, ToolCount: 3},
		{Name: Simple, BaseAgent: Simple, ToolCount: 3},
		{Name: "librarian", BaseAgent: Simple, IsPreset: true, ToolCount: 1},
	}
	if got := b.Models(holdfast.WithCaller(t.Context(), person())); !slices.Equal(got, want) {
		t.Errorf("models are %+v", got)
	}
	// A file that cannot be read leaves the presets that were there.
	if err := os.WriteFile(b.place.MasterFile(), []byte(`{"agent_presets": [`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := b.Models(holdfast.WithCaller(t.Context(), person())); len(got) != 3 {
		t.Errorf("models are %+v", got)
	}
}

func TestSimpleAgentUsesOneToolAfterTheOther(t *testing.T) {
	b := newBench(t, line{text: "I look.", calls: []toolCall{call("c1", "list", `{}`), call("c2", "add", `{}`)}}, line{calls: []toolCall{call("c3", "delete", `{}`)}})
	got := b.post(strings.Replace(hello, Name, Simple, 1))
	if !slices.Equal(b.box.calls, []string{"list{}", "add{}"}) || got.whole.Choices[0].Finish != "tool_calls" {
		t.Errorf("calls are %v, answer %s", b.box.calls, got.body)
	}
	if slices.Contains(b.model.asked[0].offered(), directResponse) {
		t.Error("it is offered to plan")
	}
}

// A preset's budget bounds each of its requests, whatever the section agent allows.
func TestAPresetsBudgetBoundsItsRequests(t *testing.T) {
	b := newBench(t, line{text: "Looking.", calls: []toolCall{call("c", "list", `{}`)}}, line{text: "never"})
	if _, err := b.do("preset.add", `{"name":"frugal","budget":{"tokens":15,"seconds":60}}`); err != nil {
		t.Fatal(err)
	}
	got := b.post(strings.Replace(hello, Name, "frugal", 1))
	if got.whole.Choices[0].Finish != "length" || !strings.Contains(got.text(), "token limit") || len(b.model.asked) != 1 {
		t.Errorf("answer is %s after %d calls", got.body, len(b.model.asked))
	}
	// By the day it is the budget of its name: every model call is made in it.
	if asked := b.model.asked[0]; asked.agent != "frugal" {
		t.Errorf("the model was asked by %s", asked.agent)
	}
	as, _ := b.persona("frugal")
	if as.bounds.time != time.Minute || as.bounds.steps != b.section.Steps {
		t.Errorf("its bounds are %+v", as.bounds)
	}
}
