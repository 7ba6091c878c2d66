// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"slices"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/core/action"
)

// asker is the agent that asked for a held call, as it is now. A call is never made by another in its
// place: what that one may is not what was asked for and shown.
func (a *Agents) asker(name string) (persona, error) {
	as, ok := a.persona(name)
	if ok && !as.home {
		return as, nil
	}
	gone := func(format string, args ...any) (persona, error) {
		return persona{}, holdfast.Errorf(holdfast.CodeConflict, format, args...)
	}
	kept, preset := a.presets.all()[name]
	switch {
	case preset && kept.Enabled != nil && !*kept.Enabled:
		return gone("the preset %q, which asked for it, is disabled: `holdfast preset update %s --enabled=true`", name, name)
	case preset:
		_, err := a.dress(name, kept)
		return gone("the preset %q, which asked for it, cannot be used: %w: mend it by `holdfast preset update %s`", name, err, name)
	case ok:
		return gone("the preset %q, which asked for it, is gone, and an agent of the home has its name now", name)
	}
	return gone("the agent %q, which asked for it, is gone: make it again by `holdfast preset add %s`", name, name)
}

// may is the tools by which a held call can be made for a caller, or why it cannot be any more. A tool
// whose server is still starting may be there by the time of the call, which looks again.
func (a *Agents) may(ctx context.Context, by holdfast.Caller, held action.Held) (View, error) {
	as, err := a.asker(held.Subject)
	if err != nil {
		return nil, err
	}
	view := a.view(by, as)
	list, late, err := view.Soon(ctx, soon)
	if err != nil {
		return nil, err
	}
	if len(late) > 0 || slices.ContainsFunc(list, func(e tools.Entry) bool { return e.Name == held.What }) {
		return view, nil
	}
	return nil, holdfast.Errorf(holdfast.CodeConflict,
		"%s may not call %s for %s any more: the tool is gone or withheld (`holdfast tool show %s`), taken out of the agent's tools (`holdfast agent show %s`), "+
			"or above the tier of who asked: put it back",
		held.Subject, held.What, by, held.What, held.Subject)
}

// mayCarry tells why a call that waits in the queue cannot be made any more.
func (a *Agents) mayCarry(ctx context.Context, held action.Held) error {
	if a.needs.Standing != nil {
		word, err := a.needs.Standing(ctx, held.Asker)
		if err != nil {
			return fmt.Errorf("cannot tell whether %s is still let in: %w", held.Asker, err)
		}
		if word == "" {
			return holdfast.Errorf(holdfast.CodeConflict, "%s asked for it with a key that is revoked or has expired (`holdfast key list`)", held.Asker)
		}
	}
	_, err := a.may(ctx, held.Asker, held)
	return err
}

// refuser is who denies what cannot be made.
func refuser() holdfast.Caller { return holdfast.Internal("agents", "") }

// barred denies a call that the chat allowed and that cannot be made any more, so that nobody makes it
// after the model was told so.
func (r deciding) barred(ctx context.Context, held action.Held, why error) error {
	r.tools.Refused(ctx, held.What, held.Input, why)
	by := refuser()
	won, err := r.agents.needs.Approvals.Decide(ctx, by, held.ID, false, why.Error())
	if won {
		r.agents.needs.Approvals.Note(ctx, held, by, "deny", "chat")
	}
	return err
}
