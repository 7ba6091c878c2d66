// SPDX-License-Identifier: Apache-2.0

package house_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
)

// TestReports: every capability that has something to say is heard, in the order of the wiring, and
// one that fails is named and hides no other.
func TestReports(t *testing.T) {
	t.Parallel()
	says := func(r holdfast.Report, err error) func(context.Context) (holdfast.Report, error) {
		return func(context.Context) (holdfast.Report, error) { return r, err }
	}
	desk := &house.Desk{Capabilities: func() []house.Capability {
		return []house.Capability{
			{Name: "mute"},
			{Name: "models", Report: says(holdfast.Report{Subject: "models", Observed: []holdfast.Fact{{Statement: "chat is a/x", Source: "model.policy"}}, Notes: []string{"look"}}, nil)},
			{Name: "broken", Report: says(holdfast.Report{Subject: "broken"}, errors.New("the disk is gone"))},
			{Name: "idle", Report: says(holdfast.Report{Subject: "idle"}, nil)},
			{Name: "door", Report: says(holdfast.Report{Subject: "door", Interpretation: []string{"closed"}}, nil)},
		}
	}}
	for _, a := range desk.Capability().Actions {
		if a.Name != "house.report" {
			continue
		}
		if a.Effect != holdfast.EffectRead || a.Tier != holdfast.TierOperator {
			t.Errorf("%+v", a)
		}
		out, err := a.Run(t.Context(), action.Nothing{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"reports":[` +
			`{"subject":"models","observed":[{"statement":"chat is a/x","source":"model.policy","time":"0001-01-01T00:00:00Z"}],"operator_notes":["look"]},` +
			`{"subject":"door","observed":[],"interpretation":["closed"]}],` +
			`"silent":[{"subject":"broken","reason":"the disk is gone"}]}`
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		return
	}
	t.Error("nobody reads the reports")
}
