// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/gateway/provider"
	"holdfast/gateway/route"
)

type askInput struct {
	Prompt    string `json:"prompt" pos:"1" required:"true" max:"1000000" help:"what to ask"`
	Model     string `json:"model" default:"chat" max:"256" help:"an alias, or a model as provider/model"`
	System    string `json:"system" max:"1000000" help:"what the model is told before"`
	MaxTokens int64  `json:"max_tokens" min:"0" max:"1000000" help:"the longest answer; 0 leaves it to the house"`
}

// MarshalJSON keeps what is asked out of the journal, for good as that is.
func (in askInput) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Model     string `json:"model"`
		MaxTokens int64  `json:"max_tokens,omitempty"`
		Prompt    int    `json:"prompt_bytes"`
		System    int    `json:"system_bytes,omitempty"`
	}{in.Model, in.MaxTokens, len(in.Prompt), len(in.System)})
}

// An Answer is what a model said, and what that cost.
type Answer struct {
	Text      string         `json:"text"`
	Model     string         `json:"model" help:"which model answered"`
	Provider  string         `json:"provider"`
	Fallback  int            `json:"fallback" help:"how many models before it did not answer"`
	Finish    string         `json:"finish,omitempty" help:"why it ended, such as stop or length"`
	Usage     holdfast.Usage `json:"usage"`
	Estimated bool           `json:"estimated,omitempty" help:"the provider did not tell the usage"`
	Cost      string         `json:"cost" help:"in US dollars; ? when the price is not known"`
	RequestID string         `json:"request_id"`
	Bypassed  bool           `json:"bypassed,omitempty" help:"it was let past a HALT"`
}

func (r asker) action() holdfast.Action {
	return action.NewAction(holdfast.Action{
		Name: "model.ask", Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Labels: []string{"dispatch"},
		Summary: "Ask a model one thing, through the gateway like any client",
		Help: "The call is reserved, routed, counted and booked under the caller's name, as every other. While HALT stands it is refused with exit 3; " +
			holdfast.BypassVariable + "=1 before the command lets this one call pass at the owner's terminal, journaled and told as an alert.",
		Examples: []string{`holdfast models ask "What is a heron?"`, `holdfast models ask "Say it in one word" --model fast --system "You are terse."`},
		Subject:  func(input any) string { return input.(askInput).Model },
	}, r.ask)
}

// ask makes one call as a client of chat completions does, and reads its answer whole.
func (r asker) ask(ctx context.Context, in askInput) (Answer, error) {
	// Also by one that cannot be made, so that none is left over for another.
	passed := holdfast.BypassFrom(ctx) && r.needs.Breaker.Passes.Take(holdfast.CallerFrom(ctx), "model.ask")
	t := r.routes.Load()
	if t == nil {
		return Answer{}, holdfast.Errorf(holdfast.CodeUnavailable, "cannot ask: the gateway is not started")
	}
	if in.Model == "" {
		in.Model = route.AliasChat
	}
	chain, known := t.names.Resolve(in.Model)
	if !known {
		return Answer{}, holdfast.BadInput("", holdfast.Problem{
			Field: "model", Message: fmt.Sprintf("there is no such alias or model: %q", in.Model), Remedy: "`holdfast models` lists them",
		})
	}
	body, err := json.Marshal(asked(in))
	if err != nil {
		return Answer{}, fmt.Errorf("cannot ask: %w", err)
	}
	client := r.tongues.get(provider.Chat)
	req, err := client.Scan(body)
	if err != nil {
		return Answer{}, fmt.Errorf("cannot ask: %w", err)
	}
	said := &reply{header: http.Header{}}
	c := &call{
		g: r.Gateway, w: said, client: client, header: http.Header{}, req: req, body: body, table: t, settings: &t.config,
		began: time.Now(), trip: r.router.Trip(chain), passed: passed,
	}
	if passed {
		defer func() { r.needs.Breaker.Passes.End(c.id) }()
	}
	c.run(spanning{c}.begin(ctx))
	r.meters.observe(c)
	spanning{c}.end()
	if t.config.RequestLog {
		r.log(c)
	}
	return r.answered(c, said)
}

// asker is the gateway as one who asks a model one thing.
type asker struct{ *Gateway }

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// asked is the request in the form of chat completions.
func asked(in askInput) any {
	request := struct {
		Model     string    `json:"model"`
		Messages  []message `json:"messages"`
		MaxTokens int64     `json:"max_tokens,omitempty"`
	}{Model: in.Model, MaxTokens: in.MaxTokens}
	if in.System != "" {
		request.Messages = append(request.Messages, message{"system", in.System})
	}
	request.Messages = append(request.Messages, message{"user", in.Prompt})
	return request
}

// A reply keeps what a client would have been sent.
type reply struct {
	header http.Header
	body   bytes.Buffer
}

func (r *reply) Header() http.Header         { return r.header }
func (r *reply) WriteHeader(int)             {} // the call knows it
func (r *reply) Write(p []byte) (int, error) { return r.body.Write(p) }

// answered is the answer in plain words, or why there is none.
func (r asker) answered(c *call, said *reply) (Answer, error) {
	var told struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
				Refusal string `json:"refusal"`
			} `json:"message"`
			Finish string `json:"finish_reason"`
		} `json:"choices"`
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	err := json.Unmarshal(said.body.Bytes(), &told)
	if c.status != http.StatusOK {
		return Answer{}, r.unanswered(c, told.Error.Message)
	}
	if err != nil || len(told.Choices) == 0 {
		return Answer{}, holdfast.Errorf(holdfast.CodeFailed, "%s/%s gave no answer that can be read", c.ended.Provider, c.ended.Model)
	}
	first := told.Choices[0]
	a := Answer{
		Text: first.Message.Content, Finish: first.Finish, Model: c.ended.Model, Provider: c.ended.Provider, Fallback: c.ended.Fallback,
		Usage: c.ended.Usage, Estimated: c.ended.Estimated, Cost: "?", RequestID: c.id, Bypassed: c.passed,
	}
	if a.Text == "" {
		a.Text = first.Message.Refusal
	}
	if r.needs.Prices != nil {
		a.Cost = r.needs.Prices.Cost(a.Provider, a.Model, a.Usage).Dollars()
	}
	return a, nil
}

// unanswered words why nobody answered: what the house itself refused as a refusal.
func (r asker) unanswered(c *call, message string) error {
	refusal := &holdfast.Refusal{Guard: "gateway", Reason: message, Remedy: "see `holdfast models` and `holdfast status`"}
	switch c.code {
	case "breaker_halt", blindReason, "breaker_cap":
		refusal.Guard, refusal.Remedy = "breaker", "see `holdfast breaker status`"
		return refusal
	case "budget_exceeded":
		refusal.Guard, refusal.Remedy = "budget", "see `holdfast budget report`"
		return refusal
	}
	if c.status == http.StatusBadRequest || c.status == http.StatusNotFound {
		return holdfast.BadInput(message)
	}
	return holdfast.Errorf(holdfast.CodeUnavailable, "no model answered: %s", message)
}
