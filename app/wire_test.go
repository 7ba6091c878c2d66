// SPDX-License-Identifier: Apache-2.0

package app

import "testing"

// TestEveryCapabilitySaysWhyItStandsThere wants a reason for each place in the start order, and no
// name twice: the name is that of the migrations' version table.
func TestEveryCapabilitySaysWhyItStandsThere(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range wired(t).Capabilities {
		if c.Reason == "" {
			t.Errorf("the capability %s gives no reason for its place in the start order", c.Name)
		}
		if seen[c.Name] {
			t.Errorf("two capabilities are named %s", c.Name)
		}
		seen[c.Name] = true
	}
}
