// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"encoding/json"
	"time"

	"holdfast"
	"holdfast/core/config"
	past "holdfast/core/journal"
	"holdfast/units/usage"
)

// usagePace is how often the stream of unit.usage tells.
const usagePace = 2 * time.Second

type usageIn struct {
	Unit   string `json:"unit" help:"only this unit"`
	Series string `json:"series" help:"with how it went over this span, such as 10m, at most 1h; a stream tells it once"`
}

// past reads the span of the series, 0 for none.
func (in usageIn) past() (time.Duration, error) {
	if in.Series == "" {
		return 0, nil
	}
	span, err := config.ParseDuration(in.Series)
	if err != nil {
		return 0, holdfast.BadInput("cannot tell how it went", holdfast.Problem{
			Field: "series", Message: err.Error(), Remedy: "give a span such as 10m, at most 1h",
		})
	}
	return span.Std(), nil
}

type usageOut struct {
	At    time.Time `json:"at" help:"when it was measured"`
	Units []Used    `json:"units" help:"units by name"`
	House HouseUse  `json:"house" help:"the house itself, without its units"`
	Note  string    `json:"note,omitempty" help:"why the figures are missing, on a system that does not tell"`
}

// Used is what a unit uses, with all that it started.
type Used struct {
	Name      string             `json:"name" help:"name of the unit"`
	State     holdfast.UnitState `json:"state" help:"how it stands"`
	PID       int                `json:"pid,omitempty" help:"its first process"`
	CPU       float64            `json:"cpu" help:"cores"`
	Memory    int64              `json:"memory" help:"bytes of resident memory; what processes share counts for each"`
	Processes int                `json:"processes" help:"how many processes it has"`
	Restarts  int                `json:"restarts" help:"restarts within the last hour"`
	Since     time.Time          `json:"since" help:"since when it stands so"`
	Series    *usage.Series      `json:"series,omitempty" help:"how it went over the span that was asked for, one point in 15 s"`
}

// HouseUse is what the house itself uses.
type HouseUse struct {
	CPU       float64       `json:"cpu" help:"cores"`
	Memory    int64         `json:"memory" help:"bytes of resident memory"`
	Processes int           `json:"processes" help:"how many processes it has"`
	Series    *usage.Series `json:"series,omitempty" help:"how it went over the span that was asked for, one point in 15 s"`
}

// measured lists the units for the book of their use.
func (r *roster) measured() []usage.Unit {
	var list []usage.Unit
	for _, u := range r.all() {
		list = append(list, u.measured())
	}
	return list
}

func (s *standing) measured() usage.Unit {
	u := usage.Unit{Name: s.unit.Name}
	if s.child != nil {
		u.Leader = s.child.Identity()
	}
	return u
}

func (d desk) usage(ctx context.Context, in usageIn) (usageOut, error) {
	span, err := in.past()
	if err != nil {
		return usageOut{}, err
	}
	units := d.roster.all()
	if in.Unit != "" {
		one, err := d.roster.look(in.Unit)
		if err != nil {
			return usageOut{}, err
		}
		units = []standing{one}
	}
	out := usageOut{At: time.Now().UTC(), Units: []Used{}}
	uses, house, err := d.used(ctx, units)
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	if err != nil {
		out.Note = err.Error()
	}
	for _, u := range units {
		use := uses[u.unit.Name]
		one := Used{
			Name: u.unit.Name, State: u.state, PID: u.pid(), Restarts: len(u.recent(time.Now())), Since: u.since,
			CPU: usage.Cores(use.CPU), Memory: use.Memory, Processes: use.Processes,
		}
		if span > 0 {
			past := d.book.Past(u.unit.Name, span)
			one.Series = &past
		}
		out.Units = append(out.Units, one)
	}
	out.House = HouseUse{CPU: usage.Cores(house.CPU), Memory: house.Memory, Processes: house.Processes}
	if span > 0 {
		past := d.book.Past("", span)
		out.House.Series = &past
	}
	return out, nil
}

