// SPDX-License-Identifier: Apache-2.0

// Package drill puts faults in front of real models for a while, so that what a live house does
// when its providers fail can be seen without spending.
//
// It is for naming faults, ending them in time and answering in their stead: the provider itself is
// never asked. It is not for what follows from a fault, which is the gateway's and happens as if it
// were true, nor for cooldowns (gateway/route keeps those of a drill apart). Drills live in memory:
// a restart ends them all. Caller: gateway.
package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/gateway/provider"
	"holdfast/gateway/provider/rehearsal"
	"holdfast/gateway/route"
)

// How long a drill may last.
const (
	Least = time.Second
	Most  = time.Hour
)

const (
	// slowness is how long a slow answer takes to begin, and its pause before each piece.
	slowness  = 8 * time.Second
	slowPause = time.Second
)

// A Drill is one fault in front of some models.
type Drill struct {
	Fault   string
	Alias   string // "" when a model was named
	Targets []route.Target
	Since   time.Time
	Until   time.Time
	By      string
	// Calls is how many were answered by the fault.
	Calls int64

	model *rehearsal.Model
}

// Faults lists what can be rehearsed.
func Faults() []string { return []string{"429", "500", "timeout", "slow", "cut", "empty"} }

// Drills are the faults that are on. The zero value is ready; many calls may ask it.
type Drills struct {
	mu sync.Mutex
	on []*Drill
	// begun tells that the list may hold something, so that a house without drills looks at nothing.
	begun bool
}

// Begin puts a fault in front of its targets. A model that has one already gets the new one.
func (d *Drills) Begin(drill Drill, retryAfter time.Duration) error {
	if !slices.Contains(Faults(), drill.Fault) {
		return fmt.Errorf("there is no fault %q: want one of %s", drill.Fault, strings.Join(Faults(), ", "))
	}
	model, err := rehearsal.New("drill", []byte(script(drill.Fault, retryAfter)))
	if err != nil {
		return fmt.Errorf("cannot rehearse %s: %w", drill.Fault, err)
	}
	drill.model = model
	d.End(func(t route.Target) bool { return slices.Contains(drill.Targets, t) })
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on, d.begun = append(d.on, &drill), true
	return nil
}

// script is how the rehearsal model acts a fault out.
func script(fault string, retryAfter time.Duration) string {
	const words = `reply: {text: "This is a rehearsed answer: an operator is trying out what happens when this model is slow or breaks off.", chunk: 16`
	switch fault {
	case "429":
		after := ""
		if retryAfter > 0 {
			after = ", retry_after: " + retryAfter.String()
		}
		return "rules: [{fault: {status: 429" + after + "}}]"
	case "500":
		return "rules: [{fault: {status: 500}}]"
	case "timeout":
		return "rules: [{fault: {hang: true}}]"
	case "slow":
		return fmt.Sprintf("rules: [{%s, wait: %s, pause: %s}}]", words, slowness, slowPause)
	case "cut":
		return "rules: [{" + words + "}, fault: {cut: 3}}]"
	}
	return "rules: [{fault: {empty: true}}]"
}

// Front is who answers in a target's stead, if a drill is on.
func (d *Drills) Front(t route.Target) (provider.Provider, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.begun {
		return nil, false
	}
	now := time.Now()
	for _, one := range d.on {
		if now.Before(one.Until) && slices.Contains(one.Targets, t) {
			return front{d, one}, true
		}
	}
	return nil, false
}

// front counts what a drill answers.
type front struct {
	of    *Drills
	drill *Drill
}

func (f front) Speaks() []string { return f.drill.model.Speaks() }
func (f front) Models() []string { return nil }

// Do acts the fault out. A silence ends with the drill at the latest.
func (f front) Do(ctx context.Context, call provider.Call) (*provider.Answer, error) {
	f.of.mu.Lock()
	f.drill.Calls++
	f.of.mu.Unlock()
	if f.drill.Fault != "timeout" {
		return f.drill.model.Do(ctx, call)
	}
	over := time.NewTimer(time.Until(f.drill.Until))
	defer over.Stop()
	select {
	case <-over.C:
		return nil, fmt.Errorf("%w: the rehearsal ended", provider.ErrTimeout)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// List gives the drills that are on, in the order in which they began.
func (d *Drills) List() []Drill {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	list := []Drill{}
	for _, one := range d.on {
		if now.Before(one.Until) {
			list = append(list, *one)
		}
	}
	return list
}

// End takes away the drills that have a target which is accepted, and gives them back.
func (d *Drills) End(which func(route.Target) bool) []Drill {
	return d.take(func(one *Drill) bool { return slices.ContainsFunc(one.Targets, which) })
}

// Expire takes away the drills whose time is over, and gives them back.
func (d *Drills) Expire() []Drill {
	now := time.Now()
	return d.take(func(one *Drill) bool { return !now.Before(one.Until) })
}

func (d *Drills) take(which func(*Drill) bool) []Drill {
	d.mu.Lock()
	defer d.mu.Unlock()
	ended := []Drill{}
	d.on = slices.DeleteFunc(d.on, func(one *Drill) bool {
		if which(one) {
			ended = append(ended, *one)
			return true
		}
		return false
	})
	d.begun = len(d.on) > 0
	return ended
}

// Until checks how long a drill is to last.
func Until(now time.Time, lasts time.Duration) (time.Time, error) {
	if lasts < Least || lasts > Most {
		return time.Time{}, holdfast.BadInput("", holdfast.Problem{
			Field: "for", Message: fmt.Sprintf("%s is too short or too long for a rehearsal", lasts), Remedy: "want between 1s and 1h",
		})
	}
	return now.Add(lasts), nil
}
