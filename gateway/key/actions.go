// SPDX-License-Identifier: Apache-2.0

package key

import (
	"context"
	"fmt"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
	"holdfast/core/store"
	"holdfast/core/trash"
)

const categoryKey = "key"

// Capability is what the keys contribute to the house.
func (k *Keys) Capability() house.Capability {
	return house.Capability{
		Name:       "key",
		Migrations: Migrations(),
		Actions:    k.actions(),
		Start:      k.Start,
		Reason:     "before any listener, which asks it who bears a key",
	}
}

func (k *Keys) actions() []holdfast.Action {
	create := holdfast.Action{
		Name: "key.create", Summary: "Make an API key; it is shown once", Tier: holdfast.TierOperator,
		Effect: holdfast.EffectChange, Reveals: true,
		Help:     "Its bearer calls models, agents and tools as an agent of this name.",
		Examples: []string{"holdfast key create laptop"},
	}
	list := holdfast.Action{
		Name: "key.list", Summary: "List the API keys, without their values", Tier: holdfast.TierOperator,
		Effect: holdfast.EffectRead, Offline: true,
	}
	revoke := holdfast.Action{
		Name: "key.revoke", Summary: "Revoke an API key; it can come back from the trash", Tier: holdfast.TierOperator, Offline: true,
		Categories: []holdfast.Category{{
			Name: categoryKey, Summary: "The key's bearer is refused from now on", Returns: holdfast.ReturnsFromTrash, Production: true,
		}},
	}
	return []holdfast.Action{
		action.NewAction(create, k.createAction),
		action.NewAction(list, k.list),
		action.NewDestroyer(revoke, k.inventory, k.revoke),
	}
}

type nameInput struct {
	Name string `json:"name" help:"the key's name: letters, digits, - _ and ." required:"true" max:"64" pos:"1"`
}

func (n nameInput) check() error {
	if strings.Trim(n.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == "" {
		return nil
	}
	return holdfast.BadInput("", holdfast.Problem{
		Field: "name", Message: fmt.Sprintf("%q cannot name a key", n.Name), Remedy: "letters, digits, - _ and .",
	})
}

type created struct {
	Name string `json:"name"`
	Key  string `json:"key" help:"the bearer key; it is not kept and cannot be shown again"`
	Hint string `json:"hint"`
}

func (k *Keys) createAction(ctx context.Context, in nameInput) (created, error) {
	if err := in.check(); err != nil {
		return created{}, err
	}
	token, hint, err := k.create(ctx, in.Name)
	return created{in.Name, token, hint}, err
}

// A Listed key is what is known of it later.
type Listed struct {
	Name      string    `json:"name"`
	Hint      string    `json:"hint" help:"how the key begins"`
	Source    string    `json:"source" enum:"store,.env"`
	Created   time.Time `json:"created,omitzero"`
	CreatedBy string    `json:"created_by,omitempty"`
}

type listed struct {
	Keys []Listed `json:"keys"`
}

func (k *Keys) list(ctx context.Context, _ action.Nothing) (listed, error) {
	out := listed{Keys: []Listed{}}
	for _, name := range []string{AgentKey, SupervisorToken} {
		if secret, ok := k.needs.Keys.Get(name); ok && !secret.Empty() {
			out.Keys = append(out.Keys, Listed{Name: name, Hint: secret.Masked(), Source: ".env"})
		}
	}
	err := k.needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT name, hint, created_ns, created_by FROM api_keys ORDER BY name")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			one, created := Listed{Source: "store"}, int64(0)
			if err := rows.Scan(&one.Name, &one.Hint, &created, &one.CreatedBy); err != nil {
				return err
			}
			one.Created = time.Unix(0, created).UTC()
			out.Keys = append(out.Keys, one)
		}
		return rows.Err()
	})
	if err != nil {
		return listed{}, fmt.Errorf("cannot list the API keys: %w", err)
	}
	return out, nil
}

func (k *Keys) inventory(ctx context.Context, in nameInput) ([]holdfast.Category, error) {
	if in.Name == AgentKey || in.Name == SupervisorToken {
		return nil, holdfast.BadInput("", holdfast.Problem{
			Field: "name", Message: in.Name + " stands in .env", Remedy: "`holdfast keys set " + in.Name + "` replaces it",
		})
	}
	all, err := k.list(ctx, action.Nothing{})
	if err != nil {
		return nil, err
	}
	for _, one := range all.Keys {
		if one.Name == in.Name && one.Source == "store" {
			item := holdfast.Item{ID: one.Name + " " + one.Hint, Kind: "API key", Rows: 1}
			return []holdfast.Category{{Name: categoryKey, Items: []holdfast.Item{item}}}, nil
		}
	}
	return nil, holdfast.Errorf(holdfast.CodeNotFound, "there is no API key %q", in.Name)
}

type revoked struct {
	Name  string `json:"name"`
	Trash string `json:"trash" help:"the entry of the trash; trash restore brings the key back"`
}

func (k *Keys) revoke(ctx context.Context, in nameInput) (revoked, error) {
	id, err := k.needs.Trash.Keep(ctx, trash.Entry{
		Action: "key.revoke", Subject: in.Name,
		Rows: []trash.Rows{{Table: "api_keys", Where: "name = ?", Args: []any{in.Name}}},
	})
	k.forget(in.Name)
	if err != nil {
		return revoked{}, fmt.Errorf("cannot revoke %q: %w", in.Name, err)
	}
	return revoked{in.Name, id}, nil
}
