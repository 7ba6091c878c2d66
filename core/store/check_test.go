// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"os"
	"strings"
	"testing"

	"holdfast/core/store"
)

// TestCheckChangesNothing asks before an upgrade: of a fresh store, of one that would be migrated,
// of one that a newer program wrote, each while it is open and while it is not.
func TestCheckChangesNothing(t *testing.T) {
	eachDialect(t, func(t *testing.T, opt store.Options) {
		newer := opt
		newer.Migrations, newer.Binary = notes(first, second), "0.9.1"
		if pending, err := store.Check(t.Context(), opt); err != nil || !pending {
			t.Errorf("fresh: pending %v, %v", pending, err)
		}
		if _, err := os.Stat(opt.Path); opt.Path != "" && err == nil {
			t.Error("the check made the database")
		}
		opened(t, opt, func(*store.Store) {
			if pending, err := store.Check(t.Context(), opt); err != nil || pending {
				t.Errorf("open: pending %v, %v", pending, err)
			}
			if pending, err := store.Check(t.Context(), newer); err != nil || !pending {
				t.Errorf("a newer program, while it is open: pending %v, %v", pending, err)
			}
		})
		if pending, err := store.Check(t.Context(), newer); err != nil || !pending {
			t.Errorf("a newer program: pending %v, %v", pending, err)
		}
		if pending, err := store.Check(t.Context(), opt); err != nil || pending {
			t.Errorf("the check migrated: pending %v, %v", pending, err)
		}
		opened(t, newer, func(*store.Store) {
			if _, err := store.Check(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "holdfast 0.9.1 or newer is needed") {
				t.Errorf("an older program, while it is open: %v", err)
			}
		})
		if _, err := store.Check(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "holdfast 0.9.1 or newer is needed") {
			t.Errorf("an older program: %v", err)
		}
	})
}
