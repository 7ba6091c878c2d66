// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/config"
)

// Config is the section budgets of holdfast.yaml.
type Config struct {
	// Limits are the budgets by whom they bind: house, tenant:NAME, agent:NAME or key:NAME. A call
	// must fit into each that binds its caller. `holdfast budget set` changes them while the house runs.
	Limits map[string]Limit `json:"limits"`
	// AtLimit is what happens to a call that does not fit, where its budget does not say: refuse it,
	// or park it until an operator approves or denies it.
	AtLimit string `json:"at_limit" enum:"refuse,park"`
	// Warn lists the percentages of a budget at which a warning is journaled and stands as an alert,
	// once a period each.
	Warn []int `json:"warn"`
	// Park bounds how calls wait for approval.
	Park Park `json:"park"`
}

// Park bounds how calls wait for approval.
type Park struct {
	// Wait is the longest that a call waits; then it is refused.
	Wait config.Duration `json:"wait"`
	// Most is how many calls wait at a time; more are refused at once.
	Most int `json:"most" min:"0" max:"10000"`
}

// Limit is what one scope may spend. What is left out is not limited; 0 allows nothing.
type Limit struct {
	// TokensPerDay bounds the tokens of all classes from midnight to midnight.
	TokensPerDay *int64 `json:"tokens_per_day,omitempty" help:"tokens from midnight to midnight in the operator's time zone" min:"0"`
	// TokensPerWeek bounds the tokens from Monday to Sunday.
	TokensPerWeek *int64 `json:"tokens_per_week,omitempty" help:"tokens from Monday to Sunday" min:"0"`
	// TokensPerMonth bounds the tokens of a calendar month.
	TokensPerMonth *int64 `json:"tokens_per_month,omitempty" help:"tokens in a calendar month" min:"0"`
	// USDPerDay bounds the money from midnight to midnight, in US dollars. While a budget of money
	// binds a caller, models without a known price are refused.
	USDPerDay *float64 `json:"usd_per_day,omitempty" help:"US dollars from midnight to midnight" min:"0"`
	// USDPerWeek bounds the money from Monday to Sunday, in US dollars.
	USDPerWeek *float64 `json:"usd_per_week,omitempty" help:"US dollars from Monday to Sunday" min:"0"`
	// USDPerMonth bounds the money of a calendar month, in US dollars.
	USDPerMonth *float64 `json:"usd_per_month,omitempty" help:"US dollars in a calendar month" min:"0"`
	// AtLimit overrides at_limit for this scope.
	AtLimit string `json:"at_limit,omitempty" help:"refuse a call that does not fit, or park it for approval" enum:"refuse,park"`
}

const (
	atLimitRefuse = "refuse"
	atLimitPark   = "park"
)

// Defaults is the section of a home that says nothing: no budget, and warnings once there is one.
func Defaults() Config {
	return Config{AtLimit: atLimitRefuse, Warn: []int{50, 75, 90}, Park: Park{Wait: config.Duration(10 * time.Minute), Most: 32}}
}

// Check lists what the types of the fields do not tell.
func (c Config) Check() []holdfast.Problem {
	var found []holdfast.Problem
	add := func(field, message, remedy string) {
		found = append(found, holdfast.Problem{Field: field, Message: message, Remedy: remedy})
	}
	for _, scope := range slices.Sorted(maps.Keys(c.Limits)) {
		if message := wrongScope(scope); message != "" {
			add("limits."+scope, message, scopeRemedy)
		}
		for _, p := range c.Limits[scope].wrong() {
			add("limits."+scope+"."+p.Field, p.Message, p.Remedy)
		}
	}
	for i, percent := range c.Warn {
		if percent < 1 || percent > 99 || (i > 0 && percent <= c.Warn[i-1]) {
			add(fmt.Sprintf("warn[%d]", i), fmt.Sprintf("%d does not belong here", percent), "want rising percentages from 1 to 99, such as [50, 75, 90]")
		}
	}
	if c.AtLimit != atLimitRefuse && c.AtLimit != atLimitPark {
		add("at_limit", fmt.Sprintf("%q is not known", c.AtLimit), "want refuse or park")
	}
	if c.Park.Wait <= 0 {
		add("park.wait", "must be above 0", "for example 10m")
	}
	return found
}

