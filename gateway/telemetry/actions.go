// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/gateway/telemetry/scan"
)

// A Status is how telemetry stands.
type Status struct {
	State    string    `json:"state" enum:"on,off" help:"whether the logs of coding agents are read"`
	Note     string    `json:"note,omitempty" help:"what that means where they are not"`
	Looked   time.Time `json:"looked,omitzero" help:"when they were last looked at"`
	Took     string    `json:"took,omitempty" help:"how long that took"`
	Files    int       `json:"files" help:"logs that are followed"`
	Read     int       `json:"read" help:"times that one was read since the start"`
	Bytes    int64     `json:"bytes" help:"read since the start"`
	Calls    int       `json:"calls" help:"told to the ledger since the start, growth included"`
	Passed   int       `json:"passed,omitempty" help:"lines too long to be read"`
	Folders  []place   `json:"folders" help:"where logs are looked for"`
	Unread   int       `json:"unread,omitempty" help:"files and folders that cannot be read"`
	Problems []string  `json:"problems,omitempty" help:"what cannot be read, and why: the first hundred"`
}

type place struct {
	Agent scan.Source `json:"agent"`
	Path  string      `json:"path"`
}

func (t *Telemetry) actions() []holdfast.Action {
	status := holdfast.Action{
		Name: "telemetry.status", Summary: "Show which logs of coding agents are followed", Tier: holdfast.TierOperator,
		Effect: holdfast.EffectRead, Offline: true, Examples: []string{"holdfast telemetry status"},
	}
	now := holdfast.Action{
		Name: "telemetry.scan", Summary: "Look at the logs of coding agents now", Tier: holdfast.TierOperator,
		Effect: holdfast.EffectChange, Subject: func(any) string { return "logs" },
		Examples: []string{"holdfast telemetry scan"},
	}
	line := holdfast.Action{
		Name: "token.statusline", Summary: "Print one line for a coding agent's prompt", Tier: holdfast.TierOperator,
		Effect: holdfast.EffectRead, Offline: true,
		Help: "From the command line it reads the agent's own JSON on standard input when there is one, starts nothing and asks no house: " +
			`in Claude Code's settings, "statusLine": {"type": "command", "command": "holdfast tokens statusline"}.`,
		Examples: []string{"holdfast tokens statusline"},
	}
	return []holdfast.Action{
		action.NewAction(status, t.state),
		action.NewAction(now, t.scanNow),
		action.NewAction(line, t.statusline),
	}
}

func (t *Telemetry) state(context.Context, action.Nothing) (Status, error) {
	t.mu.Lock()
	s, section := t.status, *t.needs.Config
	t.mu.Unlock()
	s.State = "on"
	if !section.Enabled {
		s.State, s.Note, s.Problems, s.Unread = "off", off, nil, 0
	}
	roots, err := t.roots(section)
	for _, r := range roots {
		s.Folders = append(s.Folders, place{r.Source, r.Path})
	}
	return s, err
}

// off says what it means that nothing is read.
const off = "telemetry.enabled is false in holdfast.yaml: no log is read, and what coding agents spend outside the gateway is neither counted nor judged"

func (t *Telemetry) scanNow(ctx context.Context, _ action.Nothing) (Status, error) {
	if err := t.lookNow(ctx); err != nil {
		return Status{}, err
	}
	return t.state(ctx, action.Nothing{})
}

func (t *Telemetry) lookNow(ctx context.Context) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	if !t.needs.Config.Enabled {
		return holdfast.Errorf(holdfast.CodeConflict, "nothing was read: %s", off)
	}
	return t.look(ctx)
}

type lineInput struct {
	Model   string `json:"model" help:"the model's name as the agent shows it"`
	Session string `json:"session" help:"the agent's name of the conversation"`
}

func (t *Telemetry) statusline(_ context.Context, in lineInput) (Line, error) {
	p := prompt{SessionID: in.Session}
	p.Model.DisplayName = in.Model
	return lineOf(t.needs.Home, p, time.Now()), nil
}
