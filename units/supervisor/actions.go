// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"

	"holdfast"
	"holdfast/core/action"
)

type listIn struct {
	Owner string `json:"owner" help:"only the units of this owner"`
}

type listOut struct {
	Units []holdfast.UnitStatus `json:"units" help:"units by name"`
}

type unitIn struct {
	Unit string `json:"unit" pos:"1" required:"true" help:"name of the unit"`
}

// A Detail is all that is known of one unit. Names of secrets are told, values never.
type Detail struct {
	holdfast.UnitStatus
	Run     []string `json:"run" help:"argument vector"`
	Dir     string   `json:"dir" help:"working folder"`
	Secrets []string `json:"secrets" help:"names of the keys that it receives"`
	Needs   []string `json:"needs" help:"units that must be up first"`
	Restart string   `json:"restart" help:"restart policy"`
	Held    bool     `json:"held" help:"stopped by the operator until unit.start"`
	Healthy bool     `json:"healthy" help:"its last health check went well, or it is up and has none"`
	Launch  string   `json:"launch" help:"name of the present launch"`
	User    string   `json:"user,omitempty" help:"account that it runs as; the house's own when left out"`
	Limits  *Limits  `json:"limits,omitempty" help:"what bounds it, with all that it starts"`
	Sandbox *Sandbox `json:"sandbox,omitempty" help:"what it may reach beside the system's folders; without it the unit is free"`
}

type strayOut struct {
	Strays []Stray `json:"strays" help:"marked processes without a unit"`
}

type reapIn struct{}

type reapOut struct {
	Ended []Stray `json:"ended" help:"what was ended"`
}

func unitSubject(input any) string {
	in, ok := input.(unitIn)
	if !ok {
		return ""
	}
	return in.Unit
}

// A desk is where units are asked about and ordered, as actions.
type desk struct{ *Supervisor }

// actions declares what may be asked about units.
func (d desk) actions() []holdfast.Action {
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "unit.list", Short: "units", Summary: "List the units and how they stand",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast units"},
		}, d.list),
		action.NewAction(holdfast.Action{
			Name: "unit.show", Summary: "Show one unit whole", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
			Subject: unitSubject, Examples: []string{"holdfast unit show notes.backend"},
		}, d.show),
		action.NewAction(holdfast.Action{
			Name: "unit.start", Summary: "Start a unit and clear its hold",
			Help: "Waits until the unit is proven up: ready, and healthy once where it has a health check.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Subject: unitSubject, Labels: []string{labelStart},
			Routes: route("start"), Examples: []string{"holdfast unit start notes.backend"},
		}, d.start),
		action.NewAction(holdfast.Action{
			Name: "unit.stop", Summary: "Stop a unit and hold it until unit.start",
			Help: "Nothing restarts a held unit, not even the next start of the house.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Safer: true, Subject: unitSubject,
			Routes: route("stop"), Examples: []string{"holdfast unit stop notes.backend"},
		}, d.stop),
		action.NewAction(holdfast.Action{
			Name: "unit.restart", Summary: "Restart a unit and wait for fresh proof of its health",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Subject: unitSubject, Labels: []string{labelRestart},
			Routes: route("restart"), Examples: []string{"holdfast unit restart notes.backend"},
		}, d.restart),
		action.NewAction(holdfast.Action{
			Name: "unit.usage", Short: "ps", Summary: "Show what the units use: CPU, memory, processes",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast ps"},
		}, d.usage),
		action.NewAction(holdfast.Action{
			Name: "unit.history", Summary: "Show how a unit came to stand as it does",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Subject: historySubject,
			Examples: []string{"holdfast unit history notes.backend --since 1d"},
		}, d.history),
		action.NewAction(holdfast.Action{
			Name: "unit.services", Summary: "List the units in the form of the services table",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
			Routes: []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/services"}},
		}, d.services),
		action.NewAction(holdfast.Action{
			Name: "unit.strays", Summary: "List marked processes that no unit accounts for",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
		}, d.listStrays),
		action.NewDestroyer(holdfast.Action{
			Name: "unit.reap", Summary: "End the marked processes that no unit accounts for",
			Tier: holdfast.TierOperator, Categories: []holdfast.Category{reapCategory()},
		}, d.strays.inventory, d.strays.reap),
	}
}

func route(verb string) []holdfast.ActionRoute {
	return []holdfast.ActionRoute{{Method: "POST", Path: "/api/supervisor/services/{unit}/" + verb}}
}

func (d desk) list(_ context.Context, in listIn) (listOut, error) {
	out := listOut{Units: []holdfast.UnitStatus{}}
	for _, st := range d.List() {
		if in.Owner == "" || st.Owner == in.Owner {
			out.Units = append(out.Units, st)
		}
	}
	return out, nil
}

func (d desk) show(_ context.Context, in unitIn) (Detail, error) {
	u, err := d.roster.look(in.Unit)
	if err != nil {
		return Detail{}, err
	}
	out := Detail{
		UnitStatus: u.status(), Run: u.unit.Run, Dir: u.unit.Dir, Restart: string(u.unit.Restart),
		Held: d.holds.Holds(in.Unit), Healthy: u.healthy, Launch: u.launch(), Needs: []string{}, Secrets: []string{},
	}
	out.Secrets = append(out.Secrets, u.unit.Secrets...)
	out.User, out.Limits, out.Sandbox = u.unit.User, limitsOf(u.unit), sandboxOf(u.unit)
	for _, need := range u.unit.Needs {
		out.Needs = append(out.Needs, need.Unit+": "+stage(need.Until))
	}
	return out, nil
}

func (d desk) start(ctx context.Context, in unitIn) (holdfast.UnitStatus, error) {
	if err := d.Start(ctx, in.Unit); err != nil {
		return holdfast.UnitStatus{}, err
	}
	return d.Status(in.Unit)
}

func (d desk) stop(ctx context.Context, in unitIn) (holdfast.UnitStatus, error) {
	if err := d.Stop(ctx, in.Unit); err != nil {
		return holdfast.UnitStatus{}, err
	}
	return d.Status(in.Unit)
}

func (d desk) restart(ctx context.Context, in unitIn) (holdfast.UnitStatus, error) {
	if err := d.Restart(ctx, in.Unit); err != nil {
		return holdfast.UnitStatus{}, err
	}
	return d.Status(in.Unit)
}

func (d desk) services(context.Context, action.Nothing) (map[string]Service, error) {
	return d.Services(), nil
}

func (d desk) listStrays(context.Context, action.Nothing) (strayOut, error) {
	strays, err := d.strays.list()
	return strayOut{Strays: strays}, err
}

// streamList sends all units whenever one of them changes.
func (d desk) streamList(ctx context.Context, input any, send func(any) error) error {
	in, _ := input.(listIn)
	changes := d.Changes(ctx)
	out, err := d.list(ctx, in)
	if err == nil {
		err = send(out)
	}
	if err != nil {
		return err
	}
	for range changes {
		if out, err = d.list(ctx, in); err == nil {
			err = send(out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
