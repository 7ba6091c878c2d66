// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"os"
	"strings"
	"testing"

	"holdfast/core/config"
	"holdfast/units/supervisor"
)

// gateway is the section models, as far as it is looked at.
type gateway struct {
	Providers map[string]struct {
		Kind string `json:"kind"`
	} `json:"providers"`
	Profile  string `json:"profile"`
	Profiles map[string]struct {
		Chat     []string `json:"chat,omitempty"`
		Fallback []string `json:"fallback,omitempty"`
	} `json:"profiles"`
	Aliases map[string][]string `json:"aliases"`
}

// TestAModelThatNobodyKnowsIsTold: the agent is made all the same, for the alias may come later.
func TestAModelThatNobodyKnowsIsTold(t *testing.T) {
	b := newBench(t)
	text := `models:
  providers: {local: {kind: rehearsal}}
  profile: mine
  profiles: {mine: {chat: [local/a]}}
  aliases: {big: [local/b]}
`
	if err := os.WriteFile(b.home.ConfigFile(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(b.home.Path("agents", "companion"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.home.Path("agents", "companion", "agent.py"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	b.config, err = config.Load(b.home, []config.Section{
		{Name: "units", Into: &supervisor.Section{}}, {Name: "budgets", Into: &limits{}}, {Name: "models", Into: &gateway{}},
	}, config.Options{Environ: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range []string{"units", "budgets"} {
		b.config.Subscribe(section, func(context.Context, any) error { return nil })
	}
	for _, known := range []string{"chat", "fast", "compaction", "big", "local/anything", "companion", "passthrough_agent/big"} {
		if said := (board{b.Templates}).doubt(known); len(said) > 0 {
			t.Errorf("of %s is said %q", known, said)
		}
	}
	for _, unknown := range []string{"fallback", "nowhere/a", "big/x"} {
		if said := (board{b.Templates}).doubt(unknown); len(said) != 1 {
			t.Errorf("of %s is said %q", unknown, said)
		}
	}
	out, err := b.add(addIn{Template: "python", Name: "ada", Program: b.program, Model: "nosuchmodel"})
	if err != nil || len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], `"nosuchmodel" is no alias`) {
		t.Errorf("the answer is %+v, %v", out, err)
	}
}
