// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"holdfast/core/store"
)

// grants are what MCP clients were given at the endpoints of hubs.
type grants interface {
	EndHub(ctx context.Context, hub string) error
}

// a register remembers which hubs there are, also while the house is down: what was given for one that
// is gone ends before another can have its name. Nodes that share a store have hubs of their own.
type register struct {
	store  *store.Store
	grants grants
	node   string // which hubs these are; set before the first use

	mu    sync.Mutex
	known map[string]bool // nil until it was read
}

// follow takes up which hubs there are, as they stand when its turn has come: who read them before another
// was made would end what was given for that. What fails is tried again at the next time.
func (r *register) follow(ctx context.Context, s *shelf) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	hubs := s.book.Load().hubs
	if r.known == nil {
		known, err := r.read(ctx)
		if err != nil {
			return fmt.Errorf("cannot read which hubs there were: %w", err)
		}
		r.known = known
	}
	var gone, fresh []string
	for _, name := range slices.Sorted(maps.Keys(r.known)) {
		if hubs[name] == nil {
			gone = append(gone, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(hubs)) {
		if !r.known[name] {
			fresh = append(fresh, name)
		}
	}
	if len(gone)+len(fresh) == 0 {
		return nil
	}
	for _, name := range gone {
		if r.grants == nil {
			break
		}
		if err := r.grants.EndHub(ctx, name); err != nil {
			return fmt.Errorf("cannot end the access that was given at the hub %s, which is gone: %w", name, err)
		}
	}
	if err := r.write(ctx, gone, fresh); err != nil {
		return fmt.Errorf("cannot write down which hubs there are: %w", err)
	}
	for _, name := range gone {
		delete(r.known, name)
	}
	for _, name := range fresh {
		r.known[name] = true
	}
	return nil
}

func (r *register) read(ctx context.Context) (map[string]bool, error) {
	known := map[string]bool{}
	if r.store == nil {
		return known, nil
	}
	err := r.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		clear(known)
		rows, err := tx.Query(ctx, `SELECT name FROM tool_hubs WHERE node = ?`, r.node)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			known[name] = true
		}
		return rows.Err()
	})
	return known, err
}

func (r *register) write(ctx context.Context, gone, fresh []string) error {
	if r.store == nil {
		return nil
	}
	return r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for _, name := range gone {
			if _, err := tx.Exec(ctx, `DELETE FROM tool_hubs WHERE node = ? AND name = ?`, r.node, name); err != nil {
				return err
			}
		}
		for _, name := range fresh {
			if _, err := tx.Exec(ctx, `INSERT INTO tool_hubs (node, name) VALUES (?, ?) ON CONFLICT (node, name) DO NOTHING`, r.node, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// registerHubs has the register follow the hubs, as far as they could be read: a file that is not
// there, is empty, or cannot be read, says nothing of them.
func registerHubs(ctx context.Context, c *Catalogue) error {
	if !c.shelf.sure() {
		return nil
	}
	return c.register.follow(ctx, c.shelf)
}
