// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"slices"
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
