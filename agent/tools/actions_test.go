// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"holdfast/agent/upstream"

	"holdfast"
)

// ask runs an action of the desk as the waist would, for an operator.
func (b *bench) ask(name, input string) (any, error) {
	b.t.Helper()
	list := b.desk().actions()
	a := list[slices.IndexFunc(list, func(a holdfast.Action) bool { return a.Name == name })]
	in, err := a.Decode(json.RawMessage(input))
	if err != nil {
		return nil, err
	}
	return a.Run(holdfast.WithCaller(b.t.Context(), operator()), in)
}

func TestActionsAreWellFormed(t *testing.T) {
	b := newBench(t)
	for _, a := range b.desk().actions() {
		for _, schema := range []json.RawMessage{a.Input.Schema(), a.Output.Schema()} {
			if !json.Valid(schema) {
				t.Errorf("%s: schema is %s", a.Name, schema)
			}
		}
	}
}

func TestOperatorListsShowsCallsAndRestarts(t *testing.T) {
	b := newBench(t, goServer(t, "alpha", "good"))
	b.actions.add(houseActions()...)
	b.up()
	out, err := b.ask("tool.list", `{"extension":"alpha"}`)
	if err != nil || len(out.(listOutput).Tools) < 5 || out.(listOutput).Servers[0].State != upstream.StateServing {
		t.Errorf("list is %+v, %v", out, err)
	}
	if out, err = b.ask("tool.list", `{"extension":"house"}`); err != nil || len(out.(listOutput).Tools) != 3 {
		t.Errorf("list is %+v, %v", out, err)
	}
	luna, err := b.ask("tool.all", `{}`)
	raw, _ := json.Marshal(luna)
	if err != nil ||
		!strings.Contains(string(raw), `{"extensions":{"alpha":[{"name":"crash","enabled":true,"docstring":"does crash"}`) ||
		!strings.Contains(string(raw), `"remote_mcp_servers":{}`) {
		t.Errorf("the older form is %s, %v", raw, err)
	}
	if out, err = b.ask("tool.show", `{"name":"echo"}`); err != nil || out.(toolShown).Extension != "alpha" {
		t.Errorf("show is %+v, %v", out, err)
	}
	if out, err = b.ask("tool.call", `{"name":"echo","arguments":{"text":"9007199254740993"}}`); err != nil || out.(Result).Text != "9007199254740993" {
		t.Errorf("call is %+v, %v", out, err)
	}
	if out, err = b.ask("tool.restart", `{"name":"alpha"}`); err != nil || out.(Server).State != upstream.StateServing {
		t.Errorf("restart is %+v, %v", out, err)
	}
	for name, input := range map[string]string{"tool.show": `{"name":"nowhere"}`, "tool.restart": `{"name":"nowhere"}`, "tool.call": `{"name":"nowhere"}`} {
		if _, err := b.ask(name, input); err == nil || !strings.Contains(err.Error(), "there is no tool") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestArgumentsOfTheActionAreJournaledByName(t *testing.T) {
	raw, err := json.Marshal(callInput{Name: "x", Arguments: Arguments{"password": json.RawMessage(`"hunter2"`)}})
	if err != nil || strings.Contains(string(raw), "hunter2") || !strings.Contains(string(raw), "password") {
		t.Errorf("journaled as %s, %v", raw, err)
	}
}
