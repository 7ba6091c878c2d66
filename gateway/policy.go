// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/gateway/price"
	"holdfast/gateway/route"
)

// prices is what the gateway needs to know of what models cost.
type prices interface {
	Most(provider, model string, input, output int64) price.Cost
	Cost(provider, model string, u holdfast.Usage) price.Cost
}

// routing is the gateway as operators see who answers.
type routing struct{ *Gateway }

// A Policy is who answers which name, why, and what to mind.
type Policy struct {
	Profile  string    `json:"profile" help:"the bundle that sets chat, fallback, compaction and fast; empty for none"`
	Aliases  []Alias   `json:"aliases"`
	Cooling  []Cooling `json:"cooling" help:"models that failed lately"`
	Warnings []Warning `json:"warnings"`
	// Rehearsals and Proposed are rare.
	Rehearsals []Rehearsal `json:"rehearsals,omitempty" help:"faults that are being rehearsed"`
	Proposed   []Proposal  `json:"proposed,omitempty" help:"what this version would pin for the providers of this house; take a line over into models.profiles, or leave it"`
}

// A Cooling is one model that failed lately.
type Cooling struct {
	Model     string      `json:"model"`
	State     route.State `json:"state" enum:"cooling,probing" help:"cooling: nobody asks it; probing: one call finds out whether it is well"`
	Until     time.Time   `json:"until"`
	Since     time.Time   `json:"since" help:"its first failure in a row"`
	Failures  int         `json:"failures" help:"in a row"`
	Told      bool        `json:"told" help:"its provider said until when"`
	Rehearsed bool        `json:"rehearsed,omitempty"`
	Reason    string      `json:"reason"`
}

