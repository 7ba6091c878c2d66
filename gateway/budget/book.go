// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"holdfast/gateway/ledger"
)

// A book is what all scopes spent, and what binds them. Its owner locks it.
type book struct {
	config Config
	set    map[string]stored // at run time, by scope
	cal    calendar
	house  *tally
	named  [len(dimensions)]map[string]*tally // none for the house
	// marks are the highest percentages told, by budget and beginning of its period.
	marks map[mark]int
}

type mark struct {
	scope, term string
	since       int64
}

// A tally is what one scope spent, by day, and what binds it. Its sums are those of the day, week
// and month on which the book stands.
type tally struct {
	scope    string
	reserved Amount
	days     map[int]Amount
	sums     [periodCount]Amount
	archived [periodCount]Amount // what resets took out of them
	resets   []reset
	bounds   []bound
}

// A reset took an amount out of the period that began at since.
type reset struct {
	period int
	since  int64
	took   Amount
}

// A bound is one budget of a scope.
type bound struct {
	term
	quota   int64
	setting string
	park    bool
	warnAt  int64 // what brings the next warning
}

func newBook(c Config, set map[string]stored, zone *time.Location, now time.Time) *book {
	b := &book{config: c, set: set, cal: calendar{zone: zone}, marks: map[mark]int{}}
	b.cal.turn(now)
	b.house = b.tally(scopeHouse)
	for i := range b.named {
		b.named[i] = map[string]*tally{}
	}
	return b
}

// tally makes one for a scope that spent nothing yet.
func (b *book) tally(scope string) *tally {
	t := &tally{scope: scope, days: map[int]Amount{}}
	b.bound(t)
	return t
}

// at is the tally of a scope's name within a dimension, nil for the nameless.
func (b *book) at(dimension int, name string) *tally {
	switch {
	case dimension == 0:
		return b.house
	case name == "":
		return nil
	}
	t := b.named[dimension][name]
	if t == nil {
		t = b.tally(dimensions[dimension] + ":" + name)
		b.named[dimension][name] = t
	}
	return t
}

// scope is the tally of a scope, with its dimension and name; nil for what is none.
func (b *book) scope(scope string) (t *tally, dimension int, name string) {
	if wrongScope(scope) != "" {
		return nil, 0, ""
	}
	kind, name, _ := strings.Cut(scope, ":")
	dimension = slices.Index(dimensions[:], kind)
	return b.at(dimension, name), dimension, name
}

// of are the tallies that a call concerns.
func (b *book) of(c *ledger.Call) [len(dimensions)]*tally {
	return [...]*tally{b.house, b.at(1, c.Tenant), b.at(2, c.Agent), b.at(3, c.Key)}
}

// each visits all tallies.
func (b *book) each(visit func(*tally)) {
	visit(b.house)
	for _, named := range b.named {
		for _, t := range named {
			visit(t)
		}
	}
}

// turn puts the book on the day of a time.
func (b *book) turn(now time.Time) {
	if b.cal.turn(now) {
		b.each(b.sum)
	}
}

// bind takes up what binds each scope, those included that spent nothing yet.
func (b *book) bind() {
	for scope := range b.config.Limits {
		b.scope(scope)
	}
	for scope := range b.set {
		b.scope(scope)
	}
	b.each(b.bound)
}

func (b *book) bound(t *tally) {
	below, above := b.config.Limits[t.scope], b.set[t.scope]
	whole := above.over(below)
	t.bounds = nil
	for _, term := range terms {
		quota, ok := term.quota(&whole)
		if !ok {
			continue
		}
		setting := fmt.Sprintf("budgets.limits.%s.%s in holdfast.yaml", t.scope, term.name)
		if _, here := term.quota(&above.Limit); here {
			setting = fmt.Sprintf("%s of `budget set %s` by %s", term.name, t.scope, above.by)
		}
		park := b.config.AtLimit == atLimitPark
		if whole.AtLimit != "" {
			park = whole.AtLimit == atLimitPark
		}
		t.bounds = append(t.bounds, bound{term: term, quota: quota, setting: setting, park: park})
	}
	b.sum(t)
}

// sum adds a tally up for the day, week and month that stand.
func (b *book) sum(t *tally) {
	t.sums, t.archived = [periodCount]Amount{}, [periodCount]Amount{}
	for p, s := range b.cal.now {
		for on, spent := range t.days {
			if on >= s.first {
				t.sums[p].add(spent)
			}
		}
	}
	for _, r := range t.resets {
		if r.since == b.cal.now[r.period].since.UnixNano() {
			t.archived[r.period].add(r.took)
		}
	}
	for i := range t.bounds {
		b.next(t, &t.bounds[i])
	}
}

