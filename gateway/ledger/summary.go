// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"time"

	"holdfast/core/house"
	"holdfast/gateway/breaker/judge"
)

// A Share is the sum of one agent, one model or whatever else was asked by.
type Share struct {
	Name string `json:"name"`
	Sum
}

// An Hour is the sum of one hour, which begins at Time.
type Hour struct {
	Time time.Time `json:"time"`
	Sum
}

// A Summary is what was burned, by whom and when.
type Summary struct {
	Today    Sum        `json:"today" help:"since the operator's midnight"`
	LastHour Sum        `json:"last_hour" help:"the sliding hour that the breaker judges"`
	ByAgent  []Share    `json:"by_agent" help:"today, the largest first"`
	ByModel  []Share    `json:"by_model" help:"today, the largest first"`
	BySource []Share    `json:"by_source" help:"today, who counted: the gateway, or whose log it was read from"`
	ByHour   []Hour     `json:"by_hour" help:"oldest first; hours without a call are there too"`
	Burn     judge.Burn `json:"burn"`
	Now      time.Time  `json:"now"`
}

type summaryInput struct {
	Hours int `json:"hours" help:"how many hours by_hour covers" default:"24" min:"1" max:"744"`
}

// Capability is the ledger's part of the house; the gateway books.
func (l *Ledger) Capability() house.Capability {
	return house.Capability{
		Name:       "ledger",
		Config:     l.needs.Config,
		Migrations: Migrations(),
		Actions:    answers{l}.actions(),
		Start:      l.Start,
		Run:        l.Run,
		Stop:       l.Stop,
		Reason:     "before the gateway, which books every call, and after the store",
	}
}

func (a answers) summary(ctx context.Context, in summaryInput) (Summary, error) {
	return a.Summary(ctx, in.Hours)
}

// Summary adds up what is booked, the calls that just ended included.
func (l *Ledger) Summary(ctx context.Context, hours int) (Summary, error) {
	now := l.needs.Now()
	var s Summary
	if err := l.read(ctx, func(q *query) { s = q.summary(now, l.midnight(now), hours) }); err != nil {
		return Summary{}, err
	}
	var err error
	s.Burn, err = l.Burn(ctx)
	return s, err
}

const byAgent = "CASE WHEN agent <> '' THEN agent ELSE caller END"

func (q *query) summary(now, midnight time.Time, hours int) Summary {
	s := Summary{Now: now.UTC(), ByHour: make([]Hour, hours)}
	today := part{since: midnight}
	where, args := today.where()
	s.Today = q.sum("SELECT "+sums()+" FROM ledger_sums"+where, args...)
	s.LastHour = q.sum("SELECT "+sums()+" FROM ledger_minutes WHERE minute >= ?", judge.MinuteOf(now)-judge.HourMinutes+1)
	s.ByAgent = q.shares("ledger_sums", byAgent, today)
	s.ByModel = q.shares("ledger_sums", "provider || '/' || model", today)
	s.BySource = q.shares("ledger_sums", "source", today)
	first := now.UTC().Truncate(time.Hour).Add(-time.Duration(hours-1) * time.Hour)
	for i := range s.ByHour {
		s.ByHour[i] = Hour{Time: first.Add(time.Duration(i) * time.Hour), Sum: Sum{Cost: "$0"}}
	}
	q.quarters(part{since: first}, func(at time.Time, sum Sum) {
		if i := int(at.Sub(first) / time.Hour); i >= 0 && i < hours {
			s.ByHour[i].add(sum)
		}
	})
	return s
}