// A Warning is something to mind about one alias or model.
type Warning struct {
	About   string `json:"about"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
}

// A Proposal is a profile as this version would pin it.
type Proposal struct {
	Profile string `json:"profile"`
	Line    string `json:"line" help:"as it would stand in holdfast.yaml, below models.profiles"`
}

// Cooldowns are the models that failed lately.
type Cooldowns struct {
	Cooling []Cooling `json:"cooling"`
}

func (r routing) actions() []holdfast.Action {
	policy := holdfast.Action{
		Name: "model.policy", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
		Summary:  "Show who answers which model name: configured, effective, actual, what cools down, what to mind",
		Help:     "Configured is what holdfast.yaml says, effective who is asked first now, actual who answered last. A newer Holdfast proposes its own choice of models here and never applies it.",
		Examples: []string{"holdfast models policy"},
	}
	list := holdfast.Action{
		Name: "cooldown.list", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
		Summary:  "List the models that failed lately and are left out of their chains",
		Examples: []string{"holdfast cooldown list"},
	}
	clear := holdfast.Action{
		Name: "cooldown.clear", Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true,
		Summary:  "Let models be asked again at once",
		Help:     "Of one model, of all of a provider (PROVIDER/), or of an alias; of all when none is named.",
		Examples: []string{"holdfast cooldown clear", "holdfast cooldown clear openrouter/openai/o3", "holdfast cooldown clear chat"},
	}
	return append([]holdfast.Action{
		action.NewAction(policy, r.policy), action.NewAction(list, r.cooldowns), action.NewAction(clear, r.clear), clearing(&r.cache),
	}, r.rehearsing()...)
}

// table is the table that counts, also where no house runs.
func (r routing) table() *table {
	if t := r.routes.Load(); t != nil {
		return t
	}
	r.router.Load()
	t := &table{config: *r.needs.Config}
	t.names = route.NewTable(t.config.names(), slices.Collect(maps.Keys(t.config.Providers)))
	return t
}

func (r routing) policy(context.Context, action.Nothing) (Policy, error) {
	t := r.table()
	p := Policy{
		Profile: t.config.Profile, Aliases: []Alias{}, Cooling: r.cooling(), Warnings: r.warnings(t),
		Rehearsals: r.rehearsals(), Proposed: t.config.proposals(),
	}
	halted := r.needs.Breaker.Refusal() != nil
	for _, name := range t.names.Aliases() {
		p.Aliases = append(p.Aliases, r.alias(t, name, halted))
	}
	return p, nil
}

func (r routing) cooldowns(context.Context, action.Nothing) (Cooldowns, error) {
	r.table()
	return Cooldowns{r.cooling()}, nil
}

func (r routing) cooling() []Cooling {
	list := []Cooling{}
	for _, c := range r.router.Cooldowns() {
		list = append(list, Cooling{
			Model: c.Target.String(), State: c.State, Until: c.Until, Since: c.Since, Failures: c.Failures,
			Told: c.Told, Rehearsed: c.Rehearsed, Reason: c.Reason,
		})
	}
	return list
}

// forget lets the models of a provider be asked again whose settings changed: what failed was another.
func (r routing) forget(old, fresh *table) {
	if old == nil {
		return
	}
	r.router.Clear(func(one route.Target) bool {
		was, known := old.config.Providers[one.Provider]
		return known && !reflect.DeepEqual(was, fresh.config.Providers[one.Provider])
	})
}

type clearInput struct {
	Name string `json:"name,omitempty" pos:"1" help:"a model, a provider with a slash behind it, or an alias; all when left out"`
}

type cleared struct {
	Cleared []string `json:"cleared"`
}

func (r routing) clear(_ context.Context, in clearInput) (cleared, error) {
	t := r.table()
	which, err := r.named(t, in.Name)
	if err != nil {
		return cleared{}, err
	}
	out := cleared{Cleared: []string{}}
	for _, one := range r.router.Clear(which) {
		out.Cleared = append(out.Cleared, one.String())
	}
	return out, r.router.Flush()
}

// named is which targets a person means.
func (r routing) named(t *table, name string) (func(route.Target) bool, error) {
	if name == "" {
		return func(route.Target) bool { return true }, nil
	}
	if source, all := strings.CutSuffix(name, "/"); all && !strings.Contains(source, "/") {
		return func(one route.Target) bool { return one.Provider == source }, nil
	}
	if chain, ok := t.names.Resolve(name); ok {
		return func(one route.Target) bool { return slices.Contains(chain.Targets, one) }, nil
	}
	if one, ok := route.ParseTarget(name); ok { // of a provider that is gone
		return func(other route.Target) bool { return other == one }, nil
	}
	return nil, holdfast.BadInput("", holdfast.Problem{
		Field: "name", Message: fmt.Sprintf("%q is neither an alias nor provider/model", name), Remedy: "`holdfast cooldown list` shows what cools down",
	})
}

// warnings is what to mind about the configuration, and about who is chosen now.
func (r routing) warnings(t *table) []Warning {
	list := []Warning{}
	add := func(about, message, remedy string) { list = append(list, Warning{about, message, remedy}) }
	behind := map[route.Target][]string{}
	for _, name := range t.names.Aliases() {
		chain, _ := t.names.Resolve(name)
		for at, one := range chain.Targets {
			if at > 0 || name == route.AliasFallback {
				behind[one] = append(behind[one], name)
			}
		}
	}
	for _, one := range t.names.Targets() {
		r.mind(one, strings.Join(behind[one], ", "), add)
	}
	chain, _ := t.names.Resolve(route.AliasCompaction)
	if s, ok := r.router.First(chain); ok && s.At > 0 && r.paid(s.Target) {
		add(route.AliasCompaction, "runs on a paid fallback now: "+s.String(), "pin it: models.aliases.compaction")
	}
	return list
}

// mind is what to mind about one model, which is a fallback of those aliases.
func (r routing) mind(one route.Target, of string, add func(about, message, remedy string)) {
	if r.needs.Prices != nil && !r.needs.Prices.Most(one.Provider, one.Model, 1, 1).Known {
		add(one.String(), "its price is not known: no cost is counted, and money budgets refuse it", "say it in the section prices of holdfast.yaml")
	}
	if of == "" {
		return
	}
	if free(one.Model) {
		add(one.String(), "is on a free tier, with few calls a day and little privacy; a fallback of "+of, "put a paid or local model behind it")
	}
	if r.needs.Bounded != nil && !r.needs.Bounded() && r.paid(one) {
		add(one.String(), "costs money, and no budget stands behind it; a fallback of "+of, "`holdfast budget set house --usd-per-day 5`")
	}
}

// free tells a model of a free tier by its name.
func free(model string) bool {
	return strings.HasSuffix(model, ":free") || model == "openrouter/free" || model == "free"
}

// paid tells whether a call costs money; what is not known may.
func (r routing) paid(one route.Target) bool {
	if r.needs.Prices == nil || free(one.Model) {
		return false
	}
	cost := r.needs.Prices.Most(one.Provider, one.Model, 1e6, 1e6)
	return !cost.Known || cost.Nano > 0
}

// proposals are the profiles that this version would pin in another way.
func (c Config) proposals() []Proposal {
	sources := make([]route.Source, 0, len(c.Providers))
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		p := c.Providers[name]
		if p.Kind != kindRehearsal { // a house that only rehearses has chosen
			sources = append(sources, route.Source{Name: name, Vendor: price.VendorOf(cmp.Or(p.Flavor, p.Kind), p.URL)})
		}
	}
	all := route.Propose(sources)
	var list []Proposal
	for _, name := range route.ProfileNames() {
		if b, ok := all[name]; ok && !b.Equal(c.Profiles[name]) {
			list = append(list, Proposal{name, name + ": " + b.String()})
		}
	}
	return list
}

func (r routing) alerts() []holdfast.AlertRule {
	return []holdfast.AlertRule{
		{Name: "model_policy", Severity: holdfast.SeverityWarning, Summary: "a fallback is on a free tier, has no budget behind it, or costs an unknown amount", Firing: r.policyAlerts},
		{Name: "model_resting", Severity: holdfast.SeverityWarning, Summary: "every model of an alias cools down: calls wait or are refused", Firing: r.restingAlerts},
		{Name: "model_rehearsal", Severity: holdfast.SeverityWarning, Summary: "a fault is being rehearsed in front of a live model", Firing: r.rehearsalAlerts},
	}
}

func (r routing) policyAlerts(context.Context) []holdfast.Alert {
	t := r.routes.Load()
	if t == nil {
		return nil
	}
	var list []holdfast.Alert
	for _, w := range r.warnings(t) {
		list = append(list, holdfast.Alert{Subject: w.About, Message: w.Message})
	}
	if fault := r.router.Fault(); fault != "" {
		list = append(list, holdfast.Alert{Subject: "cooldowns.json", Message: fault})
	}
	return list
}

func (r routing) restingAlerts(context.Context) []holdfast.Alert {
	t := r.routes.Load()
	if t == nil {
		return nil
	}
	var list []holdfast.Alert
	for _, name := range t.names.Aliases() {
		chain, known := t.names.Resolve(name)
		if _, ok := r.router.First(chain); known && !ok {
			list = append(list, holdfast.Alert{Subject: name, Message: "every model of it cools down (`holdfast cooldown list`)"})
		}
	}
	return list
}

// report is the gateway's part of the house's report: the triple of every alias, and what to mind.
func (r routing) report(ctx context.Context) (holdfast.Report, error) {
	p, err := r.policy(ctx, action.Nothing{})
	if err != nil {
		return holdfast.Report{}, err
	}
	now := time.Now().UTC()
	out := holdfast.Report{Subject: "models", Observed: []holdfast.Fact{}}
	for _, a := range p.Aliases {
		out.Observed = append(out.Observed, holdfast.Fact{
			Statement: fmt.Sprintf("%s is %s as configured, %s now, and %s answered last", a.Alias, strings.Join(a.Configured, ", "), cmp.Or(a.Effective, "nobody"), cmp.Or(a.Actual, "nobody")),
			Value:     a.Effective, Source: "model.policy", Time: now,
		})
	}
	for _, c := range p.Cooling {
		out.Observed = append(out.Observed, holdfast.Fact{
			Statement: fmt.Sprintf("%s cools down until %s: %s", c.Model, c.Until.Format(time.RFC3339), c.Reason), Value: string(c.State), Source: "cooldown.list", Time: now,
		})
	}
	for _, w := range p.Warnings {
		out.Interpretation = append(out.Interpretation, w.About+" "+w.Message)
		if w.Remedy != "" {
			out.Notes = append(out.Notes, w.About+": "+w.Remedy)
		}
	}
	return out, nil
}
