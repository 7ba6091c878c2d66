// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

func TestExcerptsShowNoPassword(t *testing.T) {
	for line, want := range map[string]string{
		`store: postgres://me:pw1@host/db`:            `store: postgres://me:•••@host/db`,
		`store: "postgres://me:p@w:2@host/db" # note`: `store: "postgres://me:•••••@host/db" # note`,
		`store: postgres://me@host/db`:                `store: postgres://me@host/db`,
		`url: http://127.0.0.1:11434/v1`:              `url: http://127.0.0.1:11434/v1`,
		`a: x://u:1@h, b: y://v:2@h`:                  `a: x://u:•@h, b: y://v:•@h`,
		`no address: here`:                            `no address: here`,
		`half: postgres://me:`:                        `half: postgres://me:`,
	} {
		if got := excerpt([]byte(line), 1, 0); got != ">    1 | "+want {
			t.Errorf("%q is shown as %q", line, got)
		}
	}
}
