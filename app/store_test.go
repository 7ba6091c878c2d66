// SPDX-License-Identifier: Apache-2.0

package app

import (
	"strings"
	"testing"

	"holdfast/core/home"
)

// TestAStoreWithoutItsPasswordSaysWhereItGoes holds the one key that `holdfast keys` cannot set.
func TestAStoreWithoutItsPasswordSaysWhereItGoes(t *testing.T) {
	h, err := New(home.At(t.TempDir()), &Options{Set: map[string]string{"store": "postgres://nobody@127.0.0.1:1/house"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "write DB_PASSWORD=… into "+h.Home.EnvFile()) {
		t.Errorf("got %v", err)
	}
}

func TestDatabaseCheck(t *testing.T) {
	for url, wants := range map[string]string{
		"sqlite":                         "",
		"postgres://me@host/house":       "",
		"postgres://me:secret@host/h":    "holds a password",
		"mysql://me@host/house":          "is no store",
		"postgres://":                    "is no store",
		"postgres://me:s3cret@[bad/host": "is no store",
	} {
		problems := Database{URL: url}.Check()
		if (wants == "") != (len(problems) == 0) {
			t.Errorf("%s: %v", url, problems)
			continue
		}
		for _, p := range problems {
			if !strings.Contains(p.Message, wants) || strings.Contains(p.String(), "secret") || strings.Contains(p.String(), "s3cret") {
				t.Errorf("%s: %s", url, p)
			}
		}
	}
}
