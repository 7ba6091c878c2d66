// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/gateway/drill"
	"holdfast/gateway/route"
)

// journal is what the gateway needs of the house's journal.
type journal interface {
	Append(ctx context.Context, e holdfast.Entry) (holdfast.Entry, error)
}

// A Rehearsal is a fault in front of live models.
type Rehearsal struct {
	Fault  string    `json:"fault"`
	Alias  string    `json:"alias,omitempty"`
	Models []string  `json:"models"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	By     string    `json:"by"`
	Calls  int64     `json:"calls" help:"calls that met the fault"`
}

// Rehearsals are the faults that are on.
type Rehearsals struct {
	Rehearsals []Rehearsal `json:"rehearsals"`
}

type rehearseInput struct {
	Fault      string          `json:"fault" required:"true" pos:"1" enum:"429,500,timeout,slow,cut,empty" help:"what the models are to do"`
	Alias      string          `json:"alias,omitempty" help:"the alias whose models fail; chat when neither alias nor model is given"`
	Model      string          `json:"model,omitempty" help:"one model that fails, as provider/model"`
	Steps      int             `json:"steps,omitempty" default:"1" min:"1" max:"100" help:"how many of the alias's models fail, from the first"`
	For        config.Duration `json:"for,omitempty" default:"2m" help:"how long, from 1s to 1h"`
	RetryAfter config.Duration `json:"retry_after,omitempty" help:"what a 429 says; nothing when left out"`
}

type endInput struct {
	Name string `json:"name,omitempty" pos:"1" help:"an alias or a model; all rehearsals when left out"`
}

func (r routing) rehearsing() []holdfast.Action {
	begin := holdfast.Action{
		Name: "gateway.rehearse", Tier: holdfast.TierOperator, Effect: holdfast.EffectChange,
		Summary: "Let a live model seem to fail for a while, to see the house fall back, without spending",
		Help: "The fault stands in front of the provider, which is not asked: 429, 500, timeout (silence), slow, cut (in the middle) or empty. Everything that follows is real: " +
			"the model cools down, the next in the chain answers, clients see what they would see. Slow and cut answer with a rehearsed text. " +
			"It ends by itself, and with the house; its cooldowns end with it, and true ones are as they were.",
		Examples: []string{"holdfast gateway rehearse 429 --alias chat --for 2m", "holdfast gateway rehearse timeout --model openrouter/openai/o3"},
		Subject:  func(input any) string { return subjectOf(input.(rehearseInput)) },
	}
	end := holdfast.Action{
		Name: "gateway.end_rehearsal", Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Safer: true,
		Summary:  "End a rehearsal before its time",
		Examples: []string{"holdfast gateway end-rehearsal"},
	}
	return []holdfast.Action{action.NewAction(begin, r.rehearse), action.NewAction(end, r.endRehearsal)}
}

func subjectOf(in rehearseInput) string {
	if in.Model != "" {
		return in.Model
	}
	if in.Alias != "" {
		return in.Alias
	}
	return route.AliasChat
}

func (r routing) rehearse(ctx context.Context, in rehearseInput) (Rehearsals, error) {
	t := r.routes.Load()
	if t == nil {
		return Rehearsals{}, holdfast.Errorf(holdfast.CodeUnavailable, "cannot rehearse: the gateway is not started")
	}
	if in.Alias != "" && in.Model != "" {
		return Rehearsals{}, holdfast.BadInput("", holdfast.Problem{Field: "model", Message: "stands beside alias", Remedy: "give one of them"})
	}
	now := time.Now()
	until, err := drill.Until(now, in.For.Std())
	if err != nil {
		return Rehearsals{}, err
	}
	chain, known := t.names.Resolve(subjectOf(in))
	if !known || in.Model != "" && chain.Alias != "" || in.Alias != "" && chain.Alias == "" {
		return Rehearsals{}, holdfast.BadInput("", holdfast.Problem{
			Field: "alias", Message: fmt.Sprintf("there is no such alias or model: %q", subjectOf(in)), Remedy: "`holdfast models` lists them; a model is provider/model",
		})
	}
	targets := chain.Targets[:min(max(in.Steps, 1), len(chain.Targets))]
	d := drill.Drill{Fault: in.Fault, Alias: chain.Alias, Targets: slices.Clone(targets), Since: now, Until: until, By: holdfast.CallerFrom(ctx).String()}
	r.router.Rehearse(targets, until)
	if err := r.drills.Begin(d, in.RetryAfter.Std()); err != nil {
		r.router.EndRehearsal(targets)
		return Rehearsals{}, holdfast.BadInput(err.Error())
	}
	r.needs.Log.Warn("a fault is being rehearsed", "fault", in.Fault, "models", names(targets), "until", until)
	select {
	case r.drilled <- struct{}{}:
	default:
	}
	return Rehearsals{r.rehearsals()}, nil
}

func (r routing) endRehearsal(ctx context.Context, in endInput) (Rehearsals, error) {
	which, err := r.named(r.table(), in.Name)
	if err != nil {
		return Rehearsals{}, err
	}
	r.ended(ctx, r.drills.End(which), "was ended")
	return Rehearsals{r.rehearsals()}, nil
}

func (r routing) rehearsals() []Rehearsal {
	list := []Rehearsal{}
	for _, d := range r.drills.List() {
		list = append(list, rehearsalOf(d))
	}
	return list
}

func rehearsalOf(d drill.Drill) Rehearsal {
	return Rehearsal{d.Fault, d.Alias, names(d.Targets), d.Since.UTC(), d.Until.UTC(), d.By, d.Calls}
}

func names(targets []route.Target) []string {
	list := make([]string, 0, len(targets))
	for _, t := range targets {
		list = append(list, t.String())
	}
	return list
}

func (r routing) rehearsalAlerts(context.Context) []holdfast.Alert {
	var list []holdfast.Alert
	for _, d := range r.rehearsals() {
		list = append(list, holdfast.Alert{
			Subject: strings.Join(d.Models, ", "), Since: d.Since,
			Message: fmt.Sprintf("%s is rehearsed until %s, by %s: these models seem to fail and are not asked", d.Fault, d.Until.Format(time.RFC3339), d.By),
		})
	}
	return list
}

// run writes cooldowns down and ends rehearsals in time.
func (r routing) run(ctx context.Context) error {
	for _, w := range r.warnings(r.table()) {
		r.needs.Log.Warn("the models are not all well chosen", "about", w.About, "what", w.Message, "remedy", w.Remedy)
	}
	written := make(chan error, 1)
	go func() { written <- r.router.Run(ctx) }()
	for {
		var over <-chan time.Time
		var timer *time.Timer
		if d := r.drills.List(); len(d) > 0 {
			soonest := slices.MinFunc(d, func(a, b drill.Drill) int { return a.Until.Compare(b.Until) })
			timer = time.NewTimer(time.Until(soonest.Until))
			over = timer.C
		}
		select {
		case <-over:
		case <-r.drilled:
		case <-ctx.Done():
			r.ended(context.WithoutCancel(ctx), r.drills.End(func(route.Target) bool { return true }), "ended with the house")
			return <-written
		}
		if timer != nil {
			timer.Stop()
		}
		r.ended(ctx, r.drills.Expire(), "ended")
	}
}

// ended gives models their true health back, and journals it.
func (r routing) ended(ctx context.Context, over []drill.Drill, how string) {
	for _, d := range over {
		r.router.EndRehearsal(d.Targets)
		r.needs.Log.Info("a rehearsal "+how, "fault", d.Fault, "models", names(d.Targets), "calls", d.Calls)
		detail, err := json.Marshal(struct {
			Rehearsal
			How string `json:"how"`
		}{rehearsalOf(d), how})
		if err != nil || r.needs.Journal == nil {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
		caller := holdfast.Internal("gateway", "gateway.rehearse")
		_, err = r.needs.Journal.Append(bounded, holdfast.Entry{
			Caller: caller.String(), Tier: caller.Tier, Action: "gateway.rehearsal_ended", Subject: strings.Join(names(d.Targets), ", "),
			Outcome: holdfast.OutcomeNoted, Detail: detail,
		})
		cancel()
		if err != nil {
			r.needs.Log.Error("cannot journal the end of a rehearsal", "error", err)
		}
	}
}
