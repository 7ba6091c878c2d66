// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"syscall"

	"holdfast/core/process"
)

// Owns tells whether a mark is that of a server, which its Server starts and ends itself.
func Owns(m process.Mark) bool {
	return strings.HasPrefix(m.Unit, markUnit) && strings.HasPrefix(m.Launch, markLaunch)
}

// Reap ends the servers that a killed house left: nobody can speak with them any more.
func Reap(ctx context.Context, machine process.Host, house string, log *slog.Logger) error {
	found, err := machine.Marked(house)
	if err != nil {
		return fmt.Errorf("cannot look for tool servers that were left: %w", err)
	}
	for _, f := range found {
		if !Owns(f.Mark) {
			continue
		}
		log.Info("ending a tool server that was left", slog.String("unit", f.Mark.Unit), slog.Int("pid", f.PID))
		if err := machine.EndMarked(ctx, f.Mark, syscall.SIGKILL, 0); err != nil {
			return fmt.Errorf("cannot end the tool server %s that was left: %w", f.Mark.Unit, err)
		}
	}
	return nil
}
