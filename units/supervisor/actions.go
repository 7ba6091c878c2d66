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

// actions declares what may be asked about units.
func (s *Supervisor) actions() []holdfast.Action {
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "unit.list", Short: "units", Summary: "List the units and how they stand",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast units"},
		}, s.list),
		action.NewAction(holdfast.Action{
			Name: "unit.show", Summary: "Show one unit whole", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
			Subject: unitSubject, Examples: []string{"holdfast unit show notes.backend"},
		}, s.show),
		action.NewAction(holdfast.Action{
			Name: "unit.start", Summary: "Start a unit and clear its hold",
			Help: "Waits until the unit is proven up: ready, and healthy once where it has a health check.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Subject: unitSubject, Labels: []string{labelStart},
			Routes: route("start"), Examples: []string{"holdfast unit start notes.backend"},
		}, s.startAction),
		action.NewAction(holdfast.Action{
			Name: "unit.stop", Summary: "Stop a unit and hold it until unit.start",
			Help: "Nothing restarts a held unit, not even the next start of the house.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Safer: true, Subject: unitSubject,
			Routes: route("stop"), Examples: []string{"holdfast unit stop notes.backend"},
		}, s.stopAction),
		action.NewAction(holdfast.Action{
			Name: "unit.restart", Summary: "Restart a unit and wait for fresh proof of its health",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Subject: unitSubject, Labels: []string{labelRestart},
			Routes: route("restart"), Examples: []string{"holdfast unit restart notes.backend"},
		}, s.restartAction),
		action.NewAction(holdfast.Action{
			Name: "unit.services", Summary: "List the units in the form of the services table",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
			Routes: []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/services"}},
		}, s.services),
		action.NewAction(holdfast.Action{
			Name: "unit.strays", Summary: "List marked processes that no unit accounts for",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
		}, s.listStrays),
		action.NewDestroyer(holdfast.Action{
			Name: "unit.reap", Summary: "End the marked processes that no unit accounts for",
			Tier: holdfast.TierOperator, Categories: []holdfast.Category{reapCategory()},
		}, s.strayInventory, s.reap),
		action.NewAction(holdfast.Action{
			Name: "log.show", Short: "logs", Summary: "Show the last lines of a unit's log",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Subject: logSubject,
			Examples: []string{"holdfast logs notes.backend --lines 50", "holdfast logs notes.backend --grep error --follow"},
		}, s.showLog),
	}
}

func route(verb string) []holdfast.ActionRoute {
	return []holdfast.ActionRoute{{Method: "POST", Path: "/api/supervisor/services/{unit}/" + verb}}
}

func (s *Supervisor) list(_ context.Context, in listIn) (listOut, error) {
	out := listOut{Units: []holdfast.UnitStatus{}}
	for _, st := range s.List() {
		if in.Owner == "" || st.Owner == in.Owner {
			out.Units = append(out.Units, st)
		}
	}
	return out, nil
}

func (s *Supervisor) show(_ context.Context, in unitIn) (Detail, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.keeper(in.Unit)
	if err != nil {
		return Detail{}, err
	}
	_, held := s.holds[in.Unit]
	d := Detail{
		UnitStatus: k.shown(), Run: k.unit.Run, Dir: k.unit.Dir, Restart: string(k.unit.Restart),
		Held: held, Healthy: k.healthy, Launch: k.launchName(), Needs: []string{}, Secrets: []string{},
	}
	d.Secrets = append(d.Secrets, k.unit.Secrets...)
	for _, need := range k.unit.Needs {
		d.Needs = append(d.Needs, need.Unit+": "+stage(need.Until))
	}
	return d, nil
}

func (s *Supervisor) startAction(ctx context.Context, in unitIn) (holdfast.UnitStatus, error) {
	if err := s.Start(ctx, in.Unit); err != nil {
		return holdfast.UnitStatus{}, err
	}
	return s.Status(in.Unit)
}

func (s *Supervisor) stopAction(ctx context.Context, in unitIn) (holdfast.UnitStatus, error) {
	if err := s.Stop(ctx, in.Unit); err != nil {
		return holdfast.UnitStatus{}, err
	}
	return s.Status(in.Unit)
}

func (s *Supervisor) restartAction(ctx context.Context, in unitIn) (holdfast.UnitStatus, error) {
	if err := s.Restart(ctx, in.Unit); err != nil {
		return holdfast.UnitStatus{}, err
	}
	return s.Status(in.Unit)
}

func (s *Supervisor) services(context.Context, action.Nothing) (map[string]Service, error) {
	return s.Services(), nil
}

func (s *Supervisor) listStrays(context.Context, action.Nothing) (strayOut, error) {
	strays, err := s.strays()
	return strayOut{Strays: strays}, err
}

// streamList sends all units whenever one of them changes.
func (s *Supervisor) streamList(ctx context.Context, input any, send func(any) error) error {
	in, _ := input.(listIn)
	changes := s.Changes(ctx)
	out, err := s.list(ctx, in)
	if err == nil {
		err = send(out)
	}
	if err != nil {
		return err
	}
	for range changes {
		if out, err = s.list(ctx, in); err == nil {
			err = send(out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
