// SPDX-License-Identifier: Apache-2.0

package supervisor

import "context"

// Tail is the last lines of a unit's log, oldest first, for whoever explains why it does not answer.
func (s *Supervisor) Tail(ctx context.Context, unit string, lines int) ([]string, error) {
	out, err := s.showLog(ctx, logIn{Unit: unit, Lines: lines})
	return out.Lines, err
}
