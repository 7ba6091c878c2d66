// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"encoding/json"
	"time"

	"holdfast"
)

// The events of a budget.
const (
	eventSet      = "set"
	eventRemoved  = "removed"
	eventReset    = "reset"
	eventWarned   = "warned"
	eventRefused  = "refused"
	eventParked   = "parked"
	eventApproved = "approved"
	eventDenied   = "denied"
	eventExpired  = "expired"
	eventLeft     = "left" // its client hung up
)

// An Event is something that happened to a budget. Amounts are tokens, or US dollars where the
// limit's name begins with usd.
type Event struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event" enum:"set,removed,reset,warned,refused,parked,approved,denied,expired,left"`
	Scope   string    `json:"scope"`
	Limit   string    `json:"limit,omitempty"`
	Period  Period    `json:"period,omitempty"`
	Since   time.Time `json:"since,omitzero" help:"when its period began"`
	Percent int       `json:"percent,omitempty"`
	Quota   float64   `json:"quota,omitempty"`
	Spent   float64   `json:"spent,omitempty"`
	Tokens  int64     `json:"tokens,omitempty" help:"of a reset: the tokens that it archived; of a call: those that it may need"`
	USD     float64   `json:"usd,omitempty" help:"the same in money"`
	By      string    `json:"by,omitempty"`
	Call    string    `json:"call,omitempty" help:"the request id of the call"`
	Setting string    `json:"setting,omitempty" help:"the deciding setting"`
	Detail  string    `json:"detail,omitempty"`

	took      Amount
	journaled bool // by the action that did it
}

// mostNews bounds what waits to be written while the store is stuck.
const mostNews = 4096

// announce has events written down soon; called with the lock held.
func (b *Budgets) announce(events ...Event) {
	if len(events) == 0 {
		return
	}
	for _, e := range events {
		if len(b.news) == mostNews {
			b.needs.Log.Error("cannot record what happened to a budget: too much is waiting", "event", e.Event, "scope", e.Scope)
			return
		}
		e.Time = b.needs.Now().UTC()
		b.news = append(b.news, e)
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// tell writes down what waits.
func (b *Budgets) tell(ctx context.Context) {
	b.mu.Lock()
	news := b.news
	b.news = nil
	b.mu.Unlock()
	if len(news) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := b.files.remember(ctx, news...); err != nil {
		b.needs.Log.Error("cannot write the history of the budgets", "error", err)
	}
	for _, e := range news {
		b.needs.Log.Warn("a budget was "+e.Event, "scope", e.Scope, "limit", e.Limit, "percent", e.Percent, "quota", e.Quota, "spent", e.Spent)
		b.enter(ctx, e)
	}
}

// enter journals an event.
func (b *Budgets) enter(ctx context.Context, e Event) {
	detail, err := json.Marshal(e)
	if err != nil || b.needs.Journal == nil || e.journaled {
		return
	}
	caller := holdfast.Internal("budget", "budget.report")
	_, err = b.needs.Journal.Append(ctx, holdfast.Entry{
		Caller: caller.String(), Tier: caller.Tier, Action: "budget." + e.Event, Subject: e.Scope,
		Outcome: holdfast.OutcomeNoted, Detail: detail,
	})
	if err != nil {
		b.needs.Log.Error("cannot journal what happened to a budget", "event", e.Event, "error", err)
	}
}

// measured is an amount as people read it: tokens, or US dollars.
func measured(n int64, money bool) float64 {
	if money {
		return float64(n) / nano
	}
	return float64(n)
}
