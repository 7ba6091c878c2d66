// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"holdfast/surface/cli"
)

func TestPrintCSV(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"since":"now","rows":[{"name":"a,b","total":7,"none":null},{"name":"=1+1","total":-3,"tags":["x"],"more":"\"q\"\nz"}]}`: "name,total,none,tags,more\n" +
			"\"a,b\",7,,,\n'=1+1,-3,,\"[\"\"x\"\"]\",\"\"\"q\"\"\nz\"\n",
		`[{"a":true}]`: "a\ntrue\n",
		`{"rows":[]}`:  "",
	} {
		var out strings.Builder
		if err := cli.PrintCSV(cli.Terminal{Out: &out}, json.RawMessage(answer)); err != nil || out.String() != want {
			t.Errorf("%s gives %q, %v", answer, out.String(), err)
		}
	}
	for _, answer := range []string{`{"a":[{"b":1}],"c":[{"d":1}]}`, `{"a":1}`, `"text"`} {
		var out strings.Builder
		if err := cli.PrintCSV(cli.Terminal{Out: &out}, json.RawMessage(answer)); err == nil || out.Len() > 0 {
			t.Errorf("%s gives %q, %v", answer, out.String(), err)
		}
	}
}
