// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/gateway/breaker/halt"
)

// bypassed is a dispatch that the owner let past a HALT.
type bypassed struct {
	at   time.Time
	what string
	by   string
}

// bypassShown is how long a bypass is told as an alert.
const bypassShown = time.Hour

// passFor is how long a dispatch that was let past may take to make its call.
const passFor = time.Minute

// Passes are what the guard let past a HALT, one model call for each: granted by the guard, taken by the
// dispatch, and known to the gate by the call's request id until it ends.
type Passes struct {
	any atomic.Bool // there are any calls under way

	mu      sync.Mutex
	granted map[pass][]time.Time
	calls   map[string]bool
}

type pass struct{ caller, action string }

func (p *Passes) grant(c holdfast.Caller, action string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.granted == nil {
		p.granted, p.calls = map[pass][]time.Time{}, map[string]bool{}
	}
	who := pass{c.String(), action}
	stale := func(at time.Time) bool { return now.Sub(at) > passFor } // another guard refused those
	p.granted[who] = append(slices.DeleteFunc(p.granted[who], stale), now)
}

// Take uses up what the guard granted to a caller's dispatch; false when it granted nothing.
func (p *Passes) Take(c holdfast.Caller, action string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	who := pass{c.String(), action}
	granted := p.granted[who]
	delete(p.granted, who)
	if len(granted) > 1 {
		p.granted[who] = granted[:len(granted)-1]
	}
	return len(granted) > 0 && time.Since(granted[len(granted)-1]) <= passFor
}

// Begin lets the call of that request id past, until End.
func (p *Passes) Begin(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[id] = true
	p.any.Store(true)
}

// End is when the call ended.
func (p *Passes) End(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, id)
	p.any.Store(len(p.calls) > 0)
}

// covers tells whether a call was let past.
func (p *Passes) covers(id string) bool {
	if !p.any.Load() || id == "" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[id]
}

func (b board) guard() holdfast.Guard {
	return holdfast.Guard{
		Name:    "breaker",
		Summary: "refuses any dispatch or model call while HALT stands or nobody judges the burn",
		Judges: func(a holdfast.Action) bool {
			return slices.Contains(a.Labels, "dispatch") || slices.Contains(a.Labels, "model")
		},
		Judge: func(ctx context.Context, r holdfast.Request) error {
			refusal := b.Refusal()
			if refusal == nil {
				if flag, yes := b.HaltedFor(r.Caller.Tenant, r.Caller.Key); yes {
					refusal = flag.Refusal(b.needs.Now())
				}
			}
			if refusal == nil || b.mayPass(ctx, r, refusal) {
				return nil
			}
			return refusal
		},
	}
}

// mayPass lets one dispatch of the owner's own terminal past a HALT when he asked for it there, and
// tells so.
func (b board) mayPass(ctx context.Context, r holdfast.Request, refusal *holdfast.Refusal) bool {
	c := r.Caller
	if !holdfast.BypassFrom(ctx) || c.Kind != holdfast.CallerOwner || c.Tier < holdfast.TierOwner || c.Surface != "cli" || c.Unit != "" {
		return false
	}
	if !slices.Contains(r.Action.Labels, "dispatch") {
		return false
	}
	now := b.needs.Now()
	b.mu.Lock()
	b.bypasses = append(slices.DeleteFunc(b.bypasses, func(old bypassed) bool { return now.Sub(old.at) > bypassShown }), bypassed{now, r.Action.Name, c.String()})
	b.mu.Unlock()
	b.Passes.grant(c, r.Action.Name, now)
	b.teller.announce(halt.Event{
		Time: now.UTC(), Event: halt.EventBypass, By: c.String(),
		Reason: r.Action.Name + " was let past: " + refusal.Reason,
	})
	b.needs.Log.Warn("a dispatch was let past the breaker", "action", r.Action.Name, "caller", c.String())
	return true
}

func (b board) bypassAlerts(context.Context) []holdfast.Alert {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.needs.Now()
	var list []holdfast.Alert
	for _, one := range b.bypasses {
		if now.Sub(one.at) <= bypassShown {
			list = append(list, holdfast.Alert{Subject: one.what, Message: one.by + " dispatched past a HALT with " + holdfast.BypassVariable, Since: one.at})
		}
	}
	return list
}
