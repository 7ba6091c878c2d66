// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"slices"
	"time"
)

// everything is more events than a few periods bring.
const everything = 1_000_000

// load reads a book as it stands: what is set, what was spent, what resets took out, what was told.
func (b *Budgets) load(ctx context.Context) (*book, error) {
	set, err := b.files.limits(ctx)
	if err != nil {
		return nil, err
	}
	fresh := newBook(*b.needs.Config, set, b.needs.Location(), b.needs.Now())
	if err := b.loadSpent(ctx, fresh); err != nil {
		return nil, err
	}
	events, err := b.files.events(ctx, "", fresh.cal.begins(horizon(&fresh.cal)), everything, eventReset, eventWarned, eventRefused)
	if err != nil {
		return nil, err
	}
	slices.Reverse(events)
	for i := range events {
		if err := b.replay(ctx, fresh, &events[i]); err != nil {
			return nil, err
		}
	}
	fresh.bind()
	return fresh, nil
}

// horizon is the first day of which is known what was spent: that of the month before, for the
// clock may be set back.
func horizon(c *calendar) int {
	before := c.spans(c.now[month].first - 1)
	return min(before[month].first, c.now[week].first-7)
}

// loadSpent reads what every scope spent. Days that end no period are taken together.
func (b *Budgets) loadSpent(ctx context.Context, fresh *book) error {
	c := &fresh.cal
	days := []int{horizon(c), c.now[month].first, c.now[week].first - 7, c.now[week].first, c.today - 1, c.today}
	ahead, err := b.ahead(ctx, c)
	if err != nil {
		return err
	}
	days = append(days, ahead...)
	slices.Sort(days)
	days = slices.Compact(days)
	for d, by := range dimensions {
		later := map[string]Amount{}
		for i, on := range slices.Backward(days) {
			spent, err := b.needs.spent(ctx, by, c.begins(on))
			if err != nil {
				return err
			}
			last := on // of the days taken together
			if i+1 < len(days) {
				last = days[i+1] - 1
			}
			for name, amount := range spent {
				if t := fresh.at(d, name); t != nil {
					t.days[last] = amount.minus(later[name])
				}
			}
			later = spent
		}
	}
	return nil
}

// mostAhead is how many days ahead of the clock are told apart.
const mostAhead = 400

// ahead lists the days to come in which rows lie, for the clock was ahead and was set back.
func (b *Budgets) ahead(ctx context.Context, c *calendar) (days []int, err error) {
	for on := c.today + 1; on <= c.today+mostAhead; on++ {
		later, err := b.needs.spent(ctx, scopeHouse, c.begins(on))
		if err != nil {
			return nil, err
		}
		if len(later) == 0 {
			break
		}
		days = append(days, on)
	}
	return days, nil
}

// replay takes up a reset, or what was told already.
func (b *Budgets) replay(ctx context.Context, fresh *book, e *Event) error {
	p := slices.Index(periods[:], e.Period)
	if p < 0 {
		return nil
	}
	if e.Event != eventReset {
		at := mark{e.Scope, e.Limit, e.Since.UnixNano()}
		if e.Event == eventRefused {
			at.term += refusedMark
		}
		fresh.marks[at] = max(fresh.marks[at], e.Percent, 1)
		return nil
	}
	t, d, name := fresh.scope(e.Scope)
	if t == nil {
		return nil
	}
	since, took := e.Since, e.took
	if c := &fresh.cal; !c.spans(c.dayOf(since))[p].since.Equal(since) {
		// The time zone was another one. In the period as it is now the reset took what lies before it.
		since = c.now[p].since
		if e.Time.Before(since) || !e.Time.Before(c.now[p].till) {
			return nil
		}
		whole, err := b.needs.spent(ctx, dimensions[d], since)
		if err != nil {
			return err
		}
		after, err := b.needs.spent(ctx, dimensions[d], e.Time)
		if err != nil {
			return err
		}
		took = whole[name].minus(after[name]).minus(t.taken(p, since))
	}
	t.resets = append(t.resets, reset{p, since.UnixNano(), took})
	return nil
}

// taken is what resets took out of a period so far.
func (t *tally) taken(period int, since time.Time) Amount {
	var sum Amount
	for _, r := range t.resets {
		if r.period == period && r.since == since.UnixNano() {
			sum.add(r.took)
		}
	}
	return sum
}
