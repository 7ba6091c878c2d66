// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package logkeeper

import (
	"errors"
	"log/slog"

	"holdfast/core/home"
)

// Lives tells whether the home has a log keeper; here it needs none.
func Lives(home.Home) bool { return true }

// Begin says that there is no keeper on this system.
func Begin(home.Home, string, *slog.Logger) error { return errors.New("this system has no log keeper") }
