// SPDX-License-Identifier: Apache-2.0

// Package template makes units of agents that were written elsewhere: OpenClaw, loops around Claude
// Code and Codex, a loop in Python. Each is declared whole: a key for the house's gateway, a budget, a
// sandbox, a health check, and files that the operator may edit.
//
// It is not for running them, which units/supervisor does as for any unit, nor for installing their
// programs. It guarantees that an agent is added whole or not at all, also when the house is killed
// meanwhile, and that no key but its own reaches it. The app wires it; surfaces use its actions.
package template

import (
	"context"
	"embed"
	"log/slog"
	"sync"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/house"
	"holdfast/core/operation"
)

//go:embed files
var files embed.FS

type secrets interface {
	Get(name string) (holdfast.Secret, bool)
	Generate(ctx context.Context, name, prefix string) (holdfast.Secret, bool, error)
	Delete(ctx context.Context, name string) error
}

type bearers interface {
	Has(ctx context.Context, name string) (bool, error)
	Lend(ctx context.Context, agent string, models []string, token holdfast.Secret) error
	Withdraw(ctx context.Context, agent string, token holdfast.Secret) error
}

type runner interface {
	Run(ctx context.Context, caller holdfast.Caller, kind string, input any) (holdfast.Operation, error)
}

// Needs is what templates are worked out with.
type Needs struct {
	Home       home.Home
	Units      func() []holdfast.UnitStatus
	Secrets    secrets
	Bearers    bearers
	Operations runner
	// Config is the configuration of the running house, nil before it is loaded.
	Config func() *config.Config
	// Knows tells whether the gateway knows a model now; nil is never asked.
	Knows func(model string) bool
	// API is the base address of the bearer-key listener.
	API func() string
	Log *slog.Logger
	// Disk is where files go; the machine's when left out.
	Disk disk.Disk
}

// Templates adds agents to one house.
type Templates struct {
	needs  Needs
	adding sync.Mutex // one at a time, from the look at what is taken to the end
}

// New names the templates. It does no I/O.
func New(needs Needs) *Templates {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	return &Templates{needs: needs}
}

// Capability is what the templates contribute to the house.
func (t *Templates) Capability() house.Capability {
	return house.Capability{
		Name: "template", Actions: board{t}.actions(), Operations: []operation.Kind{t.kind()},
		Start:  t.start,
		Keep:   []house.Keep{{Name: "agents", Patterns: []string{"agents/**"}}},
		Reason: "before the units, whose sandboxes want folders that are there",
	}
}

// A kit is one template.
type kit struct {
	name, title, about string
	// program is what must be on PATH, install how it comes there, and test asks whether it works.
	program, install string
	needs            string // what else the program wants
	ready, healthy   string
	model            string
	memory           string
	tokens           int64
	port             int
	tokened          bool     // it has a token of its own, for who talks to it
	beside           []string // folders outside the home that it must write
	files            []file
	run              []string // before the program's own vector
	after            []string
	env              []variable
	prepare, ask     string
}

// A file of an agent, rendered from a source under files/.
type file struct {
	path, source string
}

// A variable of an agent's environment; the value is a template.
type variable struct{ Name, Value string }

const (
	byHeartbeat = "the file heartbeat, which the loop touches"
	dailyTokens = 2_000_000
)

// kits are the templates, by name.
func kits() []kit {
	return []kit{claudeCode(), codex(), openClaw(), python()}
}

func claudeCode() kit {
	return kit{
		name: "claude-code", title: "Claude Code loop", about: "Gives the tasks of a folder to `claude -p`, one at a time",
		program: "claude", install: "npm install -g @anthropic-ai/claude-code",
		ready: byHeartbeat, healthy: byHeartbeat, model: "chat", memory: "4GiB", tokens: dailyTokens,
		files: []file{{"loop.sh", "shared/loop.sh"}, {"claude/settings.json", "claude-code/settings.json"}},
		run:   []string{"/bin/sh", "loop.sh"},
		env: []variable{
			{"ANTHROPIC_BASE_URL", "{{API}}"},
			{"ANTHROPIC_MODEL", "{{Model}}"},
			{"ANTHROPIC_SMALL_FAST_MODEL", "{{Model}}"},
			{"ANTHROPIC_DEFAULT_HAIKU_MODEL", "{{Model}}"},
			{"CLAUDE_CONFIG_DIR", "{{Folder}}/claude"},
			{"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"},
			{"CLAUDE_CODE_MAX_RETRIES", "2"},
			{"DISABLE_AUTOUPDATER", "1"},
		},
		prepare: `export ANTHROPIC_AUTH_TOKEN="${{Key}}"`,
		ask:     `exec "$@" -p --model {{quoted Model}}`,
	}
}