// spend books what was spent on a day; true when that may bring a warning.
func (b *book) spend(t *tally, on int, took Amount) (due bool) {
	spent := t.days[on]
	spent.add(took)
	t.days[on] = spent
	for p, s := range b.cal.now {
		if on >= s.first {
			t.sums[p].add(took)
		}
	}
	for i := range t.bounds {
		due = due || t.counted(&t.bounds[i]) >= t.bounds[i].warnAt
	}
	return due
}

// counted is what counts against a budget: what was spent in its period, without what resets
// archived.
func (t *tally) counted(l *bound) int64 {
	return t.sums[l.period].of(l.money) - t.archived[l.period].of(l.money)
}

// judge finds the budget that refuses a claim: of several the one that refuses longest, and one
// that refuses outright before one that parks. An approved call passes those that park.
func (b *book) judge(c *ledger.Claim, of [len(dimensions)]*tally, approved bool) *Exceeded {
	var worst *Exceeded
	for _, t := range of {
		if t == nil {
			continue
		}
		for i := range t.bounds {
			l := &t.bounds[i]
			if t.allows(l, c) || (approved && l.park && (c.Cost.Known || !l.money)) {
				continue
			}
			if e := b.refusal(t, l, c); worst == nil || e.harder(worst) {
				worst = e
			}
		}
	}
	return worst
}

func (t *tally) allows(l *bound, c *ledger.Claim) bool {
	need := c.Tokens
	if l.money {
		if !c.Cost.Known {
			return false
		}
		need = c.Cost.Nano
	}
	return need <= l.quota-t.counted(l)-t.reserved.of(l.money)
}

func (b *book) refusal(t *tally, l *bound, c *ledger.Claim) *Exceeded {
	e := &Exceeded{
		Setting: l.setting, Scope: t.scope, Period: periods[l.period], Money: l.money,
		Quota: l.quota, Spent: t.counted(l), Reserved: t.reserved.of(l.money), Need: claimed(*c).of(l.money),
		Until: b.cal.now[l.period].till, claim: *c, Park: l.park,
	}
	if e.Money && !c.Cost.Known {
		e.Unpriced, e.Park = c.Provider+"/"+c.Model, false
	}
	return e
}

// harder tells whether a refusal decides over another.
func (e *Exceeded) harder(than *Exceeded) bool {
	if e.Park != than.Park {
		return !e.Park
	}
	return e.Until.After(than.Until)
}

// next finds what brings a budget's next warning.
func (b *book) next(t *tally, l *bound) {
	told := b.marks[b.mark(t, l)]
	l.warnAt = math.MaxInt64
	for _, percent := range b.config.Warn {
		if percent > told && l.quota > 0 {
			l.warnAt = part(l.quota, percent)
			return
		}
	}
}

// part is a percentage of a quota, rounded up.
func part(quota int64, percent int) int64 {
	p := int64(percent)
	return quota/100*p + (quota%100*p+99)/100
}

func (b *book) mark(t *tally, l *bound) mark {
	return mark{t.scope, l.name, b.cal.now[l.period].since.UnixNano()}
}

// warn tells of each percentage that a tally reached, once a period.
func (b *book) warn(t *tally) []Event {
	var events []Event
	for i := range t.bounds {
		l := &t.bounds[i]
		for counted := t.counted(l); counted >= l.warnAt; {
			percent := b.config.Warn[0]
			for _, percent = range b.config.Warn {
				if percent > b.marks[b.mark(t, l)] {
					break
				}
			}
			events = append(events, b.event(t, l, eventWarned, percent))
			b.marks[b.mark(t, l)] = percent
			b.next(t, l)
		}
	}
	return events
}

// refusedMark marks that the first refusal was told, beside the mark of the warnings.
const refusedMark = " refused"

// refused tells of the first call that a budget refused in its period.
func (b *book) refused(e *Exceeded, of [len(dimensions)]*tally) []Event {
	for _, t := range of {
		if t == nil || t.scope != e.Scope || e.Unpriced != "" {
			continue
		}
		for i := range t.bounds {
			l := &t.bounds[i]
			at := b.mark(t, l)
			at.term += refusedMark
			if l.setting == e.Setting && b.marks[at] == 0 {
				b.marks[at] = 1
				event := b.event(t, l, eventRefused, t.percent(l))
				event.Tokens, event.USD, event.Call = e.claim.Tokens, measured(e.claim.Cost.Nano, true), e.claim.RequestID
				return []Event{event}
			}
		}
	}
	return nil
}

// percent is how much of a budget counts as spent.
func (t *tally) percent(l *bound) int {
	if l.quota == 0 {
		return 100
	}
	return int(float64(t.counted(l)) * 100 / float64(l.quota))
}

func (b *book) event(t *tally, l *bound, what string, percent int) Event {
	return Event{
		Event: what, Scope: t.scope, Limit: l.name, Period: periods[l.period], Since: b.cal.now[l.period].since.UTC(), Percent: percent,
		Quota: measured(l.quota, l.money), Spent: measured(t.counted(l), l.money), Setting: l.setting,
	}
}
