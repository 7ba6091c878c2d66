// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"holdfast/gateway/dialect/wire"
)

// TestSize compares with what a decoder makes of it, escaped and not.
func TestSize(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `plain`, `a \"quote\" \\ and \/ more\n`, `\u0041\u00e9\u4e16\u754c`, `\ud83d\ude00 \uD83D\uDE00`, `é世界😀`, strings.Repeat(`\u4e16`, 100) + `\t`,
	} {
		var said string
		if err := json.Unmarshal([]byte(`"`+text+`"`), &said); err != nil {
			t.Fatal(err)
		}
		if got := wire.Size([]byte(text)); got != int64(len(said)) {
			t.Errorf("%s: %d bytes, want %d", text, got, len(said))
		}
	}
	for _, torn := range []string{`\`, `\u`, `\u4e1`, `\uzzzz`, `x\`} { // hostile: no panic, never negative
		if got := wire.Size([]byte(torn)); got < 0 || got > int64(len(torn)) {
			t.Errorf("%s: %d", torn, got)
		}
	}
}
