// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/config"
)

// Usage is what was burned in a span of time, added up by something.
type Usage struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
	By    string    `json:"by"`
	Sum   Sum       `json:"sum"`
	Rows  []Share   `json:"rows"`
}

// who are the filters that all questions share.
type who struct {
	Agent    string `json:"agent,omitempty" help:"only this agent"`
	Provider string `json:"provider,omitempty" help:"only this provider"`
	Model    string `json:"model,omitempty" help:"only this model"`
	Source   string `json:"source,omitempty" help:"only what this source counted: gateway, claude, codex, gemini, opencode, import"`
	Tenant   string `json:"tenant,omitempty" help:"only this tenant"`
	Key      string `json:"key,omitempty" help:"only this virtual key"`
	Project  string `json:"project,omitempty" help:"only this project"`
	Session  string `json:"session,omitempty" help:"only this session"`
}

func (w who) filters() []filter {
	return []filter{
		{byAgent, w.Agent},
		{"provider", w.Provider},
		{"model", w.Model},
		{"source", w.Source},
		{"tenant", w.Tenant},
		{"api_key", w.Key},
		{"project", w.Project},
		{"session", w.Session},
	}
}

type usageInput struct {
	By    string `json:"by,omitempty" help:"what to add up by" enum:"agent,model,provider,day,hour,session,key,tenant,source,project" default:"day" pos:"1"`
	Since string `json:"since,omitempty" help:"from when: an age such as 7d or 12h, a date, or a time; it is taken down to a quarter of an hour" default:"30d"`
	Until string `json:"until,omitempty" help:"until when, likewise"`
	who
}

// span reads since and until.
func (a answers) span(since, until string, now time.Time) (from, to time.Time, err error) {
	read := func(field, text string) (time.Time, error) {
		if day, err := time.Parse(time.DateOnly, text); err == nil {
			return Midnight(time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, a.needs.Location())), nil
		}
		at, err := config.ParseSince(text, now)
		if err != nil {
			err = holdfast.BadInput("", holdfast.Problem{Field: field, Message: "is no time: " + text, Remedy: "7d, 12h, 2026-01-31 or 2026-01-31T09:00:00Z"})
		}
		return at, err
	}
	if from, err = read("since", since); err != nil || until == "" {
		return from, time.Time{}, err
	}
	to, err = read("until", until)
	return from, to, err
}

func (a answers) usage(ctx context.Context, in usageInput) (Usage, error) {
	since, until, err := a.span(in.Since, in.Until, a.needs.Now())
	if err != nil {
		return Usage{}, err
	}
	if in.By == "day" && in.Until == "" {
		since = a.midnight(since) // whole days
	}
	out := Usage{Since: quarterStart(quarterOf(since)).UTC(), By: in.By}
	if !until.IsZero() {
		out.Until = until.UTC()
	}
	p := part{since: since, until: until, filters: in.filters()}
	err = a.read(ctx, func(q *query) { out.Rows = q.usage(in.By, in.Session != "", p, a.needs.Location()) })
	for _, row := range out.Rows {
		out.Sum.add(row.Sum)
	}
	out.Sum.priced()
	return out, err
}

func (q *query) usage(by string, session bool, p part, zone *time.Location) []Share {
	table := "ledger_sums"
	if session || by == "session" {
		table = "ledger_sessions"
	}
	columns := map[string]string{
		"agent": byAgent, "model": "provider || '/' || model", "provider": "provider", "session": "session",
		"key": "api_key", "tenant": "tenant", "source": "source", "project": "project",
	}
	if column, ok := columns[by]; ok {
		return q.shares(table, column, p)
	}
	layout := time.DateOnly
	if by == "hour" {
		layout = "2006-01-02 15:00 -07:00" // the offset parts the hour that comes twice
	}
	rows := []Share{}
	q.quarters(p, func(at time.Time, s Sum) {
		name := at.In(zone).Format(layout)
		if n := len(rows); n == 0 || rows[n-1].Name != name {
			rows = append(rows, Share{Name: name})
		}
		rows[len(rows)-1].add(s)
	})
	return rows
}

// answers are what the ledger tells people.
type answers struct{ *Ledger }

// actions are what people ask the ledger.
func (a answers) actions() []holdfast.Action {
	read := func(name, short, summary, help string, examples ...string) holdfast.Action {
		return holdfast.Action{
			Name: name, Short: short, Summary: summary, Help: help, Examples: examples,
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
		}
	}
	summary := read("token.summary", "tokens", "Show the tokens burned today, in the last hour, by agent, by model and by hour",
		"Burn counts every class of tokens, cached reads included. Estimated calls are those whose usage the provider never told. "+
			"A cost leaves out the calls whose price is not known, and says how many.",
		"holdfast tokens", "holdfast token summary --hours 168 --json")
	usage := read("token.usage", "usage", "Add up tokens and money by agent, model, provider, day, hour, session, key, tenant, source or project",
		"Days and hours are the operator's. What is added up by session, or of one session, are the calls that belong to one.",
		"holdfast usage", "holdfast usage model --since 7d", "holdfast usage day --agent ada --since 2026-01-01 --csv")
	sessions := read("token.sessions", "", "List the sessions of agents, the last active first",
		"A session is what a coding agent, or a client of the gateway, calls one.",
		"holdfast token sessions --since 2d")
	blocks := read("token.blocks", "", "Show the blocks of five hours in which coding agents' plans count",
		"A block begins with the hour of the first call after the one before. The block under way is projected at its own rate.",
		"holdfast token blocks --source claude")
	calls := read("token.calls", "", "List the latest calls",
		"", "holdfast token calls --limit 50", "holdfast token calls --agent ada --status failed")
	imported := holdfast.Action{
		Name: "token.import", Summary: "Read calls from a file of JSON lines", Tier: holdfast.TierOperator, Effect: holdfast.EffectChange,
		Help: "A mapping says where each field stands: field=path, with points between the names of nested members, or field=\"text for all lines\". " +
			"Fields: time, key, session, agent, project, provider, model, input, cached_read, cache_write_5m, cache_write_1h, output, reasoning, response_id, cost (US dollars). " +
			"Without key a line's own text is its key. A file that is imported again changes nothing.",
		Examples: []string{"holdfast token import old.jsonl --map time=at --map model=request.model --map 'provider=\"openai\"' --map input=usage.prompt --map output=usage.completion"},
	}
	return []holdfast.Action{
		action.NewAction(summary, a.summary),
		action.NewAction(usage, a.usage),
		action.NewAction(sessions, a.sessions),
		action.NewAction(blocks, a.blocks),
		action.NewAction(calls, a.calls),
		action.NewAction(imported, a.importFile),
	}
}
