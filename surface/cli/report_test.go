// SPDX-License-Identifier: Apache-2.0

package cli

import "testing"

func TestReportsKeepTheirPartsApart(t *testing.T) {
	t.Parallel()
	answer := `{"reports":[
		{"subject":"models","observed":[{"statement":"chat is a/x as configured, b/y now, and nobody answered last","value":"b/y","source":"model.policy","time":"2026-01-31T12:00:00Z"}],
		 "interpretation":["compaction runs on a paid fallback now: b/y"],"operator_notes":["compaction: pin it: models.aliases.compaction"]},
		{"subject":"edge","observed":[{"statement":"Hub","value":"https://127.0.0.1:8443","source":"edge","time":"2026-01-31T12:00:00Z"}]}],
		"silent":[{"subject":"ledger","reason":"the disk is gone"}]}`
	want := `MODELS
  observed
    - chat is a/x as configured, b/y
      now, and nobody answered last
  interpretation
    - compaction runs on a paid fallback
      now: b/y
  operator notes
    - compaction: pin it:
      models.aliases.compaction

EDGE
  observed
    - Hub: https://127.0.0.1:8443

ledger could not report: the disk is gone
`
	if got := show(t, printReports, 40, `{}`, answer); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
	if got := show(t, printReports, 80, `{}`, `{"reports":[]}`); got != "nothing to report\n" {
		t.Errorf("printed %q", got)
	}
}
