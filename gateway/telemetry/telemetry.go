// SPDX-License-Identifier: Apache-2.0

// Package telemetry brings what coding agents spend outside the gateway into the ledger.
//
// It is for following the session logs of Claude Code, Codex, Gemini CLI and OpenCode on this
// machine, live, and for the line that such an agent shows at its prompt. It is not for reading the
// formats (scan) nor for sums and prices (the ledger). What cannot be read is said once and does not
// stop the rest; a lost state costs a second reading and counts nothing twice. Callers: the house,
// and the command line's light path for the status line.
package telemetry

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/gateway/ledger"
	"holdfast/gateway/price"
	"holdfast/gateway/telemetry/outside"
	"holdfast/gateway/telemetry/scan"
)

// Config is the section telemetry of holdfast.yaml.
type Config struct {
	// Enabled tells whether the logs of coding agents are read into the ledger, so that budgets
	// report, and the breaker judges, what they spend outside the gateway.
	Enabled bool `json:"enabled"`
	// Every is how often it is looked for new lines.
	Every config.Duration `json:"every"`
	// Claude lists folders of Claude Code that hold projects. Empty: those of CLAUDE_CONFIG_DIR, else
	// ~/.config/claude and ~/.claude.
	Claude []string `json:"claude"`
	// Codex lists folders of Codex that hold sessions. Empty: those of CODEX_HOME, else ~/.codex.
	Codex []string `json:"codex"`
	// Gemini lists folders of Gemini CLI that hold tmp. Empty: ~/.gemini.
	Gemini []string `json:"gemini"`
	// OpenCode lists data folders of OpenCode. Empty: those of OPENCODE_DATA_DIR, else
	// ~/.local/share/opencode.
	OpenCode []string `json:"opencode"`
	// Relayed lists the names that the settings of Codex and OpenCode have for this house's gateway,
	// as model_provider or provider: calls to them are in the ledger already. Those of Claude Code
	// need none, for its logs name each answer as the gateway does.
	Relayed []string `json:"relayed"`
}

// Defaults is the section of a home that says nothing.
func Defaults() Config {
	return Config{
		Enabled: true, Every: config.Duration(15 * time.Second), Claude: []string{}, Codex: []string{}, Gemini: []string{},
		OpenCode: []string{}, Relayed: []string{"holdfast"},
	}
}

// Check lists what the types of the fields do not tell.
func (c Config) Check() []holdfast.Problem {
	if every := time.Duration(c.Every); every < time.Second || every > time.Hour {
		return []holdfast.Problem{{Field: "every", Message: "is not between 1s and 1h", Remedy: "15s keeps the breaker informed"}}
	}
	return nil
}

// Books take what agents spent. The ledger is one.
type Books interface {
	Observe(ctx context.Context, seen []ledger.Observation) error
	Spent(ctx context.Context, by string, since time.Time) (map[string]ledger.Spent, error)
}

// Needs is what telemetry is made of.
type Needs struct {
	Home   home.Home
	Config *Config
	Books  Books
	// Location is the operator's time zone, for what is called today; nil means UTC.
	Location func() *time.Location
	Log      *slog.Logger
	// Getenv and UserHome answer for where the agents keep their logs; nil asks the process.
	Getenv   func(string) string
	UserHome func() (string, error)
}

// Telemetry follows the logs. Its methods may be called by many goroutines.
type Telemetry struct {
	needs Needs
	turn  sync.Mutex // one look at a time
	eyes  eyes
	woken chan struct{}

	mu     sync.Mutex // for the status, and for the section, which changes with the turn held too
	status Status
	unread []holdfast.Alert
}

// New names a telemetry; nothing is read before Run.
func New(needs Needs) *Telemetry {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	if needs.Location == nil {
		needs.Location = func() *time.Location { return time.UTC }
	}
	if needs.Getenv == nil {
		needs.Getenv = os.Getenv
	}
	if needs.UserHome == nil {
		needs.UserHome = os.UserHomeDir
	}
	return &Telemetry{needs: needs, woken: make(chan struct{}, 1)}
}

// Capability is telemetry's part of the house.
func (t *Telemetry) Capability() house.Capability {
	return house.Capability{
		Name: "telemetry", Config: t.needs.Config, Actions: t.actions(), Alerts: t.alerts(), Run: t.Run, Stop: t.Stop,
		Reason: "after the ledger, which takes what it finds",
	}
}

// Apply takes up a changed section.
func (t *Telemetry) Apply(fresh Config) {
	t.turn.Lock()
	t.save(time.Now())
	t.mu.Lock()
	*t.needs.Config, t.eyes = fresh, eyes{}
	t.mu.Unlock()
	t.turn.Unlock()
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

// Run looks at the logs, at once and then time and again, until ctx ends.
func (t *Telemetry) Run(ctx context.Context) error {
	for {
		every := t.glance(ctx)
		timer := time.NewTimer(every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-t.woken:
			timer.Stop()
		}
	}
}

// glance looks once and says when to look again. What fails is tried again then.
func (t *Telemetry) glance(ctx context.Context) time.Duration {
	t.turn.Lock()
	defer t.turn.Unlock()
	if t.needs.Config.Enabled {
		if err := t.look(ctx); err != nil && ctx.Err() == nil {
			t.needs.Log.Warn("cannot bring the logs of coding agents up to date", "error", err)
		}
	} else if err := outside.Tell(t.needs.Home, outside.Where{}); err != nil {
		t.needs.Log.Warn("cannot tell the watch that no logs are read", "error", err)
	}
	return time.Duration(t.needs.Config.Every)
}

// Stop writes down how far the logs were read.
func (t *Telemetry) Stop(context.Context) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	t.save(time.Now())
	return nil
}

// roots are the folders that a section names, or the agents' own.
func (t *Telemetry) roots(c Config) ([]scan.Root, error) {
	user, err := t.needs.UserHome()
	if err != nil {
		return nil, err
	}
	gemini := make([]string, 0, len(c.Gemini))
	for _, folder := range c.Gemini {
		gemini = append(gemini, folder+"/tmp")
	}
	return scan.Roots(func(name string) string {
		for _, own := range []struct {
			name    string
			folders []string
		}{{"CLAUDE_CONFIG_DIR", c.Claude}, {"CODEX_HOME", c.Codex}, {"GEMINI_DATA_DIR", gemini}, {"OPENCODE_DATA_DIR", c.OpenCode}} {
			if own.name == name && len(own.folders) > 0 {
				return joined(own.folders)
			}
		}
		return t.needs.Getenv(name)
	}, user), nil
}

func observation(r scan.Record) ledger.Observation {
	return ledger.Observation{
		Key: r.Key, Source: string(r.Source), Time: r.Time, Session: r.Session, Agent: agentOf(r.Source), Project: r.Project,
		Provider: r.Provider, Model: r.Model, Usage: r.Usage, ResponseID: r.ResponseID,
		Instead: r.Instead,
		Cost:    price.Cost{Nano: r.Nano, Known: r.Priced},
	}
}

func agentOf(s scan.Source) string {
	switch s {
	case scan.Claude:
		return "claude-code"
	case scan.Gemini:
		return "gemini-cli"
	default:
		return string(s)
	}
}
