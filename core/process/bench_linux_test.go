// SPDX-License-Identifier: Apache-2.0

package process

import "testing"

func BenchmarkTable(b *testing.B) {
	for b.Loop() {
		all, err := table()
		if err != nil || len(all) == 0 {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadStat(b *testing.B) {
	for b.Loop() {
		if _, err := readStat(1); err != nil {
			b.Fatal(err)
		}
	}
}
