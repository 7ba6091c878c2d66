// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

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

// TestHelpFitsTheTerminal: texts and flags are broken between words, tables stay.
func TestHelpFitsTheTerminal(t *testing.T) {
	t.Parallel()
	table := "  category         what would be gone with it, in one line of a table that stays as it is; comes back: from trash"
	var out bytes.Buffer
	root := &cobra.Command{Use: "holdfast"}
	cmd := &cobra.Command{Use: "act", Long: strings.Repeat("Words of help. ", 20) + "\n\nMore of it.\n" + table, Run: func(*cobra.Command, []string) {}}
	cmd.Flags().String("flag", "", strings.Repeat("what it is for ", 12))
	root.PersistentFlags().String("other", "", strings.Repeat("for all of them ", 12))
	root.AddCommand(cmd)
	root.SetOut(&out)
	root.SetArgs([]string{"act", "--help"})
	fold(root, 80)
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	fits(t, strings.Replace(out.String(), table, "", 1), 80)
	if !strings.Contains(out.String(), table) || !strings.Contains(out.String(), "\n\nMore of it.\n") || strings.Count(out.String(), "what it is for") < 8 {
		t.Errorf("printed\n%s", &out)
	}
}

// TestAnAnswerIsShownAsItIs, also when it looks like something that tables write otherwise.
func TestAnAnswerIsShownAsItIs(t *testing.T) {
	t.Parallel()
	for _, said := range []string{"2026-01-31T12:00:00Z", "  two\n  lines", "[]", ""} {
		answer := `{"text":` + string(quoted(said)) + `,"model":"m","provider":"p","usage":{"input":1,"output":2},"cost":"$0.10"}`
		if got := show(t, printAnswer, 80, `{}`, answer); got != said+"\n" {
			t.Errorf("%q is shown as %q", said, got)
		}
	}
}