func (d desk) used(ctx context.Context, units []standing) (map[string]usage.Use, usage.Use, error) {
	list := make([]usage.Unit, 0, len(units))
	for _, u := range units {
		list = append(list, u.measured())
	}
	return d.book.Now(ctx, list)
}

// streamUsage tells what the units use every two seconds, at first with the series that are asked for.
func (d desk) streamUsage(ctx context.Context, input any, send func(any) error) error {
	in, _ := input.(usageIn)
	ticker := time.NewTicker(usagePace)
	defer ticker.Stop()
	for {
		out, err := d.usage(ctx, in)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // who looked went away
		}
		if err == nil {
			err = send(out)
		}
		if err != nil {
			return err
		}
		in.Series = ""
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// history reads what was journaled.
type history interface {
	Show(ctx context.Context, q past.Query) ([]holdfast.Entry, error)
}

type historyIn struct {
	Unit  string `json:"unit" pos:"1" required:"true" help:"name of the unit; one that is no more is known as well"`
	Since string `json:"since" help:"only changes from this time on: a span (15m, 2d) or a time (2026-01-31T12:00:00Z)"`
	Limit int    `json:"limit" default:"100" min:"1" max:"10000" help:"how many changes, the last ones"`
}

type historyOut struct {
	Unit    string       `json:"unit" help:"name of the unit"`
	Changes []PastChange `json:"changes" help:"changes of its state, oldest first"`
}

// A PastChange is a change of a unit's state that was journaled.
type PastChange struct {
	At     time.Time          `json:"at" help:"when"`
	From   holdfast.UnitState `json:"from" help:"how it stood before"`
	To     holdfast.UnitState `json:"to" help:"how it stood after"`
	Detail string             `json:"detail,omitempty" help:"why"`
	Launch string             `json:"launch,omitempty" help:"name of the launch"`
	PID    int                `json:"pid,omitempty" help:"its first process"`
	// Adopted tells that another house had started it.
	Adopted bool `json:"adopted,omitempty" help:"whether the house found it running"`
}

func historySubject(input any) string {
	in, ok := input.(historyIn)
	if !ok {
		return ""
	}
	return in.Unit
}

func (d desk) history(ctx context.Context, in historyIn) (historyOut, error) {
	if d.options.History == nil {
		return historyOut{}, holdfast.Errorf(holdfast.CodeUnavailable, "cannot tell the history of %s: no journal is kept", in.Unit)
	}
	q := past.Query{Action: "unit.state", Subject: in.Unit, Limit: in.Limit}
	if in.Since != "" {
		since, err := config.ParseSince(in.Since, time.Now())
		if err != nil {
			return historyOut{}, holdfast.BadInput("cannot tell the history", holdfast.Problem{
				Field: "since", Message: err.Error(), Remedy: "give a span (15m, 2d) or a time (2026-01-31T12:00:00Z)",
			})
		}
		q.Since = since
	}
	entries, err := d.options.History.Show(ctx, q)
	if err != nil {
		return historyOut{}, err
	}
	if len(entries) == 0 {
		if _, err := d.roster.look(in.Unit); err != nil {
			return historyOut{}, err
		}
	}
	out := historyOut{Unit: in.Unit, Changes: []PastChange{}}
	for _, e := range entries {
		var detail stateDetail
		if json.Unmarshal(e.Detail, &detail) != nil {
			continue // it is shown by the journal, as it is
		}
		out.Changes = append(out.Changes, PastChange{
			At: when(detail.At, e.Time), From: detail.From, To: detail.To, Detail: detail.Why, Launch: detail.Launch, PID: detail.PID, Adopted: detail.Adopted,
		})
	}
	return out, nil
}

// when is when something happened, by the clock of who saw it where that was written down.
func when(seen, noted time.Time) time.Time {
	if seen.IsZero() {
		return noted
	}
	return seen
}
