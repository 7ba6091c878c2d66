// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"holdfast"
	"holdfast/edge/auth"
	"holdfast/edge/router"
)

// A clerk answers what the edge asks of the house.
type clerk struct{ Options }

// answer answers one question of the router.
func (c clerk) answer(ctx context.Context, q router.Ask) router.Answer {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	a, err := c.ask(ctx, q)
	if err != nil {
		c.Log.Warn("cannot answer the edge", slog.String("question", q.Kind), slog.Any("error", err))
		return router.Answer{Error: "the house cannot look it up"}
	}
	return a
}

func (c clerk) ask(ctx context.Context, q router.Ask) (router.Answer, error) {
	switch q.Kind {
	case router.AskSession:
		s, ok, err := c.Auth.Session(ctx, q.Token)
		return known(s, ok), err
	case router.AskExtension:
		s, ok, err := c.Auth.ExtensionSession(ctx, q.Token)
		return known(s, ok), err
	case router.AskKey:
		return c.askKey(ctx, q.Token), nil
	case router.AskHandover:
		token, ok, err := c.Auth.Handover(ctx, q.Token)
		return router.Answer{OK: ok, Token: token}, err
	case router.AskRedeem:
		cookie, s, ok, err := c.Auth.Redeem(ctx, q.Token)
		a := known(s, ok)
		a.Token, a.MaxAge = cookie, int(time.Until(s.Expires).Seconds())
		return a, err
	case router.AskUnit:
		return c.askUnit(ctx, q)
	}
	return router.Answer{}, fmt.Errorf("unknown question %q", q.Kind)
}

func known(s auth.Session, ok bool) router.Answer {
	if !ok {
		return router.Answer{}
	}
	return router.Answer{OK: true, Session: s.ID, User: s.User, Tier: holdfast.TierOperator.String(), Operator: true}
}

// askKey lets keys of people and machines of tier operator in; an agent's key opens the agent API,
// which the house serves itself.
func (c clerk) askKey(ctx context.Context, token string) router.Answer {
	if c.Keys == nil {
		return router.Answer{}
	}
	caller, ok := c.Keys.Key(ctx, token)
	if !ok || caller.Tier < holdfast.TierOperator {
		return router.Answer{}
	}
	return router.Answer{OK: true, User: caller.Name, Tier: caller.Tier.String(), Session: router.SessionID(token)}
}

// shownLines is how much of a unit's log an error page shows.
const shownLines = 20

// askUnit tells the operator of a session how a unit is.
func (c clerk) askUnit(ctx context.Context, q router.Ask) (router.Answer, error) {
	_, ok, err := c.Auth.ByID(ctx, q.Token)
	if err != nil || !ok || c.Status == nil {
		return router.Answer{}, err
	}
	status, ok := c.Status(q.Unit)
	view := router.UnitView{Name: q.Unit, State: "not declared"}
	if ok {
		view.State, view.Detail = string(status.State), status.Detail
	}
	if c.Tail != nil {
		lines, err := c.Tail(ctx, q.Unit, shownLines)
		if err != nil {
			view.Detail = strings.TrimPrefix(view.Detail+"; its log cannot be read", "; ")
		}
		view.Log = lines
	}
	return router.Answer{OK: true, Unit: &view}, nil
}