const (
	scopeHouse  = "house"
	scopeRemedy = "want house, tenant:NAME, agent:NAME or key:NAME"
)

// dimensions are the kinds of scopes, as the ledger names what it sums by.
var dimensions = [...]string{scopeHouse, "tenant", "agent", "key"}

// wrongScope tells what is wrong with a scope, nothing when it is one.
func wrongScope(scope string) string {
	kind, name, named := strings.Cut(scope, ":")
	switch {
	case scope == scopeHouse:
		return ""
	case kind == scopeHouse || !slices.Contains(dimensions[:], kind):
		return fmt.Sprintf("%q is no scope", scope)
	case !named || strings.TrimSpace(name) == "" || len(name) > 200:
		return fmt.Sprintf("%q names nobody", scope)
	}
	return ""
}

// mostUSD is what still fits into nano-dollars.
const mostUSD = 1e9

// wrong lists what cannot be meant.
func (l Limit) wrong() []holdfast.Problem {
	var found []holdfast.Problem
	for _, t := range terms {
		if v := t.dollars(&l); v != nil && *v != nil && (math.IsNaN(**v) || **v < 0 || **v > mostUSD) {
			found = append(found, holdfast.Problem{Field: t.name, Message: fmt.Sprintf("%v is no amount of US dollars", **v), Remedy: "want 0 to 1000000000"})
		}
		if v := t.tokens(&l); v != nil && *v != nil && (**v < 0 || **v > mostTokens) {
			found = append(found, holdfast.Problem{Field: t.name, Message: fmt.Sprintf("%d is no number of tokens", **v), Remedy: "want 0 to 1000000000000000"})
		}
	}
	if l.AtLimit != "" && l.AtLimit != atLimitRefuse && l.AtLimit != atLimitPark {
		found = append(found, holdfast.Problem{Field: "at_limit", Message: fmt.Sprintf("%q is not known", l.AtLimit), Remedy: "want refuse or park"})
	}
	return found
}

const mostTokens = 1e15

// A term is one field of a limit.
type term struct {
	name   string
	period int
	money  bool               // nano-dollars, else tokens
	field  func(l *Limit) any // **int64 or **float64
}

// terms are the fields of a limit, in the order of its declaration.
var terms = [...]term{
	{"tokens_per_day", day, false, func(l *Limit) any { return &l.TokensPerDay }},
	{"tokens_per_week", week, false, func(l *Limit) any { return &l.TokensPerWeek }},
	{"tokens_per_month", month, false, func(l *Limit) any { return &l.TokensPerMonth }},
	{"usd_per_day", day, true, func(l *Limit) any { return &l.USDPerDay }},
	{"usd_per_week", week, true, func(l *Limit) any { return &l.USDPerWeek }},
	{"usd_per_month", month, true, func(l *Limit) any { return &l.USDPerMonth }},
}

func (t term) tokens(l *Limit) **int64 {
	v, _ := t.field(l).(**int64)
	return v
}

func (t term) dollars(l *Limit) **float64 {
	v, _ := t.field(l).(**float64)
	return v
}

// quota is the field's value in tokens or nano-dollars; false when it limits nothing.
func (t term) quota(l *Limit) (int64, bool) {
	if v := t.tokens(l); v != nil && *v != nil {
		return **v, true
	}
	if v := t.dollars(l); v != nil && *v != nil {
		return int64(math.Round(**v * nano)), true
	}
	return 0, false
}

// over is a limit with what another says laid over it.
func (l Limit) over(below Limit) Limit {
	out := below
	for _, t := range terms {
		if v := t.tokens(&l); v != nil && *v != nil {
			*t.tokens(&out) = *v
		}
		if v := t.dollars(&l); v != nil && *v != nil {
			*t.dollars(&out) = *v
		}
	}
	if l.AtLimit != "" {
		out.AtLimit = l.AtLimit
	}
	return out
}

// without is a limit that no longer bounds one field.
func (l Limit) without(name string) Limit {
	for _, t := range terms {
		switch v := t.field(&l).(type) {
		case **int64:
			if t.name == name {
				*v = nil
			}
		case **float64:
			if t.name == name {
				*v = nil
			}
		}
	}
	return l
}

func (l Limit) empty() bool { return l == Limit{} }
