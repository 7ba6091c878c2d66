// SPDX-License-Identifier: Apache-2.0

package logkeeper

import "holdfast/core/home"

// Lives tells whether the home has a log keeper, for the watch, which starts one where no house does.
func Lives(h home.Home) bool { return h.Taken(role) }
