// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"slices"
	"time"

	"holdfast"
)

// A Line is one budget of one scope. Amounts are tokens, or US dollars where the limit's name
// begins with usd.
type Line struct {
	Scope    string  `json:"scope"`
	Limit    string  `json:"limit"`
	Quota    float64 `json:"quota"`
	Activity float64 `json:"activity" help:"what the ledger's rows of this period say"`
	Archived float64 `json:"archived" help:"what resets took out of it"`
	Counted  float64 `json:"counted" help:"what counts against the quota: activity without archived"`
	Reserved float64 `json:"reserved" help:"by calls under way"`
	Left     float64 `json:"left" help:"what a call may still need; below 0 when calls spent more than they reserved"`
	Percent  float64 `json:"percent"`
	// Reconciled is judged in whole tokens and nano-dollars, both.
	Reconciled bool      `json:"reconciled" help:"the sums in memory agree with the ledger's rows to the token"`
	Unpriced   int64     `json:"unpriced,omitempty" help:"calls in it whose price is not known"`
	Since      time.Time `json:"since"`
	Until      time.Time `json:"until"`
	AtLimit    string    `json:"at_limit" enum:"refuse,park"`
	Setting    string    `json:"setting"`
}

type reportInput struct {
	Scope string `json:"scope" help:"only this scope: house, tenant:NAME, agent:NAME or key:NAME" max:"210" pos:"1"`
}

// A Report is every budget on one page.
type Report struct {
	Now        time.Time `json:"now"`
	Zone       string    `json:"zone" help:"the time zone by which periods begin"`
	Reconciled bool      `json:"reconciled" help:"every line is"`
	Budgets    []Line    `json:"budgets"`
	Parked     int       `json:"parked" help:"calls that wait for approval"`
}

func (b board) report(ctx context.Context, in reportInput) (Report, error) {
	if in.Scope != "" {
		if err := badScope(in.Scope); err != nil {
			return Report{}, err
		}
	}
	lines, err := b.lines(ctx, in.Scope)
	if err != nil {
		return Report{}, err
	}
	if in.Scope != "" && len(lines) == 0 {
		return Report{}, holdfast.Errorf(holdfast.CodeNotFound, "%s has no budget: `holdfast budget set %s` sets one", in.Scope, in.Scope)
	}
	return Report{
		Now: b.needs.Now().UTC(), Zone: b.needs.Location().String(), Budgets: lines, Parked: len(b.parked()),
		Reconciled: !slices.ContainsFunc(lines, func(l Line) bool { return !l.Reconciled }),
	}, nil
}

// tries is how often a report is made anew because what it saw was about to change.
const tries = 5

// lines are the budgets of a scope, or of all, with the ledger's rows beside the sums in memory. While
// calls are settled a row comes after its sum: the rows must lie between the sums before and after
// they were read, and where these are the same, be the same.
func (b board) lines(ctx context.Context, scope string) ([]Line, error) {
	var out []Line
	for range tries {
		before, needed, err := b.standing(ctx, scope)
		if err != nil {
			return nil, err
		}
		activity, err := b.activity(ctx, needed)
		if err != nil {
			return nil, err
		}
		after, _, err := b.standing(ctx, scope)
		if err != nil {
			return nil, err
		}
		out = []Line{}
		for i, s := range before {
			line := s.line(activity[s.from][s.name])
			line.Reconciled = i < len(after) && after[i].from == s.from && between(activity[s.from][s.name], s.spent, after[i].spent)
			out = append(out, line)
		}
		if !slices.ContainsFunc(out, func(l Line) bool { return !l.Reconciled }) {
			break
		}
	}
	return out, nil
}

// between tells whether an amount lies between two others, both included.
func between(a, low, high Amount) bool {
	return low.Tokens <= a.Tokens && a.Tokens <= high.Tokens && low.Nano <= a.Nano && a.Nano <= high.Nano
}

// from says which sum of the ledger a budget is compared with.
type from struct {
	dimension int
	start     int64
}

// standing is one budget as memory has it.
type standing struct {
	from
	bound
	span
	scope, name              string
	spent, archived, reserve Amount
}

func (b board) standing(ctx context.Context, scope string) ([]standing, map[from]span, error) {
	book, done, err := b.current(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	var list []standing
	needed := map[from]span{}
	book.each(func(t *tally) {
		if scope != "" && t.scope != scope {
			return
		}
		_, dimension, name := book.scope(t.scope)
		for _, l := range t.bounds {
			s := book.cal.now[l.period]
			f := from{dimension, s.since.UnixNano()}
			needed[f] = s
			list = append(list, standing{f, l, s, t.scope, name, t.sums[l.period], t.archived[l.period], t.reserved})
		}
	})
	slices.SortStableFunc(list, func(x, y standing) int {
		if x.dimension != y.dimension {
			return x.dimension - y.dimension
		}
		return compare(x.scope, y.scope)
	})
	return list, needed, nil
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// activity asks the ledger for each sum that is needed.
func (b board) activity(ctx context.Context, needed map[from]span) (map[from]map[string]Amount, error) {
	sums := map[from]map[string]Amount{}
	for f, s := range needed {
		spent, err := b.needs.spent(ctx, dimensions[f.dimension], s.since)
		if err != nil {
			return nil, err
		}
		sums[f] = spent
	}
	return sums, nil
}

func (s standing) line(activity Amount) Line {
	counted := activity.of(s.money) - s.archived.of(s.money)
	line := Line{
		Scope: s.scope, Limit: s.bound.name, Setting: s.setting, AtLimit: atLimitRefuse,
		Quota:    measured(s.quota, s.money),
		Activity: measured(activity.of(s.money), s.money),
		Archived: measured(s.archived.of(s.money), s.money),
		Counted:  measured(counted, s.money),
		Reserved: measured(s.reserve.of(s.money), s.money),
		Left:     measured(s.quota-counted-s.reserve.of(s.money), s.money),
		Since:    s.since, Until: s.till,
	}
	if s.park {
		line.AtLimit = atLimitPark
	}
	if s.money {
		line.Unpriced = activity.Unpriced
	}
	if s.quota > 0 {
		line.Percent = float64(counted*1000/s.quota) / 10
	}
	return line
}
