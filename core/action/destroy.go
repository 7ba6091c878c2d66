// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// confirmWithin is how long an inventory's token holds.
const confirmWithin = 10 * time.Minute

// destroy is the way of every destroying action: inventory first, then the confirmation of each of
// its categories by a person, then the act. Whoever is not a person gets a pending approval.
func (r *Registry) destroy(ctx context.Context, c call) (any, error) {
	if !holdfast.ByPerson(holdfast.WithCaller(ctx, c.caller)) {
		return nil, approvals{r}.park(ctx, c)
	}
	inventory, err := r.inventory(ctx, c)
	if err != nil {
		return nil, err
	}
	if reason := r.unconfirmed(c, inventory); reason != "" {
		return nil, r.show(c, inventory, reason)
	}
	return r.perform(ctx, c, inventory.Categories)
}

// inventory takes stock, and holds the answer against the action's declaration.
func (r *Registry) inventory(ctx context.Context, c call) (holdfast.Inventory, error) {
	inventory, err := c.action.Inventory(holdfast.WithCaller(ctx, c.caller), c.input)
	if err != nil {
		return inventory, err
	}
	inventory.Categories = slices.DeleteFunc(inventory.Categories, func(k holdfast.Category) bool { return len(k.Items) == 0 })
	for i, listed := range inventory.Categories {
		at := slices.IndexFunc(c.action.Categories, func(k holdfast.Category) bool { return k.Name == listed.Name })
		if at < 0 {
			return inventory, holdfast.Errorf(holdfast.CodeFailed, "%s lists the category %q, which it does not declare", c.action.Name, listed.Name)
		}
		declared := c.action.Categories[at]
		declared.Items, declared.Backup = listed.Items, listed.Backup
		inventory.Categories[i] = declared
	}
	return inventory, nil
}

// unconfirmed says why a call may not destroy yet; empty means that it may. An empty inventory
// needs no confirmation, for nothing is destroyed.
func (r *Registry) unconfirmed(c call, inventory holdfast.Inventory) string {
	if len(inventory.Categories) == 0 {
		return ""
	}
	if c.confirm == nil || c.confirm.Token == "" {
		return "not confirmed yet"
	}
	if reason := r.checkToken(c, inventory); reason != "" {
		return reason
	}
	var missing []string
	for _, k := range inventory.Categories {
		if !slices.Contains(c.confirm.Categories, k.Name) {
			missing = append(missing, k.Name)
		}
	}
	if len(missing) > 0 {
		return "not confirmed: " + strings.Join(missing, ", ")
	}
	return ""
}

func (r *Registry) show(c call, inventory holdfast.Inventory, reason string) error {
	expires := r.needs.Now().Add(confirmWithin).Truncate(time.Second)
	token, err := r.token(c, inventory, expires)
	if err != nil {
		return err
	}
	inventory.Token, inventory.Expires = token, expires
	return &holdfast.Unconfirmed{Inventory: inventory, Reason: reason}
}

// token seals what is to be destroyed, by whom and until when: eight bytes of expiry, then an HMAC.
func (r *Registry) token(c call, inventory holdfast.Inventory, expires time.Time) (string, error) {
	key, err := r.needs.Seal()
	if err != nil {
		return "", fmt.Errorf("cannot seal the inventory: %w", err)
	}
	stamp := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix()))
	mac := hmac.New(sha256.New, key)
	mac.Write(stamp)
	mac.Write(identity(c, inventory))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(stamp)), nil
}

func (r *Registry) checkToken(c call, inventory holdfast.Inventory) string {
	raw, err := base64.RawURLEncoding.DecodeString(c.confirm.Token)
	if err != nil || len(raw) != 8+sha256.Size {
		return "the token is malformed"
	}
	expires := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0)
	if r.needs.Now().After(expires) {
		return "the token is older than 10 minutes"
	}
	want, err := r.token(c, inventory, expires)
	if err != nil {
		return err.Error()
	}
	if !hmac.Equal([]byte(want), []byte(c.confirm.Token)) {
		return "what would be destroyed has changed since, or the token is for something else"
	}
	return ""
}

// identity is what a confirmation is bound to: caller, action, input, and the identities and counts
// of the items. Bytes stay out, for a living file grows while it is looked at.
func identity(c call, inventory holdfast.Inventory) []byte {
	type item struct {
		ID, Kind string
		Rows     int64
	}
	type category struct {
		Name  string
		Items []item
	}
	bound := struct {
		Caller, Action string
		Input          any
		Categories     []category
	}{Caller: c.caller.String(), Action: c.action.Name, Input: c.input}
	for _, k := range inventory.Categories {
		one := category{Name: k.Name}
		for _, it := range k.Items {
			one.Items = append(one.Items, item{it.ID, it.Kind, it.Rows})
		}
		slices.SortFunc(one.Items, func(a, b item) int { return strings.Compare(a.Kind+"\x00"+a.ID, b.Kind+"\x00"+b.ID) })
		bound.Categories = append(bound.Categories, one)
	}
	raw, _ := json.Marshal(bound) // plain strings and numbers always marshal
	return raw
}
