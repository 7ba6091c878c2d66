// SPDX-License-Identifier: Apache-2.0

package house

import (
	"context"
	"time"

	"holdfast"
	"holdfast/core/action"
)

// reportWithin bounds how long one capability may take to report.
const reportWithin = 10 * time.Second

// A Digest is what the capabilities report, each of itself.
type Digest struct {
	Reports []holdfast.Report `json:"reports"`
	Silent  []Silent          `json:"silent,omitempty" help:"who could not report, and why"`
}

// A Silent capability could not report.
type Silent struct {
	Subject string `json:"subject"`
	Reason  string `json:"reason"`
}

// reporting is the action that reads every report.
func (d *Desk) reporting() holdfast.Action {
	return action.NewAction(holdfast.Action{
		Name: "house.report", Short: "report", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
		Summary: "Report what is observed, what it means, and what to do about it",
		Help: "Each part of the house reports of itself. Observed are facts with their time and source; what they mean, and what an operator " +
			"may do about it, stand apart from them.",
		Examples: []string{"holdfast report", "holdfast report --json"},
	}, d.report)
}

// report gathers every capability's. One that fails hides no other, and is named.
func (d *Desk) report(ctx context.Context, _ action.Nothing) (Digest, error) {
	out := Digest{Reports: []holdfast.Report{}}
	for _, c := range d.Capabilities() {
		if c.Report == nil {
			continue
		}
		said, err := within(ctx, c.Report)
		if err != nil {
			out.Silent = append(out.Silent, Silent{c.Name, err.Error()})
			continue
		}
		if len(said.Observed)+len(said.Interpretation)+len(said.Notes) == 0 {
			continue
		}
		if said.Observed == nil {
			said.Observed = []holdfast.Fact{}
		}
		out.Reports = append(out.Reports, said)
	}
	return out, ctx.Err()
}

func within(ctx context.Context, report func(context.Context) (holdfast.Report, error)) (holdfast.Report, error) {
	bounded, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	return report(bounded)
}