func codex() kit {
	return kit{
		name: "codex", title: "Codex loop", about: "Gives the tasks of a folder to `codex exec`, one at a time",
		program: "codex", install: "npm install -g @openai/codex",
		ready: byHeartbeat, healthy: byHeartbeat, model: "chat", memory: "4GiB", tokens: dailyTokens,
		files: []file{{"loop.sh", "shared/loop.sh"}, {"codex/config.toml", "codex/config.toml"}},
		run:   []string{"/bin/sh", "loop.sh"},
		env:   []variable{{"CODEX_HOME", "{{Folder}}/codex"}},
		ask:   `exec "$@" exec --skip-git-repo-check -s {{Sandbox}} -`,
	}
}

func openClaw() kit {
	return kit{
		name: "openclaw", title: "OpenClaw", about: "OpenClaw's gateway with its agent, on a port of this machine",
		program: "openclaw", install: "npm install -g openclaw", needs: "Node.js 24.16 or newer (not 25), or 26.1",
		ready: "GET /readyz of its port", healthy: "GET /healthz of its port", model: "chat", memory: "4GiB", tokens: dailyTokens,
		port: 18789, tokened: true, beside: []string{lockFolder()},
		files: []file{{"openclaw.json", "openclaw/openclaw.json"}},
		after: []string{"gateway", "run"},
		env: []variable{
			{"OPENCLAW_CONFIG_PATH", "{{Folder}}/openclaw.json"},
			{"OPENCLAW_STATE_DIR", "{{Folder}}/state"},
			{"OPENCLAW_SUPERVISOR_MODE", "external"},
			{"OPENCLAW_NO_AUTO_UPDATE", "1"},
			{"NO_COLOR", "1"},
		},
	}
}

func python() kit {
	return kit{
		name: "python", title: "Python loop", about: "A small loop in Python to make an agent of: gives the tasks of a folder to a model, one at a time",
		program: "python3", install: "apt-get install python3",
		ready: byHeartbeat, healthy: byHeartbeat, model: "chat", memory: "512MiB", tokens: dailyTokens,
		files: []file{{"loop.py", "python/loop.py"}},
		after: []string{"loop.py"},
		env:   []variable{{"OPENAI_BASE_URL", "{{API}}/v1"}, {"MODEL", "{{Model}}"}, {"GATEWAY_KEY_NAME", "{{Key}}"}},
	}
}

// An agent is what is rendered: one use of a template. It is the stored input of the operation, and
// holds no secret.
type agent struct {
	Name     string   `json:"name"`
	Template string   `json:"template"`
	Mark     string   `json:"mark"`
	Model    string   `json:"model"`
	API      string   `json:"api"`
	Program  []string `json:"program"`
	Path     string   `json:"path,omitempty"`
	Read     []string `json:"read"`
	Port     int      `json:"port,omitempty"`
	Tokens   int64    `json:"tokens"`
	Confined bool     `json:"confined"`
	Folder   string   `json:"folder"`
}

// A view is what the templates see of an agent.
type view struct {
	agent
	Key     string
	Secrets []string
	Write   []string
	Run     []string
	Env     []variable
	Memory  string
	Prepare string
	Ask     string
}

func (k kit) view(a agent) (view, error) {
	v := view{agent: a, Key: keyName(a.Name), Secrets: k.secrets(a.Name), Write: append([]string{"agents/" + a.Name}, k.beside...), Memory: k.memory}
	v.Run = append(append(append(v.Run, k.run...), a.Program...), k.after...)
	env := []variable{{"HOME", "{{Folder}}/home"}, {"TMPDIR", "{{Folder}}/tmp"}}
	if a.Path != "" {
		env = append(env, variable{"PATH", "{{Path}}"})
	}
	for _, e := range append(env, k.env...) {
		value, err := render("variable", e.Value, v)
		if err != nil {
			return view{}, err
		}
		v.Env = append(v.Env, variable{e.Name, string(value)})
	}
	prepare, err := render("prepare", k.prepare, v)
	if err != nil {
		return view{}, err
	}
	ask, err := render("ask", k.ask, v)
	v.Prepare, v.Ask = string(prepare), string(ask)
	return v, err
}
