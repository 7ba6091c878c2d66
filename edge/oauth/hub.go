// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"errors"
	"fmt"

	"holdfast"
	"holdfast/core/store"
)

// EndHub ends all access that was given at a hub, which is gone: it must not open another of its name.
func (s *Server) EndHub(ctx context.Context, hub string) error {
	path := hubPath + hub
	s.tickets.drop(func(asked request) bool { return asked.resource == path })
	err := s.rows.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM oauth_codes WHERE resource = ? AND spent_ns = 0`, path)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot take back the codes for %s: %w", path, err)
	}
	live, err := s.rows.grants(ctx, `WHERE resource = ? AND ended_ns = 0`, path)
	if err != nil {
		return fmt.Errorf("cannot look up what was given at %s: %w", path, err)
	}
	if err := s.end(ctx, idsOf(live), reasonHub); err != nil {
		return fmt.Errorf("cannot end what was given at %s: %w", path, err)
	}
	var lost error
	for _, g := range live {
		about := detail{Client: g.Client, Name: g.Name, Reason: reasonHub}
		lost = errors.Join(lost, s.note(ctx, holdfast.Internal("oauth", "grant.revoke"), "grant.revoke", g.ID, holdfast.OutcomeDone, about.json()))
	}
	return lost
}
