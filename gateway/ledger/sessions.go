// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"time"
)

// A Session is what belongs together for an agent.
type Session struct {
	Session string    `json:"session"`
	Source  string    `json:"source"`
	Agent   string    `json:"agent"`
	Project string    `json:"project"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Sum
}

type sessionsInput struct {
	Since string `json:"since,omitempty" help:"active since: an age such as 7d or 12h, a date, or a time" default:"7d"`
	Limit int    `json:"limit,omitempty" help:"the most sessions" default:"50" min:"1" max:"10000"`
	who
}

type sessionsOutput struct {
	Since    time.Time `json:"since"`
	Sessions []Session `json:"sessions"`
}

func (a answers) sessions(ctx context.Context, in sessionsInput) (sessionsOutput, error) {
	since, _, err := a.span(in.Since, "", a.needs.Now())
	if err != nil {
		return sessionsOutput{}, err
	}
	out := sessionsOutput{Since: quarterStart(quarterOf(since)).UTC(), Sessions: []Session{}}
	err = a.read(ctx, func(q *query) { out.Sessions = q.sessions(part{since: since, filters: in.filters()}, in.Limit) })
	return out, err
}

func (q *query) sessions(p part, limit int) []Session {
	where, args := p.where()
	list := []Session{}
	text := "SELECT session, MAX(source), MAX(" + byAgent + "), MAX(project), MIN(first_ns), MAX(last_ns) AS latest, " + sums() +
		" FROM ledger_sessions" + where + " GROUP BY 1 HAVING SUM(calls) <> 0 ORDER BY latest DESC, 1 LIMIT ?"
	q.each(text, append(args, int64(limit)), func(scan func(...any) error) error {
		var s Session
		var first, last int64
		err := scan(append([]any{&s.Session, &s.Source, &s.Agent, &s.Project, &first, &last}, s.fields()...)...)
		s.First, s.Last = time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
		s.priced()
		list = append(list, s)
		return err
	})
	return list
}

// blockSpan is how long a block of a coding agent's plan lasts.
const blockSpan = 5 * time.Hour

// A Block is five hours of work.
type Block struct {
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	Active bool      `json:"active"`
	Sum
	PerMinute int64 `json:"tokens_per_minute" help:"from the block's start until now, or its end"`
	Projected int64 `json:"projected" help:"the total at its end, at this rate"`
}

type blocksInput struct {
	Since string `json:"since,omitempty" help:"from when: an age such as 7d or 12h, a date, or a time" default:"3d"`
	who
}

type blocksOutput struct {
	Since  time.Time `json:"since"`
	Blocks []Block   `json:"blocks" help:"the oldest first"`
}

func (a answers) blocks(ctx context.Context, in blocksInput) (blocksOutput, error) {
	now := a.needs.Now()
	since, _, err := a.span(in.Since, "", now)
	if err != nil {
		return blocksOutput{}, err
	}
	out := blocksOutput{Since: quarterStart(quarterOf(since)).UTC(), Blocks: []Block{}}
	err = a.read(ctx, func(q *query) { out.Blocks = q.blocks(part{since: since, filters: in.filters()}, now) })
	return out, err
}

// blocks parts quarters into blocks. A block begins on the hour, and so none ends within a quarter.
func (q *query) blocks(p part, now time.Time) []Block {
	list := []Block{}
	q.quarters(p, func(at time.Time, s Sum) {
		if n := len(list); n == 0 || !at.Before(list[n-1].End) {
			start := at.UTC().Truncate(time.Hour)
			list = append(list, Block{Start: start, End: start.Add(blockSpan)})
		}
		list[len(list)-1].add(s)
	})
	for i := range list {
		b := &list[i]
		b.Active = now.Before(b.End)
		spent := min(now.Sub(b.Start), blockSpan)
		if minutes := int64(spent / time.Minute); minutes > 0 {
			b.PerMinute = b.Total / minutes
		}
		b.Projected = b.Total
		if b.Active {
			b.Projected += b.PerMinute * int64(b.End.Sub(now)/time.Minute)
		}
	}
	return list
}
