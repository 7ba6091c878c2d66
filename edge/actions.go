// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/edge/router"
)

// ConfigOut is the front door as it stands.
type ConfigOut struct {
	Mode       string `json:"mode"`
	Hub        string `json:"hub" help:"origin of the Hub and the APIs"`
	Extensions string `json:"extensions" help:"origin of what others wrote"`
	Connected  bool   `json:"connected" help:"whether the edge's process follows the house"`
	Revision   uint64 `json:"revision" help:"number of the route table"`
	Applied    uint64 `json:"applied" help:"number of the table that the edge serves by"`
	// Left are mounts that may not stand, and a table or configuration that was refused.
	Left  []string        `json:"left_out,omitempty" help:"paths that were left out, and other troubles"`
	Table router.Table    `json:"table" help:"the route table"`
	Caddy json.RawMessage `json:"caddy" help:"the configuration of Caddy"`
}

func (e *Edge) actions() []holdfast.Action {
	return []holdfast.Action{action.NewAction(holdfast.Action{
		Name: "edge.config", Summary: "Show the front door's configuration and route table",
		Help: "Caddy holds sockets, TLS and compression; the routes are a table that the house streams to the edge, so that a change of routes ends no connection.",
		Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
		Examples: []string{"holdfast edge config", "holdfast edge config --json"},
	}, e.showConfig)}
}

func (e *Edge) showConfig(context.Context, action.Nothing) (ConfigOut, error) {
	caddy, err := json.Marshal(caddyConfig(e.Home))
	if err != nil {
		return ConfigOut{}, fmt.Errorf("cannot word the edge's configuration: %w", err)
	}
	lines, _, applied, refused := e.exchange.standing()
	e.mu.Lock()
	defer e.mu.Unlock()
	out := ConfigOut{
		Mode: e.settings.Mode, Hub: e.URL(), Extensions: e.ExtensionURL(),
		Connected: lines > 0, Applied: applied, Caddy: caddy, Left: append([]string{}, e.problems...),
	}
	if t := e.exchange.current(); t != nil {
		out.Table, out.Revision = *t, t.Revision
	}
	for _, trouble := range []string{refused, e.failed} {
		if trouble != "" {
			out.Left = append(out.Left, trouble)
		}
	}
	return out, nil
}

// patience is how long the edge may be away before it is an alert: a start, or a restart.
const patience = 20 * time.Second

func (e *Edge) checks() []holdfast.Check {
	return []holdfast.Check{{Name: "edge", Run: func(context.Context) holdfast.CheckResult {
		lines, since, applied, refused := e.exchange.standing()
		r := holdfast.CheckResult{
			Check: "edge", Status: holdfast.StatusOK, Detail: "the front door is open at " + e.URL(),
			Values: map[string]float64{"connected": float64(lines), "table_revision": float64(applied)},
		}
		switch {
		case lines == 0 && time.Since(since) > patience:
			r.Status, r.Detail = holdfast.StatusCritical, "the edge is not connected to the house; look at `holdfast log show edge`"
		case lines == 0:
			r.Status, r.Detail = holdfast.StatusWarn, "the edge is not connected yet"
		case refused != "":
			r.Status, r.Detail = holdfast.StatusWarn, "the edge refused the newest route table: "+refused
		}
		return r
	}}}
}

func (e *Edge) alerts() []holdfast.AlertRule {
	down := holdfast.AlertRule{Name: "edge.down", Severity: holdfast.SeverityCritical, Summary: "the front door does not follow the house"}
	down.Firing = func(context.Context) []holdfast.Alert {
		lines, since, _, _ := e.exchange.standing()
		if lines > 0 || time.Since(since) <= patience {
			return nil
		}
		return []holdfast.Alert{{
			Name: down.Name, Severity: down.Severity, Subject: UnitName, Since: since,
			Message: "the edge is not connected to the house, so route changes and logouts do not reach it",
		}}
	}
	config := holdfast.AlertRule{Name: "edge.config", Severity: holdfast.SeverityWarning, Summary: "the edge goes on with an old configuration"}
	config.Firing = func(context.Context) []holdfast.Alert {
		_, _, _, refused := e.exchange.standing()
		e.mu.Lock()
		defer e.mu.Unlock()
		var firing []holdfast.Alert
		for _, why := range []string{refused, e.failed} {
			if why != "" {
				firing = append(firing, holdfast.Alert{Name: config.Name, Severity: config.Severity, Subject: UnitName, Since: e.started, Message: why})
			}
		}
		return firing
	}
	return []holdfast.AlertRule{down, config}
}

func (e *Edge) report(context.Context) (holdfast.Report, error) {
	lines, since, applied, _ := e.exchange.standing()
	e.mu.Lock()
	defer e.mu.Unlock()
	fact := func(statement, value string) holdfast.Fact {
		return holdfast.Fact{Statement: statement, Value: value, Source: "edge", Time: time.Now().UTC()}
	}
	r := holdfast.Report{Subject: "edge", Observed: []holdfast.Fact{
		fact("Hub", e.URL()), fact("Extensions", e.ExtensionURL()),
		fact("Paths of extensions", fmt.Sprint(len(e.mounted))), fact("Route table", fmt.Sprint(applied)),
	}}
	if lines == 0 {
		r.Interpretation = append(r.Interpretation, "The edge is not connected since "+since.UTC().Format(time.RFC3339)+".")
	}
	r.Notes = append(r.Notes, e.problems...)
	return r, nil
}
