// SPDX-License-Identifier: Apache-2.0

package storetest

import "testing"

// TestDatabasesOfTestsWithLongNames wants two tests that run at once to have two databases, though
// their names differ late.
func TestDatabasesOfTestsWithLongNames(t *testing.T) {
	names := map[string]string{}
	for _, kind := range []string{"with a limit", "without a limit", "with a limit of another kind"} {
		t.Run("a rather long name that goes on and on "+kind, func(t *testing.T) {
			name := databaseName(t)
			if len(name) > 63 {
				t.Errorf("%s is longer than PostgreSQL takes", name)
			}
			if other, taken := names[name]; taken {
				t.Errorf("%s and %s share %s", t.Name(), other, name)
			}
			names[name] = t.Name()
		})
	}
}
