// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"strings"

	"holdfast/core/process"
)

// Owns tells whether a mark is that of a tool server, which the catalogue starts and ends itself.
func Owns(m process.Mark) bool {
	return strings.HasPrefix(m.Unit, markUnit) && strings.HasPrefix(m.Launch, markLaunch)
}
