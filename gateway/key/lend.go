// SPDX-License-Identifier: Apache-2.0

package key

import (
	"context"
	"fmt"

	"holdfast"
	"holdfast/core/store"
)

// Lend takes a token that stands in .env as the key of an agent that runs as a unit: it has the
// agent's name and calls the models named. A name that another key has is an error; the same token
// again is none.
func (k *Keys) Lend(ctx context.Context, agent string, models []string, token holdfast.Secret) error {
	if err := (nameInput{Name: agent}).check(); err != nil {
		return err
	}
	text := token.Reveal()
	if len(text) < len(prefix)+4 || len(text) > mostToken {
		return holdfast.Errorf(holdfast.CodeBadInput, "cannot use the key of %s: it has %d letters, want %d to %d", agent, len(text), len(prefix)+4, mostToken)
	}
	hash := token.Digest()
	if there, err := k.rows.find(ctx, "name = ?", agent); err != nil || there != nil && there.hash == hash {
		return err
	}
	one := &row{
		terms: terms{Name: agent, OwnerKind: "agent", Owner: agent, Models: models},
		hash:  hash, hint: text[:len(prefix)+4] + "…", created: k.needs.Now().UnixNano(), by: holdfast.CallerFrom(ctx).String(),
	}
	if err := k.rows.add(ctx, one); err != nil {
		return fmt.Errorf("cannot keep the key %q: %w", agent, err)
	}
	k.forget(agent)
	return nil
}

// Withdraw takes back what Lend lent; a key of that name with another token stays.
func (k *Keys) Withdraw(ctx context.Context, agent string, token holdfast.Secret) error {
	err := k.rows.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM api_keys WHERE name = ? AND hash = ?", agent, token.Digest())
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot take back the key %q: %w", agent, err)
	}
	k.forget(agent)
	return nil
}

// Has tells whether a name is a key's.
func (k *Keys) Has(ctx context.Context, name string) (bool, error) {
	if isInEnv(name) {
		return true, nil
	}
	there, err := k.rows.find(ctx, "name = ?", name)
	return there != nil, err
}
