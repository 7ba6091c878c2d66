// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
)

// TestATemplateIsShownWithItsFilesBelow, each as it is written and under its path.
func TestATemplateIsShownWithItsFilesBelow(t *testing.T) {
	got := show(t, printTemplate, 60, `{}`, `{"name":"python","title":"A loop in Python","summary":"A small agent of its own, in one file, that takes tasks out of a folder.","program":"python3",
		"found":"/usr/bin/python3","ready":"it answers","healthy":"it beats","model":"default","tokens_per_day":200,"tier":"tenant-peer","version":"",
		"files":{"agents/NAME/loop.py":"import os\n\nif os.name:\n    print('x')\n","holdfast.d/NAME.yaml":"units:\n  - name: NAME\n"}}`)
	want := "tokens per day  200\n" +
		"tier            tenant-peer\n" +
		"\nagents/NAME/loop.py\n  import os\n\n  if os.name:\n      print('x')\n" +
		"\nholdfast.d/NAME.yaml\n  units:\n    - name: NAME\n"
	if !strings.HasSuffix(got, want) || !strings.HasPrefix(got, "name            python\n") || strings.Contains(got, "version") {
		t.Errorf("it is shown as\n%s", got)
	}
}
