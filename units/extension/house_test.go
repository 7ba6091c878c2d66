// SPDX-License-Identifier: Apache-2.0

package extension_test

import (
	"strings"
	"testing"

	"holdfast/holdfasttest"
)

func TestAWholeHouseBlocksAnExtensionWhoseUnitsNameIsTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a whole house")
	}
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true, Files: map[string]string{
		"holdfast.yaml":                            "units: {twin.worker: {run: [sleep, '1000']}}\n",
		"extensions/twin/config.json":              `{"name": "Twin"}`,
		"extensions/twin/services/worker/start.sh": "#!/bin/sh\nexec sleep 1000\n",
	}})
	if out := string(h.Do("extension.show", `{"name": "twin"}`)); !strings.Contains(out, `"state":"blocked"`) ||
		!strings.Contains(out, "twin.worker: is already a unit of config (give it another name)") {
		t.Errorf("it shows %s", out)
	}
}
